//! Who really sent this webhook.
//!
//! Everything here takes plain values and knows nobody: which secret belongs to which hook, and how a request came in, is told
//! by the caller. Nothing is fetched.
//!
//! A sender is an entry in [`presets`]: where its signature stands, over which bytes, with which algorithm and key, how old it
//! may be, its handshake, its delivery id and event type. [`Preset::verify`] judges a request, [`Preset::handshake`] answers the
//! sender's question whether we are who it thinks, [`doctor`] explains a signature that does not fit, [`Preset::sign`] makes
//! the request that a sender would. Secrets that are sent as they are live in [`credentials`], tokens in [`jwt`], addresses
//! behind proxies in [`proxies`].

mod certificate;
mod chain;
pub mod credentials;
mod digest;
mod doctor;
mod failure;
mod handshake;
pub mod jwt;
mod key;
mod message;
mod place;
mod preset;
mod presets;
pub mod proxies;
mod scheme;
mod seek;
mod sent;
mod settings;
mod sign;
mod signed_text;
mod sns;
mod url;
mod value;
mod verify;
mod window;

pub use certificate::check_certificate;
pub use chain::{CHAIN_MAX, Roots, walk_chain};
pub use digest::content_digest_matches;
pub use doctor::{doctor, doctor_among};
pub use failure::{Code, Failure, Genuine};
pub use handshake::Reply;
pub use place::{Place, path_is_valid};
pub use preset::{CertificateSource, Need, Preset, Proof, Setting};
pub use presets::{preset, presets};
pub use scheme::{Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Scheme, Timestamp, Unit, UrlForm, Window};
pub use sent::{Reading, Sent};
pub use settings::Settings;
pub use sign::{Outgoing, Sender, Unsignable};
