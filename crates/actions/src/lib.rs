//! What a step can do to the world.
//!
//! An [`Action`] is a type with an input, an output and one async function; the [`Registry`] knows them all by name and
//! runs them under a deadline, a cancellation, an output limit and a panic guard. A new action is one file here and one
//! line in [`Registry::builtin`]; its schema, its place in validation, API and palette follow from its types.
//!
//! Actions do not see the store. What they need of a run is in their [`Context`]; the network is [`net`] and nothing else.

mod action;
mod context;
pub mod failure;
mod files;
mod folder_files;
pub mod http_request;
mod log;
mod log_sink;
pub mod net;
mod output_size;
mod registry;
mod run_folder;

pub use action::Action;
pub use context::Context;
pub use files::{FileError, FileRef, FileStore, FileWriter, Files, NewFile, OpenFile};
pub use folder_files::{FileLimits, FolderFiles};
pub use http_request::HttpRequest;
pub use log::Log;
pub use log_sink::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LogSink};
pub use registry::{OUTPUT_BYTES_MAX, Registered, Registry, TIMEOUT_MAX};
pub use run_folder::RunFolder;
