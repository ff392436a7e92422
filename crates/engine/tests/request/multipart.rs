//! Uploads: fields and files of `multipart/form-data`.

use bytes::Bytes;
use hookmill_engine::request::{MULTIPART_PARTS_MAX, PART_HEAD_BYTES_MAX, multipart_fields, multipart_texts};
use hookmill_engine::workflow::WebhookTrigger;
use minijinja::Value;
use serde_json::json;

use crate::sent::{Sent, plain, trigger};

const TYPE: &str = "multipart/form-data; boundary=xyz";

/// A part with its delimiter. `about`: what follows `form-data; `, and further headers.
fn part(about: &str, content: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; {about}\r\n\r\n{content}\r\n")
}

fn form(parts: &[String]) -> Sent {
    Sent::post(TYPE, parts.concat() + "--xyz--\r\n")
}

fn fields(sent: &Sent) -> serde_json::Value {
    plain(&sent.body())
}

fn files(sent: &Sent) -> Vec<Value> {
    let files = sent.webhook(&WebhookTrigger::default()).get_attr("files").expect("a webhook has files");
    files.try_iter().expect("they are a list").collect()
}

fn member(file: &Value, name: &str) -> serde_json::Value {
    let value = file.get_attr(name).expect("a file can be asked");
    if value.is_undefined() { json!("not defined") } else { plain(&value) }
}

fn refused(content_type: &str, body: impl Into<Bytes>) -> String {
    let refusal = Sent::post(content_type, body).refusal();
    assert_eq!((refusal.status(), refusal.code()), (400, "bad_body"));
    refusal.to_string()
}

#[test]
fn fields_become_the_body_and_files_the_files() {
    let sent = form(&[
        part("name=\"city\"", "K\u{f6}ln"),
        part("name=\"a[b]\"", "1"),
        part("name=\"a[c][]\"", "2"),
        part("name=\"photo\"; filename=\"p.png\"\r\nContent-Type: image/png", "\u{89}PNG\r\n--xyzz\r\n"),
        part("name=\"note\"; filename=\"n.txt\"\r\nContent-Type: text/plain; charset=utf-8", "hi \u{1f600}"),
        part("name=\"blob\"\r\nContent-Type: application/octet-stream", "\0"),
        part("name=\"meta\"\r\nContent-Type: application/json", "{\"x\":1}"),
        part("name=\"empty\"", ""),
        part("name=\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream", ""),
    ]);
    let expected = json!({"city": "K\u{f6}ln", "a": {"b": "1", "c": ["2"]}, "meta": "{\"x\":1}", "empty": ""});
    assert_eq!(fields(&sent), expected);
    let files = files(&sent);
    let shown: Vec<serde_json::Value> = files.iter().map(plain).collect();
    assert_eq!(
        shown,
        [
            json!({"name": "p.png", "field": "photo", "filename": "p.png", "content_type": "image/png", "size": 15}),
            json!({"name": "n.txt", "field": "note", "filename": "n.txt",
                   "content_type": "text/plain; charset=utf-8", "size": 7}),
            json!({"name": "blob", "field": "blob", "filename": null,
                   "content_type": "application/octet-stream", "size": 1}),
        ]
    );
    assert_eq!(member(&files[1], "text"), json!("hi \u{1f600}"));
    assert_eq!(member(&files[1], "base64"), json!("aGkg8J+YgA=="));
    assert_eq!(member(&files[2], "base64"), json!("AA=="));
    assert_eq!(member(&files[1], "path"), json!("not defined"));
}

#[test]
fn the_content_of_a_file_is_its_exact_bytes() {
    let mut body = part("name=f; filename=f", "").into_bytes();
    body.truncate(body.len() - 2);
    let content = b"\xff\r\n--xy\r\n\r\n--xyz-\r\n--xyz--x\r\n -\r\n\0\r\n";
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--xyz--");
    let files = files(&Sent::post(TYPE, body));
    assert_eq!(member(&files[0], "size"), json!(content.len()));
    assert_eq!(member(&files[0], "text"), json!("not defined"), "it is no text");
    let latin = "name=f; filename=f\r\nContent-Type: text/plain; charset=iso-8859-1";
    let mut body = part(latin, "").into_bytes();
    body.truncate(body.len() - 2);
    body.extend_from_slice(b"\xe9\r\n--xyz--");
    assert_eq!(member(&self::files(&Sent::post(TYPE, body))[0], "text"), json!("\u{e9}"));
}

#[test]
fn names_that_stand_twice_become_lists() {
    let sent = form(&[
        part("name=a", "1"),
        part("name=f; filename=x", "1"),
        part("name=a", "2"),
        part("name=f; filename=x", "2"),
        part("name=a", "3"),
    ]);
    assert_eq!(fields(&sent), json!({"a": ["1", "2", "3"]}));
    let texts: Vec<_> = files(&sent).iter().map(|file| member(file, "text")).collect();
    assert_eq!(texts, [json!("1"), json!("2")]);
    let message = refused(TYPE, part("name=a", "1") + &part("name=\"a[b]\"", "2") + "--xyz--");
    assert!(message.contains("`a` of the multipart body is used both"), "{message}");
}

#[test]
fn variables_are_converted_from_fields() {
    let trigger = trigger("{ variables: { total: { type: number, required: true }, meta: { type: object } } }");
    let sent = form(&[part("name=total", " 7.50 "), part("name=meta\r\nContent-Type: application/json", "{\"x\":1}")]);
    let webhook = sent.webhook(&trigger);
    assert_eq!(member(&webhook, "total"), json!(7.5));
    assert_eq!(member(&webhook, "meta"), json!({"x": 1}));
}

#[test]
fn extended_names_of_files_win() {
    let sent = form(&[part("name=f; filename=\"x.txt\"; filename*=UTF-8''na%C3%AFve%20.txt", "1")]);
    assert_eq!(member(&files(&sent)[0], "filename"), json!("na\u{ef}ve .txt"));
    let message = refused(TYPE, part("name=f; filename*=UTF-8''%C0%A0", "1") + "--xyz--");
    assert!(message.contains("part 1") && message.contains("malformed name"), "{message}");
}

#[test]
fn the_boundary_must_be_said_once_and_stand_in_the_body() {
    let good = part("name=a", "1") + "--xyz--";
    for (content_type, part) in [
        ("multipart/form-data", "has no boundary"),
        ("multipart/form-data; boundary", "malformed parameter"),
        ("multipart/form-data; boundary=\"xyz", "malformed parameter"),
        ("multipart/form-data; boundary=", "1 to 70"),
        ("multipart/form-data; boundary=\"\"", "1 to 70"),
        ("multipart/form-data; boundary=\"xyz \"", "1 to 70"),
        ("multipart/form-data; boundary=\u{fc}", "1 to 70"),
        ("multipart/form-data; boundary=xyz; Boundary=xyz", "two boundaries"),
        ("multipart/form-data; boundary=abc", "no line of the multipart body is the boundary"),
        ("multipart/form-data; boundary=xy", "no line of the multipart body is the boundary"),
    ] {
        let message = refused(content_type, good.clone());
        assert!(message.contains(part), "{content_type}: {message}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    assert!(refused(&long, good.clone()).contains("1 to 70"));
    for content_type in ["Multipart/Form-Data; charset=utf-8; BOUNDARY=\"xyz\"", "multipart/form-data;boundary=xyz;"] {
        assert_eq!(fields(&Sent::post(content_type, good.clone())), json!({"a": "1"}), "{content_type}");
    }
    let odd = "--a;b?c'\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--a;b?c'--";
    assert_eq!(fields(&Sent::post("multipart/form-data; boundary=\"a;b?c'\"", odd)), json!({"a": "1"}));
}

#[test]
fn text_around_the_parts_is_not_read() {
    let body = format!("For people.\r\n{}--xyz-- \t\r\nMore.\r\n{}", part("name=a", "1"), part("name=a", "2"));
    assert_eq!(fields(&Sent::post(TYPE, body)), json!({"a": "1"}));
    assert_eq!(fields(&Sent::post(TYPE, "--xyz--")), json!({}));
    assert_eq!(
        fields(&Sent::post(TYPE, "\r\n--xyz  \r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--xyz--")),
        json!({"a": ""})
    );
}

#[test]
fn a_body_that_is_cut_off_is_refused_wherever_it_is() {
    let whole = part("name=a", "1") + &part("name=f; filename=f", "22") + "--xyz--";
    for length in 1..whole.len() {
        let message = refused(TYPE, whole[..length].to_owned());
        assert!(message.contains("cut off") || message.contains("no line of the"), "{length}: {message}");
    }
    assert_eq!(fields(&Sent::post(TYPE, whole)), json!({"a": "1"}));
}

#[test]
fn parts_in_parts_are_refused() {
    let inner = "--in\r\nContent-Disposition: file; filename=f\r\n\r\nx\r\n--in--";
    for kind in ["multipart/mixed; boundary=in", "MULTIPART/form-data; boundary=xyz"] {
        let body = part("name=a", "1") + &part(&format!("name=f\r\nContent-Type: {kind}"), inner) + "--xyz--";
        let message = refused(TYPE, body);
        assert!(message.contains("part 2 of the multipart body contains parts itself"), "{message}");
    }
}

#[test]
fn ten_thousand_parts_are_too_many() {
    let parts = |count: usize| vec![part("name=a", "1"); count].concat() + "--xyz--";
    assert_eq!(fields(&Sent::post(TYPE, parts(MULTIPART_PARTS_MAX)))["a"].as_array().map(Vec::len), Some(MULTIPART_PARTS_MAX));
    for count in [MULTIPART_PARTS_MAX + 1, 10_000] {
        let message = refused(TYPE, parts(count));
        assert!(message.contains("more than 1000 parts"), "{message}");
    }
}

#[test]
fn heads_of_parts_are_bounded_and_complete() {
    let long = part(&format!("name={}", "x".repeat(PART_HEAD_BYTES_MAX)), "1") + "--xyz--";
    assert!(refused(TYPE, long).contains("8192 bytes"));
    for body in [
        "--xyz\r\n--xyz--",
        "--xyz\r\n\r\n--xyz--",
        "--xyz\r\nContent-Disposition: form-data; name=a\r\n--xyz--",
        "--xyz\nContent-Disposition: form-data; name=a\n\n1\n--xyz--",
        "--xyz\r\nContent-Disposition: form-data; name=a\n\n1\r\n--xyz--",
    ] {
        refused(TYPE, body);
    }
}

#[test]
fn charsets_of_fields_are_obeyed() {
    let mut body = part("name=_charset_", "iso-8859-1").into_bytes();
    body.extend_from_slice(b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\xe9\r\n");
    body.extend_from_slice(
        b"--xyz\r\nContent-Disposition: form-data; name=b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9\r\n--xyz--",
    );
    assert_eq!(fields(&Sent::post(TYPE, body)), json!({"_charset_": "iso-8859-1", "a": "\u{e9}", "b": "\u{e9}"}));
    let wrong = b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\xe9\r\n--xyz--";
    assert!(refused(TYPE, &wrong[..]).contains("part 1 of the multipart body is not valid UTF-8"));
    let unknown = part("name=a\r\nContent-Type: text/plain; charset=klingon", "1") + "--xyz--";
    assert!(refused(TYPE, unknown).contains("charset"));
}

#[test]
fn json_that_imitates_an_upload_changes_nothing() {
    let file =
        r#"{"name":"x","filename":"/etc/passwd","path":"/etc/passwd","size":1,"content_type":"text/plain","base64":"eA=="}"#;
    let body = format!(r#"{{"files":[{file}],"file":{file},"webhook":{{"files":[{file}]}}}}"#);
    for content_type in ["application/json", ""] {
        let sent = Sent::post(content_type, body.clone());
        assert!(files(&sent).is_empty(), "{content_type}");
        assert_eq!(fields(&sent)["files"][0]["path"], json!("/etc/passwd"), "it is data, and nothing else");
    }
    let form = Sent::post("application/x-www-form-urlencoded", "files[0][filename]=x&files[0][tmp_name]=/etc/passwd");
    assert!(files(&form).is_empty());
    assert!(files(&Sent::post("text/plain", part("name=f; filename=f", "x") + "--xyz--")).is_empty());
}

#[test]
fn the_texts_of_a_form_are_its_fields_without_the_files() {
    let texts = |parts: &[String]| multipart_texts(TYPE, form(parts).body.as_ref());
    let latin =
        "--xyz\r\nContent-Disposition: form-data; name=\"l\"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nx\r\n";
    let parts = [part("name=\"a\"", "1"), part("name=\"f\"; filename=\"f.txt\"", "2"), part("name=\"a\"", "3"), latin.to_owned()];
    let owned = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(texts(&parts), [owned("a", "1"), owned("a", "3"), owned("l", "x")]);
    assert_eq!(texts(&vec![part("name=\"a\"", "1"); MULTIPART_PARTS_MAX + 1]), [], "what the parser refuses has no fields");
    assert_eq!(multipart_texts("text/plain", form(&parts).body.as_ref()), []);
}

#[test]
fn the_fields_of_a_form_are_found_where_they_stand_up_to_what_cannot_be_read() {
    let parts = [part("name=\"a\"", "1 \r\n 2"), part("name=\"f\"; filename=\"f.txt\"", "3"), part("name=\"b\"", "")];
    let sent = form(&parts);
    let found = |body: &[u8]| {
        let fields = multipart_fields(TYPE, body).into_iter();
        fields.map(|(name, at)| (name, String::from_utf8(body[at].to_vec()).unwrap())).collect::<Vec<_>>()
    };
    let owned = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let all = [owned("a", "1 \r\n 2"), owned("b", "")];
    assert_eq!(found(sent.body.as_ref()), all);
    let cut = [parts.concat().as_bytes(), b"--xyz\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n4"].concat();
    assert_eq!(found(&cut), all, "of a part without an end nothing is known");
    assert_eq!(multipart_texts(TYPE, &cut), [], "to its readers the whole form is none");
    assert_eq!(multipart_fields("text/plain", sent.body.as_ref()), []);
}
