//! Checking triggers: presets and their keys, credentials, signatures, what comes before a run, nested variables.

mod problems;

use hookmill_engine::workflow::{
    ActionInfo, Catalog, Credential, Dedupe, Problem, Severity, Trigger, Workflow, json_schema, read, to_json, to_yaml, validate,
};
use serde_json::Value;

/// A place without actions, where the secrets `a`, `b` and `c` are stored.
struct Place;

impl Catalog for Place {
    fn action(&self, _: &str) -> Option<ActionInfo> {
        None
    }

    fn action_names(&self) -> Vec<String> {
        vec![]
    }

    fn secret_exists(&self, name: &str) -> Option<bool> {
        Some(["a", "b", "c"].contains(&name))
    }
}

const PREFIX: &str = "triggers[0].webhook";

fn document(webhook: &str) -> String {
    format!("hookmill: 1\nname: t\ntriggers:\n  - webhook: {webhook}\nsteps: [{{ set: {{ a: 1 }} }}]\n")
}

fn tell(problem: &Problem) -> String {
    let path = problem.path.strip_prefix(PREFIX).unwrap_or(&problem.path).trim_start_matches('.');
    let mark = if problem.severity == Severity::Warning { "~" } else { "" };
    match &problem.suggestion {
        Some(suggestion) => format!("{path}: {mark}{} ({suggestion})", problem.code),
        None => format!("{path}: {mark}{}", problem.code),
    }
}

/// Everything that is wrong with a webhook: its shape, or if that is right its meaning.
fn found(webhook: &str) -> Vec<String> {
    let problems = match read(&document(webhook)) {
        Ok(workflow) => validate(&workflow, &Place),
        Err(problems) => problems,
    };
    problems.iter().map(tell).collect()
}

fn readable(webhook: &str) -> Workflow {
    read(&document(webhook)).unwrap_or_else(|problems| panic!("{webhook}: {problems:#?}"))
}

const NOTHING: [&str; 0] = [];

const CERTIFICATE: &str = "\"-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n\"";

/// Triggers that are fine, and use every key.
const FINE: &[&str] = &[
    "{ preset: github, secret: a }",
    "{ preset: stripe, secret: [a, b], tolerance: 10m, handshake: false, dedupe: { header: Stripe-Id, window: 1d } }",
    "{ preset: twilio, secret: a, public_url: 'https://hooks.example:8443/hooks/main/sms?x=1' }",
    "{ preset: meta, secret: a, verify_token: b }",
    "{ preset: microsoft-graph, client_state: a }",
    "{ preset: paypal, webhook_id: 1JE4291016473214C }",
    "{ preset: sns }",
    "{ preset: cloudevents }",
    "{ preset: smartflow, ids: { workflow: 64f0c0ffee } }",
    "{ preset: hap, secret: a, ids: { workflow: NjRmMGMwZmZlZQ== } }",
    "{ preset: vectense, secret: a, ids: { workspace: w1, workflow: orders } }",
    "{ preset: smashsend, ids: { workspace: wrk_1, workflow: flw_1 } }",
    "{ preset: hmac, secret: a, signature: { header: X-Signature } }",
    "{ preset: hmac, secret: a, signature: { header: X-Sig, grammar: prefix, prefix: 'sha256=', algorithm: sha512, encoding: base64,
       secret_form: base64, secret_prefix: whsec_, signed: [id, '.', timestamp, '.', body], timestamp: { header: X-Time },
       timestamp_unit: ms, window: 5m, future: true, id: { header: X-Id }, event: { body: $.type } } }",
    "{ preset: hmac, secret: a, signature: { header: X-Sig, grammar: pairs, separator: ';', key: h1, timestamp_key: ts,
       signed: [timestamp, { literal: ':' }, body] } }",
    "{ preset: hmac, secret: a, signature: { body: $.signature.signature, signed: [method, url, path, form, query, crc32, body],
       timestamp: { body: $.time }, id: { body: $.id } } }",
    "{ preset: ed25519, secret: a, signature: { query: sig, grammar: versions, key: v1a, secret_form: spki } }",
    "{ preset: ed25519, secret: a, signature: { header: X-Sig, algorithm: ecdsa_p256, encoding: base64 } }",
    "{ preset: ed25519, secret: a, signature: { header: X-Sig, algorithm: rsa_sha256, secret_form: pem, handshake: discord } }",
    "{ preset: hmac, secret: a, public_url: 'https://hooks.example', signature: { header: X-DocuSign-Signature-*, algorithm: plain_sha256,
       signed: [method, url, { member: $.token }, timestamp, body], url_form: decoded, timestamp: { query: ts }, handshake: slack } }",
    "{ auth: { all: [{ shared_key: [a, b] }, { any: [{ api_key: true }, { basic: { user: shop, secret: a } }] }] } }",
    "{ preset: github, secret: a, auth: { any: [{ signature: true }, { bearer: b }, { app_key: c }] } }",
    "{ auth: { any: [{ jwt: { algorithms: [HS256, HS512], secret: a, issuer: shop, audience: hooks } },
       { jwt: { algorithms: [HS256], secret: a, header: X-Webhook-Signature, body_hash: { claim: sha256, encoding: base64 } } },
       { jwt: { algorithms: [RS256, ES256], jwks: { keys: [{ kty: EC }] } } },
       { jwt: { algorithms: [ES384], public_key: \"-----BEGIN PUBLIC KEY-----\\nMFkw\\n-----END PUBLIC KEY-----\" } }] } }",
    "{ allow_ips: [203.0.113.7, '2001:db8::/32', 10.0.0.0/8], rate_limit: { requests: 100, per: 1m } }",
    "{ cors: { origins: ['https://shop.example', 'http://localhost:3000', 'https://[::1]'] }, encodings: [gzip, deflate, br, zstd] }",
    "{ cors: { origins: ['*'] }, dedupe: false, only_if: '{{ webhook.total > 5 }}', split: $.items }",
    "{ dedupe: { path: '$.order[\"a b\"][0]' } }",
    "{ dedupe: { expression: '{{ webhook.id }}-{{ webhook.headers[\"x-a\"] }}' } }",
    "{ dedupe: { body: true, window: 90d } }",
    "{ dedupe: { window: 1h } }",
    "{ full_body: everything, schema: { type: object, $defs: { a: true }, properties: { x: { $ref: '#/$defs/a' } } } }",
    "{ variables: { order: { type: object, example: { items: [{ sku: x }] }, fields: { items: { type: array, required: true,
       items: { type: object, fields: { sku: { required: true }, n: { type: number, default: 1 } } } } } } } }",
    "{ response: { mode: when_finished, content_type: xml, body: '<id>{{ output.id }}</id>', aborted: { status: 409, body: '<no/>' },
       on_failure: { body: '{{ run.error.message }}' }, on_deadline: { status: 202, body: '{{ run.id }}' } } }",
];

#[test]
fn what_is_fine_is_left_in_peace_and_survives_both_texts() {
    for webhook in FINE {
        let workflow = readable(webhook);
        let told: Vec<String> = validate(&workflow, &Place).iter().map(tell).collect();
        assert_eq!(told, NOTHING, "{webhook}");
        assert_eq!(read(&to_yaml(&workflow)).as_ref(), Ok(&workflow), "{webhook}");
        assert_eq!(read(&to_json(&workflow)).as_ref(), Ok(&workflow), "{webhook}");
    }
}

/// The published schema and the reader agree: editors show red what the reader refuses, and nothing else.
#[test]
fn the_schema_accepts_what_is_read_and_refuses_what_is_not() {
    let schema = json_schema();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
    for webhook in FINE {
        let value: Value = serde_json::from_str(&to_json(&readable(webhook))).expect("JSON");
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, NOTHING, "{webhook}");
    }
    for webhook in [
        "{ presett: github }",
        "{ preset: githup }",
        "{ secret: 5 }",
        "{ ids: { workflo: x } }",
        "{ signature: { grammar: bare } }",
        "{ signature: { header: x, query: y } }",
        "{ signature: { header: x, grammer: bare } }",
        "{ signature: { header: x, algorithm: md5 } }",
        "{ signature: { header: x, signed: [{ literl: x }] } }",
        "{ signature: { header: x, timestamp: { cookie: x } } }",
        "{ auth: { any: [{ api_key: false }] } }",
        "{ auth: { some: [] } }",
        "{ auth: { any: [], all: [] } }",
        "{ auth: { any: [{ jwt: { algorithms: [none], secret: a } }] } }",
        "{ auth: { any: [{ jwt: { algorithms: [HS256] } }] } }",
        "{ auth: { any: [{ jwt: { algorithms: [HS256], secret: a, jwks: {} } }] } }",
        "{ allow_ips: [localhost] }",
        "{ dedupe: true }",
        "{ dedupe: {} }",
        "{ dedupe: { header: x, body: true } }",
        "{ dedupe: { body: false } }",
        "{ split: items }",
        "{ rate_limit: { requests: 5 } }",
        "{ encodings: [lzma] }",
        "{ cors: { origin: '*' } }",
        "{ variables: { a: { type: array, items: { typ: string } } } }",
        "{ response: { content_type: html } }",
        "{ response: { aborted: { code: 1 } } }",
    ] {
        let text = document(webhook);
        let value: Value = serde_yaml_ng::from_str(&text).expect("YAML");
        let is_known = webhook != "{ preset: githup }";
        assert!(!validator.is_valid(&value), "the schema accepts {webhook}");
        assert!(!is_known || read(&text).is_err(), "the reader accepts {webhook}");
    }
}

#[test]
fn short_forms_are_written_short() {
    let workflow = readable(
        "{ preset: github, secret: [a], dedupe: { window: 72h }, auth: { any: [{ bearer: [b] }, { shared_key: [a, b] }] } }",
    );
    let Trigger::Webhook(trigger) = &workflow.triggers[0];
    assert_eq!(trigger.dedupe, Some(Dedupe::On { key: None, window: Some(Dedupe::WINDOW) }));
    assert!(matches!(trigger.auth.as_ref().expect("auth").credentials()[0], Credential::Bearer(_)));
    let yaml = to_yaml(&workflow);
    let expected = "triggers:\n- webhook:\n    preset: github\n    secret: a\n    auth:\n      any:\n      - bearer: b\n      - shared_key:\n        - a\n        - b\n    dedupe:\n      window: 3d\n";
    assert!(yaml.contains(expected), "{yaml}");
}
