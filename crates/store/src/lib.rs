//! The only crate with SQL: everything that is kept, in SQLite or PostgreSQL, behind one [`db`] seam.
//!
//! [`Store`] is the whole of it for the others. What it can do is written down by aggregate, each with its SQL and its
//! part of `impl Store`: [`deliveries`], [`runs`] and their [`journal`], [`buckets`] and [`nodes`] (who may write which
//! run), [`workflows`] with their [`hooks`] and [`hook_states`], [`secrets`] and [`pending_secrets`], the [`catalog`] of these,
//! [`keys`], [`workspaces`], [`idempotency`]; and what keeps the house:
//! [`lists`] (derived behind the accept path), [`rates`], [`retention`], [`mod@verify`], [`watch`].
//!
//! Time is an argument. Texts hold no NUL: [`db::Text`] replaces it, names that must be unique refuse it.

pub mod backup;
pub mod buckets;
pub mod bulk;
pub mod catalog;
pub mod contacts;
pub mod db;
pub mod deliveries;
pub mod disk;
pub mod error;
pub mod folder;
mod home;
pub mod hook_states;
pub mod hooks;
pub mod idempotency;
pub mod ids;
pub mod journal;
pub mod keys;
mod lately;
pub mod listening;
pub mod lists;
pub mod migrate;
mod migrations;
pub mod nodes;
mod open;
pub mod page;
pub mod pending_secrets;
#[cfg(test)]
mod plans;
pub mod rates;
pub mod retention;
pub mod runs;
pub mod samples;
pub mod secrets;
pub mod verify;
pub mod watch;
mod words;
pub mod workflows;
pub mod workspaces;

pub use buckets::bucket_of;
pub use error::Error;
pub use migrations::MIGRATIONS;
pub use open::{Config, Store};

/// What the store returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A stored number in the type that it was made from.
fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T> {
    T::try_from(value).map_err(|_| Error::corrupt(format!("the number {value} is out of range")))
}
