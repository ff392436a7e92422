//! What is told about triggers that make no sense.

use hookmill_engine::workflow::{PRESETS, PresetKind, SecretUse, Trigger};

use super::{CERTIFICATE, NOTHING, found, readable};

#[test]
fn every_preset_asks_for_what_it_needs() {
    for preset in PRESETS {
        let bare = format!("{{ preset: {} }}", preset.id);
        let told = found(&bare);
        let missing = told.iter().filter(|problem| problem.ends_with(": missing_key")).count();
        let expected = preset.needs.len() + usize::from(preset.secret == SecretUse::Needed);
        assert_eq!(missing, expected, "{bare}: {told:?}");
        let with_secret = found(&format!("{{ preset: {}, secret: a }}", preset.id));
        let misplaced = with_secret.iter().any(|problem| problem == "secret: misplaced_key");
        assert_eq!(misplaced, preset.secret == SecretUse::Unused, "{}", preset.id);
        let is_product = preset.kind != PresetKind::Provider;
        let tolerant = found(&format!("{{ preset: {}, tolerance: 5m }}", preset.id));
        assert_eq!(tolerant.contains(&"tolerance: misplaced_key".to_owned()), is_product, "{}", preset.id);
        for (key, value) in [
            ("ids", "{ workflow: x }"),
            ("public_url", "https://x.example/"),
            ("verify_token", "a"),
            ("certificate", CERTIFICATE),
            ("webhook_id", "x"),
            ("client_state", "a"),
            ("signature", "{ header: x }"),
        ] {
            let told = found(&format!("{{ preset: {}, {key}: {value} }}", preset.id));
            let misplaced = told.contains(&format!("{key}: misplaced_key"));
            assert_eq!(misplaced, !preset.knows(key), "{} {key}: {told:?}", preset.id);
        }
    }
}

#[test]
fn presets_and_their_keys_make_sense() {
    for (webhook, expected) in [
        ("{ preset: githb, secret: a, webhook_id: x }", &["preset: unknown_preset (github)"][..]),
        ("{ preset: Standard_Webhooks, secret: a }", &["preset: unknown_preset (standard-webhooks)"]),
        ("{ preset: whatsapp, secret: a }", &["preset: unknown_preset (meta)"]),
        (
            "{ secret: a, tolerance: 5m, handshake: true }",
            &["tolerance: misplaced_key", "handshake: misplaced_key", "secret: misplaced_key"],
        ),
        ("{ preset: github, secret: [] }", &["secret: empty"]),
        ("{ preset: github, secret: [a, nope, a] }", &["secret[1]: ~missing_secret", "secret[2]: ~duplicate_name"]),
        ("{ preset: github, secret: ' ' }", &["secret: empty"]),
        ("{ preset: meta, secret: a }", &["preset: ~no_verify_token"]),
        ("{ preset: meta, secret: a, handshake: false }", &[]),
        ("{ preset: square, secret: a, public_url: hooks.example/x }", &["public_url: bad_url"]),
        ("{ preset: square, secret: a, public_url: 'https://h.example/#x' }", &["public_url: bad_url"]),
        ("{ preset: sns, certificate: MIIB }", &["certificate: bad_pem"]),
        ("{ preset: stripe, secret: a, tolerance: 0s }", &["tolerance: out_of_range"]),
        ("{ preset: stripe, secret: a, tolerance: 25h }", &["tolerance: out_of_range"]),
        ("{ preset: github, secret: a, tolerance: 5m }", &["tolerance: ~useless_tolerance"]),
        ("{ preset: hmac, secret: a, tolerance: 5m, signature: { header: x } }", &["tolerance: ~useless_tolerance"]),
        ("{ preset: hmac, secret: a, tolerance: 5m, signature: { header: x, timestamp: { body: $.t } } }", &[]),
        ("{ preset: stripe, secret: a, tolerance: soon }", &["tolerance: bad_duration"]),
        ("{ preset: vectense, secret: a, ids: { workflow: x } }", &["ids: missing_key"]),
        ("{ preset: smartflow, ids: { workspace: x } }", &["ids: missing_key", "ids.workspace: misplaced_key"]),
        ("{ preset: smartflow, ids: { workflow: a/b } }", &["ids.workflow: bad_path"]),
        ("{ preset: smartflow, ids: { workflow: '..' } }", &["ids.workflow: bad_path"]),
        ("{ preset: smartflow, ids: { workflow: '' } }", &["ids.workflow: bad_path"]),
    ] {
        assert_eq!(found(webhook), expected, "{webhook}");
    }
}

#[test]
fn credentials_make_sense_alone_and_combined() {
    for (webhook, expected) in [
        ("{ auth: { all: [] } }", &["auth.all: ~no_credentials"][..]),
        ("{ auth: { any: [{ signature: true }] } }", &["auth.any[0].signature: misplaced_key"]),
        ("{ preset: vectense, secret: a, auth: { any: [{ signature: true }] } }", &["auth.any[0].signature: misplaced_key"]),
        (
            "{ auth: { any: [{ any: [{ all: [{ bearer: a }] }] }, { all: [] }] } }",
            &["auth.any[0].any[0].all: too_deep", "auth.any[1].all: empty"],
        ),
        (
            "{ auth: { any: [{ basic: { user: 'a:b', secret: nope } }] } }",
            &["auth.any[0].basic.user: bad_characters", "auth.any[0].basic.secret: ~missing_secret"],
        ),
        ("{ auth: { any: [{ berer: a }] } }", &["auth.any[0].berer: unknown_credential (bearer)"]),
        ("{ auth: { any: [{ jwt: { algorithms: [RS256], secret: a } }] } }", &["auth.any[0].jwt.algorithms[0]: bad_algorithm"]),
        (
            "{ auth: { any: [{ jwt: { algorithms: [HS256, RS256], public_key: x, issuer: '' } }] } }",
            &[
                "auth.any[0].jwt.algorithms[0]: bad_algorithm",
                "auth.any[0].jwt.public_key: bad_pem",
                "auth.any[0].jwt.issuer: empty",
            ],
        ),
        (
            "{ preset: hmac, secret: a, verify_token: b, signature: { header: H, handshake: slack } }",
            &["verify_token: misplaced_key"],
        ),
        (
            "{ preset: hmac, secret: a, signature: { header: H, signed: [timestamp], timestamp: { header: T }, handshake: x } }",
            &["signature.signed: ~unsigned_body", "signature.handshake: misplaced_key"],
        ),
        ("{ preset: ed25519, secret: a, signature: { header: H, handshake: x } }", &["signature.handshake: misplaced_key"]),
        (
            "{ auth: { any: [{ jwt: { algorithms: [HS256], secret: a, header: 'a b', body_hash: { claim: '' } } }] } }",
            &["auth.any[0].jwt.header: bad_header", "auth.any[0].jwt.body_hash.claim: empty"],
        ),
        (
            "{ auth: { any: [{ jwt: { algorithms: [], jwks: { keys: [] } } }] } }",
            &["auth.any[0].jwt.algorithms: empty", "auth.any[0].jwt.jwks: bad_jwks"],
        ),
        (
            "{ auth: { any: [{ jwt: { algorithms: [ES256], jwks: { keys: [{ d: x }] } } }] } }",
            &["auth.any[0].jwt.jwks: private_key"],
        ),
        (
            "{ auth: { any: [{ jwt: { algorithms: [NONE], secret: a, public_key: b } }] } }",
            &["auth.any[0].jwt.algorithms[0]: unknown_value", "auth.any[0].jwt: several_kinds"],
        ),
        (
            "{ allow_ips: [10.0.0.1/8, 0.0.0.0/0, '::ffff:1.2.3.4', 1.2.3.4] }",
            &["allow_ips[0]: ~host_bits (10.0.0.0/8)", "allow_ips[1]: ~everyone", "allow_ips[3]: ~duplicate_name"],
        ),
        (
            "{ allow_ips: [10.0.0.256, example.com, 5] }",
            &["allow_ips[0]: bad_address", "allow_ips[1]: bad_address", "allow_ips[2]: wrong_type"],
        ),
        (
            "{ cors: { origins: ['https://Shop.example/', 'shop.example', 'https://a.example/path', 'https://a.example:99999', '*', 'https://b.example'] } }",
            &[
                "cors.origins[0]: bad_origin (https://shop.example)",
                "cors.origins[1]: bad_origin",
                "cors.origins[2]: bad_origin",
                "cors.origins[3]: bad_origin",
                "cors.origins[5]: ~unused_setting",
            ],
        ),
        ("{ cors: { origins: [] } }", &["cors.origins: empty"]),
    ] {
        assert_eq!(found(webhook), expected, "{webhook}");
    }
    let many = format!("{{ auth: {{ any: [{}] }} }}", vec!["{ bearer: a }"; 21].join(", "));
    assert_eq!(found(&many), ["auth.any: too_many"]);
    let names = |webhook: &str| {
        let Trigger::Webhook(trigger) = &readable(webhook).triggers[0];
        trigger.auth.as_ref().is_some_and(|auth| auth.names_signature())
    };
    assert!(names("{ auth: { any: [{ bearer: a }, { all: [{ signature: true }] }] } }"));
    assert!(!names("{ auth: { any: [{ bearer: a }] } }"));
}

#[test]
fn the_axes_of_a_signature_go_together() {
    for (signature, expected) in [
        ("{ grammar: bare }", &["signature: missing_key"][..]),
        ("{ header: x, query: y }", &["signature: several_kinds"]),
        ("{ header: 'a b' }", &["signature.header: bad_header"]),
        ("{ body: signature.x }", &["signature.body: bad_body_path ($.signature.x)"]),
        ("{ header: x, grammar: prefix }", &["signature: missing_key"]),
        (
            "{ header: x, prefix: a, separator: b, key: c, timestamp_key: d }",
            &[
                "signature.prefix: misplaced_key",
                "signature.separator: misplaced_key",
                "signature.key: misplaced_key",
                "signature.timestamp_key: misplaced_key",
                "signature: ~unsigned_timestamp",
            ],
        ),
        ("{ header: x, secret_form: pem }", &["signature.secret_form: bad_value"]),
        (
            "{ header: x, signed: [timestamp, id, body] }",
            &["signature.signed[0]: missing_key", "signature.signed[1]: missing_key"],
        ),
        (
            "{ header: x, signed: [method, bdy] }",
            &["signature.signed: ~unsigned_body", "signature.signed[1]: ~odd_literal (body)"],
        ),
        ("{ header: x, signed: ['', body] }", &["signature.signed[0]: bad_value"]),
        (
            "{ header: x, window: 5m, future: true, timestamp_unit: s }",
            &["signature.timestamp_unit: misplaced_key", "signature.window: misplaced_key", "signature.future: misplaced_key"],
        ),
        (
            "{ header: x, timestamp: { header: t }, window: 2d }",
            &["signature.window: out_of_range", "signature: ~unsigned_timestamp"],
        ),
        ("{ header: x, timestamp: { pair: t }, signed: [timestamp, body] }", &["signature.timestamp.pair: misplaced_key"]),
        ("{ header: x, timestamp: { body: $.t } }", &[]),
        ("{ header: x, algorithm: md5 }", &["signature.algorithm: unknown_value"]),
        ("{ header: x, algorithm: rsa_sha256 }", &["signature.algorithm: misplaced_key"]),
        ("{ header: x, url_form: decoded }", &["signature.url_form: misplaced_key"]),
        ("{ header: x, timestamp: { query: '' }, signed: [timestamp, body] }", &["signature.timestamp.query: bad_value"]),
        ("{ header: x, signed: [{ member: token }, body] }", &["signature.signed[0].member: bad_body_path ($.token)"]),
        ("{ header: x, handshake: slak }", &["signature.handshake: unknown_value (slack)"]),
        ("{ header: x, id: { headr: y } }", &["signature.id.headr: unknown_source (header)"]),
    ] {
        let webhook = format!("{{ preset: hmac, secret: a, signature: {signature} }}");
        assert_eq!(found(&webhook), expected, "{signature}");
    }
    let ed25519 = "{ preset: ed25519, secret: a, signature: { header: x, algorithm: sha256, secret_form: text } }";
    assert_eq!(found(ed25519), ["signature.algorithm: misplaced_key", "signature.secret_form: bad_value"]);
}

#[test]
fn what_comes_before_a_run_makes_sense() {
    for (webhook, expected) in [
        ("{ rate_limit: { requests: 0, per: 2d } }", &["rate_limit.requests: out_of_range", "rate_limit.per: out_of_range"][..]),
        ("{ encodings: [gzip, gzip] }", &["encodings[1]: ~duplicate_name"]),
        ("{ split: $.a, response: { mode: when_finished } }", &["split: split_cannot_wait"]),
        ("{ only_if: webhook.total > 5 }", &["only_if: constant_condition ({{ webhook.total > 5 }})"]),
        (
            "{ only_if: '{{ steps.a.x }}{{ run.id }}{{ secrets.a }}' }",
            &["only_if: unknown_name", "only_if: unknown_name", "only_if: secret_not_allowed"],
        ),
        ("{ only_if: '{{ 1 + }}' }", &["only_if: bad_expression"]),
        ("{ variables: { total: {} }, only_if: '{{ webhook.totl }}' }", &["only_if: ~undeclared_variable (webhook.total)"]),
        (
            "{ dedupe: { expression: fixed, window: 0s } }",
            &["dedupe.expression: constant_condition", "dedupe.window: out_of_range"],
        ),
        ("{ dedupe: { expression: '{{ run.id }}' } }", &["dedupe.expression: unknown_name"]),
        ("{ dedupe: { header: 'a b', window: 91d } }", &["dedupe.header: bad_header", "dedupe.window: out_of_range"]),
        ("{ dedupe: { path: $ } }", &["dedupe.path: bad_body_path (body: true)"]),
        ("{ dedupe: { path: items.0 } }", &["dedupe.path: bad_body_path ($.items.0)"]),
        ("{ dedupe: { header: a, path: $.b } }", &["dedupe: several_kinds"]),
        ("{ dedupe: {} }", &["dedupe: missing_key"]),
        ("{ dedupe: true }", &["dedupe: wrong_type"]),
        ("{ split: items }", &["split: bad_body_path ($.items)"]),
        ("{ split: '[0]' }", &["split: bad_body_path ($[0])"]),
        ("{ schema: { type: 5 } }", &["schema.type: bad_schema"]),
        ("{ schema: { $ref: 'https://example.com/x.json' } }", &["schema: bad_schema"]),
        ("{ schema: { properties: { a: { pattern: '(' } } } }", &["schema.properties.a.pattern: bad_schema"]),
        ("{ schema: 5 }", &["schema: bad_schema"]),
        ("{ full_body: body }", &["full_body: reserved_name"]),
        ("{ full_body: a, variables: { a: {} } }", &["full_body: duplicate_name"]),
        (
            "{ response: { mode: respond, on_deadline: { body: '{{ output }}{{ run.id }}' } } }",
            &["response.on_deadline.body: unknown_name", "triggers: ~no_respond_step"],
        ),
        (
            "{ response: { aborted: { status: 99, content_type: json }, content_type: xml, body: { a: 1 } } }",
            &["response.aborted: ~unused_setting", "response.aborted.status: out_of_range"],
        ),
    ] {
        assert_eq!(found(webhook), expected, "{webhook}");
    }
}

#[test]
fn nested_variables_make_sense() {
    for (variables, expected) in [
        ("{ a: { items: {} } }", &["variables.a.type: wrong_type (array)"][..]),
        ("{ a: { type: array, fields: { b: {} } } }", &["variables.a.type: wrong_type (object)"]),
        ("{ a: { type: array, items: { from: { query: x } } } }", &["variables.a.items.from: misplaced_key"]),
        (
            "{ a: { type: object, fields: { b: { required: true, default: x } } } }",
            &["variables.a.fields.b.default: ~unused_setting"],
        ),
        (
            "{ a: { type: array, default: [1, x], example: [{ c: 1 }], items: { type: object, fields: { c: {} } } } }",
            &["variables.a.default[0]: wrong_type", "variables.a.default[1]: wrong_type", "variables.a.example[0].c: wrong_type"],
        ),
    ] {
        assert_eq!(found(&format!("{{ variables: {variables} }}")), expected, "{variables}");
    }
    let deep = |levels: usize| {
        let (open, close) = ("{ type: array, items: ".repeat(levels), " }".repeat(levels));
        found(&format!("{{ variables: {{ a: {open}{{ type: string }}{close} }} }}"))
    };
    assert_eq!(deep(16), NOTHING);
    assert_eq!(deep(17), ["variables: too_many"]);
    let wide: String = (0..1_001).map(|n| format!("f{n}: {{}}, ")).collect();
    assert_eq!(found(&format!("{{ variables: {{ a: {{ type: object, fields: {{ {wide} }} }} }} }}")), ["variables: too_many"]);
}
