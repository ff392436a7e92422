//! What one look at the credentials of a caller found, and what follows from it.

use super::super::absent::{self, Absent};
use super::Verdict;

/// What became of one look at the rules, none of which was met.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) presented_any: bool,
    /// Something was compared with what is stored, and is not that.
    pub(super) refused: bool,
    /// Whether anything is stored that could fit.
    pub(super) ready: bool,
    /// What would have to be stored to judge what was presented,
    pub(super) absent: Vec<Absent>,
    /// and what was not presented.
    pub(super) unasked: Vec<Absent>,
    /// Names without a use beside others that are live.
    pub(super) idle: Vec<Absent>,
    /// What exactly is wrong with a token.
    pub(super) why: Option<String>,
    pub(super) unusable: Option<String>,
}

impl Findings {
    /// What a caller is told who is not welcome. `expected`: what the hook asks for, in words.
    pub(super) fn verdict(self, expected: &str) -> Verdict {
        if let Some(why) = self.unusable {
            return Verdict::Unusable(why);
        }
        // A caller whose credential cannot be judged comes again later. One whose credential was judged is told so, also if
        // something else is missing: else there would be no limit on guessing.
        if !self.refused && !self.absent.is_empty() {
            return Verdict::SecretsAbsent(self.absent);
        }
        if !self.ready && !self.unasked.is_empty() {
            return Verdict::SecretsAbsent(self.unasked);
        }
        let what = match self.why {
            Some(why) => why,
            None if self.presented_any => "A credential was presented, but it is not the stored secret.".to_owned(),
            None => "No credential was presented.".to_owned(),
        };
        let mut missing: Vec<Absent> = [self.absent, self.unasked, self.idle].concat();
        missing.retain(Absent::is_missing);
        match missing.as_slice() {
            [] => Verdict::Wrong(format!("{what} {expected}")),
            some => Verdict::Wrong(format!("{what} {expected} {}", absent::sentence(some))),
        }
    }
}
