//! From a text to its pieces.

use super::super::compiled::{Compiled, Position};
use super::super::{SyntaxError, TEXT_BYTES_MAX, TEXT_DEPTH_MAX};
use super::Piece;

/// The pieces of a text.
pub(in crate::expression) fn parse(text: &str) -> Result<Vec<Piece>, SyntaxError> {
    let mut parser = Parser { text, at: 0, trim_next: false };
    if text.len() > TEXT_BYTES_MAX {
        return Err(parser.error(format!("the text is longer than {TEXT_BYTES_MAX} bytes")));
    }
    let (pieces, end) = parser.block(0)?;
    match end {
        None => Ok(pieces),
        Some(tag) => Err(tag.at.error(format!("there is nothing that `{{% {} %}}` could end", tag.word), text)),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// The tag before ended with `-%}`: blanks after it do not count.
    trim_next: bool,
}

/// A tag that ends a block: `else`, `elif …`, `endif`, `endfor`.
struct End<'a> {
    word: &'a str,
    rest: &'a str,
    at: Position,
    rest_at: Position,
}

impl<'a> Parser<'a> {
    fn position(&self, at: usize) -> Position {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        self.position(self.at).error(message, &self.text[self.at..])
    }

    fn block(&mut self, depth: usize) -> Result<(Vec<Piece>, Option<End<'a>>), SyntaxError> {
        if depth > TEXT_DEPTH_MAX {
            return Err(self.error(format!("the text's blocks nest deeper than {TEXT_DEPTH_MAX} levels")));
        }
        let mut pieces = Vec::new();
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let opening = find_opening(rest);
            self.push_text(&rest[..opening.unwrap_or(rest.len())], opening.map(|at| &rest[at..]), &mut pieces);
            let Some(offset) = opening else {
                self.at = self.text.len();
                break;
            };
            self.at += offset;
            match &rest[offset..offset + 2] {
                "{#" => self.comment()?,
                "{{" => {
                    let (inside, at) = self.tag("}}")?;
                    pieces.push(Piece::Value(Compiled::new(inside, self.position(at))?));
                }
                _ => {
                    if let Some(end) = self.statement(depth, &mut pieces)? {
                        return Ok((pieces, Some(end)));
                    }
                }
            }
        }
        Ok((pieces, None))
    }

    fn push_text(&mut self, text: &str, next: Option<&str>, pieces: &mut Vec<Piece>) {
        let text = if std::mem::take(&mut self.trim_next) { text.trim_start() } else { text };
        let text = if next.is_some_and(|next| next[2..].starts_with('-')) { text.trim_end() } else { text };
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
    }

    fn comment(&mut self) -> Result<(), SyntaxError> {
        let rest = &self.text[self.at..];
        let end = rest.find("#}").ok_or_else(|| self.error("a comment `{#` is not closed by `#}`"))?;
        self.trim_next = rest[..end].ends_with('-');
        self.at += end + 2;
        Ok(())
    }

    /// What stands between here (at the opening) and the closing, and where that begins.
    fn tag(&mut self, closing: &str) -> Result<(&'a str, usize), SyntaxError> {
        let rest = &self.text[self.at..];
        let skip = if rest[2..].starts_with('-') { 3 } else { 2 };
        let Some(length) = find_closing(&rest[skip..], closing) else {
            return Err(self.error(format!("`{}` is not closed by `{closing}`", &rest[..2])));
        };
        let mut inside = &rest[skip..skip + length];
        if let Some(shorter) = inside.strip_suffix('-') {
            inside = shorter;
            self.trim_next = true;
        }
        let start = self.at + skip;
        self.at = start + length + 2;
        Ok((inside, start))
    }

    fn statement(&mut self, depth: usize, pieces: &mut Vec<Piece>) -> Result<Option<End<'a>>, SyntaxError> {
        let at = self.position(self.at);
        let (inside, start) = self.tag("%}")?;
        let trimmed = inside.trim_start();
        let word = trimmed.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let rest = &trimmed[word.len()..];
        let rest_at = self.position(start + (inside.len() - rest.len()));
        match word {
            "if" => pieces.push(self.condition(rest, rest_at, at, depth)?),
            "for" => pieces.push(self.repetition(rest, rest_at, at, depth)?),
            "raw" => self.raw(at, pieces)?,
            "else" | "elif" | "endif" | "endfor" => return Ok(Some(End { word, rest, at, rest_at })),
            _ => {
                let what = "texts know `if`, `elif`, `else`, `for`, `raw`; use a `set` step for variables";
                return Err(at.error(format!("`{{% {word} %}}` is not known here: {what}"), inside));
            }
        }
        Ok(None)
    }

    fn condition(&mut self, test: &str, test_at: Position, at: Position, depth: usize) -> Result<Piece, SyntaxError> {
        let mut arms = Vec::new();
        let mut test = Compiled::new(test, test_at)?;
        loop {
            let (body, end) = self.block(depth + 1)?;
            let end = end.ok_or_else(|| at.error("`{% if %}` is not closed by `{% endif %}`", self.text))?;
            arms.push((test, body));
            match end.word {
                "elif" => test = Compiled::new(end.rest, end.rest_at)?,
                "endif" => return Ok(Piece::If { arms, otherwise: Vec::new() }),
                "else" => {
                    let otherwise = self.until("endif", at, depth)?;
                    return Ok(Piece::If { arms, otherwise });
                }
                word => return Err(end.at.error(format!("`{{% {word} %}}` does not fit `{{% if %}}`"), self.text)),
            }
        }
    }

    fn repetition(&mut self, head: &str, head_at: Position, at: Position, depth: usize) -> Result<Piece, SyntaxError> {
        let fail = || head_at.error("write `{% for item in list %}`", head);
        let (targets, items) = head.split_once(" in ").ok_or_else(fail)?;
        let names: Vec<String> = targets.split(',').map(|name| name.trim().to_owned()).collect();
        let is_name = |name: &String| {
            let mut chars = name.chars();
            chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
        };
        if !names.iter().all(is_name) {
            return Err(fail());
        }
        let items = Compiled::new(items, head_at)?;
        let (body, end) = self.block(depth + 1)?;
        match end {
            Some(end) if end.word == "endfor" => Ok(Piece::For { names, items, body, otherwise: Vec::new() }),
            Some(end) if end.word == "else" => {
                let otherwise = self.until("endfor", at, depth)?;
                Ok(Piece::For { names, items, body, otherwise })
            }
            Some(end) => Err(end.at.error(format!("`{{% {} %}}` does not fit `{{% for %}}`", end.word), self.text)),
            None => Err(at.error("`{% for %}` is not closed by `{% endfor %}`", self.text)),
        }
    }

    fn until(&mut self, word: &str, at: Position, depth: usize) -> Result<Vec<Piece>, SyntaxError> {
        match self.block(depth + 1)? {
            (pieces, Some(end)) if end.word == word => Ok(pieces),
            _ => Err(at.error(format!("`{{% else %}}` is not followed by `{{% {word} %}}`"), self.text)),
        }
    }

    fn raw(&mut self, at: Position, pieces: &mut Vec<Piece>) -> Result<(), SyntaxError> {
        let rest = &self.text[self.at..];
        for (offset, _) in rest.match_indices("{%") {
            let Some(length) = rest[offset..].find("%}") else { break };
            if rest[offset + 2..offset + length].trim_matches(['-', ' ']) == "endraw" {
                self.trim_next = false;
                pieces.push(Piece::Text(rest[..offset].to_owned()));
                self.at += offset + length + 2;
                return Ok(());
            }
        }
        Err(at.error("`{% raw %}` is not closed by `{% endraw %}`", rest))
    }
}

fn find_opening(text: &str) -> Option<usize> {
    text.match_indices('{').map(|(at, _)| at).find(|at| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Where `closing` stands outside of quotes and brackets.
fn find_closing(text: &str, closing: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == open {
                quote = None;
            }
            continue;
        }
        if depth == 0 && text[at..].starts_with(closing) {
            return Some(at);
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
