//! A call in JavaScript, for Node.js 18 and newer.

use hookmill_signatures::Encoding;

use super::quote::{comment, javascript as quoted, javascript_body, joined};
use crate::sender_docs::call::{Call, Signing, Text};

pub(super) fn fetch(call: &Call) -> String {
    let mut text = before(call, "");
    text.push_str(&format!("const response = await fetch({}, {{\n  method: \"{}\",\n", url(call), call.method));
    text.push_str(&headers(call));
    if call.body.is_some() {
        text.push_str("  body,\n");
    }
    text + "});\nconsole.log(response.status, await response.text());\n"
}

pub(super) fn axios(call: &Call) -> String {
    let mut text = before(call, "import axios from \"axios\";\n");
    text.push_str(&format!("const response = await axios.request({{\n  url: {},\n  method: \"{}\",\n", url(call), call.method));
    text.push_str(&headers(call));
    if call.body.is_some() {
        text.push_str("  data: body,\n");
    }
    text + "  validateStatus: () => true,\n});\nconsole.log(response.status, JSON.stringify(response.data));\n"
}

fn before(call: &Call, imports: &str) -> String {
    let mut text: String = call.notes.iter().map(|note| comment("//", note)).collect();
    text.push_str(imports);
    if let Some(signing) = &call.signing {
        let names = if signing.has_id() { "createHmac, randomUUID" } else { "createHmac" };
        text.push_str(&format!("import {{ {names} }} from \"node:crypto\";\n"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    if let Some(body) = &call.body {
        text.push_str(&format!("const body = {};\n", javascript_body(body)));
    }
    if let Some(signing) = &call.signing {
        text.push_str(&sign(signing));
    }
    text
}

fn url(call: &Call) -> String {
    let Some((name, env)) = &call.secret_query else { return quoted(&call.url) };
    let joint = if call.url.contains('?') { '&' } else { '?' };
    format!("{} + encodeURIComponent(process.env.{env})", quoted(&format!("{}{joint}{name}=", call.url)))
}

fn headers(call: &Call) -> String {
    let mut lines = Vec::new();
    if let Some((user, env)) = &call.basic {
        let plain = quoted(&format!("{user}:"));
        lines.push(format!("Authorization: \"Basic \" + Buffer.from({plain} + process.env.{env}).toString(\"base64\")"));
    }
    for (name, value) in &call.headers {
        let value = match value {
            Text::Fixed(value) => quoted(value),
            Text::Env("", env) => format!("process.env.{env}"),
            Text::Env(before, env) => format!("{} + process.env.{env}", quoted(before)),
        };
        lines.push(format!("{}: {value}", quoted(name)));
    }
    if let Some(signing) = &call.signing {
        lines.extend(signing.id_header.iter().map(|name| format!("{}: id", quoted(name))));
        lines.extend(signing.time_header.iter().map(|name| format!("{}: timestamp", quoted(name))));
        lines.push(format!("{}: {}", quoted(&signing.header), joined(&signing.value, quoted, "", " + ")));
    }
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("    {line},\n")).collect();
    format!("  headers: {{\n{lines}  }},\n")
}

fn sign(signing: &Signing) -> String {
    let mut text = String::new();
    if signing.has_id() {
        text.push_str("const id = randomUUID();\n");
    }
    if signing.has_time() {
        let now = if signing.in_millis { "Date.now()" } else { "Math.floor(Date.now() / 1000)" };
        text.push_str(&format!("const timestamp = String({now});\n"));
    }
    let key = match &signing.key {
        None => "process.env.WEBHOOK_SECRET".to_owned(),
        Some((encoding, prefix)) => {
            let secret = match prefix.as_str() {
                "" => "process.env.WEBHOOK_SECRET".to_owned(),
                prefix => format!("process.env.WEBHOOK_SECRET.replace({}, \"\")", quoted(prefix)),
            };
            format!("Buffer.from({secret}, \"{}\")", encoding.name())
        }
    };
    let form = match signing.encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64url",
    };
    text + &format!(
        "const signature = createHmac(\"{}\", {key})\n  .update({})\n  .digest(\"{form}\");\n",
        signing.hash.name(),
        joined(&signing.signed, quoted, "", " + ")
    )
}
