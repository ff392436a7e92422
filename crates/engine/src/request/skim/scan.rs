//! The quick reader: a loop over the bytes, with the open containers on a stack of its own. It allocates nothing but what
//! is kept, unless a text is deep or has many keys.

use minijinja::Value;
use smallvec::SmallVec;

use super::cursor::{Cursor, END};
use super::keys::Keys;
use super::{Skimmed, Stop, explained};
use crate::request::body::{Container, Member};
use crate::request::json::JSON_DEPTH_MAX;

/// So many containers can be open in each other without an allocation.
const DEPTH_INLINE: usize = 16;

/// Reads a text that is valid JSON, with no key twice in an object and none spelled with escapes.
pub(super) fn scan<'t>(text: &str, wanted: &[&'t str]) -> Result<Skimmed<'t>, Stop> {
    let mut scanner = Scanner {
        cursor: Cursor::of(text),
        inside: Inside::Nothing,
        outside: SmallVec::new(),
        keys: Keys::default(),
        wanted,
        kept: None,
        skimmed: Skimmed { members: None, wide: false },
    };
    scanner.text()?;
    Ok(scanner.skimmed)
}

struct Scanner<'d, 't, 'r> {
    cursor: Cursor<'d>,
    /// The innermost container that is open.
    inside: Inside,
    /// What that stands in, and so on.
    outside: SmallVec<[Inside; DEPTH_INLINE]>,
    keys: Keys<'d>,
    wanted: &'r [&'t str],
    /// The name under which the next value is kept.
    kept: Option<&'t str>,
    skimmed: Skimmed<'t>,
}

/// What the next value stands in.
#[derive(Clone, Copy)]
enum Inside {
    Nothing,
    Array,
    Object {
        /// Where its keys start among those of all open objects.
        first_key: usize,
    },
}

impl<'t> Scanner<'_, 't, '_> {
    fn text(&mut self) -> Result<(), Stop> {
        loop {
            if self.begin()? {
                continue;
            }
            // A value has ended, and with it perhaps the containers whose last it was.
            loop {
                match (self.cursor.peek(), self.inside) {
                    (b',', Inside::Object { .. }) => {
                        self.cursor.step();
                        self.key()?;
                        break;
                    }
                    (b',', Inside::Array) => {
                        self.cursor.step();
                        break;
                    }
                    (b'}', Inside::Object { first_key }) => {
                        if !self.keys.close(first_key) {
                            return Err(Stop::Unsure);
                        }
                        self.close();
                    }
                    (b']', Inside::Array) => self.close(),
                    (END, Inside::Nothing) if self.cursor.is_at_end() => return Ok(()),
                    _ => return Err(Stop::Refused),
                }
            }
        }
    }

    /// Steps over a scalar, an empty container, or into a container, to its first value; tells whether a value is next.
    #[inline]
    fn begin(&mut self) -> Result<bool, Stop> {
        match self.cursor.peek() {
            b'{' => {
                self.open(Container::Object)?;
                if self.cursor.peek() != b'}' {
                    return self.key().map(|()| true);
                }
            }
            b'[' => {
                self.open(Container::Array)?;
                if self.cursor.peek() != b']' {
                    return Ok(true);
                }
            }
            first => {
                self.scalar(first)?;
                return Ok(false);
            }
        }
        self.close();
        Ok(false)
    }

    fn open(&mut self, container: Container) -> Result<(), Stop> {
        if self.outside.len() >= JSON_DEPTH_MAX {
            return Err(Stop::Refused);
        }
        if let Some(name) = self.kept.take() {
            self.keep(name, Member::Unbuilt(container));
        }
        let inside = match container {
            Container::Array => Inside::Array,
            Container::Object => Inside::Object { first_key: self.keys.next() },
        };
        if container == Container::Object && self.outside.is_empty() {
            self.skimmed.members = Some(Vec::with_capacity(self.wanted.len()));
        }
        self.outside.push(std::mem::replace(&mut self.inside, inside));
        self.cursor.step();
        Ok(())
    }

    fn close(&mut self) {
        self.cursor.step();
        self.inside = self.outside.pop().expect("a container is open");
    }

    /// Steps over a key and its colon.
    fn key(&mut self) -> Result<(), Stop> {
        self.cursor.peek();
        let (opening, rest) = (self.cursor.at(), self.cursor.rest());
        if self.cursor.string()? {
            return Err(Stop::Unsure);
        }
        let quoted = self.cursor.at() - opening;
        if self.cursor.peek() != b':' {
            return Err(Stop::Refused);
        }
        self.cursor.step();
        let text = self.keys.add(&rest[1..], quoted - 2);
        if self.outside.len() == 1 {
            self.kept = self.wanted.iter().copied().find(|name| name.as_bytes() == text);
        }
        Ok(())
    }

    #[inline]
    fn scalar(&mut self, first: u8) -> Result<(), Stop> {
        let Some(name) = self.kept.take() else { return self.skip(first) };
        let start = self.cursor.at();
        self.skip(first)?;
        let value = self.value(first, self.cursor.since(start))?;
        self.keep(name, Member::Value(value));
        Ok(())
    }

    /// Steps over the scalar that begins with this byte.
    #[inline]
    fn skip(&mut self, first: u8) -> Result<(), Stop> {
        match first {
            b'"' => self.cursor.string().map(drop),
            b'-' | b'0'..=b'9' => self.cursor.number(),
            b't' => self.cursor.word("true"),
            b'f' => self.cursor.word("false"),
            b'n' => self.cursor.word("null"),
            _ => Err(Stop::Refused),
        }
    }

    /// What a valid scalar says.
    fn value(&mut self, first: u8, text: &str) -> Result<Value, Stop> {
        match first {
            b't' => return Ok(Value::from(true)),
            b'f' => return Ok(Value::from(false)),
            b'n' => return Ok(Value::from(())),
            b'"' => {
                if memchr::memchr(b'\\', text.as_bytes()).is_none() {
                    return Ok(Value::from(&text[1..text.len() - 1]));
                }
            }
            _ => {
                if let Ok(integer) = text.parse::<u64>() {
                    return Ok(Value::from(integer));
                }
                // Minus zero is no integer.
                if let Some(integer) = text.parse::<i64>().ok().filter(|integer| *integer != 0) {
                    return Ok(Value::from(integer));
                }
            }
        }
        let (value, wide) = explained::scalar(text).map_err(|_| Stop::Unsure)?;
        self.skimmed.wide |= wide;
        Ok(value)
    }

    fn keep(&mut self, name: &'t str, member: Member) {
        self.skimmed.members.get_or_insert_default().push((name, member));
    }
}

#[cfg(test)]
mod tests;
