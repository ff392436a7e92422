//! Certificates that come with their chain: walked from the sender's own to a root that the machine trusts.
//!
//! The first certificate of the text is the sender's, those after it may stand between it and a root. Names are those of its
//! extension for alternative names; the common name counts for nothing (RFC 9525, section 2).

use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::key::certificates_of_pem;

/// Certificates that one text may hold.
pub const CHAIN_MAX: usize = 8;

/// Whom certificates must come from in the end.
#[derive(Debug, Default)]
pub struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// The trusted certificates, as DER; those that cannot be read are left out.
    pub fn of<'d>(trusted: impl IntoIterator<Item = &'d [u8]>) -> Self {
        let anchor = |der: &[u8]| anchor_from_trusted_cert(&CertificateDer::from(der)).ok().map(|anchor| anchor.to_owned());
        Self(trusted.into_iter().filter_map(anchor).collect())
    }

    /// Whether there is none, so that no chain leads anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks that the first certificate of a PEM text is good for one of these names, and leads to a root over the others, all of
/// them valid at this time.
///
/// # Errors
///
/// Says what is wrong, as the end of a sentence.
pub fn walk_chain(pem: &str, roots: &Roots, names: &[&str], now_ms: i64) -> Result<(), String> {
    let certificates: Vec<CertificateDer<'_>> =
        certificates_of_pem(pem, CHAIN_MAX)?.into_iter().map(CertificateDer::from).collect();
    let (own, between) = certificates.split_first().ok_or("there is no certificate")?;
    if roots.0.is_empty() {
        return Err("this machine trusts no root to which its chain could lead; install the system's certificates".into());
    }
    let own = EndEntityCert::try_from(own).map_err(|error| format!("it cannot be read ({error})"))?;
    let seconds = u64::try_from(now_ms / 1_000).map_err(|_| "the time is before 1970".to_owned())?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    own.verify_for_usage(ALL_VERIFICATION_ALGS, &roots.0, between, now, KeyUsage::server_auth(), None, None)
        .map_err(|error| format!("its chain does not lead to a trusted root ({error})"))?;
    let is_for = |name: &&str| ServerName::try_from(*name).is_ok_and(|name| own.verify_is_valid_for_subject_name(&name).is_ok());
    if names.iter().any(is_for) { Ok(()) } else { Err(format!("it is not for {}", names.join(" or "))) }
}
