//! What would explain a signature that does not fit, worked out once its sender has been answered: it costs some hundred hashes
//! of the body, and how long it takes is nobody's business but the owner's.

use std::sync::Arc;

use bytes::Bytes;
use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;
use hookmill_signatures::{Code, Failure, Preset, Sent, Settings, doctor, doctor_among};
use tokio::sync::OwnedSemaphorePermit;

use super::budget::Budget;
use crate::vault::{LiveSecrets, SecretValue};

/// Larger bodies are not examined.
pub(super) const DIAGNOSED_BODY_BYTES_MAX: usize = 64 * 1024;
/// How many wrong signatures of one hook are explained in a second.
const HOOK_DIAGNOSES_MAX: u16 = 5;
/// How many are worked out at a time; what comes meanwhile is not explained.
pub(super) const DIAGNOSES_AT_ONCE_MAX: usize = 2;
/// How many secrets of the workspace are tried beside those of the hook.
const OTHER_SECRETS_MAX: usize = 100;

/// A request whose signature was wrong, with all that is needed to find out why.
pub(super) struct Case {
    pub(super) preset: &'static Preset,
    pub(super) settings: Settings,
    /// The values that it was compared with.
    pub(super) secrets: Vec<SecretValue>,
    /// The names of all secrets that the hook has, expired ones too.
    pub(super) names: Vec<String>,
    pub(super) live: Arc<LiveSecrets>,
    pub(super) workspace: WorkspaceId,
    pub(super) failure: Failure,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) path_and_query: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
    pub(super) now: Timestamp,
    pub(super) _place: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Case")
            .field("preset", &self.preset.id)
            .field("failure", &self.failure.code)
            .finish_non_exhaustive()
    }
}

/// The budget of one hook.
pub(super) const fn hook_budget() -> Budget {
    Budget::new(HOOK_DIAGNOSES_MAX, 1_000)
}

impl Case {
    /// The single difference that explains it, if there is one; for the owner.
    pub(super) fn explain(&self) -> Option<String> {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let sent = Sent {
            method: &self.method,
            url: Some(&self.url),
            path_and_query: &self.path_and_query,
            headers: &headers,
            query: self.path_and_query.split_once('?').map_or("", |(_, query)| query),
            body: &self.body,
            now_ms: self.now.0,
        };
        let by_other = || if self.failure.code == Code::SignatureWrong { self.other_secret(&sent) } else { None };
        by_other().or_else(|| {
            let keys: Vec<&[u8]> = self.secrets.iter().map(|secret| secret.as_bytes()).collect();
            doctor(self.preset, &self.settings, &keys, &sent)
        })
    }

    fn other_secret(&self, sent: &Sent<'_>) -> Option<String> {
        let mut others = self.live.all(self.workspace);
        others.retain(|(name, secret)| secret.has_expired(self.now) || !self.names.contains(name));
        // Those of the hook first, so that an expired one is found however many others there are.
        others.sort_by_cached_key(|(name, _)| (!self.names.contains(name), name.clone()));
        others.truncate(OTHER_SECRETS_MAX);
        let tried = others.iter().map(|(name, secret)| (name.as_str(), secret.value.as_bytes()));
        let found = doctor_among(self.preset, &self.settings, tried, sent)?;
        let (name, secret) = others.iter().find(|(name, _)| name == found)?;
        Some(match secret.expires_at.filter(|at| *at <= self.now) {
            Some(at) => format!("The request was signed with the secret `{name}`, which expired on {at}."),
            None => format!("The request was signed with the secret `{name}`, which is not one of this hook's."),
        })
    }
}
