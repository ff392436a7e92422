//! A call in Python, with requests.

use hookmill_signatures::Encoding;

use super::quote::{comment, python as quoted, python_value};
use crate::sender_docs::call::{Call, Piece, Signing, Text};

pub(super) fn say(call: &Call) -> String {
    let mut text: String = call.notes.iter().map(|note| comment("#", note)).collect();
    text.push_str(&imports(call));
    if let Some(body) = &call.body {
        text.push_str(&format!("body = json.dumps({}).encode()\n", python_value(body, 0)));
    }
    if let Some(signing) = &call.signing {
        text.push_str(&sign(signing));
    }
    text.push_str(&format!("response = requests.request(\n    \"{}\",\n    {},\n", call.method, quoted(&call.url)));
    if let Some((name, env)) = &call.secret_query {
        text.push_str(&format!("    params={{{}: os.environ[\"{env}\"]}},\n", quoted(name)));
    }
    if let Some((user, env)) = &call.basic {
        text.push_str(&format!("    auth=({}, os.environ[\"{env}\"]),\n", quoted(user)));
    }
    text.push_str(&headers(call));
    if call.body.is_some() {
        text.push_str("    data=body,\n");
    }
    text + "    timeout=30,\n)\nprint(response.status_code, response.text)\n"
}

fn imports(call: &Call) -> String {
    let reads_env = call.secret_query.is_some()
        || call.basic.is_some()
        || call.signing.is_some()
        || call.headers.iter().any(|(_, value)| matches!(value, Text::Env(..)));
    let signing = call.signing.as_ref();
    let has_encoding = signing.is_some_and(|signing| {
        signing.encoding != Encoding::Hex || signing.key.as_ref().is_some_and(|(encoding, _)| *encoding != Encoding::Hex)
    });
    let wanted = [
        ("base64", has_encoding),
        ("hashlib", signing.is_some()),
        ("hmac", signing.is_some()),
        ("json", call.body.is_some()),
        ("os", reads_env),
        ("time", signing.is_some_and(Signing::has_time)),
        ("uuid", signing.is_some_and(Signing::has_id)),
    ];
    let lines: String = wanted.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| format!("import {name}\n")).collect();
    let gap = if lines.is_empty() { "" } else { "\n" };
    format!("{lines}{gap}import requests\n\n")
}

fn headers(call: &Call) -> String {
    let mut lines = Vec::new();
    for (name, value) in &call.headers {
        let value = match value {
            Text::Fixed(value) => quoted(value),
            Text::Env("", env) => format!("os.environ[\"{env}\"]"),
            Text::Env(before, env) => format!("{} + os.environ[\"{env}\"]", quoted(before)),
        };
        lines.push(format!("{}: {value}", quoted(name)));
    }
    if let Some(signing) = &call.signing {
        lines.extend(signing.id_header.iter().map(|name| format!("{}: id", quoted(name))));
        lines.extend(signing.time_header.iter().map(|name| format!("{}: timestamp", quoted(name))));
        let value = signing.value.iter().map(|piece| match piece {
            Piece::Literal(text) => quoted(text),
            Piece::Body => "body.decode()".to_owned(),
            Piece::Time => "timestamp".to_owned(),
            Piece::Id => "id".to_owned(),
            Piece::Signature => "signature".to_owned(),
        });
        lines.push(format!("{}: {}", quoted(&signing.header), value.collect::<Vec<_>>().join(" + ")));
    }
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("        {line},\n")).collect();
    format!("    headers={{\n{lines}    }},\n")
}

fn sign(signing: &Signing) -> String {
    let mut text = String::new();
    if signing.has_id() {
        text.push_str("id = str(uuid.uuid4())\n");
    }
    if signing.has_time() {
        let now = if signing.in_millis { "time.time() * 1000" } else { "time.time()" };
        text.push_str(&format!("timestamp = str(int({now}))\n"));
    }
    let secret = |prefix: &str| match prefix {
        "" => "os.environ[\"WEBHOOK_SECRET\"]".to_owned(),
        prefix => format!("os.environ[\"WEBHOOK_SECRET\"].replace({}, \"\", 1)", quoted(prefix)),
    };
    let key = match &signing.key {
        None => format!("{}.encode()", secret("")),
        Some((Encoding::Hex, prefix)) => format!("bytes.fromhex({})", secret(prefix)),
        Some((_, prefix)) => format!("base64.b64decode({})", secret(prefix)),
    };
    let signed = signing.signed.iter().map(|piece| match piece {
        Piece::Literal(text) => format!("{}.encode()", quoted(text)),
        Piece::Body => "body".to_owned(),
        Piece::Time => "timestamp.encode()".to_owned(),
        Piece::Id => "id.encode()".to_owned(),
        Piece::Signature => "b\"\"".to_owned(),
    });
    let signed = signed.collect::<Vec<_>>().join(" + ");
    let mac = format!("hmac.new(key, {signed}, hashlib.{})", signing.hash.name());
    let form = match signing.encoding {
        Encoding::Hex => format!("{mac}.hexdigest()"),
        Encoding::Base64 => format!("base64.b64encode({mac}.digest()).decode()"),
        Encoding::Base64Url => format!("base64.urlsafe_b64encode({mac}.digest()).decode()"),
    };
    text + &format!("key = {key}\nsignature = {form}\n")
}
