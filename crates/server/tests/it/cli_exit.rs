//! How commands end that cannot do what they were asked for.

use crate::cli::{alone, code, with_hello};

#[tokio::test]
async fn mistakes_have_the_documented_exit_codes() {
    for (arguments, expected, says) in [
        (&["runs", "--url", "http://127.0.0.1:1"] as &[&str], 5, "cannot be reached"),
        (&["runs", "--url", "nonsense"], 2, "--url"),
        (&["runs", "--key", "a b"], 2, "--key"),
        (&["frobnicate"], 2, "unrecognized"),
        (&["verify", "--data", "/nonexistent/hookmill"], 70, "/nonexistent/hookmill"),
        (&["serve", "--listen", "nonsense"], 2, "--listen"),
        (&["verify", "--database", "mysql://x"], 2, "postgres://"),
        (&["key", "revoke", "nonsense", "--data", "x"], 3, "key_"),
    ] {
        let output = alone(arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(says), "{arguments:?}: {}", output.stderr);
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", output.stdout);
    }
    let help = alone(&["--help"]);
    assert!(code(&help) == 0 && help.stdout.contains("Exit codes"), "{}", help.stdout);
}

#[tokio::test]
async fn what_does_not_exist_is_told_apart_from_what_has_nothing() {
    // An unknown name or id ends with 3, whatever it is; a filter that meets nothing is an empty list.
    let folder = tempfile::tempdir().unwrap();
    let (app, workflow, _) = with_hello(folder.path()).await;
    for (arguments, expected, says) in [
        (&["runs", "--workflow", "wf_nope"] as &[&str], 3, "wf_nope"),
        (&["runs", "--workflow", "wf_0000000000001"], 3, "wf_0000000000001"),
        (&["runs", "--workflow", "Nope"], 3, "Nope"),
        (&["runs", "--delivery", "dlv_nope"], 3, "dlv_nope"),
        (&["runs", "--delivery", "dlv_0000000000001"], 3, "dlv_0000000000001"),
        (&["runs", "run_nope"], 3, "run_nope"),
        (&["runs", "run_0000000000001"], 3, "run_0000000000001"),
        (&["run", "wf_nope"], 3, "wf_nope"),
        (&["export", "wf_0000000000001"], 3, "wf_0000000000001"),
        (&["deliveries", "--hook", "hook_nope"], 3, "hook_nope"),
        (&["replay", "dlv_nope"], 3, "dlv_nope"),
        (&["replay", "--all", "--hook", "nope"], 3, "nope"),
        (&["key", "revoke", "key_nope"], 3, "key_nope"),
        (&["runs", "--state", "sleeping"], 2, "sleeping"),
        (&["runs", "--workflow", &workflow], 0, "no such runs"),
    ] {
        let output = app.remote_command(arguments).output();
        assert_eq!(code(&output), expected, "{arguments:?}: {}", output.stderr);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}
