//! `hookmill send`: calls a hook as its provider would, signed with a secret that the caller knows.
//!
//! The server is asked for what a document says, never for a secret, and not at all if the whole URL and the preset are given.

mod present;
mod target;

use std::io::Read;
use std::path::Path;

use clap::Args;
use hookmill_engine::id::DeliveryId;
use hookmill_signatures::{Outgoing, Sender};
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::client::{self, Remote};
use super::exit::{Exit, Failed, Result};
use super::screen::single_line;
use crate::shell;
use target::Target;

/// The environment variable with the secret.
const SECRET: &str = "HOOKMILL_SEND_SECRET";
/// Longer bodies go through a file when a command is printed: Linux allows 128 KiB for one argument.
const ARGUMENT_BYTES_MAX: usize = 32 * 1024;
/// The longest part of an answer that is shown.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Call a hook as its provider would, signed with HOOKMILL_SEND_SECRET.
#[derive(Args)]
pub(crate) struct Send {
    /// The hook's id (hook_…), or any of its URLs. With a whole URL and --preset the server is not asked for anything.
    #[arg(value_name = "HOOK|URL")]
    hook: String,
    /// Whose requests to make (github, stripe, hap …). Default: what the hook's document says.
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,
    /// A file with the secret, or with the private key of senders that have one; `-` is standard input. Default: the
    /// environment variable HOOKMILL_SEND_SECRET.
    #[arg(long, value_name = "FILE|-")]
    secret_file: Option<String>,
    /// A file with the body, `-` for standard input. Default: `{}`.
    #[arg(long, value_name = "FILE|-")]
    file: Option<String>,
    /// The body itself.
    #[arg(long, value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true)]
    data: Option<String>,
    /// A header. What is given is not made: a signature of your own is sent as it is.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The method.
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    method: Method,
    /// The event type, told where this sender tells it.
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,
    /// The delivery's id, told where this sender tells it in a header or signs it. Default: a new one.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The URL that the hook is known by at its provider, where that is signed and is not the one that is called.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Print the request as a curl command, its signature and secrets included, instead of sending it.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Send {
    pub(crate) async fn run(self) -> Result<()> {
        if self.secret_file.as_deref() == Some("-") && self.file.as_deref() == Some("-") {
            return Err(Failed::usage("--secret-file and --file cannot both read standard input"));
        }
        let (secret, body) = (self.secret()?, self.body()?);
        let (preset, public_url) = (self.preset.as_deref(), self.public_url.as_deref());
        let target = Target::find(&self.remote, &self.hook, preset, public_url, !secret.is_empty()).await?;
        let id = self.id.clone().map_or_else(new_id, Ok)?;
        let sender = Sender {
            secret: secret.as_bytes(),
            id: &id,
            event: self.event.as_deref(),
            at_ms: jiff::Timestamp::now().as_millisecond(),
        };
        let mut request =
            Outgoing { method: self.method.to_string(), url: target.url.clone(), headers: self.headers()?, body: body.clone() };
        if !request.body.is_empty() && !request.headers.iter().any(|(name, _)| name == "content-type") {
            request.headers.push(("content-type".into(), media(&request.body, target.preset.as_deref()).into()));
        }
        present::present(&target, &sender, self.remote.key.as_deref(), &mut request)?;
        if self.print {
            let unchanged = if request.body == body { self.file.as_deref() } else { None };
            self.remote.screen().text(&command(&request, unchanged)?);
            return Ok(());
        }
        self.send(request, &target.url).await
    }

    fn secret(&self) -> Result<Zeroizing<String>> {
        let text = match &self.secret_file {
            Some(file) => String::from_utf8(read("secret", file)?).map_err(|_| Failed::usage("--secret-file: it is not text"))?,
            None => std::env::var(SECRET).unwrap_or_default(),
        };
        // One line end at the end is the editor's, not the secret's.
        let end = text.strip_suffix('\n').map_or(text.len(), |text| text.strip_suffix('\r').unwrap_or(text).len());
        let mut text = Zeroizing::new(text);
        text.truncate(end);
        Ok(text)
    }

    fn body(&self) -> Result<Vec<u8>> {
        match (&self.file, &self.data) {
            (Some(file), _) => read("body", file),
            (None, Some(text)) => Ok(text.clone().into_bytes()),
            (None, None) if self.method == Method::GET || self.method == Method::HEAD => Ok(Vec::new()),
            (None, None) => Ok(b"{}".to_vec()),
        }
    }

    fn headers(&self) -> Result<Vec<(String, String)>> {
        let header = |line: &String| {
            let wrong = || Failed::usage(format!("--header: `{}` is not like `Name: value`", single_line(line)));
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            let name: http::HeaderName = name.trim().parse().map_err(|_| wrong())?;
            let value: http::HeaderValue = value.trim().parse().map_err(|_| wrong())?;
            Ok((name.to_string(), value.to_str().map_err(|_| wrong())?.to_owned()))
        };
        self.header.iter().map(header).collect()
    }

    /// Sends it, and shows what is answered. `called`: its URL without what was added, which may be a secret.
    async fn send(&self, request: Outgoing, called: &str) -> Result<()> {
        let called = single_line(called);
        let url = Url::parse(&request.url).map_err(|error| Failed::usage(format!("`{called}` is no URL: {error}")))?;
        let mut sending = client::http_client(&url)?.request(self.method.clone(), url).body(request.body);
        for (name, value) in request.headers {
            sending = sending.header(name, value);
        }
        let failed = |error: reqwest::Error| {
            Failed::new(Exit::Unreachable, format!("{called} cannot be reached: {}", client::causes(&error.without_url())))
        };
        let response = sending.send().await.map_err(failed)?;
        let status = response.status();
        let headers: Map<String, Value> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
            .collect();
        let body = response.bytes().await.map_err(failed)?;
        self.show(status, &headers, &String::from_utf8_lossy(&body));
        if status.is_success() { Ok(()) } else { Err(Failed::told(Exit::Failed)) }
    }

    fn show(&self, status: http::StatusCode, headers: &Map<String, Value>, body: &str) {
        let screen = self.remote.screen();
        if screen.json {
            let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
            return screen.json_line(&json!({ "status": status.as_u16(), "headers": headers, "body": body }));
        }
        let repeats = headers.get("hookmill-duplicate").is_some_and(|value| value == "true");
        screen.say(&format!("{status}{}", if repeats { ", a repetition: nothing was started" } else { "" }));
        let mut end = body.len().min(ANSWER_BYTES_MAX);
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        let shown: String = body[..end].chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        if !shown.is_empty() {
            screen.say(shown.trim_end());
        }
    }
}

/// An id that no other delivery has.
fn new_id() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Failed::new(Exit::Failed, format!("the system has no randomness: {error}")))?;
    Ok(DeliveryId(i64::from_be_bytes(bytes) & i64::MAX).to_string().replace("dlv_", "msg_"))
}

/// The media type of a body that nobody has named.
fn media(body: &[u8], preset: Option<&str>) -> &'static str {
    let text = std::str::from_utf8(body).ok();
    if preset == Some("sns") {
        // As SNS calls its JSON.
        return "text/plain; charset=UTF-8";
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        return "application/json";
    }
    let is_form = |text: &str| text.split('&').all(|pair| pair.contains('=') && !pair.contains(char::is_whitespace));
    match text {
        Some(text) if is_form(text) && percent_decode_str(text).decode_utf8().is_ok() => "application/x-www-form-urlencoded",
        Some(_) => "text/plain; charset=utf-8",
        None => "application/octet-stream",
    }
}

fn read(what: &str, file: &str) -> Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file).map_err(|why| Failed::file("read", Path::new(file), &why));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|why| Failed::usage(format!("the {what} cannot be read from standard input: {why}")))?;
    Ok(bytes)
}

/// The request as a command. `file`: where the body is, if it is sent as it stands there.
fn command(request: &Outgoing, file: Option<&str>) -> Result<String> {
    let mut lines = vec![format!("curl --globoff --path-as-is -X {} {}", request.method, shell::word(&request.url))];
    lines.extend(request.headers.iter().map(|(name, value)| format!("-H {}", shell::word(&format!("{name}: {value}")))));
    match (std::str::from_utf8(&request.body), file.filter(|file| *file != "-")) {
        (Ok(""), _) => {}
        (Ok(text), _) if text.len() <= ARGUMENT_BYTES_MAX && !text.contains('\0') => {
            lines.push(format!("--data-raw {}", shell::word(text)));
        }
        (_, Some(file)) => lines.push(format!("--data-binary {}", shell::word(&format!("@{file}")))),
        _ => return Err(Failed::usage("the body is not text, or too long for a command line: give it with --file")),
    }
    Ok(format!("{}\n", lines.join(" \\\n  ")))
}
