//! Everything that speaks to the outside: webhooks in, API, configuration, command line.
//!
//! No SQL and no rules about runs: those live in `hookmill-store` and `hookmill-worker`. [`serve`] puts the parts
//! together; [`listen`] turns connections into requests; [`api`] answers people and programs.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod health;
pub mod ingress;
pub mod listen;
pub mod live;
pub mod log;
pub mod metrics;
pub mod problem;
pub(crate) mod sender_docs;
pub mod serve;
pub(crate) mod shell;
pub mod vault;
