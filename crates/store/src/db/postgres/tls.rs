//! TLS to PostgreSQL, with the meaning that `sslmode` has in PostgreSQL's own programs.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;

use crate::Error;

/// Whose certificate is good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Any: `prefer` and `require` encrypt, and do not ask with whom.
    Anybody,
    /// One that the machine's authorities vouch for, with the right name.
    System,
    /// One that the authorities in this file vouch for, with the right name.
    File(PathBuf),
}

/// Takes the options about TLS out of the URL; the driver knows only some of them.
pub(super) fn split_options(url: &str) -> Result<(String, Trust, SslMode), Error> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut others = Vec::new();
    let mut root = None;
    let mut name = "prefer";
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", value)) => name = value,
            Some(("sslrootcert", value)) => root = Some(value),
            _ => others.push(option),
        }
    }
    let verified = match root {
        None | Some("system") => Trust::System,
        Some(file) => Trust::File(file.replace("%2F", "/").replace("%2f", "/").into()),
    };
    let (mode, trust) = match name {
        "disable" => (SslMode::Disable, Trust::Anybody),
        "prefer" => (SslMode::Prefer, Trust::Anybody),
        "require" => (SslMode::Require, Trust::Anybody),
        // The name is verified in both: there is no use in knowing the authority but not the server.
        "verify-ca" | "verify-full" => (SslMode::Require, verified),
        _ => return Err(Error::Invalid("sslmode must be one of disable, prefer, require, verify-ca, verify-full".into())),
    };
    let url = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
    Ok((url, trust, mode))
}

impl Trust {
    pub(super) fn client_config(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Invalid(format!("TLS: {error}")))?;
        let roots = match self {
            Self::Anybody => {
                let verifier = Arc::new(AnyCertificate(provider));
                return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
            }
            Self::System => system_roots()?,
            Self::File(file) => roots_in(file)?,
        };
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::Invalid(
            "this machine has no certificate authorities; install ca-certificates, or name a file with sslrootcert".into(),
        ));
    }
    Ok(roots)
}

fn roots_in(file: &PathBuf) -> Result<RootCertStore, Error> {
    let unusable = |why: String| Error::Invalid(format!("sslrootcert {}: {why}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unusable("there is no certificate in it".into())) } else { Ok(roots) }
}

/// Takes every certificate, but still checks that the server has the key to it.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_mean_what_they_mean_elsewhere() {
        let of = |query: &str| split_options(&format!("postgres://h/db{query}")).unwrap();
        assert_eq!(of(""), ("postgres://h/db".into(), Trust::Anybody, SslMode::Prefer));
        assert_eq!(
            of("?sslmode=disable&connect_timeout=3"),
            ("postgres://h/db?connect_timeout=3".into(), Trust::Anybody, SslMode::Disable)
        );
        assert_eq!(of("?sslmode=verify-full").1, Trust::System);
        assert_eq!(of("?sslrootcert=%2Fca.pem&sslmode=verify-full").1, Trust::File("/ca.pem".into()));
        assert!(split_options("postgres://h/db?sslmode=perhaps").is_err());
    }

    #[test]
    fn a_missing_authority_file_is_named() {
        let error = Trust::File("/nowhere/ca.pem".into()).client_config().unwrap_err().to_string();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
        Trust::Anybody.client_config().unwrap();
    }
}
