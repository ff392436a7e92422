//! As much of structured fields (RFC 9651) as signatures and digests need: dictionaries of bare items with parameters.

use crate::scheme::Encoding;

/// A bare item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
    Flag,
}

/// Reads a field from left to right. Every method takes what it names or nothing.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn eat(&mut self, token: char) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len_utf8();
        }
        found
    }

    fn eat_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|character| !wanted(character)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    pub(crate) fn spaces(&mut self) {
        self.eat_while(|character| character == ' ' || character == '\t');
    }

    pub(crate) fn key(&mut self) -> Option<&'a str> {
        let starts = self.rest().starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
        let part = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "_-.*".contains(character);
        starts.then(|| self.eat_while(part))
    }

    /// The comma between two members of a dictionary; `Some(false)` at the end of the field.
    pub(crate) fn another(&mut self) -> Option<bool> {
        self.spaces();
        if self.at_end() {
            return Some(false);
        }
        let comma = self.eat(',');
        self.spaces();
        (comma && !self.at_end()).then_some(true)
    }

    pub(crate) fn string(&mut self) -> Option<String> {
        if !self.eat('"') {
            return None;
        }
        let mut found = String::new();
        loop {
            let character = self.rest().chars().next()?;
            self.at += character.len_utf8();
            match character {
                '"' => return Some(found),
                '\\' => {
                    let escaped = self.rest().chars().next().filter(|escaped| matches!(escaped, '"' | '\\'))?;
                    self.at += 1;
                    found.push(escaped);
                }
                ' '..='~' => found.push(character),
                _ => return None,
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        match self.rest().chars().next()? {
            '"' => self.string().map(Item::Text),
            ':' => {
                self.eat(':');
                let text = self.eat_while(|character| character != ':');
                self.eat(':').then(|| Encoding::Base64.decode(text.as_bytes()).map(Item::Bytes))?
            }
            '-' | '0'..='9' => {
                let text = self.eat_while(|character| character == '-' || character.is_ascii_digit());
                // RFC 9651, section 3.3.1: at most 15 digits.
                if text.len() > 16 { None } else { text.parse().ok().map(Item::Integer) }
            }
            '?' => {
                self.eat('?');
                self.eat('1').then_some(Item::Flag)
            }
            first if first.is_ascii_alphabetic() || first == '*' => {
                let part = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(character);
                Some(Item::Text(self.eat_while(part).to_owned()))
            }
            _ => None,
        }
    }

    /// What follows `;`, as often as it does.
    pub(crate) fn parameters(&mut self) -> Option<Vec<(&'a str, Item)>> {
        let mut found = Vec::new();
        while self.eat(';') {
            self.spaces();
            let key = self.key()?;
            let item = if self.eat('=') { self.item()? } else { Item::Flag };
            found.retain(|(other, _)| *other != key);
            found.push((key, item));
        }
        Some(found)
    }
}

/// A dictionary of bare items. A key that comes twice counts as it was told last.
pub(crate) fn dictionary(field: &str) -> Option<Vec<(&str, Item)>> {
    let mut scanner = Scanner::new(field.trim_matches(' '));
    let mut found: Vec<(&str, Item)> = Vec::new();
    loop {
        let key = scanner.key()?;
        let item = if scanner.eat('=') { scanner.item()? } else { Item::Flag };
        scanner.parameters()?;
        found.retain(|(other, _)| *other != key);
        found.push((key, item));
        if !scanner.another()? {
            return Some(found);
        }
    }
}
