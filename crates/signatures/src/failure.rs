//! What came of judging a request: the proof, or the reason there is none.
//!
//! A failure has two readers. The sender learns what to fix and nothing about the secret; the owner learns exactly what is wrong.

use std::fmt;

/// The request is what the holder of a secret signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Genuine {
    /// Which of the live secrets fits, counted from 0. `None` if the proof needs no secret (a certificate, a client state).
    pub secret: Option<usize>,
    /// When the sender says that it signed, in milliseconds since 1970; `None` if the scheme has no timestamp.
    pub signed_at_ms: Option<i64>,
}

/// Why a request is not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub code: Code,
    /// For the answer: says what to fix, and nothing that helps to guess a secret.
    pub for_sender: String,
    /// For the ledger: exactly what is wrong. Holds no secret and no expected signature.
    pub for_owner: String,
}

/// The kinds of [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// There is no signature where one belongs.
    SignatureMissing,
    /// What stands there is not a signature of this scheme.
    SignatureMalformed,
    /// No live secret made this signature for these bytes.
    SignatureWrong,
    /// The scheme signs a time and none was sent.
    TimestampMissing,
    /// The time is not written as the scheme says.
    TimestampMalformed,
    /// The signature is right but older than the window allows.
    TimestampStale,
    /// The signature is right but from the future, beyond what clocks may differ.
    TimestampFuture,
    /// A signed part other than the time (an id, a member of the body) is missing or ambiguous.
    PartMissing,
    /// The body is not what its digest or hash says.
    DigestWrong,
    /// The hook has no secret to check with. The owner's mistake, not the sender's.
    SecretMissing,
    /// A stored secret cannot be a key of this scheme. The owner's mistake.
    SecretMalformed,
    /// A setting of the preset (public URL, webhook id, …) is not there. The owner's mistake.
    SettingMissing,
    /// The certificate's address is not one of the provider's.
    CertificateNotAllowed,
    /// The certificate is needed: pinned in the document or fetched from `Preset::certificate_source`.
    CertificateMissing,
    /// The certificate has expired, or is not valid yet. The owner's mistake if it is pinned.
    CertificateNotValid,
}

impl Code {
    /// The stable name, as in `signature-wrong`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignatureMissing => "signature-missing",
            Self::SignatureMalformed => "signature-malformed",
            Self::SignatureWrong => "signature-wrong",
            Self::TimestampMissing => "timestamp-missing",
            Self::TimestampMalformed => "timestamp-malformed",
            Self::TimestampStale => "timestamp-stale",
            Self::TimestampFuture => "timestamp-future",
            Self::PartMissing => "signed-part-missing",
            Self::DigestWrong => "digest-wrong",
            Self::SecretMissing => "secret-missing",
            Self::SecretMalformed => "secret-malformed",
            Self::SettingMissing => "setting-missing",
            Self::CertificateNotAllowed => "certificate-not-allowed",
            Self::CertificateMissing => "certificate-missing",
            Self::CertificateNotValid => "certificate-not-valid",
        }
    }

    /// Whether the owner must act before any request can be proven: then the answer is the server's fault (5xx), not a 401.
    #[must_use]
    pub fn is_owners(self) -> bool {
        matches!(
            self,
            Self::SecretMissing
                | Self::SecretMalformed
                | Self::SettingMissing
                | Self::CertificateMissing
                | Self::CertificateNotValid
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Failure {
    /// A failure that both may read in the same words.
    pub(crate) fn plain(code: Code, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, for_sender: text.clone(), for_owner: text }
    }

    /// A mistake of the owner; the sender only learns that it is not the sender's.
    pub(crate) fn owners(code: Code, text: impl Into<String>) -> Self {
        Self { code, for_sender: "This hook cannot check signatures: its owner must complete it.".into(), for_owner: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.for_owner)
    }
}

impl std::error::Error for Failure {}
