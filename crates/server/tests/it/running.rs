//! A server in this process, on a free port and a folder of its own.

use std::path::{Path, PathBuf};

use hookmill_server::config::Config;
use hookmill_server::serve;
use hookmill_store::Store;
use hookmill_store::keys::Role;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_testkit::app::Client;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running server.
pub(crate) struct Running {
    /// Has the role owner.
    pub(crate) client: Client,
    config: Config,
    stop: CancellationToken,
    served: JoinHandle<Result<(), serve::Error>>,
    _folder: TempDir,
}

/// The defaults, in that folder, on any free port.
pub(crate) fn config_in(folder: &Path) -> Config {
    let mut config = Config::default();
    config.store.data = PathBuf::from(folder);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With something set.
    pub(crate) async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config_in(folder.path());
        set(&mut config);
        let (stop, (said, heard)) = (CancellationToken::new(), oneshot::channel());
        let ready = move |address| said.send(address).unwrap();
        let served = tokio::spawn(serve::run(config.clone(), None, stop.clone(), ready));
        let Ok(address) = heard.await else { panic!("it did not start: {:?}", served.await) };
        let key = make_key(&config, Role::Owner).await;
        Self { client: Client::new(address, key), config, stop, served, _folder: folder }
    }

    /// A client whose key has another role.
    pub(crate) async fn client_as(&self, role: Role) -> Client {
        self.client.with_key(&make_key(&self.config, role).await)
    }

    /// Stops in order.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
    }
}

/// Makes a key beside the server, as the command line does.
async fn make_key(config: &Config, role: Role) -> String {
    let store = Store::open(serve::store_config(config).unwrap().guest()).await.unwrap();
    let now = hookmill_store::ids::system_clock()();
    let (_, key) = store.create_key(FIRST_WORKSPACE, "test", role, None, now).await.unwrap();
    store.close().await;
    key
}
