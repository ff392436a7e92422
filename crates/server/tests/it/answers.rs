//! What senders are answered: forms of bodies, and the answers for runs that do not end well or in time.

use hookmill_store::runs::RunRow;
use hookmill_testkit::patience::until;

use crate::door::Door;

fn document(response: &str, steps: &str) -> String {
    format!("hookmill: 1\nname: A\ntriggers:\n  - webhook: {{ response: {{ {response} }} }}\nsteps:\n{steps}\n")
}

/// Status, content type and body of the answer to a request with `{"name":"<Ann> & \"Bob\""}`.
async fn answered(door: &Door, response: &str, steps: &str) -> (u16, String, String) {
    let path = door.publish(&document(response, steps)).await;
    let answer = door.json(&path, r#"{"name":"<Ann> & \"Bob\""}"#).await;
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
    let content_type = answer.header("content-type").unwrap().to_owned();
    (answer.status, content_type, String::from_utf8(answer.body.to_vec()).unwrap())
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const STEP: &str = "  - id: made\n    set: { user: { '@n': 1, name: '{{ webhook.name }}' } }";

#[tokio::test]
async fn fixed_text_json_and_xml_are_answered_at_once() {
    let door = Door::open().await;
    for (response, content_type, body) in [
        ("content_type: text, body: ok", TEXT, "ok"),
        ("content_type: text, body: { code: 0 }", TEXT, r#"{"code":0}"#),
        ("content_type: json, body: { code: 0 }", JSON, r#"{"code":0}"#),
        ("content_type: json, body: ok", JSON, r#""ok""#),
        ("content_type: xml, body: '<xml><code>0</code></xml>'", XML, "<xml><code>0</code></xml>"),
        (
            "content_type: xml, body: { reply: { '@v': 1, to: '{{ webhook.name }}' } }",
            XML,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><reply v=\"1\"><to>&lt;Ann&gt; &amp; &quot;Bob&quot;</to></reply>",
        ),
        ("body: 'Hello {{ webhook.name }}'", TEXT, "Hello <Ann> & \"Bob\""),
    ] {
        let answer = answered(&door, response, STEP).await;
        assert_eq!(answer, (200, content_type.to_owned(), body.to_owned()), "{response}");
    }
    door.close().await;
}

#[tokio::test]
async fn an_object_of_a_step_the_output_and_a_respond_step_take_the_form_that_is_asked_for() {
    let door = Door::open().await;
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><user n=\"1\"><name>&lt;Ann&gt; &amp; &quot;Bob&quot;</name></user>";
    let respond = format!("{STEP}\n  - respond: {{ status: 201, body: '{{{{ steps.made }}}}' }}");
    for (response, steps, status, content_type, body) in [
        ("mode: when_finished, content_type: xml", STEP, 200, XML, xml),
        ("mode: when_finished, content_type: xml, body: '{{ steps.made }}'", STEP, 200, XML, xml),
        ("mode: respond, content_type: xml", &*respond, 201, XML, xml),
        ("mode: when_finished, content_type: text, body: '{{ steps.made.user.name }}'", STEP, 200, TEXT, "<Ann> & \"Bob\""),
        (
            "mode: when_finished, content_type: json, body: { who: '{{ steps.made.user.name }}' }",
            STEP,
            200,
            JSON,
            r#"{"who":"<Ann> & \"Bob\""}"#,
        ),
    ] {
        let answer = answered(&door, response, steps).await;
        assert_eq!(answer, (status, content_type.to_owned(), body.to_owned()), "{response}");
    }
    door.close().await;
}

#[tokio::test]
async fn a_passed_deadline_has_an_answer_of_its_own() {
    let door = Door::open().await;
    let waits = "  - wait: 1h";
    for (response, status, content_type, body) in [
        ("on_deadline: { status: 504, body: 'still at {{ webhook.name }}' }", 504, TEXT, "still at <Ann> & \"Bob\""),
        ("on_deadline: { body: { later: true } }, content_type: text", 202, TEXT, r#"{"later":true}"#),
        ("on_deadline: { body: later, content_type: json }, content_type: xml", 202, JSON, r#""later""#),
    ] {
        let response = format!("mode: when_finished, deadline: 50ms, headers: {{ X-Out: '{{{{ output }}}}' }}, {response}");
        let answer = answered(&door, &response, waits).await;
        assert_eq!(answer, (status, content_type.to_owned(), body.to_owned()), "{response}");
    }
    // Without a body only the status is another one.
    let (status, _, body) = answered(&door, "mode: when_finished, deadline: 50ms, on_deadline: { status: 200 }", waits).await;
    assert!(status == 200 && body.contains("run_id"), "{status} {body}");
    door.close().await;
}

/// The only run that has not ended, once there is one.
async fn open_run(door: &Door) -> RunRow {
    until("a run has begun", async || {
        let runs = door.store.runs(&Default::default(), 10).await.unwrap().items;
        let open = runs.into_iter().find(|run| !run.state.is_final())?;
        door.store.run(open.id).await.unwrap()
    })
    .await
}

#[tokio::test]
async fn a_run_that_was_cancelled_has_an_answer_of_its_own() {
    let door = Door::open().await;
    for (response, status, content_type, body) in [
        ("aborted: { status: 409, content_type: xml, body: '<aborted/>' }, on_failure: { status: 502 }", 409, XML, "<aborted/>"),
        ("content_type: text, aborted: { body: '{{ run.error.message }}' }", 500, TEXT, "not wanted"),
        ("on_failure: { status: 502, body: failed }", 502, TEXT, "failed"),
    ] {
        let path = door.publish(&document(&format!("mode: when_finished, {response}"), "  - wait: 1h")).await;
        let cancel = async {
            let run = open_run(&door).await;
            until("it is cancelled", async || door.worker.cancel(run.id, "not wanted".into()).await.ok()).await;
        };
        let (answer, ()) = tokio::join!(door.json(&path, "{}"), cancel);
        let got = (answer.status, answer.header("content-type"), String::from_utf8_lossy(&answer.body).into_owned());
        assert_eq!(got, (status, Some(content_type), body.to_owned()), "{response}");
    }
    door.close().await;
}

#[tokio::test]
async fn the_answer_for_a_failed_run_has_a_content_type_and_the_headers_that_can_be_made() {
    let door = Door::open().await;
    let fails = "  - stop: { failure: 'no stock' }";
    let response = "mode: when_finished, headers: { X-Run: '{{ run.id }}', X-Out: '{{ output.nothing }}' }, \
                    on_failure: { status: 502, content_type: xml, body: { error: '{{ run.error.message }} <>' } }";
    let path = door.publish(&document(response, fails)).await;
    let answer = door.json(&path, "{}").await;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!((answer.status, answer.header("content-type")), (502, Some(XML)), "{answer:?}");
    assert_eq!(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error>no stock &lt;&gt;</error>");
    assert!(answer.header("x-run").unwrap().starts_with("run_"));
    assert_eq!(answer.header("x-out"), None);
    door.close().await;
}
