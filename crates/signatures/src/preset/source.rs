//! Where providers keep the certificates that their requests name, and what such a certificate must be.

use crate::certificate::check_certificate;
use crate::chain::{Roots, walk_chain};
use crate::key::certificates_of_pem;
use crate::{CHAIN_MAX, url};

/// The names in PayPal's certificates, as its own libraries check them.
const PAYPAL: &[&str] = &["messageverificationcerts.paypal.com"];
const PAYPAL_SANDBOX: &[&str] = &["messageverificationcerts.sandbox.paypal.com", "messageverificationcerts.paypal.com"];
/// The names in those of Amazon SNS.
const SNS: &[&str] = &["sns.amazonaws.com", "sns.amazonaws.com.cn"];

/// Where a certificate is fetched from, at one of the provider's own addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSource {
    /// The address.
    pub url: String,
    /// The names for which it must be good.
    names: &'static [&'static str],
    /// Whether it always comes with its chain.
    is_chained: bool,
}

impl CertificateSource {
    /// A certificate of Amazon SNS; `None` if the address is none of its own.
    #[must_use]
    pub fn of_sns(url: String) -> Option<Self> {
        // Amazon publishes the certificate alone.
        url::is_sns_certificate(&url).then_some(Self { url, names: SNS, is_chained: false })
    }

    /// A certificate of PayPal with its chain; `None` if the address is none of its own.
    #[must_use]
    pub fn of_paypal(url: String) -> Option<Self> {
        let names = if url.starts_with("https://api.sandbox.") { PAYPAL_SANDBOX } else { PAYPAL };
        url::is_paypal_certificate(&url).then_some(Self { url, names, is_chained: true })
    }

    /// Whether what came from there is a certificate with an RSA key that is valid now; and, where it comes with its chain,
    /// whether it is the provider's and leads to a trusted root.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, as the end of a sentence.
    pub fn check(&self, pem: &str, roots: &Roots, now_ms: i64) -> Result<(), String> {
        check_certificate(pem, now_ms)?;
        if self.is_chained || certificates_of_pem(pem, CHAIN_MAX)?.len() > 1 {
            walk_chain(pem, roots, self.names, now_ms)?;
        }
        Ok(())
    }
}
