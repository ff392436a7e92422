//! The server.

pub mod listen;
pub mod size;
