//! No spelling of an address, no answer of a resolver and no redirect leads into a private network.

use std::net::SocketAddr;

use hookmill_actions::net::{Net, NetPolicy};
use hookmill_testkit::{Answer, Upstream};
use serde_json::json;

use crate::world::{Names, World};

/// Loopback, private and metadata addresses as attackers spell them.
const SPELLINGS: [&str; 68] = [
    "http://127.0.0.1/",
    "http://127.0.0.1:80/",
    "https://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.127.127.127/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0x7f.0.0.1/",
    "http://0X7F.0X0.0X0.0X1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0177.1/",
    "http://00000177.0.0.1/",
    "http://127.0.0.1./",
    "http://0/",
    "http://0.0.0.0/",
    "http://0x0/",
    "http://00/",
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://127\u{3002}0\u{3002}0\u{3002}1/",
    "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
    "http://\u{ff11}\u{ff12}\u{ff17}.\u{ff10}.\u{ff10}.\u{ff11}/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http:///127.0.0.1/",
    " http://127.0.0.1/ ",
    "http://12\t7.0.0.1/",
    "HTTP://127.0.0.1/",
    "http://127.0.0.1?a",
    "http://127.0.0.1#a",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://loc\u{e4}lhost.internal/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000::0001]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:0001]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:808:808::80ff:fffe]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.100.100.200/",
];

fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address and a port")
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_reached() {
    // Whatever is a name and not an address leads to the loopback address, as `localhost` does.
    let world = World::with(Net::with_lookup(NetPolicy::default(), Names::always(at("127.0.0.1:0"))));
    for url in SPELLINGS {
        let failure = world.refused(json!({ "url": url })).await;
        assert_eq!((failure.code.as_str(), failure.retryable), ("address_not_allowed", false), "{url}: {}", failure.message);
    }
}

#[tokio::test]
async fn urls_that_are_not_plain_http_are_refused() {
    let world = World::with(Net::with_lookup(NetPolicy::default(), Names::always(at("1.1.1.1:0"))));
    for url in [
        "",
        "/",
        "//127.0.0.1/",
        "example.com",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "http://",
        "http://user@example.com/",
        "http://user:pass@example.com/",
        "http://example.com@127.0.0.1/",
        "http://[::1",
        "http://1.2.3.4.5/",
        "http://256.256.256.256/",
        "http://exa mple.com/",
        "http://a:99999/",
        "http://\u{0}/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "http://[fe80::1%25eth0]/",
    ] {
        let failure = world.refused(json!({ "url": url })).await;
        assert_eq!(failure.code, "invalid_url", "{url}: {}", failure.message);
    }
    let long = format!("http://example.com/{}", "a".repeat(9000));
    assert_eq!(world.refused(json!({ "url": long })).await.code, "invalid_url");
}

#[tokio::test]
async fn the_checked_answer_of_a_resolver_is_the_one_that_is_used() {
    // A resolver that says "public" when asked first and "loopback" afterwards must not get a second question for the
    // same connection, and its second answer must be judged for the next one.
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::json(&json!({ "secret": true })));
    let private = at(&upstream.address().to_string());
    let names = Names::then([vec![private], vec![at("198.51.100.1:1"), private]]);
    let world = World::with(Net::with_lookup(NetPolicy::default(), names));
    for _ in 0..3 {
        let failure = world.refused(json!({ "url": "http://flips.example/" })).await;
        assert_eq!(failure.code, "address_not_allowed", "{}", failure.message);
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_ones_are_tried() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(204));
    let names = Names::always(at("10.0.0.1:9"));
    let world = World::with(Net::with_lookup(NetPolicy::allowing(["127.0.0.0/8"]).unwrap(), names));
    assert_eq!(world.refused(json!({ "url": "http://inner.example/" })).await.code, "address_not_allowed");
    let names = Names::then([vec![at("10.0.0.1:9"), upstream.address()]]);
    let world = World::with(Net::with_lookup(NetPolicy::allowing(["127.0.0.0/8"]).unwrap(), names));
    let output = world.request(json!({ "url": "http://both.example/" })).await.unwrap();
    assert_eq!(output["status"], 204);
}

#[tokio::test]
async fn a_host_the_operator_named_may_be_private() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(200));
    let net = |entry: &str| Net::with_lookup(NetPolicy::allowing([entry]).unwrap(), Names::always(upstream.address()));
    let open = World::with(net("stock.internal"));
    assert_eq!(open.request(json!({ "url": "http://stock.internal/" })).await.unwrap()["status"], 200);
    let failure = open.refused(json!({ "url": "http://other.internal/" })).await;
    assert_eq!(failure.details.unwrap(), json!({ "host": "other.internal", "address": "127.0.0.1" }));
}

#[tokio::test]
async fn proxies_from_the_environment_are_not_used() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(200));
    let world = World::with(Net::with_lookup(NetPolicy::allowing(["shop.example"]).unwrap(), Names::always(upstream.address())));
    world.request(json!({ "url": "http://shop.example/a" })).await.unwrap();
    // A proxy would have been sent the absolute URL.
    let received = &upstream.received()[0];
    assert_eq!((received.path.as_str(), received.header("host")), ("/a", "shop.example"));
}
