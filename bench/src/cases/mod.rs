//! The cases, a file each.

mod accept;
mod bodies;
mod finish;
mod hooks;
mod idle;
mod loops;
mod share;
mod stored;

use std::future::Future;
use std::pin::Pin;

use clap::ValueEnum;

use crate::CaseName;
use crate::report::CaseReport;
use crate::subject::{Bench, DatabaseKind};

type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<CaseReport>> + 'a>>;
type Case = for<'a> fn(&'a Bench, DatabaseKind) -> Running<'a>;

/// All cases in the order in which they run.
pub(crate) const ALL: &[(CaseName, Case)] = &[
    (CaseName::Idle, |bench, kind| Box::pin(idle::measure(bench, kind))),
    (CaseName::Accept, |bench, kind| Box::pin(accept::measure(bench, kind))),
    (CaseName::Signed, |bench, kind| Box::pin(share::signed(bench, kind))),
    (CaseName::Keyed, |bench, kind| Box::pin(share::keyed(bench, kind))),
    (CaseName::Finish, |bench, kind| Box::pin(finish::measure(bench, kind))),
    (CaseName::Bodies, |bench, kind| Box::pin(bodies::measure(bench, kind))),
    (CaseName::Loops, |bench, kind| Box::pin(loops::measure(bench, kind))),
    (CaseName::Hooks, |bench, kind| Box::pin(hooks::measure(bench, kind))),
    (CaseName::Stored, |bench, kind| Box::pin(stored::measure(bench, kind))),
];

/// A case's name as it is typed.
pub(crate) fn title(case: CaseName) -> String {
    case.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
