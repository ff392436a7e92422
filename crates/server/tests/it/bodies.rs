//! Uploads and compressed bodies, from the socket to the steps that use them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::door::{BODY_BYTES_MAX, Door};

const UPLOAD: &str = "
hookmill: 1
name: Upload
triggers:
  - webhook:
      variables: { title: { type: string, required: true } }
      response: { mode: when_finished }
steps:
  - set:
      title: '{{ webhook.title }}'
      name: '{{ webhook.files[0].name }}'
      text: '{{ webhook.files[0].text }}'
      bytes: '{{ webhook.files[1].base64 }}'
      files: '{{ webhook.files }}'
";

const COMPRESSED: &str = "
hookmill: 1
name: Compressed
triggers:
  - webhook: { encodings: [gzip] }
steps:
  - set: { title: '{{ webhook.title }}' }
";

const TYPE: &str = "Content-Type: multipart/form-data; boundary=xyz\r\n";

fn upload(file: &[u8]) -> Vec<u8> {
    let before = "--xyz\r\nContent-Disposition: form-data; name=title\r\n\r\nHolidays\r\n\
                  --xyz\r\nContent-Disposition: form-data; name=note; filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\nhi \u{1f600}\r\n\
                  --xyz\r\nContent-Disposition: form-data; name=photo; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n";
    [before.as_bytes(), file, b"\r\n--xyz--\r\n"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn uploaded_files_are_there_for_later_steps_and_their_bytes_in_the_ledger() {
    let door = Door::open().await;
    let path = door.publish(UPLOAD).await;
    let body = upload(b"\x89PNG\0\r\n--xyzzy");
    let answer = door.post(&path, TYPE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = answer.json();
    assert_eq!((said["title"].as_str(), said["name"].as_str()), (Some("Holidays"), Some("n.txt")));
    assert_eq!((said["text"].as_str(), said["bytes"].as_str()), (Some("hi \u{1f600}"), Some("iVBORwANCi0teHl6enk=")));
    assert_eq!(said["files"][1]["size"], 14, "{said}");
    assert!(said["files"][1].get("base64").is_none(), "{said}");
    let delivery = door.store.deliveries(&Default::default(), 10).await.unwrap().items[0].id;
    assert_eq!(door.store.delivery_body(delivery).await.unwrap(), body);
    door.close().await;
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_refused_naming_the_limit() {
    let door = Door::open().await;
    let path = door.publish(UPLOAD).await;
    let file = vec![b'x'; usize::try_from(BODY_BYTES_MAX).unwrap()];
    let answer = door.post(&path, TYPE, upload(&file)).await;
    door.refused(&answer, 413, "body_too_large").await;
    assert_eq!(answer.json()["limit_bytes"], BODY_BYTES_MAX);
    let cut = upload(b"x");
    door.refused(&door.post(&path, TYPE, &cut[..cut.len() - 12]).await, 400, "bad_body").await;
    door.refused(&door.post(&path, "Content-Type: multipart/form-data\r\n", &cut).await, 400, "bad_body").await;
    door.close().await;
}

#[tokio::test]
async fn compressed_bodies_are_read_where_allowed_and_bombs_refused() {
    let door = Door::open().await;
    let path = door.publish(COMPRESSED).await;
    let json = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let sent = gzip(br#"{"title": "Holidays"}"#);
    let answer = door.post(&path, json, &sent).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(door.ended(&answer).await.output.as_deref(), Some(r#"{"title":"Holidays"}"#));
    let delivery = door.delivery(&answer).await;
    assert_eq!(door.store.delivery_body(delivery.id).await.unwrap(), sent, "the ledger has the bytes as sent");
    let answer = door.post(&path, json, gzip(&vec![b' '; 8 * 1024 * 1024])).await;
    door.refused(&answer, 413, "body_too_large").await;
    assert!(answer.json()["limit_bytes"].is_u64(), "{answer:?}");
    let answer = door.post(&path, "Content-Type: application/json\r\nContent-Encoding: br\r\n", &sent).await;
    door.refused(&answer, 415, "unsupported_media_type").await;
    assert_eq!(answer.header("accept-encoding"), Some("gzip, identity"));
    door.close().await;
}

const ANY: &str = "
hookmill: 1
name: Any
triggers: [{ webhook: { response: { mode: when_finished } } }]
steps:
  - set: { body: '{{ webhook.body }}', files: '{{ webhook.files | length }}' }
";

#[tokio::test]
async fn hostile_uploads_are_refused_with_the_reason() {
    let door = Door::open().await;
    let path = door.publish(ANY).await;
    let part = "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
    let many = format!("{}--xyz--\r\n", part.repeat(10_000));
    let nested = "--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n\
                  --in\r\n\r\n1\r\n--in--\r\n--xyz--\r\n";
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (content_type, body) in [
        ("multipart/form-data; boundary=xyz", many.as_str()),
        ("multipart/form-data; boundary=xyz", nested),
        ("multipart/form-data", part),
        ("multipart/form-data; boundary=xyz", part),
        ("application/json", deep.as_str()),
        ("application/json", "{\"a\": 1"),
        ("application/xml", "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"),
        ("application/xml", "<a><b></a>"),
    ] {
        let answer = door.post(&path, &format!("Content-Type: {content_type}\r\n"), body).await;
        door.refused(&answer, 400, "bad_body").await;
    }
    door.close().await;
}

#[tokio::test]
async fn the_content_type_alone_picks_the_parser() {
    let door = Door::open().await;
    let path = door.publish(ANY).await;
    let imitation = r#"{"file":{"name":"a.txt","content_type":"text/plain","path":"/etc/passwd","size":1}}"#;
    for (content_type, body, seen) in [
        ("application/json", imitation, imitation),
        ("application/problem+json", "[1]", "[1]"),
        ("application/x-www-form-urlencoded", "a[b]=1&c=2&c=3", r#"{"a":{"b":"1"},"c":["2","3"]}"#),
        ("text/plain", "{\"a\":1}", r#""{\"a\":1}""#),
        ("text/plain; charset=iso-8859-1", "a", "\"a\""),
        ("text/csv", "a,b", "\"a,b\""),
        ("application/xml", "<a><b>1</b></a>", r#"{"a":{"b":"1"}}"#),
    ] {
        let answer = door.post(&path, &format!("Content-Type: {content_type}\r\n"), body).await;
        assert_eq!(answer.status, 200, "{content_type}: {answer:?}");
        let (said, seen) = (answer.json(), serde_json::from_str::<serde_json::Value>(seen).unwrap());
        assert_eq!((&said["body"], &said["files"]), (&seen, &0.into()), "{content_type}");
    }
    door.close().await;
}
