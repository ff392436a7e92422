//! Tables of expressions: what they give, what they say when they do not, and that nothing is without bound.

use serde_json::{Value as Json, json};

use super::*;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_773_480_413_589); // 2026-03-14T09:26:53.589Z

fn scope() -> Scope {
    let webhook = json!({
        "total": 100, "price": 19.99, "name": "Ada", "empty": null, "rush": true, "big": "x".repeat(1000),
        "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 3}], "customer": {"email": "ada@example.org"}, "text": "a-b-c"
    });
    Scope::of(vec![("webhook".into(), from_json(&webhook)), ("name".into(), Value::from("Bob"))], NOW, 42)
}

fn eval(text: &str) -> Result<Json, String> {
    let template = Template::compile(&json!(text)).map_err(|e| e.to_string())?;
    template.eval(&scope()).map(|value| to_json(&value)).map_err(|e| e.to_string())
}

#[test]
fn a_whole_expression_keeps_its_type_and_a_mixed_text_is_a_text() {
    for (text, expected) in [
        ("plain", json!("plain")),
        ("{{ webhook.total }}", json!(100)),
        ("{{ webhook.total * 1.19 }}", json!(119.0)),
        ("{{ webhook.items }}", json!([{"sku": "a", "qty": 2}, {"sku": "b", "qty": 3}])),
        ("{{ webhook.customer }}", json!({"email": "ada@example.org"})),
        ("{{ webhook.rush }}", json!(true)),
        ("{{ webhook.empty }}", json!(null)),
        (" {{ webhook.total }}\n", json!(100)),
        ("Total: {{ webhook.total }}", json!("Total: 100")),
        ("{{ webhook.total }}{{ webhook.total }}", json!("100100")),
        ("<{{ webhook.empty }}>", json!("<>")),
        ("is {{ webhook.customer }}", json!(r#"is {"email":"ada@example.org"}"#)),
        ("{{ {'a': {'b': 1}} }}", json!({"a": {"b": 1}})),
        ("{{ '}}' ~ \"{{\" }}", json!("}}{{")),
        ("{{ webhook['total'] }}", json!(100)),
        ("{{ webhook.items[1].sku }}", json!("b")),
        ("{{ 'big' if webhook.total > 50 else 'small' }}", json!("big")),
        ("{{ webhook.missing | default(7) }}", json!(7)),
        ("{{ webhook.missing is defined }}", json!(false)),
        ("{{ name }}", json!("Bob")),
        ("{% if webhook.rush %}quick{% else %}slow{% endif %}!", json!("quick!")),
        ("{% if webhook.total > 500 %}a{% elif webhook.total > 50 %}b{% endif %}", json!("b")),
        (
            "{% for i in webhook.items %}{{ loop.index }}:{{ i.sku }}{% if not loop.last %}, {% endif %}{% endfor %}",
            json!("1:a, 2:b"),
        ),
        ("{% for k, v in webhook.customer | items %}{{ k }}={{ v }}{% endfor %}", json!("email=ada@example.org")),
        ("{% for i in [] %}x{% else %}none{% endfor %}", json!("none")),
        ("a {#- comment -#} b", json!("ab")),
        ("{% raw %}{{ not }}{% endraw %}", json!("{{ not }}")),
        ("a{ b } %} }}", json!("a{ b } %} }}")),
    ] {
        assert_eq!(eval(text), Ok(expected), "{text}");
    }
}

#[test]
fn the_operators_mean_what_they_mean_in_jinja() {
    for (text, expected) in [
        ("{{ 2 + 3 * 4 }}", json!(14)),
        ("{{ (2 + 3) * (4 - 1) }}", json!(15)),
        ("{{ 2 * 3 * 4 / 6 * 2 }}", json!(8.0)),
        ("{{ -2 * -3 }}", json!(6)),
        ("{{ 2 ** 3 * 2 }}", json!(16)),
        ("{{ [1 * 2, {'a': 3 * 4}] }}", json!([2, {"a": 12}])),
        ("{{ webhook.items | map(attribute='qty') | sum * 2 }}", json!(10)),
        ("{{ 'ab' * 3 }}", json!("ababab")),
        ("{{ [1] * 3 }}", json!([1, 1, 1])),
        ("{{ 9223372036854775807 * 2 }}", json!(18446744073709551614u64)),
        ("{{ 0.5 * 4 }}", json!(2.0)),
        ("{{ 7 // 2 }}", json!(3)),
        ("{{ '*' ~ '2 * 3' }}", json!("*2 * 3")),
        ("{{ 'ä*ö' ~ 2 * 3 }}", json!("ä*ö6")),
        ("{{ 1 if 2 * 2 == 4 else 3 * 3 }}", json!(1)),
        ("{{ [1] + [2] }}", json!([1, 2])),
        ("{{ 1 in [1, 2] and not false }}", json!(true)),
        ("{{ 'abc'[1:] }}", json!("bc")),
    ] {
        assert_eq!(eval(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_there_is_named_with_the_closest_that_is() {
    for (text, expected) in [
        ("{{ webhook.totl }}", "`webhook.totl` is not defined; did you mean `webhook.total`?"),
        ("{{ webhok.total }}", "`webhok` is not defined; did you mean `webhook`?"),
        (
            "{{ webhook.customer.emial | upper }}",
            "`webhook.customer.emial` is not defined; did you mean `webhook.customer.email`?",
        ),
        ("{{ webhook.zzzzzzzz }}", "`webhook.zzzzzzzz` is not defined"),
        ("{{ webhook.empty.x }}", "`webhook.empty.x` is not defined, because `webhook.empty` is null"),
        ("{{ webhook.items[5].sku }}", "`webhook.items.5` is not defined: `webhook.items` is a list of 2"),
        ("{{ webhook.name.x }}", "`webhook.name.x` is not defined: `webhook.name` is a string"),
        ("Hi {{ nmae }}!", "`nmae` is not defined; did you mean `name`?"),
        ("{{ webhook.a.b.c | default(1) }}", "`webhook.a` is not defined"),
        ("{{ secrets.KEY }}", "`secrets` can only be used in the input of an action (`with`)"),
        ("{{ webhook.total + webhook.totl }}", "`webhook.totl` is not defined; did you mean `webhook.total`?"),
    ] {
        assert_eq!(eval(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn mistakes_in_the_writing_are_found_when_compiling_with_their_place() {
    for (text, expected) in [
        ("{{ webhook.total", "`{{` is not closed by `}}` (line 1, column 1)"),
        ("{{ }}", "the braces hold no expression (line 1, column 3)"),
        ("{{ name | uper }}", "there is no filter `uper`; did you mean `upper`? (line 1, column"),
        ("{{ name is evn }}", "there is no test `evn`; did you mean `even`? (line 1"),
        ("{{ rnge(3) }}", "there is no function `rnge`; did you mean `range`? (line 1"),
        ("{{ name.upper() }}", "values have no functions of their own; write `value | upper` instead of `value.upper()`"),
        ("{% set x = 1 %}", "`{% set %}` is not known here"),
        ("{% if a %}", "`{% if %}` is not closed by `{% endif %}` (line 1, column 1)"),
        ("{% endfor %}", "there is nothing that `{% endfor %}` could end"),
        ("{% for in x %}{% endfor %}", "write `{% for item in list %}`"),
        ("{# never", "a comment `{#` is not closed by `#}`"),
        ("line\n  {{ a + }}", "(line 2, column"),
        ("{% include 'x' %}", "`{% include %}` is not known here"),
    ] {
        let error = Template::compile(&json!(text)).map(|_| ()).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_filters_that_people_need() {
    for (text, expected) in [
        ("{{ webhook.customer | json }}", json!(r#"{"email":"ada@example.org"}"#)),
        ("{{ '<a>' | tojson }}", json!("\"<a>\"")),
        ("{{ '[1, {\"a\": null}]' | from_json }}", json!([1, {"a": null}])),
        ("{{ now() }}", json!("2026-03-14T09:26:53.589Z")),
        ("{{ now() | date('%d.%m.%Y %H:%M', tz='Europe/Berlin') }}", json!("14.03.2026 10:26")),
        ("{{ '2026-03-14T09:26:53+01:00' | date }}", json!("2026-03-14T08:26:53Z")),
        ("{{ 0 | date }}", json!("1970-01-01T00:00:00Z")),
        ("{{ '2026-01-31T12:00:00Z' | date_add('1 month') }}", json!("2026-02-28T12:00:00Z")),
        ("{{ '2026-01-31T12:00:00Z' | date_add('-1h30m') }}", json!("2026-01-31T10:30:00Z")),
        ("{{ '14.03.2026 09:26' | parse_date('%d.%m.%Y %H:%M', tz='Europe/Berlin') }}", json!("2026-03-14T09:26:00+01:00")),
        ("{{ '2026-03-14' | parse_date('%Y-%m-%d') | timestamp }}", json!(1773446400000i64)),
        ("{{ 'abc' | sha256 }}", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        ("{{ 'abc' | sha1 }}", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        ("{{ 'abc' | md5 }}", json!("900150983cd24fb0d6963f7d28e17f72")),
        (
            "{{ 'what do ya want for nothing?' | hmac_sha256('Jefe') }}",
            json!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ),
        ("{{ 'abc' | sha1(encoding='base64') }}", json!("qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")),
        ("{{ 'Ünï' | base64 }}", json!("w5xuw68=")),
        ("{{ 'w5xuw68' | base64_decode }}", json!("Ünï")),
        ("{{ 'a b&c' | urlencode }}", json!("a%20b%26c")),
        ("{{ 'a+b%26c' | url_decode }}", json!("a b&c")),
        ("{{ webhook.text | regex_match('^a-') }}", json!(true)),
        ("{{ webhook.text | regex_find('(.)-(.)', 2) }}", json!("b")),
        ("{{ webhook.text | regex_find('[0-9]') }}", json!(null)),
        ("{{ webhook.text | regex_find_all('[a-c]') }}", json!(["a", "b", "c"])),
        ("{{ webhook.text | regex_replace('(.)-', '$1+') }}", json!("a+b+c")),
        ("{{ ' 12 ' | number }}", json!(12)),
        ("{{ '1.5' | number + 1 }}", json!(2.5)),
        ("{{ 1234567.891 | currency('€') }}", json!("€1,234,567.89")),
        ("{{ -0.001 | currency }}", json!("0.00")),
        ("{{ 1234.5 | currency('€', thousands='.', point=',', after=true) }}", json!("1.234,50\u{a0}€")),
        ("{{ webhook.price | round | int }}", json!(20)),
    ] {
        assert_eq!(eval(text), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("{{ 'abc' | number }}", "`abc` is not a number"),
        ("{{ 'soon' | date }}", "`soon` is not a point in time such as 2026-03-14T09:26:53Z"),
        ("{{ now() | date('%d', tz='Mars/Base') }}", "there is no time zone `Mars/Base`"),
        ("{{ '{' | from_json }}", "not JSON: "),
        ("{{ 'a' | regex_match('(') }}", "the regular expression `(`"),
        ("{{ 'a' | sha256(encoding='rot13') }}", "`rot13` is not an encoding"),
        ("{{ '!' | base64_decode }}", "not base64"),
    ] {
        let error = eval(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn random_values_repeat_with_the_scope_and_differ_within_it() {
    let template = Template::compile(&json!(["{{ uuid() }}", "{{ uuid() }}"])).expect("it compiles");
    let draw = |seed, place: &str| {
        let scope = Scope::new(std::sync::Arc::new(Vec::new()), NOW, seed, place.into());
        to_json(&template.eval(&scope).expect("it evaluates"))
    };
    let first = draw(1, "a");
    assert_eq!(first, draw(1, "a"));
    assert_ne!(first[0], first[1]);
    assert_ne!(first, draw(2, "a"));
    assert_ne!(first, draw(1, "b"));
    let text = first[0].as_str().expect("a text");
    assert!(
        Template::compile(&json!(format!(
            "{{{{ '{text}' | regex_match('^[0-9a-f]{{8}}-[0-9a-f]{{4}}-4[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$') }}}}"
        )))
        .expect("it compiles")
        .eval(&scope())
        .expect("it evaluates")
        .is_true(),
        "{text}"
    );
}

#[test]
fn names_are_told_with_their_paths_and_guards() {
    let template = Template::compile(&json!({
        "a": "{{ steps.confirm.status }} {{ webhook['x'].y }}",
        "b": ["{{ maybe | default(other) }}", "{% for i in list %}{{ i.x }}{{ loop.index }}{{ out }}{% endfor %}"],
        "c": "{{ steps[webhook.key].z }}"
    }))
    .expect("it compiles");
    let names: Vec<_> = template.names().iter().map(|name| (name.text(), name.guarded)).collect();
    let expected = [
        ("steps.confirm.status", false),
        ("webhook.x.y", false),
        ("maybe", true),
        ("other", false),
        ("list", false),
        ("out", false),
        ("webhook.key", false),
        ("steps", false),
    ];
    assert_eq!(names, expected.map(|(text, guarded)| (text.to_owned(), guarded)));
}

#[test]
fn no_expression_takes_time_or_memory_without_bound() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(400), ")".repeat(400));
    let long_chain = format!("{{{{ {} }}}}", vec!["1"; 600].join(" - "));
    let joins = format!("{{{{ {} }}}}", vec!["webhook.big"; 100].join(" ~ "));
    let long = format!("{{{{ '{}' }}}}", "x".repeat(EXPRESSION_BYTES_MAX));
    let nested = format!("{}x{}", "{% if 1 %}".repeat(40), "{% endif %}".repeat(40));
    for text in [
        "{{ range(1000000000) }}",
        "{{ 'x' * 1000000000 }}",
        "{{ ('x' * 10000000) * 100 }}",
        "{{ [webhook.big] * 100000000 }}",
        "{{ [[1] * 100000] * 100000 == [] }}",
        "{{ webhook.big * 10000 | length * 100000000 }}",
        "{{ ('a' * 1000000) | replace('a', 'b' * 1000) }}",
        "{{ ('a' * 100000) | replace('', 'b' * 1000) }}",
        "{{ 'aaaa' | replace('a', 'aaaa' * 10000) | replace('a', 'aaaa' * 10000) }}",
        "{{ range(100000) | join(webhook.big) }}",
        "{{ range(100000) | map('default', webhook.big * 100) | list | length }}",
        "{{ range(100000) | map('replace', '0', webhook.big) | join | length }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ 'a\nb' | indent(1000000000) }}",
        "{{ [1] | slice(1000000000) | list }}",
        "{{ [1] | batch(1000000000, 'x') | list }}",
        "{{ ('x' * 100000) | regex_replace('', webhook.big) }}",
        "{{ 'x' | regex_match('(((a{1000}){1000}){1000})') }}",
        "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ webhook.big }}{% endfor %}",
        "{{ 2 ** 100000 }}",
        &deep,
        &long_chain,
        &joins,
        &long,
        &nested,
    ] {
        let shown: String = text.chars().take(80).collect();
        assert!(eval(text).is_err(), "{shown} gives a value");
    }
}

#[test]
fn values_survive_json() {
    let json = json!({"a": [1, -2, 1.5, u64::MAX, i64::MIN, "ü\u{0}", null, true], "b": {"": {}}, "c": []});
    assert_eq!(to_json(&from_json(&json)), json);
}

proptest::proptest! {
    #[test]
    fn any_text_compiles_or_is_refused_without_panic(text in "[{}%# a-z0-9.|'\"()\\[\\]+*~\\-\n]{0,60}") {
        let _ = Template::compile_text(&text).map(|template| template.eval(&scope()));
    }

    #[test]
    fn bounding_products_does_not_change_what_they_give(
        numbers in proptest::collection::vec(1i64..9, 2..6), signs in proptest::collection::vec(0usize..5, 6), parens in 0usize..3
    ) {
        let mut text = numbers[0].to_string();
        for (number, sign) in numbers[1..].iter().zip(&signs) {
            let sign = ["*", "+", "-", "*", "**"][*sign];
            text = if parens == 1 { format!("({text}) {sign} {number}") } else { format!("{text}{sign}{number}") };
        }
        let bare = minijinja::Environment::new();
        let expected = bare.compile_expression(&text).and_then(|e| e.eval(())).map(|v| v.to_string()).ok();
        let got = Template::compile_text(&format!("{{{{ {text} }}}}")).ok().and_then(|t| t.eval(&scope()).ok()).map(|v| v.to_string());
        proptest::prop_assert_eq!(got, expected);
    }
}
