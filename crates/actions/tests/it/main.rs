//! Actions against other sides of every kind.

#![allow(clippy::unwrap_used, reason = "a test is the only caller")]

mod answers;
mod bodies;
mod compliance;
mod credentials;
mod guard;
mod hostile;
mod private_addresses;
mod redirects;
mod world;
