//! Tests of the store from outside, each on both databases where it is about what they share.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod both;
mod db;

mod bulk;
mod contacts;
mod deliveries;
mod drafts;
mod held;
mod hooks;
mod idempotency;
mod lists;
mod ownership;
mod pending_secrets;
mod rates;
mod retention;
mod runs;
mod samples;
mod secrets;
mod split;
mod succession;
mod tried_drafts;
mod turns;
mod verify;
mod workflows;
