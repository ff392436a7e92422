//! One keep-alive connection that carries one request at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SERIAL;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What came of looking at a connection.
pub(crate) enum Progress {
    /// The answer is not complete yet, or part of the request is still to be sent.
    Unfinished,
    /// The whole answer is there.
    Answered(u16),
    /// The server closed the connection or sent what is not HTTP.
    Broken,
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// When the request in flight should have been sent.
    pub(crate) intended: Option<Instant>,
    request: Arc<[u8]>,
    /// The request with its own number, where it is to have one.
    numbered: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, intended: None, request: Arc::from([]), numbered: Vec::new(), sent: 0, received: Vec::new() })
    }

    /// Begins a request; `serial` is where in it the number begins, and the number. True if there is a rest that waits
    /// for room in the socket.
    pub(crate) fn submit(
        &mut self,
        request: &Arc<[u8]>,
        serial: Option<(usize, u64)>,
        intended: Instant,
    ) -> std::io::Result<bool> {
        debug_assert!(self.intended.is_none(), "one request at a time");
        self.request = Arc::clone(request);
        self.numbered.clear();
        if let Some((at, number)) = serial {
            self.numbered.extend_from_slice(request);
            write!(&mut self.numbered[at..at + SERIAL.len()], "{number:0width$}", width = SERIAL.len())?;
        }
        self.sent = 0;
        self.intended = Some(intended);
        self.send_rest()
    }

    /// Sends what the socket takes. True if there is still a rest.
    pub(crate) fn send_rest(&mut self) -> std::io::Result<bool> {
        let request: &[u8] = if self.numbered.is_empty() { &self.request } else { &self.numbered };
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Reads what has arrived; `buffer` is scratch space. On `Answered` the connection is free again.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Progress {
        let length = match self.stream.read(buffer) {
            Ok(0) => return Progress::Broken,
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Progress::Unfinished;
            }
            Err(_) => return Progress::Broken,
        };
        // The common answer is short and arrives whole: no copy.
        let whole = if self.received.is_empty() {
            parse(&buffer[..length])
        } else {
            self.received.extend_from_slice(&buffer[..length]);
            parse(&self.received)
        };
        match whole {
            Parsed::Whole(status) => {
                self.received.clear();
                Progress::Answered(status)
            }
            Parsed::Part => {
                if self.received.is_empty() {
                    self.received.extend_from_slice(&buffer[..length]);
                }
                Progress::Unfinished
            }
            Parsed::Nonsense => Progress::Broken,
        }
    }
}

#[derive(Debug, PartialEq)]
enum Parsed {
    Whole(u16),
    Part,
    Nonsense,
}

/// Understands what the servers under test send: a status line, headers with `content-length`, a body.
fn parse(bytes: &[u8]) -> Parsed {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else { return Parsed::Part };
    let Ok(head) = std::str::from_utf8(&bytes[..head_end]) else { return Parsed::Nonsense };
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|rest| rest.get(..3)?.parse().ok());
    let Some(status) = status else { return Parsed::Nonsense };
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if !name.eq_ignore_ascii_case("content-length") {
            return None;
        }
        value.trim().parse::<usize>().ok()
    });
    // A 204 has no content and says no length (RFC 9110, sections 6.4.1 and 8.6).
    let Some(length) = length.or((status == 204).then_some(0)) else { return Parsed::Nonsense };
    match bytes.len().cmp(&(head_end + 4 + length)) {
        std::cmp::Ordering::Less => Parsed::Part,
        std::cmp::Ordering::Equal => Parsed::Whole(status),
        std::cmp::Ordering::Greater => Parsed::Nonsense,
    }
}

pub(super) fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_whole_only_with_their_whole_body() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(answer), Parsed::Whole(202));
        for end in 0..answer.len() {
            assert_eq!(parse(&answer[..end]), Parsed::Part, "cut at {end}");
        }
        assert_eq!(parse(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\nok"), Parsed::Nonsense);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Parsed::Nonsense);
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\nAllow: POST\r\n\r\n"), Parsed::Whole(204));
        assert_eq!(parse(b"SMTP\r\n\r\n"), Parsed::Nonsense);
    }
}
