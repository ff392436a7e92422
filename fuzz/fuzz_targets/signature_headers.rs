//! Any request before every preset: nothing panics, nobody but a holder of the secret is genuine.
//!
//! Input: method and target, line; headers as `name: value`, a line each; an empty line; body.
#![no_main]

use hookmill_fuzz::line_and_rest;
use hookmill_signatures::{Need, Preset, Proof, Reading, Sent, Settings, presets};
use libfuzzer_sys::fuzz_target;

/// No seed was signed with it, so that a genuine request is a finding.
const SECRETS: [&[u8]; 2] =
    [b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b"3f1a0c64d0fcbd5f4c6c0b53a0b9f3a1d5a8f1f3f9f3f0d1c2b3a4958677869f"];
const HEADERS_MAX: usize = 24;
const NOW_MS: i64 = 1_780_000_000_000;

fuzz_target!(|input: &[u8]| {
    let Some((first, mut rest)) = line_and_rest(input) else { return };
    let (method, target) = first.split_once(' ').unwrap_or(("POST", first));
    let mut headers: Vec<(String, &[u8])> = Vec::new();
    while headers.len() < HEADERS_MAX
        && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
    {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let Ok(name) = std::str::from_utf8(&line[..colon]) else { break };
        headers.push((name.to_ascii_lowercase(), &line[colon + 1..]));
    }
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let sent = Sent {
        method,
        url: Some("https://hooks.example.com/hooks/main/h"),
        path_and_query: target,
        headers: &headers,
        query: target.split_once('?').map_or("", |(_, query)| query),
        body: rest,
        now_ms: NOW_MS,
    };
    presets().for_each(|preset| judge(preset, &sent));
});

fn judge(preset: &Preset, sent: &Sent<'_>) {
    let settings = Settings {
        public_url: Some("https://hooks.example.com".to_owned()),
        verify_token: Some("b7Q0g0OqkN0o".to_owned()),
        webhook_id: Some("WH-1".to_owned()),
        client_state: Some("Zq3v8m0bW1".to_owned()),
        ..Settings::default()
    };
    let proven = preset.verify(&settings, &SECRETS, sent);
    let open = preset.proof == Proof::Unproven || (preset.proof == Proof::Configured && preset.secret == Need::Optional);
    assert!(open || proven.is_err(), "{} takes a forgery", preset.id);
    if let Err(failure) = proven {
        for secret in SECRETS {
            let secret = std::str::from_utf8(secret).expect("it is text");
            assert!(!failure.for_sender.contains(secret) && !failure.for_owner.contains(secret), "{}", preset.id);
        }
    }
    if let Some(reply) = preset.handshake(&settings, &SECRETS, sent) {
        assert!((200..500).contains(&reply.status), "{}: {}", preset.id, reply.status);
        for (name, value) in &reply.headers {
            assert!(!value.contains(['\r', '\n', '\0']), "{}: {name} splits the answer", preset.id);
        }
    }
    let reading = Reading::new(sent);
    let _ = preset.names(&settings, &reading);
    let _ = preset.certificate_source(&settings, &reading);
}
