//! Any request signed by every preset that shares a secret: what was signed is genuine. Input: path and query, line; headers as
//! `name: value`, a line each; an empty line; body.
#![no_main]

use hookmill_fuzz::line_and_rest;
use hookmill_signatures::{Outgoing, Sender, Sent, Settings, presets};
use libfuzzer_sys::fuzz_target;

const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HEADERS_MAX: usize = 8;
const NOW_MS: i64 = 1_780_000_000_000;

fuzz_target!(|input: &[u8]| {
    let Some((target, mut rest)) = line_and_rest(input) else { return };
    // What a client sends is a URL: visible, and without a fragment.
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return;
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    while headers.len() < HEADERS_MAX
        && let Some((line, after)) = line_and_rest(rest)
    {
        rest = after;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let request = Outgoing {
        method: "POST".to_owned(),
        url: format!("https://hooks.example.com/{target}"),
        // Names of their own: whoever gives a signature or a time of his own may give a wrong one.
        headers: headers.into_iter().filter(|(name, _)| name == "content-type" || name == "accept").collect(),
        body: rest.to_vec(),
    };
    for preset in presets() {
        let settings = Settings::default();
        let sender = Sender { secret: SECRET, id: "msg_1", event: None, at_ms: NOW_MS };
        // A hash that is in the URL already may be another body's.
        if preset.id == "twilio" && (target.contains('%') || target.contains("bodySHA256")) {
            continue;
        }
        let mut signed = request.clone();
        if preset.sign(&settings, &sender, &mut signed).is_err() {
            continue;
        }
        let headers: Vec<(&str, &[u8])> =
            signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let path_and_query = &signed.url["https://hooks.example.com".len()..];
        let sent = Sent {
            method: &signed.method,
            url: Some(&signed.url),
            path_and_query,
            headers: &headers,
            query: path_and_query.split_once('?').map_or("", |(_, query)| query),
            body: &signed.body,
            now_ms: NOW_MS,
        };
        let secrets: &[&[u8]] = if preset.id == "microsoft-graph" { &[] } else { &[SECRET] };
        let client_state = Some(String::from_utf8_lossy(SECRET).into_owned());
        let settings = Settings { client_state, ..settings };
        let judged = preset.verify(&settings, secrets, &sent);
        assert!(judged.is_ok(), "{}: {:?}", preset.id, judged.err());
    }
});
