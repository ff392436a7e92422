//! Starting and stopping: order, sentences, exit codes.

use std::os::unix::fs::PermissionsExt as _;

use hookmill_server::cli::Exit;
use hookmill_server::config::Config;
use hookmill_server::serve;
use tokio_util::sync::CancellationToken;

use crate::running::{Running, config_in};

async fn fails(config: Config, master_key: Option<&str>) -> (Exit, String) {
    let ready = |address| panic!("it serves on {address}");
    let error = serve::run(config, master_key, CancellationToken::new(), ready).await.unwrap_err();
    (error.exit(), error.to_string())
}

#[tokio::test]
async fn whatever_is_in_the_way_is_one_sentence_with_its_exit_code() {
    // Port, folder, owner, master key, database, network list.
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| config_in(&folder.path().join(name));

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = in_folder("port");
    config.server.listen = taken.local_addr().unwrap();
    let (code, text) = fails(config, None).await;
    assert!(code == Exit::Failed && text.contains("another program") && text.contains("--listen"), "{code:?} {text}");

    std::fs::write(folder.path().join("file"), "x").unwrap();
    let (code, text) = fails(in_folder("file"), None).await;
    assert!(code == Exit::Storage && text.contains("--data"), "{code:?} {text}");

    let key = in_folder("key");
    std::fs::create_dir_all(&key.store.data).unwrap();
    std::fs::write(key.store.data.join("master.key"), "ab".repeat(32)).unwrap();
    std::fs::set_permissions(key.store.data.join("master.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = fails(key, None).await;
    assert!(code == Exit::Storage && text.contains("chmod 600"), "{code:?} {text}");
    let (code, text) = fails(in_folder("variable"), Some("short")).await;
    assert!(code == Exit::Storage && text.contains("HOOKMILL_MASTER_KEY"), "{code:?} {text}");

    let mut config = in_folder("net");
    config.net.allow = vec!["not a host!".into()];
    let (code, text) = fails(config, None).await;
    assert!(code == Exit::Usage && text.contains("`net.allow`"), "{code:?} {text}");
}

#[tokio::test]
async fn a_folder_has_one_server_and_is_free_again_after_its_stop() {
    // The second is told who the first is; after the first has stopped it starts, with everything kept.
    let folder = tempfile::tempdir().unwrap();
    let first = Running::with(|config| config.store.data = folder.path().into()).await;
    first.client.secret("kept", "value").await;
    let (code, text) = fails(config_in(folder.path()), None).await;
    assert!(code == Exit::Storage && text.contains(&format!("process {}", std::process::id())), "{code:?} {text}");
    first.stop().await;
    let second = Running::with(|config| config.store.data = folder.path().into()).await;
    assert_eq!(second.client.list("/api/v1/secrets").await.len(), 1);
    second.stop().await;
}
