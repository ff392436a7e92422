//! What senders are told about the hooks of a workspace.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use hookmill_engine::workflow::{PRESETS, PresetInfo};
use hookmill_store::keys::Role;
use serde_json::{Value, json};

use crate::running::Running;

/// Where the description of the first workspace is.
const DESCRIPTION: &str = "/api/v1/workspaces/main/openapi.json";

/// Everything that shapes a description, more than one thing a hook.
const RICH: &str = r##"
hookmill: 1
name: 'Orders <b>& "more"</b>'
triggers:
  - webhook:
      label: Order
      description: Takes an order.
      path: orders/:shop/:n
      methods: [POST, PUT, GET, DELETE]
      auth: { any: [{ all: [{ shared_key: k }, { header: { name: X-Token, secret: k } }] }, { basic: { user: 'a"b', secret: k } }, { app_key: k }] }
      allow_ips: [10.0.0.0/8, 127.0.0.1]
      only_if: "{{ webhook.total > 1 }}"
      encodings: [gzip]
      dedupe: { header: X-Once }
      variables:
        n: { type: number }
        total: { type: number, required: true, example: 5.5, description: Of the order. }
        email: { type: string, from: { body: customer.email }, required: true, example: a@b.example }
        sku: { type: string, from: { body: items.0.sku } }
        trace: { type: string, from: { header: X-Trace } }
        dry: { type: boolean, from: { query: dry }, default: false }
        tags: { type: array, items: { type: string, example: red } }
        address: { type: object, fields: { city: { type: string, required: true }, zip: { type: string } } }
      response: { status: 201, headers: { X-Kind: order, X-Run: "{{ run.id }}" }, body: { ok: true, id: "{{ run.id }}" } }
  - webhook:
      label: Checked
      path: checked
      full_body: all
      dedupe: false
      schema:
        type: object
        required: [id, at]
        properties: { id: { $ref: "#/$defs/id" }, at: { type: string, format: date-time }, self: { $ref: "#" } }
        $defs: { id: { type: integer, minimum: 7 } }
      response: { body: "thank you" }
  - webhook:
      label: Anchored
      path: anchored
      schema: { $ref: "#part", $defs: { p: { $anchor: part, type: object } } }
      response: { mode: when_finished, deadline: 5s, on_failure: { status: 502, body: { error: "{{ run.error.message }}" } } }
  - webhook: { label: Asked, path: asked, response: { mode: respond } }
  - webhook: { label: Nothing, variables: {} }
steps: []
"##;

/// A document whose only trigger has a preset and what that needs.
fn with_preset(preset: &PresetInfo) -> String {
    let mut trigger = json!({ "preset": preset.id, "secret": "preset_secret" });
    if preset.secret == hookmill_engine::workflow::SecretUse::Unused {
        trigger.as_object_mut().unwrap().remove("secret");
    }
    for need in preset.needs {
        trigger[*need] = match *need {
            "signature" => {
                json!({ "header": "X-Sig", "grammar": "pairs", "timestamp_key": "t", "signed": ["timestamp", ".", "body"] })
            }
            _ => json!("preset_secret"),
        };
    }
    if !preset.is_product() {
        trigger["path"] = format!("from/{}", preset.id).into();
    }
    json!({ "hookmill": 1, "name": preset.id, "triggers": [{ "webhook": trigger }], "steps": [] }).to_string()
}

/// Fails with everything that an OpenAPI validator has against a description.
fn assert_valid(description: &Value) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    assert!(python.exists(), "run scripts/test-setup.sh first: there is no {}", python.display());
    let program = "import json, sys\n\
                   from openapi_spec_validator import OpenAPIV31SpecValidator as Validator\n\
                   errors = list(Validator(json.load(sys.stdin)).iter_errors())\n\
                   for error in errors: print(list(error.absolute_path), error.message[:300])\n\
                   sys.exit(bool(errors))";
    let mut validator = Command::new(python);
    let validator = validator.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut validator = validator.spawn().unwrap();
    validator.stdin.take().unwrap().write_all(description.to_string().as_bytes()).unwrap();
    let output = validator.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the description is not valid:\n{said}");
}

#[tokio::test]
async fn descriptions_of_every_preset_and_option_are_valid_openapi() {
    // One workspace with everything, read as a member and as everyone, judged by an OpenAPI 3.1 validator.
    let server = Running::start().await;
    let client = &server.client;
    for secret in ["k", "preset_secret"] {
        client.secret(secret, "c2VjcmV0c2VjcmV0c2VjcmV0").await;
    }
    client.publish(RICH).await;
    for preset in PRESETS {
        client.publish(&with_preset(preset)).await;
    }
    let all = client.get(DESCRIPTION).await;
    assert_valid(&all);
    assert_eq!(all["openapi"], "3.1.0");
    assert_eq!(all["paths"].as_object().unwrap().len(), PRESETS.len() + 5);
    assert_eq!(client.call("PATCH", "/api/v1/workspaces/main", Some(&json!({ "public_docs": true }))).await.status, 200);
    let public = client.answer(client.request("GET", DESCRIPTION)).await;
    assert_eq!(public.status, 200);
    assert_valid(&public.json());
    server.stop().await;
}

#[tokio::test]
async fn a_description_tells_what_a_sender_needs() {
    // Parameters, bodies, examples, credentials and answers of a rich document, member for member.
    let server = Running::start().await;
    let client = &server.client;
    client.publish(RICH).await;
    let description = client.get(DESCRIPTION).await;
    let order = &description["paths"]["/hooks/main/orders/{shop}/{n}"];
    let post = &order["post"];
    let parameter = |operation: &Value, place: &str, name: &str| {
        let found = operation["parameters"].as_array().unwrap().iter().find(|one| one["in"] == place && one["name"] == name);
        found.cloned().unwrap_or_else(|| panic!("no {name} in {place} of {operation}"))
    };
    assert_eq!(post["summary"], "Order");
    assert!(post["description"].as_str().unwrap().starts_with("Takes an order.\n\n"), "{post}");
    assert_eq!(parameter(post, "path", "n")["schema"]["type"], "number");
    assert_eq!(parameter(post, "header", "X-Trace")["required"], false);
    assert_eq!(parameter(post, "header", "X-Once")["required"], false);
    assert_eq!(parameter(&order["get"], "query", "customer[email]")["required"], true);
    assert!(order["get"]["requestBody"].is_null() && order["delete"]["requestBody"].is_object());
    let body = &post["requestBody"]["content"]["application/json"];
    let schema = body["schema"]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
    let schema = description.pointer(schema).unwrap();
    assert_eq!(schema["required"], json!(["total", "customer"]));
    assert_eq!(schema["properties"]["customer"]["required"], json!(["email"]));
    assert_eq!(schema["properties"]["total"]["examples"], json!([5.5]));
    assert_eq!(body["example"]["customer"], json!({ "email": "a@b.example" }));
    assert_eq!(body["example"]["tags"], json!(["red"]));
    assert_eq!(post["security"].as_array().unwrap().len(), 3, "three ways in: {}", post["security"]);
    let first: Vec<&String> = post["security"][0].as_object().unwrap().keys().collect();
    assert_eq!(first, ["shared_key", "header_x-token"]);
    assert_eq!(post["responses"]["201"]["headers"]["X-Kind"]["example"], "order");
    assert!(post["responses"]["201"]["headers"]["X-Run"]["example"].is_null(), "expressions are not told");
    for status in ["200", "400", "401", "403", "404", "408", "413", "415", "422", "500", "503", "507"] {
        assert!(post["responses"][status].is_object(), "{status} of {}", post["responses"]);
    }
    let checked = &description["paths"]["/hooks/main/checked"]["post"];
    assert_eq!(checked["responses"]["200"]["content"]["text/plain"]["examples"]["answer1"]["value"], "thank you");
    assert_eq!(checked["requestBody"]["content"]["application/json"]["example"]["id"], 7);
    assert_eq!(checked["security"], json!([{}]));
    assert!(checked["responses"]["422"].is_null() && checked["responses"]["401"].is_null());
    let text = description.to_string();
    for hidden in ["10.0.0.0", "run.error", "webhook.total", "preset_secret"] {
        assert!(!text.contains(hidden), "{hidden} is nobody's business");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_description_tells_what_the_door_does_besides() {
    // Split bodies, limits, browsers, compression, CloudEvents, answers as XML and text, of late and cancelled runs; and all of it
    // judged by a validator.
    const LATE: &str = r#"
hookmill: 1
name: Late
triggers:
  - webhook:
      label: Split
      path: split/:shop
      split: $.data[0].items
      rate_limit: { requests: 7, per: 1m }
      cors: { origins: [https://shop.example] }
      encodings: [gzip, zstd]
      variables: { sku: { type: string, required: true, example: A-1 } }
  - webhook: { label: List, path: list, split: $ }
  - webhook: { label: Events, path: events, preset: cloudevents }
  - webhook: { label: Topic, path: topic, preset: sns }
  - webhook: { label: Mail, path: mail, preset: mailgun, secret: k }
  - webhook:
      label: Waits
      path: waits
      response:
        mode: when_finished
        content_type: xml
        body: { ok: 1 }
        on_deadline: { status: 203, body: later, content_type: text }
        aborted: { status: 499, body: { stopped: true } }
steps: []
"#;
    let server = Running::start().await;
    let client = &server.client;
    client.secret("k", "c2VjcmV0c2VjcmV0c2VjcmV0").await;
    client.publish(LATE).await;
    let description = client.get(DESCRIPTION).await;
    assert_valid(&description);
    let at = |path: &str| &description["paths"][path];
    let split = &at("/hooks/main/split/{shop}");
    let body = &split["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(body["example"], json!({ "data": [{ "items": [{ "sku": "A-1" }] }] }));
    assert_eq!((&body["schema"]["required"], &body["schema"]["properties"]["data"]["minItems"]), (&json!(["data"]), &json!(1)));
    let accepted = &split["post"]["responses"]["202"];
    assert!(accepted["content"]["application/json"]["examples"]["answer1"]["value"]["run_ids"].is_array(), "{accepted}");
    for name in ["Hookmill-Duplicate", "RateLimit", "RateLimit-Policy"] {
        assert!(accepted["headers"][name].is_object(), "{name}: {accepted}");
    }
    let referred = split["post"]["responses"]["429"]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
    let refused = &description.pointer(referred).unwrap()["headers"];
    assert!(refused["Retry-After"].is_object() && refused["RateLimit-Policy"].is_object(), "{refused}");
    let encoding = split["post"]["parameters"].as_array().unwrap().iter().find(|one| one["name"] == "Content-Encoding").unwrap();
    assert_eq!(encoding["schema"]["enum"], json!(["gzip", "zstd"]));
    assert!(split["options"]["responses"]["204"]["headers"]["Access-Control-Allow-Origin"].is_object());
    assert!(at("/hooks/main/list")["options"].is_null(), "only where pages may call");
    assert_eq!(at("/hooks/main/list")["post"]["requestBody"]["content"]["application/json"]["example"], json!([{}]));
    let events = &at("/hooks/main/events")["post"];
    assert!(events["requestBody"]["content"]["application/cloudevents-batch+json"].is_object());
    assert!(events["parameters"].as_array().unwrap().iter().any(|one| one["name"] == "ce-id"), "{events}");
    assert!(at("/hooks/main/topic")["post"]["requestBody"]["content"]["text/plain"].is_object());
    assert!(at("/hooks/main/mail")["post"]["responses"]["202"].is_null(), "a failure to Mailgun");
    assert!(at("/hooks/main/mail")["post"]["responses"]["200"].is_object());
    let waits = &at("/hooks/main/waits")["post"]["responses"];
    let example = |status: &str, media: &str| waits[status]["content"][media]["examples"]["answer1"]["value"].clone();
    assert_eq!(example("200", "application/xml"), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ok>1</ok>");
    assert_eq!(example("203", "text/plain"), "later");
    assert!(example("499", "application/xml").as_str().unwrap().contains("<stopped>true</stopped>"), "{waits}");
    server.stop().await;
}

#[tokio::test]
async fn only_members_learn_secret_urls() {
    // Without a key nothing at all until the owner says so, and then only URLs that are not enough to call.
    let server = Running::start().await;
    let client = &server.client;
    client.secret("k", "v").await;
    let hook =
        |name: &str, trigger: &str| format!("hookmill: 1\nname: {name}\ntriggers: [{{ webhook: {trigger} }}]\nsteps: []\n");
    let token = client.publish(&hook("token", "{ auth: { any: [{ bearer: k }] } }")).await.hook().url.clone();
    client.publish(&hook("own", "{ path: own/way }")).await;
    client.publish(&hook("open", "{ preset: smashsend, ids: { workspace: wrk_1, workflow: flw_1 } }")).await;
    client.publish(&hook("keyed", "{ preset: vectense, secret: k, ids: { workspace: a, workflow: b } }")).await;
    client.publish(&hook("keyed token", "{ preset: hap, secret: k }")).await;
    let everyone = async || client.answer(client.request("GET", DESCRIPTION)).await;
    let paths = |description: &Value| description["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for path in [DESCRIPTION, "/api/v1/workspaces/nobody/openapi.json"] {
        let refused = client.answer(client.request("GET", path)).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").is_some());
    }
    let viewer = server.client_as(Role::Viewer).await;
    let members = paths(&viewer.get(DESCRIPTION).await);
    assert_eq!(members.len(), 5);
    assert!(members.iter().any(|path| token.ends_with(path)), "{members:?}");
    client.call("PATCH", "/api/v1/workspaces/main", Some(&json!({ "public_docs": true }))).await;
    let public = everyone().await.json();
    assert_eq!(paths(&public), ["/hooks/main/own/way", "/api/webhook/a/b"]);
    assert_eq!(client.with_key("hmk_wrong").call("GET", DESCRIPTION, None).await.status, 401);
    client.call("PATCH", "/api/v1/workspaces/main", Some(&json!({ "public_docs": false }))).await;
    assert_eq!(everyone().await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_large_workspace_is_told_in_pages() {
    // More hooks than one page has, of workflows with twenty triggers each; also one workflow alone.
    const WORKFLOWS: usize = 26;
    let server = Running::start().await;
    let client = &server.client;
    for number in 0..WORKFLOWS {
        let triggers: Vec<Value> = (0..20).map(|one| json!({ "webhook": { "label": format!("{one}") } })).collect();
        let document = json!({ "hookmill": 1, "name": format!("w{number}"), "triggers": triggers, "steps": [] });
        client.publish(&document.to_string()).await;
    }
    let mut told = std::collections::BTreeSet::new();
    let mut path = DESCRIPTION.to_owned();
    let mut pages = 0;
    loop {
        let page = client.get(&path).await;
        pages += 1;
        told.extend(page["paths"].as_object().unwrap().keys().cloned());
        let Some(next) = page["x-hookmill-next"].as_str() else { break };
        path = format!("{DESCRIPTION}?cursor={next}");
    }
    assert_eq!((pages, told.len()), (2, WORKFLOWS * 20));
    let one = client.get(&format!("{DESCRIPTION}?workflow=w7")).await;
    assert_eq!(one["paths"].as_object().unwrap().len(), 20);
    assert_eq!(client.call("GET", &format!("{DESCRIPTION}?workflow=nothing"), None).await.status, 404);
    assert_eq!(client.call("GET", &format!("{DESCRIPTION}?cursor=nonsense"), None).await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn the_page_holds_nothing_itself_and_loads_nothing_else() {
    // The same page for everyone, with a policy that lets only its own files in, and a script that makes no markup of data.
    let server = Running::start().await;
    let client = &server.client;
    for (path, content_type) in [
        ("/docs/main", "text/html; charset=utf-8"),
        ("/docs/nobody", "text/html; charset=utf-8"),
        ("/docs/assets/page.js", "text/javascript; charset=utf-8"),
        ("/docs/assets/page.css", "text/css; charset=utf-8"),
    ] {
        let answer = client.answer(client.request("GET", path)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'; script-src 'self';"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        for dangerous in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://", "Storage"]
        {
            assert!(!answer.text().contains(dangerous), "{dangerous} in {path}");
        }
    }
    server.stop().await;
}
