//! Finds the hook that answers at a URL: a cache over committed state.
//!
//! Whatever is cached carries the version of the catalog that was known before it was read. Publishing, switching off
//! and changing secrets raise the version in the same commit; what carries an older one is read again. A version that
//! this process made is known at once; those of other nodes are noticed within half a second (`serve::follow`).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use hookmill_engine::id::{HookId, WorkspaceId};
use hookmill_store::Store;
use hookmill_store::hooks::{Hook as Stored, fit};
use hookmill_worker::Programs;
use moka::sync::Cache;
use parking_lot::RwLock;
use percent_encoding::percent_decode_str;
use tokio::sync::Mutex;

use super::PREFIX;
use super::hook::{BodyLimits, Hook, Place};
use super::refused::{Refused, Result};

/// Bytes of URLs whose hook (or lack of one) is remembered, each counted with what it refers to.
pub const URLS_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Hooks that are kept ready.
pub const HOOKS_MAX: u64 = 16_384;
/// Bytes of the longest path of another product's form.
const ALIAS_BYTES_MAX: usize = 1024;
/// Characters of the longest token.
const TOKEN_BYTES_MAX: usize = 64;
/// Segments of a URL after `/hooks/`; no hook has more.
const SEGMENTS_MAX: usize = 33;
/// The first segment under which drafts will answer.
const RESERVED: &str = "test";
/// What an entry of the cache costs beside its URL.
const ENTRY_BYTES: u32 = 128;
/// Loads at the same time; more than one for the same URL is never useful.
const LOADS: usize = 64;

/// A hook and the parameters of its path.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) hook: Arc<Hook>,
    pub(super) parameters: Vec<(String, String)>,
    /// The version of the catalog as of which this is so.
    pub(super) version: i64,
}

#[derive(Clone)]
enum Known {
    /// No active hook answers.
    Nothing,
    Ready(Arc<Hook>),
    /// A hook answers, but cannot take requests; for the owner.
    Broken(Arc<(Place, String)>),
}

#[derive(Clone)]
struct Entry {
    version: i64,
    known: Known,
}

/// The own paths of all active hooks, as of one version.
struct Paths {
    version: i64,
    workspaces: Vec<(String, WorkspaceId)>,
    hooks: Vec<Stored>,
}

/// The hooks that answer.
pub(super) struct Hooks {
    store: Store,
    programs: Programs,
    limits: BodyLimits,
    urls: Cache<Arc<str>, Entry>,
    ready: Cache<HookId, Entry>,
    paths: RwLock<Option<Arc<Paths>>>,
    loading: [Mutex<()>; LOADS],
    hasher: RandomState,
}

impl Hooks {
    pub(super) fn new(store: Store, programs: Programs, limits: BodyLimits) -> Self {
        Self {
            store,
            programs,
            limits,
            urls: Cache::builder().weigher(|url: &Arc<str>, _: &Entry| weight(url)).max_capacity(URLS_BYTES_MAX).build(),
            ready: Cache::new(HOOKS_MAX),
            paths: RwLock::new(None),
            loading: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
        }
    }

    /// The newest version that this process knows of.
    pub(super) fn version(&self) -> i64 {
        self.store.watch().catalog()
    }

    /// The hook that answers at a path.
    pub(super) async fn find(&self, target: &str) -> Result<Found> {
        let version = self.version();
        if let Some(entry) = self.urls.get(target)
            && entry.version == version
        {
            return entry.known.into_found(Vec::new(), version);
        }
        let slot = usize::try_from(self.hasher.hash_one(target) % LOADS as u64).unwrap_or(0);
        let _one_at_a_time = self.loading[slot].lock().await;
        if let Some(entry) = self.urls.get(target)
            && entry.version == version
        {
            return entry.known.into_found(Vec::new(), version);
        }
        let (known, parameters) = self.load(target, version).await?;
        // With parameters there are as many URLs as senders please: only the hook is kept.
        if parameters.is_empty() {
            self.urls.insert(target.into(), Entry { version, known: known.clone() });
        }
        known.into_found(parameters, version)
    }

    async fn load(&self, target: &str, version: i64) -> Result<(Known, Vec<(String, String)>)> {
        let Some(target) = target.strip_prefix(PREFIX) else { return self.load_alias(target, version).await };
        let stored = match target.split_once('/') {
            None if target.len() <= TOKEN_BYTES_MAX && target.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let hook = self.store.hook_by_token(target).await.map_err(|error| Refused::store(&error))?;
                hook.filter(|hook| hook.active).map(|hook| (hook, Vec::new()))
            }
            None | Some((RESERVED, _)) => None,
            Some((workspace, path)) => self.paths(version).await?.find(workspace, path),
        };
        match stored {
            None => Ok((Known::Nothing, Vec::new())),
            Some((hook, parameters)) => Ok((self.prepare(hook, version).await?, parameters)),
        }
    }

    /// The hook that answers where another product's would.
    async fn load_alias(&self, path: &str, version: i64) -> Result<(Known, Vec<(String, String)>)> {
        let stored = match path.len() {
            0..=ALIAS_BYTES_MAX => self.store.hook_by_alias(path).await.map_err(|error| Refused::store(&error))?,
            _ => None,
        };
        let known = match stored {
            Some(hook) => self.prepare(hook, version).await?,
            None => Known::Nothing,
        };
        Ok((known, Vec::new()))
    }

    async fn prepare(&self, stored: Stored, version: i64) -> Result<Known> {
        if let Some(entry) = self.ready.get(&stored.id)
            && entry.version == version
        {
            return Ok(entry.known);
        }
        let Some(workflow) = self.store.workflow(stored.workflow).await.map_err(|error| Refused::store(&error))? else {
            return Ok(Known::Nothing);
        };
        let prepared = match self.programs.get(stored.workflow, workflow.revision).await {
            Ok(revision) => Hook::prepare(&stored, revision, self.limits),
            Err(hookmill_worker::Error::Store(error)) => return Err(Refused::store(&error)),
            Err(error) => Err(format!("Revision {} cannot run: {error}.", workflow.revision)),
        };
        let known = match prepared {
            Ok(hook) => Known::Ready(Arc::new(hook)),
            Err(why) => Known::Broken(Arc::new((Place::of(&stored), why))),
        };
        self.ready.insert(stored.id, Entry { version, known: known.clone() });
        Ok(known)
    }

    async fn paths(&self, version: i64) -> Result<Arc<Paths>> {
        if let Some(paths) = self.paths.read().as_ref()
            && paths.version == version
        {
            return Ok(Arc::clone(paths));
        }
        let paths = Arc::new(Paths::read(&self.store, version).await.map_err(|error| Refused::store(&error))?);
        *self.paths.write() = Some(Arc::clone(&paths));
        Ok(paths)
    }
}

fn weight(url: &str) -> u32 {
    u32::try_from(url.len()).unwrap_or(u32::MAX).saturating_add(ENTRY_BYTES)
}

impl Known {
    fn into_found(self, parameters: Vec<(String, String)>, version: i64) -> Result<Found> {
        match self {
            Self::Nothing => Err(Refused::hook_not_found()),
            Self::Ready(hook) => Ok(Found { hook, parameters, version }),
            Self::Broken(broken) => Err(Refused::not_ready(broken.1.clone()).at(broken.0.clone())),
        }
    }
}

impl Paths {
    async fn read(store: &Store, version: i64) -> hookmill_store::Result<Self> {
        let workspaces = store.workspaces().await?.into_iter().map(|workspace| (workspace.slug, workspace.id)).collect();
        let mut hooks = Vec::new();
        let mut after = None;
        loop {
            let page = store.active_hooks(after).await?;
            let last = page.len() < Store::hooks_page_max();
            after = page.last().map(|hook| hook.id).or(after);
            hooks.extend(page.into_iter().filter(|hook| hook.path.is_some()));
            if last {
                return Ok(Self { version, workspaces, hooks });
            }
        }
    }

    /// The hook whose path fits best, with the parameters.
    fn find(&self, workspace: &str, path: &str) -> Option<(Stored, Vec<(String, String)>)> {
        let (_, workspace) = self.workspaces.iter().find(|(slug, _)| slug == workspace)?;
        let decode = |segment| percent_decode_str(segment).decode_utf8().ok();
        let segments = path.trim_end_matches('/').split('/').take(SEGMENTS_MAX).map(decode).collect::<Option<Vec<_>>>()?;
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let of_workspace = self.hooks.iter().filter(|hook| hook.workspace == *workspace);
        let fits = of_workspace.filter_map(|hook| {
            let (specificity, parameters) = fit(hook.path.as_deref()?, &segments)?;
            Some((specificity, hook, parameters))
        });
        let (_, hook, parameters) = fits.min_by(|(a, ..), (b, ..)| a.cmp(b))?;
        Some((hook.clone(), parameters))
    }
}
