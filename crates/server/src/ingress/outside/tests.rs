use hookmill_actions::net::NetPolicy;
use hookmill_testkit::upstream::{Answer, Upstream};

use super::*;

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

#[tokio::test]
async fn the_operators_policy_holds() {
    let upstream = Upstream::start().await;
    upstream.always("/", Answer::status(200));
    let closed = Network::new(Net::new(NetPolicy::default()));
    let refused = Outside::get(&closed, &upstream.url("/"), 10).await.unwrap_err();
    assert!(refused.contains("not allowed"), "{refused}");
    assert_eq!(upstream.count("/"), 0);
}
