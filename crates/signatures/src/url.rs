//! The URLs of signatures: the public one that some senders sign, and those of certificates and confirmations that a sender
//! names and that must be one of its own.

use percent_encoding::percent_decode_str;

use crate::scheme::UrlForm;
use crate::sent::Sent;
use crate::settings::Settings;

/// The spellings of the public URL that the sender may have signed; empty if none is known.
///
/// All come from configuration and the request's own query: a `Host` header has no say. The query always counts, so that nobody
/// can add a parameter to a signed URL.
pub(crate) fn public_urls(settings: &Settings, sent: &Sent<'_>, form: UrlForm) -> Vec<String> {
    let mut urls = Vec::new();
    match settings.public_url.as_deref() {
        Some(configured) => configured_urls(configured, sent, &mut urls),
        None => urls.extend(sent.url.map(str::to_owned)),
    }
    match form {
        UrlForm::Exact => {}
        UrlForm::EitherPort => {
            let other: Vec<String> = urls.iter().filter_map(|url| other_port(url)).collect();
            urls.extend(other);
        }
        UrlForm::Decoded => urls.iter_mut().for_each(|url| *url = decoded(url)),
    }
    urls
}

fn configured_urls(configured: &str, sent: &Sent<'_>, urls: &mut Vec<String>) {
    let (configured, _) = configured.split_once('#').unwrap_or((configured, ""));
    let has_path =
        configured.split_once("://").is_some_and(|(_, rest)| rest.trim_end_matches('/').contains('/') || rest.ends_with('/'));
    let trimmed = configured.trim_end_matches('/');
    match configured.split_once('?') {
        Some((_, query)) => urls.extend((query == sent.query).then(|| configured.to_owned())),
        None if has_path => {
            let query = if sent.query.is_empty() { String::new() } else { format!("?{}", sent.query) };
            urls.push(format!("{configured}{query}"));
            urls.push(format!("{trimmed}{}", sent.path_and_query));
        }
        None => urls.push(format!("{trimmed}{}", sent.path_and_query)),
    }
}

/// The same URL with the default port added or taken away.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let default = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if let Some(host) = authority.strip_suffix(default) {
        return Some(format!("{scheme}://{host}{path}"));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    (!has_port).then(|| format!("{scheme}://{authority}{default}{path}"))
}

/// `: / ? @ ! $ ' ( ) * , ;` percent-decoded, everything else as it is.
fn decoded(url: &str) -> String {
    const DECODED: &str = ":/?@!$'()*,;";
    let mut out = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let escape = rest.get(at..at + 3).filter(|escape| escape[1..].bytes().all(|byte| byte.is_ascii_hexdigit()));
        let single = escape.and_then(|escape| percent_decode_str(escape).next()).map(char::from);
        match single.filter(|character| DECODED.contains(*character)) {
            Some(character) => {
                out.push(character);
                rest = &rest[at + 3..];
            }
            None => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// Host and path of an absolute https URL without user, port, query or fragment.
fn plain_https(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (host.bytes().all(plain) && path.bytes().all(|byte| byte == b'/' || plain(byte)) && !path.contains(".."))
        .then_some((host, path))
}

/// Whether an SNS certificate may be fetched from here (https, `sns.REGION.amazonaws.com`, `.pem`).
pub(crate) fn is_sns_certificate(url: &str) -> bool {
    plain_https(url).is_some_and(|(host, path)| is_sns_host(host) && path.ends_with(".pem"))
}

/// Whether a `SubscribeURL` is one of SNS's own.
pub(crate) fn is_sns_confirmation(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    is_sns_host(host) && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte))
}

/// `^sns\.[a-zA-Z0-9\-]{3,}\.amazonaws\.com(\.cn)?$`
fn is_sns_host(host: &str) -> bool {
    let region = host
        .strip_prefix("sns.")
        .and_then(|rest| rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn")));
    region.is_some_and(|region| region.len() >= 3 && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// Whether a PayPal certificate may be fetched from here.
pub(crate) fn is_paypal_certificate(url: &str) -> bool {
    plain_https(url).is_some_and(|(host, path)| {
        (host == "api.paypal.com" || host == "api.sandbox.paypal.com") && path.starts_with("/v1/notifications/certs/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(configured: &str, path_and_query: &str, form: UrlForm) -> Vec<String> {
        let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
        let sent = Sent { method: "POST", url: None, path_and_query, headers: &[], query, body: b"", now_ms: 0 };
        public_urls(&Settings { public_url: Some(configured.into()), ..Settings::default() }, &sent, form)
    }

    #[test]
    fn a_base_a_prefix_and_a_complete_url_all_work_and_the_query_always_counts() {
        assert_eq!(urls("https://a.test", "/h?x=1", UrlForm::Exact), ["https://a.test/h?x=1"]);
        assert_eq!(urls("https://a.test/h", "/h", UrlForm::Exact), ["https://a.test/h", "https://a.test/h/h"]);
        assert_eq!(urls("https://a.test/h?x=1", "/h?x=1", UrlForm::Exact), ["https://a.test/h?x=1"]);
        assert!(urls("https://a.test/h?x=1", "/h?x=2", UrlForm::Exact).is_empty());
        assert!(urls("https://a.test/h", "/h?x=2", UrlForm::Exact).iter().all(|url| url.ends_with("?x=2")));
        assert_eq!(urls("https://a.test", "/h", UrlForm::EitherPort), ["https://a.test/h", "https://a.test:443/h"]);
        assert_eq!(urls("https://a.test:443", "/h", UrlForm::EitherPort), ["https://a.test:443/h", "https://a.test/h"]);
        assert_eq!(urls("https://a.test:8443", "/h", UrlForm::EitherPort), ["https://a.test:8443/h"]);
        assert_eq!(urls("https://a.test", "/h?u=a%3A%2f%20%C3%A4%", UrlForm::Decoded), ["https://a.test/h?u=a:/%20%C3%A4%"]);
    }

    #[test]
    fn only_the_providers_own_urls_are_fetched() {
        assert!(is_sns_certificate("https://sns.us-west-2.amazonaws.com/SimpleNotificationService-a.pem"));
        assert!(is_sns_certificate("https://sns.cn-north-1.amazonaws.com.cn/x.pem"));
        for url in [
            "http://sns.us-west-2.amazonaws.com/x.pem",
            "https://sns.us-west-2.amazonaws.com.evil.test/x.pem",
            "https://evil.test/sns.us-west-2.amazonaws.com/x.pem",
            "https://sns.us-west-2.amazonaws.com@evil.test/x.pem",
            "https://sns.us-west-2.amazonaws.com:8080/x.pem",
            "https://sns.a/b.amazonaws.com/x.pem",
            "https://sns.us-west-2.amazonaws.com/x.pem?y=1",
            "https://sns.us-west-2.amazonaws.com/x.txt",
            "https://bucket.s3.amazonaws.com/x.pem",
            "https://sns.ab.amazonaws.com/x.pem",
            "",
        ] {
            assert!(!is_sns_certificate(url), "{url}");
        }
        assert!(is_sns_confirmation("https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=a"));
        assert!(!is_sns_confirmation("https://sns.us-west-2.amazonaws.com@169.254.169.254/?Action=x"));
        assert!(!is_sns_confirmation("https://sns.us-west-2.amazonaws.com\\@evil.test/"));
        assert!(is_paypal_certificate("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"));
        assert!(!is_paypal_certificate("https://api.paypal.com.evil.test/v1/notifications/certs/x"));
        assert!(!is_paypal_certificate("https://api.paypal.com/v1/notifications/certs/../../x"));
    }
}
