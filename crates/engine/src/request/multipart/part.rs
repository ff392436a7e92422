//! The head of a part: which field it is, which file, of which type (RFC 7578 4.2, 4.4, 4.7).

use std::borrow::Cow;

use encoding_rs::Encoding;
use memchr::memmem;
use percent_encoding::percent_decode_str;

use super::{CRLF, PART_HEAD_BYTES_MAX};
use crate::request::parameters;

/// What the head of a part says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: String,
    /// Without folders. Empty where a form has a field for a file and none was chosen.
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
}

impl Head {
    /// Takes the head off a part. The error ends a sentence that starts with the part.
    pub(super) fn of(part: &[u8]) -> Result<(Self, &[u8]), String> {
        const END: &[u8] = b"\r\n\r\n";
        let searched = &part[..part.len().min(PART_HEAD_BYTES_MAX + END.len())];
        let Some(end) = memmem::find(searched, END) else {
            return Err(if part.len() > PART_HEAD_BYTES_MAX {
                format!("has no empty line after at most {PART_HEAD_BYTES_MAX} bytes of headers")
            } else {
                "has no empty line (CRLF twice) between headers and content".to_owned()
            });
        };
        let text = std::str::from_utf8(&part[..end]).map_err(|_| "has headers that are not valid UTF-8".to_owned())?;
        Ok((Self::read(text)?, &part[end + END.len()..]))
    }

    fn read(text: &str) -> Result<Self, String> {
        let (mut disposition, mut content_type) = (None, None);
        for line in text.split(std::str::from_utf8(CRLF).expect("it is ASCII")) {
            let (name, value) = header(line)?;
            if name.eq_ignore_ascii_case("content-disposition") {
                once(&mut disposition, value, "Content-Disposition")?;
            } else if name.eq_ignore_ascii_case("content-type") {
                once(&mut content_type, value, "Content-Type")?;
            } else if name.eq_ignore_ascii_case("content-transfer-encoding") && !is_as_it_is(value) {
                return Err("has a Content-Transfer-Encoding other than 7bit, 8bit and binary".to_owned());
            }
        }
        let disposition = disposition.ok_or("has no Content-Disposition")?;
        let (name, filename) = names(disposition)?;
        Ok(Self { name, filename, content_type: content_type.filter(|value| !value.is_empty()).map(str::to_owned) })
    }
}

fn header(line: &str) -> Result<(&str, &str), String> {
    // A line that goes on the next one, a line end of another kind.
    if line.starts_with([' ', '\t']) || line.contains(|char: char| char.is_control() && char != '\t') {
        return Err("has a header with a control character or over several lines".to_owned());
    }
    let (name, value) = line.split_once(':').ok_or("has a header without a colon")?;
    let is_token = |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("has a header with a malformed name".to_owned());
    }
    Ok((name, value.trim()))
}

fn once<'h>(slot: &mut Option<&'h str>, value: &'h str, name: &str) -> Result<(), String> {
    if slot.replace(value).is_some() { Err(format!("has {name} twice")) } else { Ok(()) }
}

fn is_as_it_is(encoding: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|known| encoding.eq_ignore_ascii_case(known))
}

/// The names of the field and of the file.
fn names(disposition: &str) -> Result<(String, Option<String>), String> {
    let (kind, parameters) = parameters::split(disposition);
    if !kind.eq_ignore_ascii_case("form-data") {
        return Err("has a Content-Disposition other than form-data".to_owned());
    }
    // In the order: name, name*, filename, filename*.
    let mut found: [Option<Cow<'_, str>>; 4] = Default::default();
    for parameter in parameters {
        let (name, value) = parameter.ok_or("has a malformed Content-Disposition")?;
        let known = ["name", "name*", "filename", "filename*"].iter().position(|known| name.eq_ignore_ascii_case(known));
        if known.is_some_and(|known| found[known].replace(value).is_some()) {
            return Err("has a parameter of its Content-Disposition twice".to_owned());
        }
    }
    let [name, extended_name, filename, extended_filename] = found;
    // RFC 6266 4.3: the extended form is the better one.
    let better = |plain: Option<Cow<'_, str>>, extended: Option<Cow<'_, str>>| match extended {
        Some(extended) => decode(&extended).map(Some).ok_or("has a malformed name in its Content-Disposition"),
        None => Ok(plain.map(Cow::into_owned)),
    };
    let name = better(name, extended_name)?.ok_or("has no name in its Content-Disposition")?;
    let filename = better(filename, extended_filename)?;
    Ok((name, filename.map(|filename| without_folders(&filename).to_owned())))
}

/// `UTF-8'en'%c2%a3%20rates` (RFC 8187 3.2). Nobody should send it here (RFC 7578 4.2), and many do.
fn decode(extended: &str) -> Option<String> {
    let mut parts = extended.splitn(3, '\'');
    let (charset, _language, value) = (parts.next()?, parts.next()?, parts.next()?);
    let encoding = Encoding::for_label_no_replacement(charset.as_bytes())?;
    let is_complete = |start: &str| start.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if !value.is_ascii() || !value.split('%').skip(1).all(is_complete) {
        return None;
    }
    let bytes: Vec<u8> = percent_decode_str(value).collect();
    encoding.decode_without_bom_handling_and_without_replacement(&bytes).map(Cow::into_owned)
}

/// The last part of a path: what a file is called is not where it belongs (RFC 7578 4.2).
fn without_folders(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.chars().all(|char| char == '.') { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<(String, Option<String>, Option<String>), String> {
        let (head, content) = Head::of(head.as_bytes())?;
        assert!(content.is_empty());
        Ok((head.name, head.filename, head.content_type))
    }

    #[test]
    fn heads_say_what_a_part_is() {
        for (disposition, name, filename) in [
            (r#"form-data; name="a""#, "a", None),
            ("FORM-DATA;NAME=a ", "a", None),
            (r#"form-data; name="a"; filename="b.txt""#, "a", Some("b.txt")),
            (r#"form-data; name="a"; filename="""#, "a", Some("")),
            (r#"form-data; name=""; filename="C:\fakepath\\b.txt""#, "", Some("b.txt")),
            (r#"form-data; name="a"; filename="../../etc/passwd""#, "a", Some("passwd")),
            (r#"form-data; name="a"; filename="..""#, "a", Some("")),
            ("form-data; name=\"\u{fc}\\\"\"; filename=\"\u{1f600};.png\"", "\u{fc}\"", Some("\u{1f600};.png")),
            (r#"form-data; name="a"; filename="e.txt"; filename*=UTF-8''%e2%82%ac%20.txt"#, "a", Some("\u{20ac} .txt")),
            (r"form-data; name=a; filename*=iso-8859-1'en'%A3.txt", "a", Some("\u{a3}.txt")),
            (r"form-data; name*=utf-8''%C3%BC", "\u{fc}", None),
        ] {
            let head = read(&format!("Content-Disposition: {disposition}\r\nX-More: 1\r\n\r\n"));
            let expected = (name.to_owned(), filename.map(str::to_owned), None);
            assert_eq!(head, Ok(expected), "{disposition}");
        }
        let typed = read("content-type: text/plain; charset=x\r\ncontent-disposition: form-data; name=a\r\n\r\n");
        assert_eq!(typed.unwrap().2.as_deref(), Some("text/plain; charset=x"));
    }

    #[test]
    fn odd_heads_are_refused_with_what_is_odd() {
        let good = "Content-Disposition: form-data; name=a";
        for (head, part) in [
            (good.to_owned(), "no empty line"),
            (format!("{good}\n\n"), "no empty line"),
            (format!("{good}\r\n{}\r\n\r\n", "x".repeat(PART_HEAD_BYTES_MAX)), "8192 bytes"),
            ("\r\n\r\n".to_owned(), "without a colon"),
            ("Content-Type: text/plain\r\n\r\n".to_owned(), "no Content-Disposition"),
            (format!("{good}\r\n{good}\r\n\r\n"), "Content-Disposition twice"),
            (format!("{good}\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n\r\n"), "Content-Type twice"),
            (format!("{good};\r\n filename=b\r\n\r\n"), "over several lines"),
            (format!("{good}\0\r\n\r\n"), "control character"),
            (format!("{good}\nX: y\r\n\r\n"), "control character"),
            (format!("{good}\r\nno colon\r\n\r\n"), "without a colon"),
            (format!("{good}\r\nbad name: x\r\n\r\n"), "malformed name"),
            (format!("{good}\r\nContent-Transfer-Encoding: base64\r\n\r\n"), "7bit, 8bit and binary"),
            ("Content-Disposition: attachment; name=a\r\n\r\n".to_owned(), "other than form-data"),
            ("Content-Disposition: form-data; filename=a\r\n\r\n".to_owned(), "has no name"),
            (format!("{good}; name=b\r\n\r\n"), "twice"),
            (format!("{good}; Name=b\r\n\r\n"), "twice"),
            (format!("{good}; filename=\"b\r\n\r\n"), "malformed Content-Disposition"),
            (format!("{good}; filename*=UTF-8''%C0%A0\r\n\r\n"), "malformed name"),
            (format!("{good}; filename*=UTF-8''%e\r\n\r\n"), "malformed name"),
            (format!("{good}; filename*=klingon''a\r\n\r\n"), "malformed name"),
            (format!("{good}; filename*=a\r\n\r\n"), "malformed name"),
        ] {
            let why = read(&head).expect_err(&head);
            assert!(why.contains(part), "{head:?}: {why}");
        }
        assert!(Head::of(b"Content-Disposition: form-data; name=\xff\r\n\r\n").unwrap_err().contains("UTF-8"));
    }
}
