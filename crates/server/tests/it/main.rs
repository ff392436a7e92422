//! The server over real sockets, the binary as a process.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails, and says what it saw")]

mod addresses;
mod answers;
mod api;
mod bad_input;
mod bodies;
mod certified;
mod cli;
mod cli_exit;
mod cli_listen;
mod cli_replay;
mod cli_samples;
mod cli_send;
mod cors;
mod crash;
mod crash_database;
mod crash_disk;
mod crash_load;
mod crash_outage;
mod crash_restart;
mod crash_stop;
mod doctor;
mod door;
mod facts;
mod handed_over;
mod ingress;
#[path = "../../../signatures/tests/it/issuer.rs"]
mod issuer;
mod listen;
mod octokit;
mod paused;
mod providers;
mod rates;
mod raw;
mod redacted;
mod repeated;
mod running;
mod seeds;
mod sender_docs;
mod serve;
mod snippets;
mod split;
mod start;
mod tokens;
