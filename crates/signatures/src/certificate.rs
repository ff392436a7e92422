//! Keys that come as a certificate: usable only while it is valid.

use crate::failure::{Code, Failure};
use crate::key::{Key, validity_of_pem};
use crate::scheme::{Algorithm, Hash, KeyForm};
use crate::settings::Settings;

/// The key of the sender's certificate, if there is one and it is valid now.
pub(crate) fn key(algorithm: Algorithm, settings: &Settings, now_ms: i64) -> Result<Key, Failure> {
    let pem = settings.certificate.as_deref().ok_or_else(missing)?;
    let unusable = |why: String| Failure::owners(Code::SecretMalformed, format!("The certificate cannot be used: {why}."));
    let key = Key::new(algorithm, &KeyForm::Certificate, pem.as_bytes()).map_err(unusable)?;
    if let Some(why) = not_valid(pem, now_ms).map_err(unusable)? {
        return Err(Failure::owners(Code::CertificateNotValid, format!("The certificate {why}.")));
    }
    Ok(key)
}

fn missing() -> Failure {
    Failure::owners(Code::CertificateMissing, "The sender's certificate is needed: pin one with `certificate`.")
}

/// Why a certificate is not valid now, by its dates.
fn not_valid(pem: &str, now_ms: i64) -> Result<Option<String>, String> {
    let Some(validity) = validity_of_pem(pem.as_bytes())? else { return Ok(None) };
    let at = |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |at| at.to_string());
    Ok(if now_ms > validity.until_ms {
        Some(format!("expired on {}", at(validity.until_ms)))
    } else if now_ms < validity.from_ms {
        Some(format!("is not valid before {}", at(validity.from_ms)))
    } else {
        None
    })
}

/// Whether a fetched text is a certificate with an RSA key, as SNS and PayPal sign, that is valid now.
///
/// # Errors
///
/// Says what is wrong with it, as the end of a sentence.
pub fn check_certificate(pem: &str, now_ms: i64) -> Result<(), String> {
    Key::new(Algorithm::Rsa(Hash::Sha256), &KeyForm::Certificate, pem.as_bytes())?;
    match validity_of_pem(pem.as_bytes())? {
        None => Err("it is a bare key and no certificate".into()),
        Some(_) => not_valid(pem, now_ms)?.map_or(Ok(()), |why| Err(format!("it {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../tests/it/fixtures/sender.crt.pem");

    #[test]
    fn a_certificate_is_good_between_its_dates_and_only_then() {
        let validity = validity_of_pem(PEM.as_bytes()).unwrap().unwrap();
        assert!(validity.from_ms < validity.until_ms);
        let settings = Settings { certificate: Some(PEM.into()), ..Settings::default() };
        for (now_ms, good) in
            [(validity.from_ms - 1, false), (validity.from_ms, true), (validity.until_ms, true), (validity.until_ms + 1, false)]
        {
            assert_eq!(check_certificate(PEM, now_ms).is_ok(), good, "{now_ms}");
            let found = key(Algorithm::Rsa(Hash::Sha256), &settings, now_ms).err().map(|failure| failure.code);
            assert_eq!(found, (!good).then_some(Code::CertificateNotValid), "{now_ms}");
        }
        assert!(check_certificate(PEM, validity.until_ms + 1).unwrap_err().contains("expired on 2"));
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let cut = PEM.replace("-----END CERTIFICATE-----", "");
        for pem in ["", "<html>not found</html>", &cut, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
            assert!(check_certificate(pem, 0).is_err(), "{pem}");
        }
    }
}
