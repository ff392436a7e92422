//! Finds the hook that answers at a URL: bounded caches over committed state.
//!
//! What a URL costs does not depend on how many hooks there are: it is in a cache, or two or three rows are read by their
//! index. Whatever is cached carries the version of the catalog that was known before it was read. Publishing, switching
//! off and rotating raise the version in the same commit; under another version it is asked once what changed
//! (`freshness`), and what did not is kept. A version that this process made is known at once; those of other nodes are
//! noticed within half a second (`serve::follow`). What answers at test URLs is in `tested`.

mod tested;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;
use hookmill_store::Store;
use hookmill_store::hooks::{Answering, Hook as Stored, Mask, Parameters, TOKEN_CHARS};
use hookmill_worker::{PROGRAMS_BYTES_MAX, Programs, Revision};
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::freshness::Freshness;
use super::hook::{BodyLimits, Hook, Place, Purpose};
use super::product;
use super::refused::{Refused, Result};
use super::target::{Target, is_token};

/// Bytes of hooks that are kept ready by URL; each counted with its revision. The same again is kept by id.
pub const HOOKS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of URLs with parameters whose hook is remembered. Senders make as many of them as they please.
pub const PARAMETERS_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of URLs of which it is remembered that no hook answers there. Strangers make as many of them as they please.
pub const NOTHING_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of all that is remembered of hooks, their compiled documents included: no more, however many hooks there are.
pub const REMEMBERED_BYTES_MAX: u64 = 2 * HOOKS_BYTES_MAX + PARAMETERS_BYTES_MAX + NOTHING_BYTES_MAX + PROGRAMS_BYTES_MAX;
/// Workspaces whose kinds of paths are remembered.
const WORKSPACES_MAX: u64 = 1_024;
/// What an entry of a cache costs beside its URL.
const ENTRY_BYTES: u32 = 128;
/// What a hook takes beside its revision.
const HOOK_BYTES: u32 = 2_048;
/// Segments of another product's URL that are tried as a token that was replaced.
const OLD_ALIAS_TOKENS_MAX: usize = 4;
/// Loads at the same time; more than one for the same URL is never useful.
const LOADS: usize = 64;

/// A hook and the parameters of its path.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) hook: Arc<Hook>,
    pub(super) parameters: Parameters,
    /// The version of the catalog as of which this is so.
    pub(super) version: i64,
}

/// A hook as it is when a request comes.
#[derive(Clone)]
enum Known {
    Ready(Arc<Hook>),
    /// It answers, but cannot take requests; for the owner.
    Broken(Arc<(Place, String)>),
    /// A test URL where nothing answers, until the workflow changes.
    Nothing,
}

/// What is remembered of a hook.
#[derive(Clone)]
struct Entry {
    /// The version of the catalog before it was read.
    version: i64,
    workflow: WorkflowId,
    /// When the URL stops leading there, if it is an old one.
    until: Option<Timestamp>,
    known: Known,
}

/// Where a URL leads, as it is stored.
struct Led {
    answering: Answering,
    parameters: Parameters,
    /// When it stops leading there.
    until: Option<Timestamp>,
}

/// What is remembered of a URL with parameters.
#[derive(Clone)]
struct Fitted {
    version: i64,
    hook: HookId,
    workflow: WorkflowId,
    parameters: Arc<Parameters>,
}

/// A workspace and the kinds of paths that its hooks have.
#[derive(Clone)]
struct Paths {
    version: i64,
    known: Option<(WorkspaceId, Arc<[Mask]>)>,
}

/// The hooks that answer.
pub(super) struct Hooks {
    store: Store,
    programs: Programs,
    limits: BodyLimits,
    freshness: Freshness,
    urls: Cache<Arc<str>, Entry>,
    ready: Cache<HookId, Entry>,
    fitted: Cache<Arc<str>, Fitted>,
    /// The version under which nothing was found.
    nothing: Cache<Arc<str>, i64>,
    paths: Cache<Arc<str>, Paths>,
    loading: [Mutex<()>; LOADS],
    hasher: RandomState,
}

impl Hooks {
    pub(super) fn new(store: Store, programs: Programs, limits: BodyLimits) -> Self {
        let hooks = Cache::builder().max_capacity(HOOKS_BYTES_MAX);
        Self {
            freshness: Freshness::new(store.clone()),
            store,
            programs,
            limits,
            urls: hooks.weigher(|url: &Arc<str>, entry: &Entry| url_bytes(url).saturating_add(entry.bytes())).build(),
            ready: Cache::builder().max_capacity(HOOKS_BYTES_MAX).weigher(|_: &HookId, entry: &Entry| entry.bytes()).build(),
            fitted: Cache::builder().max_capacity(PARAMETERS_BYTES_MAX).weigher(fitted_bytes).build(),
            nothing: Cache::builder().max_capacity(NOTHING_BYTES_MAX).weigher(|url: &Arc<str>, _: &i64| url_bytes(url)).build(),
            paths: Cache::new(WORKSPACES_MAX),
            loading: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
        }
    }

    /// The newest version that this process knows of.
    pub(super) fn version(&self) -> i64 {
        self.store.watch().catalog()
    }

    /// The hook that answers at a path.
    pub(super) async fn find(&self, path: &str, now: Timestamp) -> Result<Found> {
        let version = self.version();
        if let Some(entry) = self.urls.get(path)
            && entry.version == version
            && entry.until.is_none_or(|until| now < until)
        {
            return entry.known.into_found(Parameters::new(), version);
        }
        Box::pin(self.find_stored(path, version, now)).await
    }

    async fn find_stored(&self, path: &str, version: i64, now: Timestamp) -> Result<Found> {
        let slot = usize::try_from(self.hasher.hash_one(path) % LOADS as u64).unwrap_or(0);
        let _one_at_a_time = self.loading[slot].lock().await;
        self.freshness.follow(version).await.map_err(|error| Refused::store(&error))?;
        match self.remembered(path, version, now) {
            Some(found) => found,
            None => self.load(path, version, now).await,
        }
    }

    /// The same, and nothing is stored: a draft that was never tried has no revision yet.
    pub(super) async fn look(&self, path: &str, now: Timestamp) -> Result<Found> {
        let target = Target::of(path);
        if !matches!(target, Target::Test(_)) {
            return self.find(path, now).await;
        }
        let version = self.version();
        self.freshness.follow(version).await.map_err(|error| Refused::store(&error))?;
        if let Some(found) = self.remembered(path, version, now) {
            return found;
        }
        let found = self.look_up(&target, version, now).await.map_err(|error| Refused::store(&error))?;
        let Some(Led { answering, parameters, .. }) = found else { return Err(Refused::hook_not_found()) };
        self.prepare_test(&answering.hook, version, None).await?.known.into_found(parameters, version)
    }

    /// What is remembered of a path and still holds.
    fn remembered(&self, path: &str, version: i64, now: Timestamp) -> Option<Result<Found>> {
        if let Some(entry) = self.urls.get(path)
            && entry.until.is_none_or(|until| now < until)
            && self.freshness.holds(entry.workflow, entry.version)
        {
            let known = entry.known.clone();
            self.urls.insert(path.into(), Entry { version, ..entry });
            return Some(known.into_found(Parameters::new(), version));
        }
        if let Some(read_at) = self.nothing.get(path)
            && self.freshness.places_hold(read_at)
        {
            return Some(Err(Refused::hook_not_found()));
        }
        if let Some(fitted) = self.fitted.get(path)
            && self.freshness.places_hold(fitted.version)
            && self.freshness.holds(fitted.workflow, fitted.version)
            && let Some(entry) = self.ready.get(&fitted.hook)
            && self.freshness.holds(entry.workflow, entry.version)
        {
            return Some(entry.known.into_found((*fitted.parameters).clone(), version));
        }
        None
    }

    async fn load(&self, path: &str, version: i64, now: Timestamp) -> Result<Found> {
        let target = Target::of(path);
        let found = self.look_up(&target, version, now).await.map_err(|error| Refused::store(&error))?;
        let Some(Led { answering, parameters, until }) = found else {
            self.nothing.insert(path.into(), version);
            return Err(Refused::hook_not_found());
        };
        let entry = match target {
            Target::Test(_) => self.prepare_test(&answering.hook, version, Some(now)).await?,
            _ => self.prepare(&answering, version).await?,
        };
        let entry = Entry { until, ..entry };
        if parameters.is_empty() {
            self.urls.insert(path.into(), entry.clone());
        } else {
            let (hook, workflow) = (answering.hook.id, answering.hook.workflow);
            let fitted = Fitted { version, hook, workflow, parameters: Arc::new(parameters.clone()) };
            self.fitted.insert(path.into(), fitted);
        }
        entry.known.into_found(parameters, version)
    }

    /// The active hook at a target, as it is stored now.
    async fn look_up(&self, target: &Target<'_>, version: i64, now: Timestamp) -> hookmill_store::Result<Option<Led>> {
        let found = match target {
            Target::Token(token) => match self.store.hook_by_token(token).await? {
                Some(found) => Some(found).filter(|found| found.hook.active),
                None => return Ok(self.by_old_token(token, now).await?.filter(|led| led.answering.hook.active)),
            },
            Target::Test(token) => match self.store.hook_by_token(token).await? {
                Some(found) => Some(found),
                None => return self.by_old_token(token, now).await,
            },
            Target::Alias(path) => {
                let path = product::canonical(path);
                match self.store.hook_by_alias(&path).await? {
                    Some(found) => Some(found),
                    None => return self.by_old_alias(&path, now).await,
                }
            }
            Target::Path { workspace, segments } => {
                let Some((workspace, masks)) = self.paths_of(workspace, version).await? else { return Ok(None) };
                let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
                let found = self.store.hook_by_path(workspace, &masks, &segments).await?;
                return Ok(found.map(|(answering, parameters)| Led { answering, parameters, until: None }));
            }
            Target::Nowhere => None,
        };
        Ok(found.map(|answering| Led { answering, parameters: Parameters::new(), until: None }))
    }

    /// The hook that had this token before, active or not, if it still leads there.
    async fn by_old_token(&self, token: &str, now: Timestamp) -> hookmill_store::Result<Option<Led>> {
        let found = self.store.hook_by_old_token(token).await?;
        let found = found.filter(|(_, old)| now < old.ends_at);
        Ok(found.map(|(answering, old)| Led { answering, parameters: Parameters::new(), until: Some(old.ends_at) }))
    }

    /// The hook whose alias this was while it had another token.
    async fn by_old_alias(&self, path: &str, now: Timestamp) -> hookmill_store::Result<Option<Led>> {
        for token in
            path.split('/').filter(|segment| segment.len() == TOKEN_CHARS && is_token(segment)).take(OLD_ALIAS_TOKENS_MAX)
        {
            let Some(led) = self.by_old_token(token, now).await? else { continue };
            let hook = &led.answering.hook;
            if hook.active && hook.alias.as_deref() == Some(&path.replace(token, &hook.token)) {
                return Ok(Some(led));
            }
        }
        Ok(None)
    }

    /// The workspace with this slug and the kinds of paths that it has.
    async fn paths_of(&self, slug: &str, version: i64) -> hookmill_store::Result<Option<(WorkspaceId, Arc<[Mask]>)>> {
        if let Some(paths) = self.paths.get(slug)
            && self.freshness.places_hold(paths.version)
        {
            return Ok(paths.known);
        }
        let Some(workspace) = self.store.workspace(slug).await? else { return Ok(None) };
        let known = Some((workspace.id, self.store.path_masks(workspace.id).await?.into()));
        self.paths.insert(slug.into(), Paths { version, known: known.clone() });
        Ok(known)
    }

    async fn prepare(&self, answering: &Answering, version: i64) -> Result<Entry> {
        let Answering { hook: stored, revision: number } = answering;
        if let Some(entry) = self.ready.get(&stored.id)
            && self.freshness.holds(entry.workflow, entry.version)
        {
            return Ok(Entry { version, until: None, ..entry });
        }
        // An active hook's workflow was published.
        let number = number.unwrap_or(0);
        let known = match self.revision(stored, number).await? {
            Ok(revision) => self.ready_at(stored, revision, Purpose::Production),
            Err(broken) => broken,
        };
        let entry = Entry { version, workflow: stored.workflow, until: None, known };
        self.ready.insert(stored.id, entry.clone());
        Ok(entry)
    }

    /// A compiled revision of a hook's workflow, or what is known of the hook without it.
    async fn revision(&self, stored: &Stored, number: u32) -> Result<std::result::Result<Arc<Revision>, Known>> {
        match self.programs.get(stored.workflow, number).await {
            Ok(revision) => Ok(Ok(revision)),
            Err(hookmill_worker::Error::Store(error)) => Err(Refused::store(&error)),
            Err(error) => Ok(Err(Known::broken(stored, format!("Revision {number} cannot run: {error}.")))),
        }
    }

    fn ready_at(&self, stored: &Stored, revision: Arc<Revision>, purpose: Purpose) -> Known {
        match Hook::prepare(stored, revision, purpose, self.limits) {
            Ok(hook) => Known::Ready(Arc::new(hook)),
            Err(broken) => Known::Broken(Arc::new(broken)),
        }
    }
}

fn url_bytes(url: &str) -> u32 {
    u32::try_from(url.len()).unwrap_or(u32::MAX).saturating_add(ENTRY_BYTES)
}

fn fitted_bytes(url: &Arc<str>, fitted: &Fitted) -> u32 {
    let parameters: usize = fitted.parameters.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
    url_bytes(url).saturating_add(u32::try_from(parameters).unwrap_or(u32::MAX))
}

impl Entry {
    /// What it keeps in memory. Hooks of one workflow share their revision; here it is counted for each.
    fn bytes(&self) -> u32 {
        let more = match &self.known {
            Known::Ready(hook) => hook.revision.bytes,
            Known::Broken(broken) => u32::try_from(broken.1.len()).unwrap_or(u32::MAX),
            Known::Nothing => 0,
        };
        HOOK_BYTES.saturating_add(more)
    }
}

impl Known {
    fn broken(stored: &Stored, why: String) -> Self {
        Self::Broken(Arc::new((Place::of_unknown(stored), why)))
    }

    fn into_found(self, parameters: Parameters, version: i64) -> Result<Found> {
        match self {
            Self::Ready(hook) => Ok(Found { hook, parameters, version }),
            Self::Broken(broken) => Err(Refused::not_ready(broken.1.clone()).at(broken.0.clone())),
            Self::Nothing => Err(Refused::hook_not_found()),
        }
    }
}
