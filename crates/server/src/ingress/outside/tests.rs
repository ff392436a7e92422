use std::sync::atomic::{AtomicUsize, Ordering};

use hookmill_actions::net::NetPolicy;
use hookmill_testkit::upstream::{Answer, Upstream};

use super::*;

#[allow(dead_code, reason = "tests of other crates need more of it")]
#[path = "../../../../signatures/tests/it/issuer.rs"]
mod issuer;

fn net() -> Net {
    Net::new(NetPolicy::allowing(["127.0.0.1"]).unwrap())
}

#[tokio::test]
async fn a_short_answer_is_read_and_everything_else_is_named() {
    let upstream = Upstream::start().await;
    upstream.always("/short", Answer::status(200).body("0123456789"));
    upstream.always("/long", Answer::status(200).repeated("0123456789", None));
    upstream.always("/elsewhere", Answer::status(302).header("location", "/short"));
    let get = async |path: &str| Outside::get(&Network::new(net()), &upstream.url(path), 10).await;
    assert_eq!(get("/short").await, Ok(Bytes::from_static(b"0123456789")));
    for (path, why) in [("/long", "more than 10 bytes"), ("/elsewhere", "302"), ("/missing", "404")] {
        let refused = get(path).await.unwrap_err();
        assert!(refused.contains(why), "{path}: {refused}");
    }
    assert_eq!(upstream.count("/short"), 1, "the redirect was not followed");
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let upstream = Upstream::start().await;
    upstream.always("/stalled", Answer::status(200).stalled("012"));
    let refused = get_within(&net(), &upstream.url("/stalled"), 10, Duration::from_millis(50)).await.unwrap_err();
    assert!(refused.contains("within 50 ms"), "{refused}");
}

/// On a machine without certificates; then somebody installs one.
#[tokio::test]
async fn roots_are_looked_for_again_while_there_are_none() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    fn read() -> Roots {
        let found = (READ.fetch_add(1, Ordering::Relaxed) > 1).then(|| issuer::Authority::root("A root", (0, 1)).der);
        Roots::of(found.iter().map(Vec::as_slice))
    }
    let network = Network { net: net(), roots: Arc::new(Trusted { read, known: OnceCell::new() }) };
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(!network.roots().await.is_empty());
    }
    assert_eq!(found, [false, false, true, true]);
    assert_eq!(READ.load(Ordering::Relaxed), 3, "what was found is remembered");
    assert!(!Network::new(net()).clone().roots.known.initialized(), "nobody has asked for those of this machine");
}

#[tokio::test]
async fn the_operators_policy_holds() {
    let upstream = Upstream::start().await;
    upstream.always("/", Answer::status(200));
    let closed = Network::new(Net::new(NetPolicy::default()));
    let refused = Outside::get(&closed, &upstream.url("/"), 10).await.unwrap_err();
    assert!(refused.contains("not allowed"), "{refused}");
    assert_eq!(upstream.count("/"), 0);
}
