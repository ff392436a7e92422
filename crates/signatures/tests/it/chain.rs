//! Certificates that come with their chain.

use hookmill_signatures::{CHAIN_MAX, CertificateSource, Roots, walk_chain};
use ring::signature::{KeyPair as _, RsaKeyPair};

use crate::issuer::{Authority, pem};

const NOW: i64 = 1_780_000_000_000;
const DAY: i64 = 86_400_000;
const VALID: (i64, i64) = (NOW - DAY, NOW + DAY);
const NAME: &str = "messageverificationcerts.paypal.com";
const LIVE: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";

fn rsa_key() -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(include_bytes!("fixtures/sender.key.der")).unwrap();
    pair.public_key().as_ref().to_vec()
}

fn trusting(root: &Authority) -> Roots {
    Roots::of([root.der.as_slice()])
}

#[test]
fn a_chain_leads_over_those_in_the_text_to_a_trusted_root() {
    let root = Authority::root("Root", VALID);
    let (first, second) = (root.authority("First", VALID), Authority::root("Stranger", VALID));
    let between = first.authority("Between", VALID);
    let own = between.certify(NAME, VALID, &rsa_key());
    let walk = |certificates: &[&[u8]], roots: &Roots| walk_chain(&pem(certificates), roots, &["other.test", NAME], NOW);
    let whole: &[&[u8]] = &[&own, &between.der, &first.der];
    assert_eq!(walk(whole, &trusting(&root)), Ok(()));
    assert_eq!(walk(&[&own, &first.der, &between.der, &root.der], &trusting(&root)), Ok(()), "in whatever order");
    assert_eq!(walk(whole, &Roots::of([second.der.as_slice(), b"no certificate", root.der.as_slice()])), Ok(()));
    for (certificates, roots, why) in [
        (&[&own[..]] as &[&[u8]], trusting(&root), "UnknownIssuer"),
        (&[&own, &between.der], trusting(&root), "UnknownIssuer"),
        (whole, trusting(&second), "UnknownIssuer"),
        (&[&between.der, &own, &first.der], trusting(&root), "CaUsedAsEndEntity"),
        (whole, Roots::default(), "trusts no root"),
        (&[], trusting(&root), "no certificate"),
        (&[own.as_slice(); CHAIN_MAX + 1], trusting(&root), "more than 8"),
        (&[b"no certificate"], trusting(&root), "cannot be read"),
    ] {
        let error = walk(certificates, &roots).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn names_and_dates_are_those_of_the_moment() {
    let root = Authority::root("Root", (NOW - 100 * DAY, NOW + 100 * DAY));
    let walk = |name: &str, own: (i64, i64), between: (i64, i64)| {
        let issuer = root.authority("Between", between);
        let own = issuer.certify(name, own, &rsa_key());
        walk_chain(&pem(&[&own, &issuer.der]), &trusting(&root), &[NAME], NOW)
    };
    assert_eq!(walk(NAME, VALID, VALID), Ok(()));
    assert_eq!(walk("*.paypal.com", VALID, VALID), Ok(()));
    for (name, own, between, why) in [
        ("messageverificationcerts.paypal.com.evil.test", VALID, VALID, "not for messageverificationcerts.paypal.com"),
        (NAME, (NOW - 2 * DAY, NOW - DAY), VALID, "Expired"),
        (NAME, (NOW + DAY, NOW + 2 * DAY), VALID, "NotValidYet"),
        (NAME, VALID, (NOW - 2 * DAY, NOW - DAY), "Expired"),
        (NAME, VALID, (NOW + DAY, NOW + 2 * DAY), "NotValidYet"),
    ] {
        let error = walk(name, own, between).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_certificate_signed_by_another_than_it_says_is_refused() {
    let root = Authority::root("Root", VALID);
    let (real, forged) = (root.authority("Between", VALID), Authority::root("Between", VALID));
    let own = forged.certify(NAME, VALID, &rsa_key());
    assert!(walk_chain(&pem(&[&own, &real.der]), &trusting(&root), &[NAME], NOW).is_err());
    // Nor can who was certified certify others.
    let leaf = root.certify(NAME, VALID, &rsa_key());
    assert!(walk_chain(&pem(&[&own, &leaf]), &trusting(&root), &[NAME], NOW).is_err());
}

#[test]
fn paypals_chain_is_always_walked_and_that_of_sns_where_there_is_one() {
    let root = Authority::root("Root", VALID);
    let between = root.authority("Between", VALID);
    let live = CertificateSource::of_paypal(LIVE.into()).unwrap();
    let sandbox = CertificateSource::of_paypal(LIVE.replace("api.", "api.sandbox.")).unwrap();
    let sns = CertificateSource::of_sns("https://sns.us-east-1.amazonaws.com/x.pem".into()).unwrap();
    let check = |source: &CertificateSource, name: &str, chained: bool| {
        let own = between.certify(name, VALID, &rsa_key());
        let all: &[&[u8]] = if chained { &[&own, &between.der] } else { &[&own] };
        source.check(&pem(all), &trusting(&root), NOW).is_ok()
    };
    assert!(check(&live, NAME, true) && !check(&live, NAME, false));
    let sandboxed = "messageverificationcerts.sandbox.paypal.com";
    assert!(check(&sandbox, sandboxed, true) && check(&sandbox, NAME, true) && !check(&live, sandboxed, true));
    assert!(check(&sns, "sns.amazonaws.com", true) && check(&sns, "sns.amazonaws.com", false));
    assert!(!check(&sns, NAME, true), "a chain is for its sender");
    assert_eq!(CertificateSource::of_paypal("https://api.paypal.com.evil.test/v1/notifications/certs/x".into()), None);
}
