//! What tests need around the code they test: a running server, fresh databases, fake upstreams.
//!
//! A normal dependency of nothing. Helpers here may panic: a test is the only caller.

pub mod app;
pub mod line;
pub mod patience;
pub mod postgres;
pub mod small_disk;
pub mod stall;
pub mod upstream;

pub use app::TestApp;
pub use line::Line;
pub use upstream::{Answer, Raw, RawUpstream, Received, Upstream};
