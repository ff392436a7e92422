//! Every kind of body, as the other side receives it.

use hookmill_actions::NewFile;
use hookmill_testkit::{Answer, Upstream};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn each_kind_of_body_arrives_with_its_type_and_length() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(200));
    let world = World::open();
    for (field, value, content_type, body) in [
        ("json", json!({ "a": [1, null, "é"] }), "application/json", "{\"a\":[1,null,\"é\"]}"),
        ("json", json!(null), "application/json", "null"),
        ("json", json!("text"), "application/json", "\"text\""),
        (
            "form",
            json!({ "a b": "c&d", "n": 1, "l": ["x", true], "z": null }),
            "application/x-www-form-urlencoded",
            "a+b=c%26d&n=1&l=x&l=true",
        ),
        ("raw", json!("plain é"), "text/plain; charset=utf-8", "plain é"),
        ("base64", json!("aGVs bG8\n="), "application/octet-stream", "hello"),
        ("base64", json!("aGVsbG8"), "application/octet-stream", "hello"),
    ] {
        let input = json!({ "method": "POST", "url": upstream.url("/"), field: value });
        world.request(input.clone()).await.unwrap();
        let received = upstream.received().pop().unwrap();
        assert_eq!((received.header("content-type"), received.body.as_ref()), (content_type, body.as_bytes()), "{input}");
        assert_eq!(received.header("content-length"), body.len().to_string(), "{input}");
    }
    let input = json!({ "method": "POST", "url": upstream.url("/"), "raw": "<a/>", "headers": { "content-type": "text/xml" } });
    world.request(input).await.unwrap();
    assert_eq!(upstream.received().pop().unwrap().header("content-type"), "text/xml");
}

#[tokio::test]
async fn files_are_sent_as_they_are_stored_and_received_again() {
    let upstream = Upstream::start().await;
    let world = World::open();
    let content: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    upstream.always("/report%20a.pdf", Answer::status(200).header("content-type", "application/pdf").body(content.clone()));
    upstream.always("/upload", Answer::status(201));
    let got = world.request(json!({ "url": upstream.url("/report%20a.pdf"), "response": "file" })).await.unwrap();
    assert_eq!((&got["file"]["name"], &got["file"]["media_type"]), (&json!("report a.pdf"), &json!("application/pdf")));
    for file in [got["file"].clone(), got["file"]["id"].clone()] {
        world.request(json!({ "method": "PUT", "url": upstream.url("/upload"), "file": file })).await.unwrap();
        let received = upstream.received().pop().unwrap();
        assert_eq!(received.header("content-length"), "300000");
        assert_eq!(received.header("content-type"), "application/pdf");
        assert!(received.body == content);
    }
    let missing = world.refused(json!({ "method": "PUT", "url": upstream.url("/upload"), "file": "file_0" })).await;
    assert_eq!(missing.code, "file_not_found");
}

#[tokio::test]
async fn multipart_forms_hold_texts_and_files() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(200));
    let world = World::open();
    let about = NewFile { run: world.context.run, name: "a\"b.txt".to_owned(), media_type: "text/plain".to_owned() };
    let mut writer = world.context.files.create(about).await.unwrap();
    writer.write(b"content").await.unwrap();
    let file = writer.finish().await.unwrap();
    let input = json!({ "method": "POST", "url": upstream.url("/"), "multipart": [
        { "name": "title", "value": "Ordér" },
        { "name": "data", "value": { "a": 1 } },
        { "name": "evil\r\nX: 1", "base64": "AAE=", "filename": "x.bin" },
        { "name": "file", "file": file },
    ] });
    world.request(input).await.unwrap();
    let received = upstream.received().pop().unwrap();
    let boundary = received.header("content-type").strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8(received.body.to_vec()).unwrap();
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(
        parts,
        [
            "",
            "\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nOrdér\r\n",
            "\r\nContent-Disposition: form-data; name=\"data\"\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n",
            "\r\nContent-Disposition: form-data; name=\"evil%0D%0AX: 1\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\u{0}\u{1}\r\n",
            "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n",
            "--\r\n",
        ]
    );
}

#[tokio::test]
async fn a_request_with_two_bodies_or_a_broken_one_is_not_sent() {
    let upstream = Upstream::start().await;
    let world = World::open();
    for fields in [
        json!({ "json": 1, "raw": "x" }),
        json!({ "json": null, "form": {} }),
        json!({ "base64": "***" }),
        json!({ "multipart": [{ "name": "a" }] }),
        json!({ "multipart": [{ "name": "a", "value": 1, "base64": "" }] }),
        json!({ "multipart": [{ "name": "a", "value": 1, "content_type": "a\r\nb: c" }] }),
        json!({ "form": { "a": { "b": 1 } } }),
        json!({ "method": "CONNECT" }),
        json!({ "method": "GE T" }),
        json!({ "method": "" }),
        json!({ "headers": { "Host": "evil.example" } }),
        json!({ "headers": { "authorization": "x" }, "credential": { "bearer": "y" } }),
        json!({ "max_bytes": 1_000_000_000u64 }),
        json!({ "unknown": 1 }),
        json!({ "timeout": "soon" }),
        json!({ "expect": "6xx" }),
        json!({ "url": 5 }),
    ] {
        let mut input = json!({ "method": "POST", "url": upstream.url("/") });
        input.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        let failure = world.refused(input).await;
        assert_eq!((failure.code.as_str(), failure.retryable), ("invalid_input", false), "{fields}: {}", failure.message);
    }
    assert!(upstream.received().is_empty());
}
