//! A call in PHP, with its curl extension.

use hookmill_signatures::Encoding;

use super::quote::{comment, joined, json, php as quoted};
use crate::sender_docs::call::{Call, Signing, Text};

pub(super) fn say(call: &Call) -> String {
    let mut text = "<?php\n".to_owned();
    text.extend(call.notes.iter().map(|note| comment("//", note)));
    if let Some(body) = &call.body {
        // No line of pretty JSON begins with a word of this name.
        text.push_str(&format!("$body = <<<'JSON'\n{}\nJSON;\n", json(body)));
    }
    if let Some(signing) = &call.signing {
        text.push_str(&sign(signing));
    }
    let url = match &call.secret_query {
        None => quoted(&call.url),
        Some((name, env)) => {
            let joint = if call.url.contains('?') { '&' } else { '?' };
            format!("{} . rawurlencode(getenv('{env}'))", quoted(&format!("{}{joint}{name}=", call.url)))
        }
    };
    text.push_str(&format!("$curl = curl_init({url});\ncurl_setopt_array($curl, [\n"));
    text.push_str(&format!("    CURLOPT_CUSTOMREQUEST => '{}',\n    CURLOPT_RETURNTRANSFER => true,\n", call.method));
    if let Some((user, env)) = &call.basic {
        text.push_str(&format!("    CURLOPT_USERPWD => {} . getenv('{env}'),\n", quoted(&format!("{user}:"))));
    }
    text.push_str(&headers(call));
    if call.body.is_some() {
        text.push_str("    CURLOPT_POSTFIELDS => $body,\n");
    }
    text + "]);\n$answer = curl_exec($curl);\n\
            echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), ' ', $answer === false ? curl_error($curl) : $answer, PHP_EOL;\n"
}

fn headers(call: &Call) -> String {
    let mut lines = Vec::new();
    for (name, value) in &call.headers {
        lines.push(match value {
            Text::Fixed(value) => quoted(&format!("{name}: {value}")),
            Text::Env(before, env) => format!("{} . getenv('{env}')", quoted(&format!("{name}: {before}"))),
        });
    }
    if let Some(signing) = &call.signing {
        lines.extend(signing.id_header.iter().map(|name| format!("{} . $id", quoted(&format!("{name}: ")))));
        lines.extend(signing.time_header.iter().map(|name| format!("{} . $timestamp", quoted(&format!("{name}: ")))));
        lines.push(format!("{} . {}", quoted(&format!("{}: ", signing.header)), joined(&signing.value, quoted, "$", " . ")));
    }
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("        {line},\n")).collect();
    format!("    CURLOPT_HTTPHEADER => [\n{lines}    ],\n")
}

fn sign(signing: &Signing) -> String {
    let mut text = String::new();
    if signing.has_id() {
        text.push_str("$id = bin2hex(random_bytes(16));\n");
    }
    if signing.has_time() {
        let now = if signing.in_millis { "(int) (microtime(true) * 1000)" } else { "time()" };
        text.push_str(&format!("$timestamp = (string) ({now});\n"));
    }
    let secret = |prefix: &str| match prefix {
        "" => "getenv('WEBHOOK_SECRET')".to_owned(),
        prefix => format!("str_replace({}, '', getenv('WEBHOOK_SECRET'))", quoted(prefix)),
    };
    let key = match &signing.key {
        None => secret(""),
        Some((Encoding::Hex, prefix)) => format!("hex2bin({})", secret(prefix)),
        Some((_, prefix)) => format!("base64_decode({})", secret(prefix)),
    };
    let signed = joined(&signing.signed, quoted, "$", " . ");
    let mac = |raw: &str| format!("hash_hmac('{}', {signed}, $key{raw})", signing.hash.name());
    let form = match signing.encoding {
        Encoding::Hex => mac(""),
        Encoding::Base64 => format!("base64_encode({})", mac(", true")),
        Encoding::Base64Url => format!("strtr(base64_encode({}), '+/', '-_')", mac(", true")),
    };
    text + &format!("$key = {key};\n$signature = {form};\n")
}
