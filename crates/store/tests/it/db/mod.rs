//! The seam below the SQL against real databases: what must hold is written once and tried on SQLite and on PostgreSQL.

mod backup;
mod conformance;
mod crash;
mod disk_full;
mod limits;
mod model;
mod open;
mod place;
mod steps;
