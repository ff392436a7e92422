//! A call as commands of a POSIX shell, with cURL and OpenSSL.

use hookmill_signatures::Encoding;

use super::quote::{comment, json, shell};
use crate::sender_docs::call::{Call, Piece, Signing, Text};

pub(super) fn say(call: &Call) -> String {
    let mut text: String = call.notes.iter().map(|note| comment("#", note)).collect();
    if let Some(body) = &call.body {
        text.push_str(&format!("body={}\n", shell(&json(body))));
    }
    if let Some(signing) = &call.signing {
        text.push_str(&sign(signing));
    }
    if call.secret_query.is_some() {
        text.push_str("# --url-query needs curl 7.87 or newer.\n");
    }
    let mut lines = vec![format!("curl --request {} {}", call.method, shell(&call.url))];
    if let Some((name, env)) = &call.secret_query {
        lines.push(format!("--url-query {}\"${env}\"", shell(&format!("{name}="))));
    }
    if let Some((user, env)) = &call.basic {
        lines.push(format!("--user {}\"${env}\"", shell(&format!("{user}:"))));
    }
    for (name, value) in &call.headers {
        lines.push(match value {
            Text::Fixed(value) => format!("--header {}", shell(&format!("{name}: {value}"))),
            Text::Env(before, env) => format!("--header {}\"${env}\"", shell(&format!("{name}: {before}"))),
        });
    }
    if let Some(signing) = &call.signing {
        let headers = [(&signing.id_header, Piece::Id), (&signing.time_header, Piece::Time)];
        for (name, piece) in headers.iter().filter_map(|(name, piece)| Some((name.as_ref()?, piece))) {
            lines.push(format!("--header {}{}", shell(&format!("{name}: ")), said(piece)));
        }
        let value: String = signing.value.iter().map(said).collect();
        lines.push(format!("--header {}{value}", shell(&format!("{}: ", signing.header))));
    }
    if call.body.is_some() {
        lines.push("--data-raw \"$body\"".to_owned());
    }
    text + &lines.join(" \\\n  ") + "\n"
}

fn said(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => shell(text),
        Piece::Body => "\"$body\"".to_owned(),
        Piece::Time => "\"$timestamp\"".to_owned(),
        Piece::Id => "\"$id\"".to_owned(),
        Piece::Signature => "\"$signature\"".to_owned(),
    }
}

fn sign(signing: &Signing) -> String {
    let mut text = String::new();
    if signing.has_id() {
        text.push_str("id=$(openssl rand -hex 16)\n");
    }
    if signing.has_time() {
        text.push_str(if signing.in_millis { "timestamp=$(date +%s)000\n" } else { "timestamp=$(date +%s)\n" });
    }
    let key = match &signing.key {
        None => "-hmac \"$WEBHOOK_SECRET\"",
        Some((encoding, prefix)) => {
            let secret = format!("\"${{WEBHOOK_SECRET#{}}}\"", shell(prefix));
            text.push_str(&match encoding {
                Encoding::Hex => format!("key={secret}\n"),
                Encoding::Base64 | Encoding::Base64Url => {
                    format!("key=$(printf '%s' {secret} | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')\n")
                }
            });
            "-mac HMAC -macopt \"hexkey:$key\""
        }
    };
    let form = match signing.encoding {
        Encoding::Hex => "-r | cut -d ' ' -f 1",
        Encoding::Base64 => "-binary | openssl base64 -A",
        Encoding::Base64Url => "-binary | openssl base64 -A | tr '+/' '-_'",
    };
    let signed: Vec<String> = signing.signed.iter().map(said).collect();
    text.push_str(&format!(
        "signature=$(printf '%s' {} |\n  openssl dgst -{} {key} {form})\n",
        signed.join(" "),
        signing.hash.name()
    ));
    text
}
