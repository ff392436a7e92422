//! Starts that must be refused: each with a message that says what to do, and without harm to what is there.

use std::net::TcpListener;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Builder, Database, Invocation, NotReady, Output};
use hookmill_testkit::postgres::{PASSWORD, fresh_database};
use hookmill_testkit::small_disk::SmallDisk;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// The message of a start that must fail, and fail by itself.
async fn refused(builder: Builder) -> String {
    match builder.leftovers_allowed().try_start().await {
        Ok(_) => panic!("the server started"),
        Err(NotReady { status: None, stderr }) => panic!("neither ready nor ended:\n{stderr}"),
        Err(NotReady { status: Some(status), stderr }) => {
            assert!(!status.success(), "it failed with exit code 0:\n{stderr}");
            assert!(!stderr.contains("panicked"), "{stderr}");
            stderr
        }
    }
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

#[tokio::test]
async fn a_data_folder_has_one_process() {
    let app = TestApp::start(BINARY).await;
    let second = Invocation::new(
        BINARY,
        ["serve".as_ref(), "--listen".as_ref(), "127.0.0.1:0".as_ref(), "--data".as_ref(), app.data().as_os_str()],
    );
    let Output { status, stdout, stderr } = second.output();
    assert!(!status.success() && !stdout.contains("ready"), "{stdout}");
    assert_says(&stderr, &["in use", &app.data().display().to_string()]);
    // The first one does not notice.
    assert_eq!(app.runs().await.len(), 0);
}

#[tokio::test]
async fn a_read_only_data_folder_is_named() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let data = disk.path().join("data");
    let mut app =
        TestApp::builder(BINARY).data(&data).config("[store]\ndisk_floor = \"1MiB\"\ndisk_reserve = \"1MiB\"\n").start().await;
    app.stop().await;
    disk.make_read_only();
    let message = refused(TestApp::builder(BINARY).data(&data)).await;
    assert_says(&message, &[&data.display().to_string(), "read-only"]);
}

#[tokio::test]
async fn a_file_in_the_place_of_the_data_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::write(&data, "not a folder").unwrap();
    let message = refused(TestApp::builder(BINARY).data(&data)).await;
    assert_says(&message, &[&data.display().to_string()]);
    assert_eq!(std::fs::read_to_string(&data).unwrap(), "not a folder");
}

#[tokio::test]
async fn data_of_a_newer_version_is_left_alone_on_sqlite() {
    newer_data_is_left_alone(Database::Sqlite).await;
}

#[tokio::test]
async fn data_of_a_newer_version_is_left_alone_on_postgres() {
    newer_data_is_left_alone(Database::Postgres(fresh_database().await)).await;
}

async fn newer_data_is_left_alone(database: Database) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut app = TestApp::builder(BINARY).database(database.clone()).data(&data).start().await;
    app.stop().await;
    app.execute_sql("INSERT INTO schema_version (number, name, made_at) VALUES (9999, 'from the future', 0)").await;
    let Err(NotReady { status: Some(status), stderr }) = app.try_restart() else { panic!("it started") };
    assert!(!status.success());
    assert_says(&stderr, &["9999", "newer"]);
    app.execute_sql("DELETE FROM schema_version WHERE number = 9999").await;
    app.restart();
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let serve = Invocation::new(
        BINARY,
        ["serve".as_ref(), "--listen".as_ref(), address.as_ref(), "--data".as_ref(), folder.path().as_os_str()],
    );
    let Output { status, stderr, .. } = serve.output();
    assert!(!status.success());
    assert_says(&stderr, &[&address, "--listen"]);
}

#[tokio::test]
async fn an_unreachable_postgres_is_named_without_its_password() {
    // Bound and not listening: nobody else takes the port, and connections are refused.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://hookmill:{PASSWORD}@127.0.0.1:{port}/hookmill");
    let message = refused(TestApp::builder(BINARY).database(Database::Postgres(url))).await;
    assert_says(&message, &[&format!("127.0.0.1:{port}")]);
    assert!(!message.contains(PASSWORD), "{message}");
}

#[tokio::test]
async fn an_unknown_key_in_the_configuration_is_named_with_the_closest_one() {
    let message = refused(TestApp::builder(BINARY).config("[store]\ndisk_flor = \"1GiB\"\n")).await;
    assert_says(&message, &["disk_flor", "disk_floor"]);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut app = TestApp::start(BINARY).await;
    let text = "hookmill: 1\nname: Kept\ntriggers: [{ webhook: {} }]\nsteps: [{ set: { seen: \"{{ webhook.body }}\" } }]\n";
    let published = app.publish(text).await;
    let run = app.send(published.hook(), &serde_json::json!({ "a": 1 })).await.run_id();
    let before = app.finished(&run).await;
    app.stop().await;
    app.restart();
    assert_eq!(app.run(&run).await, before, "a stored run does not change");
    let again = app.publish(text).await;
    assert_eq!((again.revision, &again.hook().url), (1, &published.hook().url), "the same text is the same revision and URL");
    let next = app.send(published.hook(), &serde_json::json!({ "a": 2 })).await.run_id();
    assert_eq!(app.finished(&next).await["state"], "succeeded");
}
