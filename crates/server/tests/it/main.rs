//! The server over real sockets.

mod listen;
mod raw;
