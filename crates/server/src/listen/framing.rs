//! Follows the framing of the bytes that arrive, to refuse with a clear answer what the HTTP library would take, cut or
//! refuse without a word: a head that is too large, and a request with both `Content-Length` and `Transfer-Encoding`.
//!
//! It decides nothing else. Should it ever see a boundary where the library sees none, the worst outcome is a refusal.

use super::limits::Limits;

/// Why a request's head is refused before the request exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offence {
    TargetTooLong,
    HeadTooLarge,
    TooManyHeaders,
    LengthAndEncoding,
}

/// Enough of a header line to know its name and the value of `Content-Length`.
const LINE_START_BYTES: usize = 64;
/// The request line beside the target: a method, two spaces, the version, CR LF.
const REQUEST_LINE_EXTRA: usize = 48;

#[derive(Debug, Default)]
struct Head {
    bytes: usize,
    lines: u32,
    line_bytes: usize,
    line_start: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Debug)]
enum At {
    Head,
    /// This many bytes of a body with a known length are still to come.
    Body(u64),
    /// In the line that tells the size of the next chunk.
    ChunkSize {
        size: u64,
        digits: bool,
    },
    /// This many bytes of a chunk (and its line end) are still to come.
    Chunk(u64),
    Trailers {
        line_bytes: usize,
    },
}

/// Where in the stream of requests the connection is.
#[derive(Debug)]
pub(super) struct Framing {
    at: At,
    head: Head,
    target_bytes_max: usize,
    head_bytes_max: usize,
    headers_max: u32,
}

impl Framing {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            at: At::Head,
            head: Head::default(),
            target_bytes_max: limits.target_bytes_max.as_usize(),
            head_bytes_max: limits.head_bytes_max.as_usize(),
            headers_max: limits.headers_max,
        }
    }

    /// Takes the bytes that arrived next.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) -> Result<(), Offence> {
        while !bytes.is_empty() {
            bytes = match &mut self.at {
                At::Head => self.head_line(bytes)?,
                At::Body(left) | At::Chunk(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= taken as u64;
                    if *left == 0 {
                        self.at = match self.at {
                            At::Chunk(_) => At::ChunkSize { size: 0, digits: true },
                            _ => At::Head,
                        };
                    }
                    &bytes[taken..]
                }
                At::ChunkSize { .. } => self.chunk_size(bytes),
                At::Trailers { line_bytes } => {
                    let empty = bytes[0] == b'\n' && *line_bytes == 0;
                    match bytes[0] {
                        b'\n' => *line_bytes = 0,
                        b'\r' => {}
                        _ => *line_bytes += 1,
                    }
                    if empty {
                        self.at = At::Head;
                    }
                    &bytes[1..]
                }
            };
        }
        Ok(())
    }

    /// Takes up to one line of the head.
    fn head_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Offence> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let head = &mut self.head;
        head.bytes += part.len() + usize::from(end.is_some());
        head.line_bytes += part.len();
        if head.lines == 0 && head.line_bytes > self.target_bytes_max + REQUEST_LINE_EXTRA {
            return Err(Offence::TargetTooLong);
        }
        if head.bytes > self.head_bytes_max {
            return Err(Offence::HeadTooLarge);
        }
        if end.is_none() {
            head.keep_start(part);
            return Ok(rest);
        }
        if head.line_start.is_empty() {
            self.end_line(part)?;
        } else {
            head.keep_start(part);
            let line = std::mem::take(&mut self.head.line_start);
            self.end_line(&line)?;
        }
        Ok(&rest[1..])
    }

    /// Takes a whole line of the head, without its line feed; at least its first bytes.
    fn end_line(&mut self, line: &[u8]) -> Result<(), Offence> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.head.line_bytes = 0;
        if line.is_empty() {
            if self.head.lines > 0 {
                let head = std::mem::take(&mut self.head);
                self.at = match head.length {
                    _ if head.chunked => At::ChunkSize { size: 0, digits: true },
                    Some(length) if length > 0 => At::Body(length),
                    _ => At::Head,
                };
            }
            return Ok(());
        }
        self.head.lines += 1;
        if self.head.lines - 1 > self.headers_max {
            return Err(Offence::TooManyHeaders);
        }
        if self.head.lines > 1 && matches!(line[0], b'c' | b'C' | b't' | b'T') {
            self.head.framing_header(line);
        }
        if self.head.chunked && self.head.length.is_some() { Err(Offence::LengthAndEncoding) } else { Ok(()) }
    }

    fn chunk_size<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let At::ChunkSize { size, digits } = &mut self.at else { return bytes };
        match (bytes[0] as char).to_digit(16) {
            Some(digit) if *digits => *size = size.saturating_mul(16).saturating_add(u64::from(digit)),
            _ => *digits = false,
        }
        if bytes[0] == b'\n' {
            self.at = match *size {
                0 => At::Trailers { line_bytes: 0 },
                // The chunk is followed by CR LF.
                size => At::Chunk(size.saturating_add(2)),
            };
        }
        &bytes[1..]
    }
}

impl Head {
    fn keep_start(&mut self, part: &[u8]) {
        let room = LINE_START_BYTES.saturating_sub(self.line_start.len());
        self.line_start.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn framing_header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            self.length = Some(length.unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Size;

    fn small() -> Limits {
        Limits { headers_max: 4, head_bytes_max: Size(200), target_bytes_max: Size(50), ..Limits::default() }
    }

    /// Feeds `text` whole, and byte by byte: both must come to the same.
    fn verdict(text: &str) -> Result<(), Offence> {
        let whole = Framing::new(&small()).advance(text.as_bytes());
        let mut framing = Framing::new(&small());
        let bytewise = text.as_bytes().iter().try_for_each(|byte| framing.advance(std::slice::from_ref(byte)));
        assert_eq!(whole, bytewise, "{text:?}");
        whole
    }

    #[test]
    fn requests_that_follow_each_other_are_told_apart() {
        let length = "POST /a HTTP/1.1\r\nContent-Length: 41\r\n\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n\r\n";
        let chunked = "POST /b HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n1C;x=y\r\n\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n0\r\nA: b\r\n\r\n";
        let plain = "GET /c HTTP/1.1\nHost: x\n\n";
        assert_eq!(verdict(&[length, chunked, plain, length].concat()), Ok(()));
    }

    #[test]
    fn length_and_encoding_together_are_an_offence_in_any_order_and_case() {
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "TRANSFER-ENCODING: chunked\r\nX: y\r\ncontent-length: 3\r\n",
            "Content-Length : 3\nTransfer-Encoding\t: identity\n",
        ] {
            assert_eq!(verdict(&format!("POST / HTTP/1.1\r\n{headers}\r\n")), Err(Offence::LengthAndEncoding), "{headers}");
            let second =
                format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST / HTTP/1.1\r\n{headers}\r\n");
            assert_eq!(verdict(&second), Err(Offence::LengthAndEncoding), "{headers}");
        }
    }

    #[test]
    fn heads_over_a_limit_are_an_offence_before_they_end() {
        assert_eq!(verdict(&format!("GET /{}", "a".repeat(200))), Err(Offence::TargetTooLong));
        assert_eq!(verdict(&format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(300))), Err(Offence::HeadTooLarge));
        assert_eq!(verdict(&"\r\n".repeat(101)), Err(Offence::HeadTooLarge));
        let headers = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert_eq!(verdict(&headers(4)), Ok(()));
        assert_eq!(verdict(&headers(5)), Err(Offence::TooManyHeaders));
    }

    #[test]
    fn no_sequence_of_bytes_overflows_or_panics() {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let alphabet: &[&str] = &[
            "\r\n",
            "\n",
            "\r",
            ":",
            " ",
            "Content-Length: 18446744073709551615",
            "Transfer-Encoding: chunked",
            "fffffffffffffffff",
            "0",
            "GET / HTTP/1.1",
            "\0",
            "\u{1F600}",
        ];
        for _ in 0..2_000 {
            let mut framing = Framing::new(&Limits::default());
            for _ in 0..40 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if framing.advance(alphabet[(seed >> 33) as usize % alphabet.len()].as_bytes()).is_err() {
                    break;
                }
            }
        }
    }
}
