//! `hookmill draft`: saved, shown, tested, published, dropped; and what other commands tell of it.

use hookmill_testkit::TestApp;
use serde_json::json;

use crate::cli::{code, lines};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const GOOD: &str = "hookmill: 1\nname: Drafted # by hand\ntriggers: [{ webhook: {} }]\nsteps: [{ set: { a: 1 } }]\n";
const BAD: &str = "hookmill: 1\nname: Drafted\nsteps: [{ use: lgo, with: {} }]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_saved_tested_and_published_with_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::start(BINARY).await;
    let file = |text: &str| {
        let path = folder.path().join("draft.yaml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let bad = app.remote_command(&["draft", "save", &file(BAD)]).output();
    assert_eq!(code(&bad), 0, "it is kept all the same: {}", bad.stderr);
    assert!(bad.stdout.contains("not valid") && bad.stderr.contains("steps[0].use: "), "{}{}", bad.stdout, bad.stderr);
    let refused = app.remote_command(&["draft", "publish", "Drafted"]).output();
    assert_eq!(code(&refused), 6);
    assert!(refused.stderr.contains("steps[0].use: "), "{}", refused.stderr);

    let saved = lines(&app.remote_command(&["draft", "save", &file(GOOD), "--json"]).output());
    let url = saved[0]["hooks"][0]["test_url"].as_str().unwrap();
    let told = app.remote_command(&["draft", "save", &file(GOOD)]).output();
    assert!(told.stdout.contains(url) && told.stderr.is_empty(), "{}{}", told.stdout, told.stderr);
    let path = url.strip_prefix(&format!("http://{}", app.address())).unwrap();
    let tested = app.client().answer(app.client().request("POST", path).json(&json!({}))).await;
    app.finished(&tested.run_id()).await;
    for (arguments, wanted) in [
        (&["runs"][..], "test"),
        (&["deliveries", "--test", "true"], &tested.delivery_id()),
        (&["hook", "show", url], url),
        (&["explain", "POST", url], "the draft answers"),
    ] {
        let output = app.remote_command(arguments).output();
        assert!(code(&output) == 0 && output.stdout.contains(wanted), "{arguments:?}: {}{}", output.stdout, output.stderr);
    }
    assert!(lines(&app.remote_command(&["deliveries", "--test", "false", "--json"]).output()).is_empty());
    let shown = app.remote_command(&["draft", "show", "Drafted"]).output();
    assert_eq!((code(&shown), shown.stdout.as_str()), (0, GOOD), "as it was written");

    let exported = folder.path().join("exported");
    let output = app.remote_command(&["export", "--all", exported.to_str().unwrap()]).output();
    assert!(code(&output) == 0 && output.stderr.contains("never published"), "{}", output.stderr);
    assert_eq!(std::fs::read_dir(&exported).unwrap().count(), 0);
    let published = app.remote_command(&["draft", "publish", "Drafted"]).output();
    assert!(published.stdout.contains("published as revision 2"), "{}{}", published.stdout, published.stderr);
    assert_eq!(code(&app.remote_command(&["draft", "show", "Drafted"]).output()), 3, "it is done with");
    assert_eq!(code(&app.remote_command(&["draft", "save", &file(BAD)]).output()), 0);
    let dropped = app.remote_command(&["draft", "drop", "Drafted"]).output();
    assert!(code(&dropped) == 0 && !dropped.stdout.contains("gone"), "{}", dropped.stdout);
    assert_eq!(code(&app.remote_command(&["draft", "drop", "Drafted"]).output()), 3);
    let other = file(&GOOD.replace("Drafted", "Thrown away"));
    assert_eq!(code(&app.remote_command(&["draft", "save", &other]).output()), 0);
    let dropped = app.remote_command(&["draft", "drop", "Thrown away"]).output();
    assert!(code(&dropped) == 0 && dropped.stdout.contains("it is gone with all its URLs"), "{}", dropped.stdout);
    assert_eq!(code(&app.remote_command(&["draft", "show", "Thrown away"]).output()), 3);
    let nameless = app.remote_command(&["draft", "save", &file("{")]).output();
    assert!(code(&nameless) == 6 && nameless.stderr.contains("`name`"), "{}", nameless.stderr);
    assert_eq!(code(&app.remote_command(&["draft", "save", &file("{"), "--name", "Drafted"]).output()), 0);
}
