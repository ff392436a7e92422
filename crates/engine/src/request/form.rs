//! `application/x-www-form-urlencoded` bodies and queries: nested names (`a[b]`, `a[]`), repeated names.

use std::borrow::Cow;
use std::sync::OnceLock;

use encoding_rs::{Encoding, UTF_8};
use indexmap::IndexMap;
use minijinja::Value;

use super::body::{Body, BodyKind};
use super::{Refusal, text};

/// A form with more fields than this is refused.
pub const FORM_FIELDS_MAX: usize = 10_000;
/// A field name with more brackets than this is refused.
pub const FORM_DEPTH_MAX: usize = 16;

/// Parses a form body.
pub(super) fn parse(bytes: &[u8], charset: Option<&str>) -> Result<Body<'static>, Refusal> {
    let value = read(bytes, text::encoding(charset)?, "form")?;
    Ok(Body::built(BodyKind::Form, value))
}

/// A query. One that cannot be wrong is built when it is first asked for.
#[derive(Debug)]
pub(super) struct Query {
    /// The text, if there is no value yet.
    text: Box<str>,
    value: OnceLock<Value>,
}

impl Query {
    /// Checks a query.
    pub(super) fn of(text: &str) -> Result<Self, Refusal> {
        if is_plain(text) {
            return Ok(Self { text: text.into(), value: OnceLock::new() });
        }
        Ok(Self { text: Box::default(), value: OnceLock::from(Self::read(text)?) })
    }

    pub(super) fn value(&self) -> &Value {
        self.value.get_or_init(|| Self::read(&self.text).expect("a plain query has nothing that could be refused"))
    }

    fn read(text: &str) -> Result<Value, Refusal> {
        read(text.as_bytes(), UTF_8, "query")
    }
}

/// Whether a query has nothing to decode, nothing nested, and not too many fields: [`read`] cannot refuse it.
fn is_plain(query: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'=' | b'&' | b'*');
    query.len() <= FORM_FIELDS_MAX && query.bytes().all(plain)
}

fn read(bytes: &[u8], encoding: &'static Encoding, what: &str) -> Result<Value, Refusal> {
    let mut fields = Fields::default();
    for (position, pair) in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
        if position >= FORM_FIELDS_MAX {
            return Err(Refusal::bad_body(format!("the {what} has more than {FORM_FIELDS_MAX} fields"), None));
        }
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &b""[..]),
        };
        let (name, value) = (decode(name, encoding, what)?, decode(value, encoding, what)?);
        fields.put(&name, Value::from(&*value), what)?;
    }
    Ok(fields.into_value())
}

/// The fields of a form by their names.
#[derive(Default)]
pub(super) struct Fields(IndexMap<String, Field>);

impl Fields {
    /// Puts a value where its name says. `what` is what the fields are of, for messages.
    pub(super) fn put(&mut self, name: &str, value: Value, what: &str) -> Result<(), Refusal> {
        let path = Path::of(name).ok_or_else(|| {
            Refusal::bad_body(format!("a field name of the {what} has more than {FORM_DEPTH_MAX} brackets"), None)
        })?;
        let field = self.0.entry(path.name.to_owned()).or_insert(Field::Vacant);
        field.put(&path.inner, value).ok_or_else(|| {
            let shown: String = path.name.chars().take(60).collect();
            let message = format!("the field `{shown}` of the {what} is used both as a value and as a container");
            Refusal::bad_body(message, None)
        })
    }

    pub(super) fn into_value(self) -> Value {
        object(self.0)
    }
}

/// Undoes percent-encoding, `+` for space, and the charset.
fn decode<'b>(bytes: &'b [u8], encoding: &'static Encoding, what: &str) -> Result<Cow<'b, str>, Refusal> {
    let spaced: Cow<'b, [u8]> = if bytes.contains(&b'+') {
        Cow::Owned(bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect())
    } else {
        Cow::Borrowed(bytes)
    };
    let plain: Cow<'b, [u8]> = match spaced {
        Cow::Borrowed(bytes) => percent_encoding::percent_decode(bytes).into(),
        Cow::Owned(bytes) => Cow::Owned(percent_encoding::percent_decode(&bytes).collect()),
    };
    let text = match plain {
        Cow::Borrowed(bytes) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
        Cow::Owned(bytes) => {
            encoding.decode_without_bom_handling_and_without_replacement(&bytes).map(|text| Cow::Owned(text.into_owned()))
        }
    };
    text.ok_or_else(|| Refusal::bad_body(format!("the {what} is not valid {}", encoding.name()), None))
}

/// A field name taken apart: `order[items][]` is `order` with the inner parts `items` and ``.
struct Path<'n> {
    name: &'n str,
    inner: Vec<&'n str>,
}

impl<'n> Path<'n> {
    /// `None` if it is nested too deep. A name whose brackets do not pair is taken literally.
    fn of(text: &'n str) -> Option<Self> {
        let literal = Some(Self { name: text, inner: Vec::new() });
        let Some(open) = text.find('[').filter(|open| *open > 0 && text.ends_with(']')) else { return literal };
        let mut inner = Vec::new();
        for part in text[open + 1..text.len() - 1].split("][") {
            if part.contains(['[', ']']) {
                return literal;
            }
            if inner.len() >= FORM_DEPTH_MAX {
                return None;
            }
            inner.push(part);
        }
        Some(Self { name: &text[..open], inner })
    }
}

enum Field {
    Vacant,
    Text(Value),
    List(Vec<Field>),
    Map(IndexMap<String, Field>),
}

impl Field {
    /// Puts a text at the inner path. `None` if something of another shape is there.
    fn put(&mut self, inner: &[&str], text: Value) -> Option<()> {
        match inner.split_first() {
            None => self.add(Self::Text(text)),
            Some((&"", rest)) => {
                let mut element = Self::Vacant;
                element.put(rest, text)?;
                self.push(element)
            }
            Some((key, rest)) => {
                if matches!(self, Self::Vacant) {
                    *self = Self::Map(IndexMap::new());
                }
                match self {
                    Self::Map(members) => members.entry((*key).to_owned()).or_insert(Self::Vacant).put(rest, text),
                    _ => None,
                }
            }
        }
    }

    /// A repeated name makes a list.
    fn add(&mut self, field: Self) -> Option<()> {
        match self {
            Self::Vacant => *self = field,
            Self::Map(_) => return None,
            Self::Text(_) | Self::List(_) => return self.push(field),
        }
        Some(())
    }

    fn push(&mut self, field: Self) -> Option<()> {
        match self {
            Self::Vacant => *self = Self::List(vec![field]),
            Self::List(items) => items.push(field),
            Self::Text(first) => *self = Self::List(vec![Self::Text(first.clone()), field]),
            Self::Map(_) => return None,
        }
        Some(())
    }

    fn into_value(self) -> Value {
        match self {
            Self::Vacant => Value::from(""),
            Self::Text(value) => value,
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Map(members) if is_numbered(&members) => members.into_values().map(Self::into_value).collect(),
            Self::Map(members) => object(members),
        }
    }
}

/// Whether the keys are 0, 1, 2 …: `a[0]=x&a[1]=y` is a list.
fn is_numbered(members: &IndexMap<String, Field>) -> bool {
    members.keys().enumerate().all(|(position, key)| key.parse() == Ok(position) && !key.starts_with('+'))
}

fn object(fields: IndexMap<String, Field>) -> Value {
    let members: IndexMap<Value, Value> =
        fields.into_iter().map(|(name, field)| (Value::from(name), field.into_value())).collect();
    Value::from_object(members)
}
