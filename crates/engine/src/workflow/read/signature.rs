//! How the axes of a signature are read, and when two requests are the same.

use std::str::FromStr;

use super::super::decode::{Decode, Fields, Variant, tagged, word, wrong_type};
use super::super::node::Node;
use super::super::report::Report;
use super::super::{
    BodyPath, Dedupe, DedupeKey, Field, Grammar, HandshakeKind, KeyForm, Place, Signature, SignatureAlgorithm, SignatureEncoding,
    SignedPart, TimestampPlace, TimestampUnit, UrlForm, Yes,
};

const PLACES: &[Variant<Place>] = &[
    ("header", |node, at| Decode::decode(node, at).map(Place::Header)),
    ("query", |node, at| Decode::decode(node, at).map(Place::Query)),
    ("body", |node, at| Decode::decode(node, at).map(Place::Body)),
];

impl Decode for Signature {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map that tells where the signature is and what is signed", at)?;
        let place = fields.required_one_of(PLACES);
        let is_placed = place.is_some();
        let read = Self {
            // Whatever stands in for a missing place has been told; the rest is read all the same.
            place: place.unwrap_or_else(|| Place::Header(String::new())),
            grammar: fields.or_default("grammar"),
            prefix: fields.optional("prefix"),
            separator: fields.optional("separator"),
            key: fields.optional("key"),
            timestamp_key: fields.optional("timestamp_key"),
            algorithm: fields.optional("algorithm"),
            encoding: fields.optional("encoding"),
            secret_form: fields.optional("secret_form"),
            secret_prefix: fields.optional("secret_prefix"),
            signed: fields.or_default("signed"),
            url_form: fields.optional("url_form"),
            timestamp: fields.optional("timestamp"),
            timestamp_unit: fields.optional("timestamp_unit"),
            window: fields.optional("window"),
            future: fields.optional("future"),
            id: fields.optional("id"),
            event: fields.optional("event"),
            handshake: fields.optional("handshake"),
        };
        fields.finish();
        Some(read).filter(|_| is_placed)
    }
}

impl Decode for Grammar {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let words = [("bare", Self::Bare), ("prefix", Self::Prefix), ("pairs", Self::Pairs), ("versions", Self::Versions)];
        word(node, &words, at)
    }
}

impl Decode for SignatureAlgorithm {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &Self::ALL, at)
    }
}

impl Decode for UrlForm {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &[("exact", Self::Exact), ("either_port", Self::EitherPort), ("decoded", Self::Decoded)], at)
    }
}

impl Decode for HandshakeKind {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &Self::ALL, at)
    }
}

impl Decode for SignatureEncoding {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &[("hex", Self::Hex), ("base64", Self::Base64), ("base64url", Self::Base64url)], at)
    }
}

impl Decode for KeyForm {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let words =
            [("text", Self::Text), ("base64", Self::Base64), ("hex", Self::Hex), ("spki", Self::Spki), ("pem", Self::Pem)];
        word(node, &words, at)
    }
}

impl Decode for TimestampUnit {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &[("s", Self::S), ("ms", Self::Ms)], at)
    }
}

impl Decode for SignedPart {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Text(text) => Some(Self::of_text(text)),
            Node::Map(_) => {
                let kinds: &[Variant<Self>] = &[
                    ("literal", |node, at| String::decode(node, at).map(Self::Literal)),
                    ("member", |node, at| Decode::decode(node, at).map(Self::Member)),
                ];
                tagged(node, "unknown_key", kinds, at)
            }
            other => {
                wrong_type("a part of what is signed, as a text", other, at);
                None
            }
        }
    }
}

impl Decode for TimestampPlace {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_source",
            &[
                ("header", |node, at| Decode::decode(node, at).map(Self::Header)),
                ("query", |node, at| Decode::decode(node, at).map(Self::Query)),
                ("pair", |node, at| Decode::decode(node, at).map(Self::Pair)),
                ("body", |node, at| Decode::decode(node, at).map(Self::Body)),
            ],
            at,
        )
    }
}

impl Decode for Field {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_source",
            &[
                ("header", |node, at| Decode::decode(node, at).map(Self::Header)),
                ("body", |node, at| Decode::decode(node, at).map(Self::Body)),
            ],
            at,
        )
    }
}

impl Decode for BodyPath {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let Node::Text(text) = node else {
            wrong_type("a path into the body such as `$.items`", node, at);
            return None;
        };
        let told = |error: super::super::BodyPathError| {
            // `items.0` and `.items` were surely meant to be paths.
            let rooted = if text.starts_with(['.', '[']) { format!("${text}") } else { format!("$.{text}") };
            let meant = Self::from_str(&rooted).ok().map(|path| path.to_string());
            at.suggest("bad_body_path", error.to_string(), meant.as_deref());
        };
        text.parse().map_err(told).ok()
    }
}

const DEDUPE_KEYS: &[Variant<DedupeKey>] = &[
    ("header", |node, at| Decode::decode(node, at).map(DedupeKey::Header)),
    ("path", |node, at| Decode::decode(node, at).map(DedupeKey::Path)),
    ("expression", |node, at| Decode::decode(node, at).map(DedupeKey::Expression)),
    ("body", |node, at| Yes::decode(node, at).map(|Yes| DedupeKey::Body)),
];

impl Decode for Dedupe {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        if *node == Node::Bool(false) {
            return Some(Self::Off);
        }
        let expected = "`false`, or a map with one of the keys `header`, `path`, `expression`, `body`";
        let mut fields = Fields::of(node, expected, at)?;
        let key = fields.one_of(DEDUPE_KEYS);
        let window = fields.optional("window");
        if matches!(key, Err(0)) && !fields.has("window") {
            fields.at.problem("missing_key", format!("expected {expected}"));
        }
        fields.finish();
        match key {
            Ok(key) => Some(Self::On { key: Some(key?), window }),
            Err(0) => Some(Self::On { key: None, window }),
            Err(_) => None,
        }
    }
}
