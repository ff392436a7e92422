//! Answers to what never becomes a request: written straight to the socket, as problem details like every other error.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::framing::Offence;
use super::limits::Limits;

/// How long a peer may go on sending after it was answered, so that it can read the answer.
const LINGER: Duration = Duration::from_secs(2);
/// What is thrown away of a peer that goes on sending.
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;
const LINGER_BUFFER_BYTES: usize = 16 * 1024;
/// How long the short answer may take to be written.
const WRITE: Duration = Duration::from_secs(2);

/// A refusal with its status, stable code and sentence.
pub(super) struct Refusal {
    status: &'static str,
    code: &'static str,
    detail: String,
    retry_after_s: Option<u32>,
}

impl Refusal {
    pub(super) fn too_many_connections() -> Self {
        Self {
            status: "503 Service Unavailable",
            code: "too_many_connections",
            detail: "There are too many connections, in all or from your address.".to_owned(),
            retry_after_s: Some(1),
        }
    }

    pub(super) fn head_too_slow(limits: &Limits) -> Self {
        let detail = format!("The request's line and headers must arrive within {}.", limits.head);
        Self { status: "408 Request Timeout", code: "head_timeout", detail, retry_after_s: None }
    }

    pub(super) fn offence(offence: Offence, limits: &Limits) -> Self {
        let (status, code, detail) = match offence {
            Offence::TargetTooLong => (
                "414 URI Too Long",
                "target_too_long",
                format!("Path and query may have {} bytes together.", limits.target_bytes_max.0),
            ),
            Offence::HeadTooLarge => (
                "431 Request Header Fields Too Large",
                "head_too_large",
                format!("The request's line and headers may have {} bytes together.", limits.head_bytes_max.0),
            ),
            Offence::TooManyHeaders => (
                "431 Request Header Fields Too Large",
                "too_many_headers",
                format!("A request may have {} headers.", limits.headers_max),
            ),
            Offence::LengthAndEncoding => (
                "400 Bad Request",
                "ambiguous_length",
                "A request must not have both Content-Length and Transfer-Encoding.".to_owned(),
            ),
        };
        Self { status, code, detail, retry_after_s: None }
    }

    /// Writes the answer and nothing else; the caller closes the connection.
    pub(super) async fn write(&self, socket: &mut TcpStream) {
        let status_code = self.status.split(' ').next().unwrap_or_default();
        let title = self.status.split_once(' ').map_or("", |(_, title)| title);
        let body = format!(
            r#"{{"type":"urn:hookmill:error:{}","title":"{title}","status":{status_code},"code":"{}","detail":"{}"}}"#,
            self.code, self.code, self.detail
        );
        let mut answer = format!(
            "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\nx-content-type-options: nosniff\r\nconnection: close\r\n",
            self.status
        );
        if let Some(seconds) = self.retry_after_s {
            write!(answer, "retry-after: {seconds}\r\n").expect("writing to a String cannot fail");
        }
        write!(answer, "content-length: {}\r\n\r\n{body}", body.len()).expect("writing to a String cannot fail");
        // A peer that is gone needs no answer.
        timeout(WRITE, socket.write_all(answer.as_bytes())).await.ok();
    }
}

/// Ends our side and reads what the peer still sends, for a moment: closing a socket with unread bytes resets the
/// connection, and the peer would lose the answer.
pub(super) async fn linger(socket: &mut TcpStream) {
    if socket.shutdown().await.is_err() {
        return;
    }
    let until = Instant::now() + LINGER;
    let mut buffer = vec![0; LINGER_BUFFER_BYTES];
    let mut left = LINGER_BYTES_MAX;
    while left > 0 {
        match timeout_at(until, socket.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => left = left.saturating_sub(read),
            _ => return,
        }
    }
}
