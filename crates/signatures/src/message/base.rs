//! What a message signature covers, and the text that is signed (RFC 9421, section 2.5).

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::fields::{Item, Scanner};
use crate::failure::{Code, Failure};
use crate::sent::Sent;

/// How many components one signature may cover.
const COMPONENTS_MAX: usize = 64;

/// Everything but what `application/x-www-form-urlencoded` leaves alone (RFC 9421, section 2.2.8).
const QUERY_PARAM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// One member of `Signature-Input`.
pub(super) struct Input<'a> {
    pub(super) label: &'a str,
    pub(super) components: Vec<Component<'a>>,
    parameters: Vec<(&'a str, Item)>,
    /// The inner list with its parameters, as received.
    text: &'a str,
}

/// A covered component.
pub(super) struct Component<'a> {
    pub(super) name: String,
    parameters: Vec<(&'a str, Item)>,
    /// Its identifier as received: `"@query-param";name="a"`.
    text: &'a str,
}

impl Input<'_> {
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.parameters.iter().find_map(|(key, item)| match item {
            Item::Integer(number) if *key == name => Some(*number),
            _ => None,
        })
    }

    /// The parameter `alg`.
    pub(super) fn algorithm(&self) -> Option<&str> {
        self.parameters.iter().find_map(|(key, item)| match item {
            Item::Text(text) if *key == "alg" => Some(text.as_str()),
            _ => None,
        })
    }
}

/// The members of `Signature-Input`; `None` if it is broken.
pub(super) fn inputs(field: &str) -> Option<Vec<Input<'_>>> {
    let mut scanner = Scanner::new(field.trim_matches(' '));
    let mut found = Vec::new();
    loop {
        let label = scanner.key()?;
        if !scanner.eat('=') {
            return None;
        }
        let start = scanner.position();
        let components = components(&mut scanner)?;
        let parameters = scanner.parameters()?;
        found.push(Input { label, components, parameters, text: scanner.since(start) });
        if !scanner.another()? {
            return Some(found);
        }
    }
}

fn components<'a>(scanner: &mut Scanner<'a>) -> Option<Vec<Component<'a>>> {
    let mut found = Vec::new();
    if !scanner.eat('(') {
        return None;
    }
    loop {
        scanner.spaces();
        if scanner.eat(')') {
            return Some(found);
        }
        let start = scanner.position();
        let name = scanner.string()?;
        let parameters = scanner.parameters()?;
        let text = scanner.since(start);
        // RFC 9421, section 2.5: a component may be covered once.
        if found.len() == COMPONENTS_MAX || found.iter().any(|other: &Component<'_>| other.text == text) {
            return None;
        }
        found.push(Component { name, parameters, text });
    }
}

/// The text that is signed.
pub(super) fn signature_base(sent: &Sent<'_>, url: Option<&str>, input: &Input<'_>) -> Result<String, Failure> {
    let mut base = String::new();
    for component in &input.components {
        let value = value(sent, url, component)?;
        writeln!(base, "{}: {value}", component.text).expect("writing to a string cannot fail");
    }
    write!(base, "\"@signature-params\": {}", input.text).expect("writing to a string cannot fail");
    Ok(base)
}

fn value<'a>(sent: &'a Sent<'_>, url: Option<&'a str>, component: &Component<'_>) -> Result<Cow<'a, str>, Failure> {
    let name = component.name.as_str();
    let supported = component.parameters.iter().all(|(key, _)| name == "@query-param" && *key == "name");
    if !supported {
        let text = format!("The component {} has parameters that are not supported.", component.text);
        return Err(Failure::plain(Code::SignatureMalformed, text));
    }
    let needs_url = || Failure::owners(Code::SettingMissing, format!("The signature covers {name}: set `public_url`."));
    // An origin alone has no path of its own.
    let target = url.and_then(|url| url.split_once("://")).and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    let target = target.unwrap_or(sent.path_and_query);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(match name {
        "@method" => Cow::Borrowed(sent.method),
        "@target-uri" => Cow::Borrowed(url.ok_or_else(needs_url)?),
        "@authority" => Cow::Owned(authority(url.ok_or_else(needs_url)?)),
        "@scheme" => {
            let (scheme, _) = url.and_then(|url| url.split_once("://")).ok_or_else(needs_url)?;
            Cow::Owned(scheme.to_ascii_lowercase())
        }
        "@request-target" => Cow::Borrowed(target),
        "@path" => Cow::Borrowed(path),
        "@query" => Cow::Owned(format!("?{query}")),
        "@query-param" => Cow::Owned(query_param(sent, component)?),
        _ if name.starts_with('@') => {
            return Err(Failure::plain(Code::SignatureMalformed, format!("The component {name} does not exist in requests.")));
        }
        _ => field_value(sent, name)?,
    })
}

/// Host in lower case, without the default port of its scheme.
fn authority(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest[..rest.find(['/', '?']).unwrap_or(rest.len())].to_ascii_lowercase();
    let default = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
    authority.strip_suffix(default).map(str::to_owned).unwrap_or(authority)
}

fn query_param(sent: &Sent<'_>, component: &Component<'_>) -> Result<String, Failure> {
    let missing =
        || Failure::plain(Code::PartMissing, format!("The covered component {} is missing or ambiguous.", component.text));
    let Some((_, Item::Text(name))) = component.parameters.first() else { return Err(missing()) };
    let name: Vec<u8> = percent_encoding::percent_decode_str(name).collect();
    let name = String::from_utf8(name).map_err(|_| missing())?;
    match sent.query_values(&name).as_slice() {
        [value] => Ok(percent_encode(value, QUERY_PARAM).to_string()),
        _ => Err(missing()),
    }
}

fn field_value<'a>(sent: &'a Sent<'_>, name: &str) -> Result<Cow<'a, str>, Failure> {
    let lines: Vec<&[u8]> = sent.header_values(name).collect();
    let missing = || Failure::plain(Code::PartMissing, format!("The covered header {name} is missing or not text."));
    if lines.is_empty() || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(missing());
    }
    String::from_utf8(lines.join(&b", "[..])).map(Cow::Owned).map_err(|_| missing())
}
