//! Header values with parameters: `text/plain; charset="utf-8"` (RFC 9110 5.6.6), of a request and of parts of its body.

use std::borrow::Cow;

/// The value before the parameters, and the parameters. `None` in the list stands for one that is malformed.
pub(super) fn split(header: &str) -> (&str, Parameters<'_>) {
    let (value, rest) = header.split_once(';').unwrap_or((header, ""));
    (value.trim(), Parameters { rest })
}

/// The parameters of a header value, in order.
#[derive(Clone, Debug)]
pub(super) struct Parameters<'h> {
    rest: &'h str,
}

impl<'h> Parameters<'h> {
    /// The value of the first parameter of this name, among others that may be malformed.
    pub(super) fn first(&self, name: &str) -> Option<Cow<'h, str>> {
        self.clone().flatten().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The text up to the next semicolon, and goes behind that.
    fn piece(&mut self) -> &'h str {
        let (piece, rest) = self.rest.split_once(';').unwrap_or((self.rest, ""));
        self.rest = rest;
        piece
    }

    /// The value that starts with a quote, which has been taken off. Only quotes and backslashes are escaped by a
    /// backslash: some senders put whole paths of Windows here.
    fn quoted(&mut self) -> Option<Cow<'h, str>> {
        let text = self.rest;
        let mut bytes = text.bytes().enumerate();
        let mut plain = String::new();
        let mut start = 0;
        while let Some((position, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.rest = &text[position + 1..];
                    if !self.piece().trim().is_empty() {
                        return None;
                    }
                    let last = &text[start..position];
                    return Some(if start == 0 { Cow::Borrowed(last) } else { Cow::Owned(plain + last) });
                }
                b'\\' if matches!(text.as_bytes().get(position + 1), Some(b'"' | b'\\')) => {
                    plain.push_str(&text[start..position]);
                    // The escaped one starts what is copied next.
                    start = position + 1;
                    bytes.next();
                }
                _ => {}
            }
        }
        self.rest = "";
        None
    }
}

impl<'h> Iterator for Parameters<'h> {
    type Item = Option<(&'h str, Cow<'h, str>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_start_matches([';', ' ', '\t']);
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find([';', '=']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim();
        if self.rest.as_bytes().get(end) != Some(&b'=') {
            self.piece();
            return Some(None);
        }
        self.rest = self.rest[end + 1..].trim_start();
        let value = match self.rest.strip_prefix('"') {
            Some(rest) => {
                self.rest = rest;
                self.quoted()
            }
            None => Some(Cow::Borrowed(self.piece().trim())),
        };
        Some(value.filter(|_| !name.is_empty()).map(|value| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_apart_as_written() {
        for (header, value, expected) in [
            ("text/plain", "text/plain", vec![]),
            (" a/b ;; ", "a/b", vec![]),
            ("a/b; charset=utf-8;q = 1", "a/b", vec![Some(("charset", "utf-8")), Some(("q", "1"))]),
            (r#"a; b="c;d=\"e\\"; f=g"#, "a", vec![Some(("b", r#"c;d="e\"#)), Some(("f", "g"))]),
            (r#"a; b="C:\dir\x.txt""#, "a", vec![Some(("b", r"C:\dir\x.txt"))]),
            (r#"a; b="""#, "a", vec![Some(("b", ""))]),
            (r#"a; b=""c; d=e"#, "a", vec![None, Some(("d", "e"))]),
            (r#"a; b="c; d=e"#, "a", vec![None]),
            (r#"a; b="\"#, "a", vec![None]),
            (r#"a; b="\""#, "a", vec![None]),
            ("a; =b; c; d=", "a", vec![None, None, Some(("d", ""))]),
            ("a; \u{fc}=\u{f6}", "a", vec![Some(("\u{fc}", "\u{f6}"))]),
        ] {
            let (found, parameters) = split(header);
            assert_eq!(found, value, "{header}");
            let parameters: Vec<_> = parameters.collect();
            let parameters: Vec<_> = parameters.iter().map(|one| one.as_ref().map(|(name, value)| (*name, &**value))).collect();
            assert_eq!(parameters, expected, "{header}");
        }
    }
}
