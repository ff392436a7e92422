//! Who really sent this webhook.
//!
//! Everything here takes plain values and knows nobody: which secret belongs to which hook, and where a request keeps its
//! proof, is told by the caller.

pub mod credentials;
