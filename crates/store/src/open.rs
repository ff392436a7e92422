//! Opening the store, and what all its aggregates share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookmill_engine::time::Timestamp;
use parking_lot::Mutex;

use crate::contacts::Turns;
use crate::db::{Access, Args, Db, DbConfig, Dialect, Target};
use crate::deliveries::{REFUSED_BYTES_MAX, Refusals};
use crate::home::Home;
use crate::idempotency::KEYS;
use crate::ids::{Clock, IdSource, system_clock};
use crate::lately::Lately;
use crate::nodes::{self, GUEST_SLOT, NodeId};
use crate::watch::Watch;
use crate::{MIGRATIONS, Result};

/// How to open a [`Store`].
#[derive(Clone)]
pub struct Config {
    /// The database, its limits, and what this process is to it.
    pub db: DbConfig,
    /// What new ids are made from.
    pub clock: Clock,
    /// Where the other nodes reach this one; only shown.
    pub address: String,
    /// PostgreSQL: the data folder, by which a restarted process knows that its former life is over and takes over its
    /// buckets at once. SQLite's folder is that of its file.
    pub folder: Option<PathBuf>,
    /// Bytes that refused deliveries may take in the database; the oldest go first.
    pub refused_bytes_max: u64,
}

impl Config {
    /// The defaults for `sqlite:FILE` or `postgres://…`.
    pub fn new(database: &str) -> Result<Self> {
        let clock = system_clock();
        let db = DbConfig::new(Target::parse(database)?, &MIGRATIONS, clock());
        Ok(Self {
            db: DbConfig { keys: Some(&KEYS), ..db },
            clock,
            address: String::new(),
            folder: None,
            refused_bytes_max: REFUSED_BYTES_MAX,
        })
    }

    /// The defaults for a process that only looks in beside the server: it upgrades nothing, and owns no runs.
    pub fn guest(mut self) -> Self {
        self.db.access = Access::Guest;
        self
    }
}

/// Everything that is kept. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    db: Db,
    ids: IdSource,
    node: NodeId,
    /// Given up at the end, after everything else.
    home: Mutex<Option<Home>>,
    watch: Arc<Watch>,
    refusals: Refusals,
    contact_turns: Turns,
    lately: Lately,
}

/// Two texts instead of one with `UNION`: so each is one look at the end of an index on both databases.
const LAST_DELIVERY: &str = "SELECT id FROM deliveries ORDER BY id DESC LIMIT 1";
const LAST_RUN: &str = "SELECT id FROM runs ORDER BY id DESC LIMIT 1";

impl Store {
    /// Opens the database, brings its schema up to date, and takes a place among its nodes.
    pub async fn open(config: Config) -> Result<Self> {
        let Config { db, clock, address, folder, refused_bytes_max } = config;
        let access = db.access;
        let now: Timestamp = clock();
        let db = Db::open(db).await?;
        let node = nodes::new_node_id()?;
        let home = match folder.filter(|_| access == Access::Owner && db.dialect() == Dialect::Postgres) {
            Some(folder) => Home::take(&folder)?,
            None => None,
        };
        let slot = match (access, db.dialect()) {
            (Access::Guest, _) => GUEST_SLOT,
            (Access::Owner, Dialect::Sqlite) => 0,
            (Access::Owner, Dialect::Postgres) => {
                let former = home.as_ref().and_then(Home::former);
                if let Some(home) = &home {
                    // Before there is anything to take over, so that the next life finds whatever this one will hold.
                    home.remember(node)?;
                }
                let inherited = match former {
                    Some(former) => nodes::succeed(&db, former, node, &address, now).await?,
                    None => None,
                };
                match inherited {
                    Some(slot) => slot,
                    None => nodes::register(&db, node, &address, now).await?,
                }
            }
        };
        let mut last = 0;
        for sql in [LAST_DELIVERY, LAST_RUN] {
            if let Some(row) = db.read(sql, Args::new()).await?.first() {
                last = last.max(row.int(0)?);
            }
        }
        let ids = IdSource::new(clock, slot, last);
        let store = Self(Arc::new(Inner {
            db,
            ids,
            node,
            home: Mutex::new(home),
            watch: Arc::new(Watch::new()),
            refusals: Refusals::new(refused_bytes_max),
            contact_turns: Turns::default(),
            lately: Lately::default(),
        }));
        if access == Access::Owner {
            store.ensure_first_workspace(now).await?;
        }
        Ok(store)
    }

    /// Opens the SQLite file `hookmill.db` in a data folder.
    pub async fn open_folder(folder: &Path) -> Result<Self> {
        let file = folder.join("hookmill.db");
        Self::open(Config::new(&format!("sqlite:{}", file.display()))?).await
    }

    /// Works off what waits, gives up its buckets and its place among the nodes, and ends completely.
    pub async fn close(&self) {
        if self.db().dialect() == Dialect::Postgres {
            // The leases end by themselves if the database is away.
            let given_up = async {
                self.release_buckets(0).await?;
                self.leave().await
            }
            .await;
            if let Err(error) = given_up {
                tracing::warn!("Could not give up the buckets, others take them when the lease ends: {error}");
            }
        }
        self.0.db.close().await;
        drop(self.0.home.lock().take());
    }

    /// A new number for an id, greater than every one before.
    pub fn next_id(&self) -> i64 {
        self.0.ids.next_id()
    }

    /// Whether other nodes may share this database, so that ownership is leased and work of others must be looked for.
    pub fn is_shared(&self) -> bool {
        self.db().dialect() == Dialect::Postgres
    }

    /// Who this process is to the others.
    pub fn node(&self) -> NodeId {
        self.0.node
    }

    /// What just changed.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.0.watch
    }

    /// The database below; for its limits, its disk and its queue.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn ids(&self) -> &IdSource {
        &self.0.ids
    }

    pub(crate) fn contact_turns(&self) -> &Turns {
        &self.0.contact_turns
    }

    pub(crate) fn lately(&self) -> &Lately {
        &self.0.lately
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }
}
