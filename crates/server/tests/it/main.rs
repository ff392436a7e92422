//! The server over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod api;
mod bad_input;
mod door;
mod ingress;
mod listen;
mod raw;
mod running;
mod serve;
