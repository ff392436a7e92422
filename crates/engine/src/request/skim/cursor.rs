//! A place in a JSON text, and the steps over what stands there: white space, strings, numbers, words.

use super::Stop;

/// Stands for the end of the text. As a byte of the text it would be as wrong in every place where one is expected.
pub(super) const END: u8 = 0;

/// A number of at most so many digits before the point, and at most two in its exponent, is below 1e308.
const DIGITS_IN_RANGE: usize = 200;
const EXPONENT_DIGITS_IN_RANGE: usize = 2;

/// A place in a text.
pub(super) struct Cursor<'d> {
    text: &'d str,
    at: usize,
}

impl<'d> Cursor<'d> {
    pub(super) fn of(text: &'d str) -> Self {
        Self { text, at: 0 }
    }

    /// The text from `start` to here. Both are beside ASCII characters.
    pub(super) fn since(&self, start: usize) -> &'d str {
        &self.text[start..self.at]
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Steps over white space to the next byte.
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Steps over the byte that was peeked at.
    #[inline]
    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    /// Steps over this word.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Stop> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Stop::Refused);
        }
        self.at += word.len();
        Ok(())
    }

    /// Steps over a string, from quote to quote; tells whether it is spelled with escapes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<bool, Stop> {
        if self.byte() != b'"' {
            return Err(Stop::Refused);
        }
        self.at = plain_end(self.text.as_bytes(), self.at + 1);
        if self.byte() != b'"' {
            return self.escaped().map(|()| true);
        }
        self.at += 1;
        Ok(false)
    }

    /// Steps over the rest of a string, from the first byte that does not stand for itself.
    #[inline(never)]
    fn escaped(&mut self) -> Result<(), Stop> {
        loop {
            match self.byte() {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return Err(Stop::Refused),
            }
            self.at = plain_end(self.text.as_bytes(), self.at);
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over an escape sequence.
    fn escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => match self.code_unit()? {
                0xD800..=0xDBFF => {
                    if self.byte() != b'\\' {
                        return Err(Stop::Refused);
                    }
                    self.at += 1;
                    if !(0xDC00..=0xDFFF).contains(&self.code_unit()?) {
                        return Err(Stop::Refused);
                    }
                }
                0xDC00..=0xDFFF => return Err(Stop::Refused),
                _ => {}
            },
            _ => return Err(Stop::Refused),
        }
        Ok(())
    }

    /// Steps over `u` and four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32, Stop> {
        let Some([b'u', digits @ ..]) = self.rest().first_chunk::<5>() else { return Err(Stop::Refused) };
        let mut unit = 0;
        for digit in digits {
            unit = unit * 16 + char::from(*digit).to_digit(16).ok_or(Stop::Refused)?;
        }
        self.at += 5;
        Ok(unit)
    }

    /// Steps over a number.
    pub(super) fn number(&mut self) -> Result<(), Stop> {
        let start = self.at;
        self.at += usize::from(self.byte() == b'-');
        // A digit after a leading zero is no part of the number, nor of anything that may follow it.
        let integer_digits = if self.byte() == b'0' {
            self.at += 1;
            1
        } else {
            self.digits()?
        };
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        let mut exponent_digits = 0;
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            exponent_digits = self.digits()?;
        }
        if integer_digits <= DIGITS_IN_RANGE && exponent_digits <= EXPONENT_DIGITS_IN_RANGE {
            return Ok(());
        }
        serde_json::from_str::<f64>(self.since(start)).map(drop).map_err(|_| Stop::Refused)
    }

    /// Steps over at least one digit and tells how many they are.
    #[inline]
    fn digits(&mut self) -> Result<usize, Stop> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(Stop::Refused) } else { Ok(self.at - start) }
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(END)
    }

    /// What is left of the text.
    #[inline]
    pub(super) fn rest(&self) -> &'d [u8] {
        &self.text.as_bytes()[self.at..]
    }
}

/// Where the next byte is that does not stand for itself in a string: a quote, a backslash, a control character, or the
/// end of the text. Eight are looked at in one go.
#[inline(never)]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        // With this bit turned the quote comes right after the control characters, and space not before it. A
        // subtraction borrows from the next byte only where one was found, which leaves the first find right.
        let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let found = (control_or_quote | backslash) & !word & (ONES * 0x80);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| *byte >= b' ' && !matches!(*byte, b'"' | b'\\')) {
        at += 1;
    }
    at
}
