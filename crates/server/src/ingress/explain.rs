//! Which hook answers a request, or the one reason why none does: the door's own way, without going through it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hookmill_engine::id::{HookId, WorkflowId};
use hookmill_store::hook_states::HookState;
use hookmill_store::hooks::{Parameters, TEST_PATHS, fit};
use hookmill_store::workspaces::FIRST_SLUG;
use http::Method;

use super::arrival::Arrival;
use super::code::Code;
use super::hook::{Hook, Purpose};
use super::hooks::Found;
use super::refused::Refused;
use super::target::{Target, is_token};
use super::{Ingress, Inner};

/// Paths that are compared with one that leads nowhere.
const COMPARED_MAX: usize = 1_000;

/// What is said of a request.
#[derive(Debug)]
pub(crate) struct Explanation {
    /// The style of the URL: `token`, `path`, `product`, `test`, `none`.
    pub(crate) style: &'static str,
    /// The hook that is reached, whether it takes the request or not.
    pub(crate) hook: Option<HookId>,
    pub(crate) workflow: Option<WorkflowId>,
    pub(crate) revision: Option<u32>,
    /// Values of the parameters of its path.
    pub(crate) parameters: Parameters,
    /// Why the request is refused, as far as can be told without its body: code, sentence, `Allow`.
    pub(crate) objection: Option<(Code, String, Option<String>)>,
    /// A path that was probably meant.
    pub(crate) suggestion: Option<String>,
    /// What the body decides.
    pub(crate) notes: Vec<String>,
}

impl Ingress {
    /// Explains a request. `address`: where it comes from, if that is to be looked at.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) async fn explain(
        &self,
        head: http::request::Parts,
        address: Option<IpAddr>,
    ) -> hookmill_store::Result<Explanation> {
        let inner = &*self.0;
        let peer = SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), 0);
        let arrival = Arrival::new(head, peer, &[], (inner.clock)());
        let path = arrival.head.uri.path();
        let target = Target::of(path);
        let mut told = Explanation {
            style: style(&target),
            hook: None,
            workflow: None,
            revision: None,
            parameters: Parameters::new(),
            objection: None,
            suggestion: None,
            notes: Vec::new(),
        };
        match inner.hooks.look(path, arrival.received_at).await {
            Ok(found) => inner.examine(&arrival, found, address.is_some(), &mut told).await,
            Err(refused) if refused.code == Code::HookNotFound => inner.why_nothing(&target, &arrival, &mut told).await?,
            Err(refused) => {
                told.hook = refused.place.as_ref().map(|place| place.hook);
                told.object(&refused);
            }
        }
        Ok(told)
    }
}

fn style(target: &Target<'_>) -> &'static str {
    match target {
        Target::Token(_) => "token",
        Target::Test(_) => "test",
        Target::Path { .. } => "path",
        Target::Alias(_) => "product",
        Target::Nowhere => "none",
    }
}

impl Explanation {
    fn object(&mut self, refused: &Refused) {
        let allow = refused.headers.iter().find(|(name, _)| *name == http::header::ALLOW);
        let allow = allow.and_then(|(_, value)| value.to_str().ok()).map(str::to_owned);
        self.objection = Some((refused.code, refused.ledger_detail(), allow));
    }

    fn nothing(&mut self, why: impl Into<String>) {
        self.objection = Some((Code::HookNotFound, why.into(), None));
    }
}

impl Inner {
    /// What a hook has against a request, in the order in which it is asked at the door.
    async fn examine(&self, arrival: &Arrival, found: Found, address_known: bool, told: &mut Explanation) {
        let hook = &*found.hook;
        told.hook = Some(hook.place.hook);
        told.workflow = Some(hook.workflow);
        told.revision = Some(hook.revision.number).filter(|number| *number > 0);
        told.parameters = found.parameters;
        let method = &arrival.head.method;
        told.notes.extend(tested(hook));
        if hook.state == HookState::Off {
            return told.object(&Refused::hook_off(hook));
        }
        if hook.is_paused() {
            told.notes.push("The hook is paused: the run waits until it is resumed.".to_owned());
        }
        if address_known && !hook.lets_in(arrival.address) {
            return told.object(&Refused::address_not_allowed(hook, arrival.address));
        }
        if !hook.takes(method) {
            if matches!(*method, Method::HEAD | Method::OPTIONS) {
                told.notes.push(format!("{method} is answered with what the hook takes; it starts nothing."));
                return;
            }
            return told.object(&Refused::method_not_allowed(hook, method));
        }
        if hook.credentials.needs_body || hook.proof.is_some() {
            told.notes.push(format!("Credentials are checked with the body. {}", hook.credentials.expected()));
        } else if let Err(refused) = self.let_in(arrival, hook, &[], false).await {
            return told.object(&refused);
        }
        told.notes.push("The body is not looked at.".to_owned());
    }

    /// Why no hook is at a target.
    async fn why_nothing(&self, target: &Target<'_>, arrival: &Arrival, told: &mut Explanation) -> hookmill_store::Result<()> {
        match target {
            Target::Token(token) => self.why_no_token(token, told).await,
            Target::Test(token) => self.why_no_test(token, arrival, told).await,
            Target::Path { workspace, segments } => {
                let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
                self.why_no_path(workspace, &segments, told).await
            }
            Target::Alias(path) => {
                told.nothing("No hook has this URL of another product. Compare the ids in it with `ids` of the trigger.");
                let trimmed = path.trim_end_matches('/');
                if trimmed != *path && self.store.hook_by_alias(trimmed).await?.is_some() {
                    told.nothing("The URL has a slash at its end that the hook's URL does not have.");
                    told.suggestion = Some(trimmed.to_owned());
                } else if let Some(token) = path.split('/').find(|segment| self.could_be_token(segment)) {
                    self.why_no_token(token, told).await?;
                }
                Ok(())
            }
            Target::Nowhere => {
                told.nothing(format!(
                    "`{}` is no URL of a hook. They begin with /hooks/, or have the form of another product.",
                    arrival.head.uri.path()
                ));
                Ok(())
            }
        }
    }

    fn could_be_token(&self, segment: &str) -> bool {
        segment.len() == hookmill_store::hooks::TOKEN_CHARS && is_token(segment)
    }

    async fn why_no_token(&self, token: &str, told: &mut Explanation) -> hookmill_store::Result<()> {
        if let Some(found) = self.store.hook_by_token(token).await? {
            told.hook = Some(found.hook.id);
            told.workflow = Some(found.hook.workflow);
            told.nothing(match found.revision {
                Some(number) => {
                    format!("The trigger `{}` of this hook is not in the published revision {number}.", found.hook.label)
                }
                None => "The workflow of this hook was never published.".to_owned(),
            });
            if self.store.draft(found.hook.workflow).await?.is_some() {
                told.suggestion = Some(format!("{TEST_PATHS}{token}"));
            }
        } else if let Some((found, old)) = self.store.hook_by_old_token(token).await? {
            told.hook = Some(found.hook.id);
            told.workflow = Some(found.hook.workflow);
            told.nothing(format!("The URL was replaced at {} and ended at {}.", old.rotated_at, old.ends_at));
        } else {
            told.nothing("No hook has this token, and none is known to have had it. Letters count with their case.");
        }
        Ok(())
    }

    /// Why nothing answers at a test URL.
    async fn why_no_test(&self, token: &str, arrival: &Arrival, told: &mut Explanation) -> hookmill_store::Result<()> {
        let found = match self.store.hook_by_token(token).await? {
            Some(found) => found,
            None => match self.store.hook_by_old_token(token).await? {
                Some((found, old)) if arrival.received_at < old.ends_at => found,
                _ => return self.why_no_token(token, told).await,
            },
        };
        told.hook = Some(found.hook.id);
        told.workflow = Some(found.hook.workflow);
        let label = &found.hook.label;
        told.nothing(match (self.store.draft(found.hook.workflow).await?, found.revision) {
            (Some(_), _) => format!("The draft has no trigger `{label}`."),
            (None, Some(number)) => format!("There is no draft, and the published revision {number} has no trigger `{label}`."),
            (None, None) => "There is no draft, and the workflow was never published.".to_owned(),
        });
        Ok(())
    }

    async fn why_no_path(&self, slug: &str, segments: &[&str], told: &mut Explanation) -> hookmill_store::Result<()> {
        if segments == [""] && is_token(slug) && self.store.hook_by_token(slug).await?.is_some() {
            told.nothing("The URL has a slash at its end that the hook's URL does not have.");
            told.suggestion = Some(format!("/hooks/{slug}"));
            return Ok(());
        }
        let Some(workspace) = self.store.workspace(slug).await? else {
            told.nothing(format!("There is no workspace `{slug}`; own paths stand behind the workspace: /hooks/{FIRST_SLUG}/…"));
            let mut whole = vec![slug];
            whole.extend(segments);
            if let Some(first) = self.store.workspace(FIRST_SLUG).await? {
                let masks = self.store.path_masks(first.id).await?;
                let found = self.store.hook_by_path(first.id, &masks, &whole).await?;
                told.suggestion = found.and_then(|(found, _)| found.hook.path).map(|path| format!("/hooks/{FIRST_SLUG}/{path}"));
            }
            return Ok(());
        };
        let paths = self.store.paths_with_segments(workspace.id, segments.len(), COMPARED_MAX).await?;
        let closest = paths.iter().filter_map(|path| Some((difference(path, segments)?, path))).min();
        match closest {
            Some((how, path)) => {
                told.nothing(format!("No hook has this path. One differs in {how}: `{path}`."));
                told.suggestion = Some(format!("/hooks/{slug}/{path}"));
            }
            None => told.nothing(format!("No hook of the workspace `{slug}` has this path, or one like it.")),
        }
        Ok(())
    }
}

/// What a test URL leads to.
fn tested(hook: &Hook) -> Option<String> {
    match hook.purpose {
        Purpose::Production => None,
        Purpose::Draft => Some("The URL is for tests: the draft answers.".to_owned()),
        Purpose::Rehearsal => Some("The URL is for tests: there is no draft, so the published revision answers.".to_owned()),
    }
}

/// In what a path differs from segments that do not fit it, if it is little.
fn difference(path: &str, segments: &[&str]) -> Option<&'static str> {
    let wanted: Vec<&str> = path.split('/').collect();
    let lower = |text: &str| text.to_lowercase();
    let lowered: Vec<String> = segments.iter().map(|segment| lower(segment)).collect();
    let lowered: Vec<&str> = lowered.iter().map(String::as_str).collect();
    let path_lowered: Vec<String> =
        wanted.iter().map(|part| if part.starts_with(':') { (*part).to_owned() } else { lower(part) }).collect();
    if fit(&path_lowered.join("/"), &lowered).is_some() {
        return Some("the case of its letters");
    }
    let differ = wanted.iter().zip(segments).filter(|(part, segment)| !part.starts_with(':') && part != segment).count();
    (wanted.len() == segments.len() && differ == 1 && segments.len() > 1).then_some("one segment")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_differs_a_little_is_told_how() {
        for (path, segments, how) in [
            ("orders/:id", &["Orders", "7"][..], Some("the case of its letters")),
            ("orders/:id/lines", &["orders", "7", "line"], Some("one segment")),
            ("orders/:id", &["customers", "7"], Some("one segment")),
            ("orders", &["customers"], None),
            ("a/b/c", &["x", "y", "c"], None),
            ("a/b", &["a", "b", "c"], None),
        ] {
            assert_eq!(difference(path, segments), how, "{path} {segments:?}");
        }
    }
}
