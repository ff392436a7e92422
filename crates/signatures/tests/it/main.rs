//! What senders put on the wire, against the presets that know them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod chain;
mod generic;
mod handshakes;
mod hostile;
mod issuer;
mod matrix;
mod providers;
mod sender;
mod sign;
mod sns;
mod vectors;
