//! The only crate with SQL: everything that is kept, in SQLite or PostgreSQL, behind one [`db`] seam.

pub mod db;
pub mod disk;
pub mod error;
pub mod folder;
pub mod migrate;

pub use error::Error;
