//! XML: how it becomes values, and what is refused.

use hookmill_engine::request::{XML_ATTRIBUTES_MAX, XML_DEPTH_MAX, XML_NODES_MAX};
use serde_json::json;

use crate::sent::{Sent, plain, trigger};

#[track_caller]
fn refused(document: impl Into<bytes::Bytes>) -> String {
    let refusal = Sent::post("application/xml", document).refusal();
    assert_eq!((refusal.status(), refusal.code()), (400, "bad_body"));
    refusal.to_string()
}

#[test]
fn documents_become_objects() {
    for (document, expected) in [
        ("<a/>", json!({"a": ""})),
        ("<a></a>", json!({"a": ""})),
        ("<a> x </a>", json!({"a": "x"})),
        ("<a>1</a >\n", json!({"a": "1"})),
        ("<a b='1'/>", json!({"a": {"@b": "1"}})),
        ("<a b='1'>x</a>", json!({"a": {"@b": "1", "#text": "x"}})),
        ("<a><b>1</b><c>2</c><b>3</b></a>", json!({"a": {"b": ["1", "3"], "c": "2"}})),
        ("<a>\n  <b/>\n  <b x='1'/>\n  <b><c/></b>\n</a>", json!({"a": {"b": ["", {"@x": "1"}, {"c": ""}]}})),
        ("<a>one<b/>two</a>", json!({"a": {"b": "", "#text": "onetwo"}})),
        ("<a>&lt;&#65;&#x1F600;&amp;&gt;&apos;&quot;</a>", json!({"a": "<A\u{1f600}&>'\""})),
        ("<a>\n <![CDATA[ <b>&amp; ]]>\n</a>", json!({"a": " <b>&amp; "})),
        ("<a> &#32;x&#10; </a>", json!({"a": " x\n"})),
        ("<a x='1\n2 &lt; &#10;' y=\"'\"/>", json!({"a": {"@x": "1 2 < \n", "@y": "'"}})),
        ("<a>1\r\n2\r3</a>", json!({"a": "1\n2\n3"})),
        (
            "<s:Envelope xmlns:s='urn:s'><s:Body><m k='v'>x</m></s:Body></s:Envelope>",
            json!({"s:Envelope": {"@xmlns:s": "urn:s", "s:Body": {"m": {"@k": "v", "#text": "x"}}}}),
        ),
        (
            "<?xml version='1.0' encoding='UTF-8'?><!-- c --><?pi x?>\n<\u{fc}>\u{f6}<!-- c --></\u{fc}>\n<!-- d -->\n",
            json!({"\u{fc}": "\u{f6}"}),
        ),
    ] {
        for content_type in ["application/xml", "text/xml; charset=utf-8", "application/soap+xml"] {
            assert_eq!(plain(&Sent::post(content_type, document).body()), expected, "{content_type} {document}");
        }
    }
}

#[test]
fn the_encoding_is_found_where_it_may_stand() {
    let declared = b"<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?><a>\xe9</a>";
    let expected = json!({"a": "\u{e9}"});
    assert_eq!(plain(&Sent::post("text/xml", &declared[..]).body()), expected);
    assert_eq!(plain(&Sent::post("text/xml; charset=iso-8859-1", &b"<a>\xe9</a>"[..]).body()), expected);
    let both = "<?xml version='1.0' encoding='iso-8859-1'?><a>\u{e9}</a>";
    assert_eq!(plain(&Sent::post("text/xml; charset=utf-8", both).body()), expected, "the content type wins");
    let wide: Vec<u8> = "\u{feff}<a>\u{e9}</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(plain(&Sent::post("application/xml", wide).body()), expected);
    assert!(refused(&b"<a>\xe9</a>"[..]).contains("not valid UTF-8"));
    assert!(refused("<?xml version='1.0' encoding='klingon'?><a/>").contains("`klingon`"));
}

#[test]
fn variables_are_converted_from_elements() {
    let trigger = trigger(
        "{ variables: { total: { type: number, from: { body: order.total } }, id: { from: { body: order.@id } },
           items: { type: array, from: { body: order.item } } } }",
    );
    let document = "<order id='7'><total>9.5</total><item>a</item></order>";
    let webhook = Sent::post("application/xml", document).webhook(&trigger);
    let get = |name: &str| plain(&webhook.get_attr(name).expect("it is declared"));
    assert_eq!((get("total"), get("id"), get("items")), (json!(9.5), json!("7"), json!(["a"])));
}

#[test]
fn nothing_is_fetched_and_nothing_grows() {
    let mut bomb = String::from("<!DOCTYPE l [<!ENTITY l0 'ha'>");
    for level in 1..10 {
        bomb.push_str(&format!("<!ENTITY l{level} '{}'>", format!("&l{};", level - 1).repeat(10)));
    }
    bomb.push_str("]><l>&l9;</l>");
    for document in [
        bomb.as_str(),
        "<!DOCTYPE a SYSTEM 'http://192.0.2.1/a.dtd'><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<!doctype a><a/>",
    ] {
        assert!(refused(document.to_owned()).contains("document types are not allowed"), "{document}");
    }
    for document in
        ["<a>&x;</a>", "<a>&nbsp;</a>", "<a>&#0;</a>", "<a>&#8;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#;</a>"]
    {
        assert!(refused(document).contains("is not known"), "{document}");
    }
    for document in ["<a b='&x;'/>", "<a b='&#0;'/>", "<a b='<'/>", "<a b='&'/>"] {
        assert!(refused(document).contains("`b`"), "{document}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (document, part) in [
        ("", ""),
        ("<a>\n  <b>\n</a>", "expected the end of `b`, found that of `a` at line 3 column 1"),
        ("<a>\n <b/>", "the element `a` does not end at line 2 column 6"),
        ("<a/></b>", "the end of `b` has no start at line 1 column 5"),
        ("<a/><b/>", "second element beside its first one at line 1 column 5"),
        ("<a/>x", "text outside of its element at line 1 column 5"),
        ("x<a/>", "text outside of its element at line 1 column 1"),
        ("<a/>&amp;", "text outside"),
        ("<a/><![CDATA[x]]>", "text outside"),
        ("<!-- only -->", "no element"),
        ("   ", "no element"),
        ("not xml", "text outside"),
        ("{\"a\":1}", "text outside"),
        ("<a", "not closed"),
        ("<a><!-- ", "not closed"),
        ("<a><![CDATA[", "not closed"),
        ("<a><!-- -- --></a>", "`--` stands in a comment"),
        ("<a>x & y</a>", "starts a reference"),
        ("<a b='1' b='2'/>", "malformed or repeated attribute"),
        ("<a b/>", "malformed or repeated attribute"),
        ("<a b=1/>", "malformed or repeated attribute"),
        ("<1/>", "proper name"),
        ("<>", "proper name"),
        ("<a 1='x'/>", "proper name"),
        ("<a>\u{1}</a>", "control character at line 1 column 4"),
        ("<a>\n\0</a>", "control character at line 2 column 1"),
        ("<a><?xml version='1.0'?></a>", "does not stand at the start"),
        (" <?xml version='1.0'?><a/>", "does not stand at the start"),
    ] {
        if document.is_empty() {
            assert_eq!(plain(&Sent::post("application/xml", "").body()), json!(null), "there is no body");
            continue;
        }
        let message = refused(document);
        assert!(message.contains(part), "{document}: {message}");
    }
    let long = refused(format!("<{}><b></a>", "x".repeat(100_000)));
    assert!(long.len() < 300, "{long}");
}

#[test]
fn size_is_bounded_in_every_direction() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Sent::post("text/xml", nested(XML_DEPTH_MAX)).body().get_attr("a").is_ok());
    assert!(refused(nested(XML_DEPTH_MAX + 1)).contains("deeper than 128"));
    assert!(refused("<a>".repeat(1_000_000)).contains("deeper than 128"));
    let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
    let body = Sent::post("text/xml", many(XML_NODES_MAX - 1)).body();
    assert_eq!(body.get_attr("a").unwrap().get_attr("b").unwrap().len(), Some(XML_NODES_MAX - 1));
    assert!(refused(many(XML_NODES_MAX)).contains("more than 200000 elements"));
    let attributes = |count: usize| format!("<a {}/>", (0..count).map(|n| format!("a{n}='' ")).collect::<String>());
    assert_eq!(
        Sent::post("text/xml", attributes(XML_ATTRIBUTES_MAX)).body().get_attr("a").unwrap().len(),
        Some(XML_ATTRIBUTES_MAX)
    );
    assert!(refused(attributes(100_000)).contains("more than 256 attributes"));
}
