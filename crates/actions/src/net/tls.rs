//! The TLS settings of outgoing connections: rustls with ring, trusting what the operating system trusts.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tracing::warn;

/// Settings for a client that speaks HTTP/2 and HTTP/1.1.
pub(super) fn client_config() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = with_system_roots(provider);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn with_system_roots(provider: Arc<CryptoProvider>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions");
    match Verifier::new(provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth(),
        Err(error) => {
            // A machine without certificates must still start; each https request then fails with its own message.
            warn!(%error, "The system has no usable CA certificates: https requests will fail (install ca-certificates)");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    }
}
