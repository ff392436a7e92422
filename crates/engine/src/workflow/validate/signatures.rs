//! The axes of a signature: which of them go together.

use super::Checker;
use super::presets::TOLERANCE_MAX;
use crate::workflow::problem::{closest, listed, quoted};
use crate::workflow::{Field, Grammar, HandshakeKind, KeyForm, Place, Signature, SignatureAlgorithm, SignedPart, TimestampPlace};

/// Parts that can be signed.
const SIGNED_PARTS_MAX: usize = 20;
/// Characters of prefixes, separators, keys, literals.
const PIECE_CHARS_MAX: usize = 100;

impl Checker<'_> {
    pub(super) fn signature(&mut self, signature: &Signature, preset: Option<&str>) {
        match &signature.place {
            Place::Header(name) => self.at_member("header", |this| this.header_name(name)),
            Place::Query(name) => self.piece("query", name),
            Place::Body(_) => {}
        }
        self.grammar(signature);
        self.key_form(signature, preset);
        if signature.url_form.is_some() && !signature.signed.contains(&SignedPart::Url) {
            self.at.member("url_form", |at| at.problem("misplaced_key", "`url` is not among what is signed"));
        }
        self.signed(signature);
        self.time(signature);
        if signature.handshake == Some(HandshakeKind::X) {
            self.signs_for_strangers(signature, preset);
        }
        for (key, field) in [("id", &signature.id), ("event", &signature.event)] {
            if let Some(Field::Header(name)) = field {
                let mark = self.at.enter_path(&format!("{key}.header"));
                self.header_name(name);
                self.at.leave(mark);
            }
        }
    }

    /// The handshake of X signs a token of the caller's choice. That is no signature of a delivery only if deliveries sign
    /// their body, which has other characters.
    fn signs_for_strangers(&mut self, signature: &Signature, preset: Option<&str>) {
        let signs_body = signature.signed.is_empty() || signature.signed.contains(&SignedPart::Body);
        if preset != Some("hmac") || !signs_body {
            let message =
                "the handshake of `x` signs what anybody asks for: it goes with `preset: hmac` where the body is signed";
            self.at.member("handshake", |at| at.problem("misplaced_key", message));
        }
    }

    fn grammar(&mut self, signature: &Signature) {
        let grammar = signature.grammar;
        for (key, text, of) in [
            ("prefix", &signature.prefix, &[Grammar::Prefix][..]),
            ("separator", &signature.separator, &[Grammar::Pairs]),
            ("key", &signature.key, &[Grammar::Pairs, Grammar::Versions]),
            ("timestamp_key", &signature.timestamp_key, &[Grammar::Pairs]),
        ] {
            let Some(text) = text else { continue };
            self.piece(key, text);
            if !of.contains(&grammar) {
                let words: Vec<&str> = of.iter().map(|grammar| grammar.name()).collect();
                let message = format!("`{key}` belongs to `grammar: {}`, not to `{}`", words.join("` or `"), grammar.name());
                self.at.member(key, |at| at.problem("misplaced_key", message));
            }
        }
        if grammar == Grammar::Prefix && signature.prefix.is_none() {
            self.at.problem("missing_key", "`prefix` is missing: `grammar: prefix` needs it");
        }
    }

    fn key_form(&mut self, signature: &Signature, preset: Option<&str>) {
        let is_hmac = preset == Some("hmac");
        let is_ed25519 = preset == Some("ed25519");
        if let Some(algorithm) = signature.algorithm
            && (is_hmac && !algorithm.is_shared() || is_ed25519 && algorithm.is_shared())
        {
            let fitting = SignatureAlgorithm::ALL.iter().filter(|(_, other)| other.is_shared() == is_hmac);
            let names = listed(fitting.map(|(name, _)| *name), "or");
            let message = format!("with the preset `{}` it is {names}", if is_hmac { "hmac" } else { "ed25519" });
            self.at.member("algorithm", |at| at.problem("misplaced_key", message));
        }
        if let Some(form) = signature.secret_form {
            let public = matches!(form, KeyForm::Spki | KeyForm::Pem);
            if is_hmac && public || is_ed25519 && form == KeyForm::Text {
                let message = if is_hmac {
                    "the secret of an HMAC is `text`, `base64` or `hex`"
                } else {
                    "a public key is `hex`, `base64`, `spki` or `pem`"
                };
                self.at.member("secret_form", |at| at.problem("bad_value", message));
            }
        }
        if let Some(prefix) = &signature.secret_prefix {
            self.piece("secret_prefix", prefix);
        }
    }

    fn signed(&mut self, signature: &Signature) {
        let parts = &signature.signed;
        self.at_member("signed", |this| {
            if parts.len() > SIGNED_PARTS_MAX {
                this.at.problem("too_many", format!("{} parts; the limit is {SIGNED_PARTS_MAX}", parts.len()));
            }
            let covers = |part: &SignedPart| matches!(part, SignedPart::Body | SignedPart::Form | SignedPart::Crc32);
            if !parts.is_empty() && !parts.iter().any(covers) {
                let message = "the body is not among what is signed: whoever has seen one signature can send any body with it";
                this.at.warn("unsigned_body", message, None);
            }
            for (index, part) in parts.iter().enumerate() {
                let needs = match part {
                    SignedPart::Timestamp if !signature.has_timestamp() => Some("timestamp"),
                    SignedPart::Id if signature.id.is_none() => Some("id"),
                    _ => None,
                };
                let mark = this.at.enter_element(index);
                if let Some(key) = needs {
                    this.at.problem("missing_key", format!("`{key}` is signed, but `{key}` does not say where it is"));
                }
                if let SignedPart::Literal(text) = part {
                    if text.is_empty() || text.chars().count() > PIECE_CHARS_MAX {
                        this.at.problem("bad_value", format!("a literal has 1 to {PIECE_CHARS_MAX} characters"));
                    } else if let Some(near) = closest(text, SignedPart::NAMED.iter().map(|(name, _)| *name)) {
                        let message = format!("{} stands for itself; it is no name of a part", quoted(text));
                        this.at.warn("odd_literal", message, Some(near));
                    }
                }
                this.at.leave(mark);
            }
        });
    }

    fn time(&mut self, signature: &Signature) {
        match &signature.timestamp {
            Some(TimestampPlace::Header(name)) => {
                let mark = self.at.enter_path("timestamp.header");
                self.header_name(name);
                self.at.leave(mark);
            }
            Some(TimestampPlace::Pair(name)) => self.at_member("timestamp", |this| {
                this.piece("pair", name);
                if signature.grammar != Grammar::Pairs {
                    this.at.member("pair", |at| at.problem("misplaced_key", "`pair` needs `grammar: pairs`"));
                }
            }),
            Some(TimestampPlace::Query(name)) => self.at_member("timestamp", |this| this.piece("query", name)),
            Some(TimestampPlace::Body(_)) | None => {}
        }
        if signature.timestamp.is_some() && signature.timestamp_key.is_some() {
            let message = "`timestamp` says already where the time is";
            self.at.member("timestamp_key", |at| at.problem("several_kinds", message));
        }
        if let Some(window) = signature.window {
            self.span("window", window, TOLERANCE_MAX);
        }
        for (key, given) in [
            ("timestamp_unit", signature.timestamp_unit.is_some()),
            ("window", signature.window.is_some()),
            ("future", signature.future.is_some()),
        ] {
            if given && !signature.has_timestamp() {
                let message = format!("`{key}` is about the time of signing, and nothing says where that is");
                self.at.member(key, |at| at.problem("misplaced_key", message));
            }
        }
        if signature.has_timestamp() && !signature.signed.contains(&SignedPart::Timestamp) {
            let in_body = matches!(signature.timestamp, Some(TimestampPlace::Body(_)));
            let covers_body = signature.signed.is_empty() || signature.signed.contains(&SignedPart::Body);
            if !(in_body && covers_body) {
                let message = "the time is not among what is signed: whoever repeats a request can change it";
                self.at.warn("unsigned_timestamp", message, None);
            }
        }
    }

    fn piece(&mut self, key: &str, text: &str) {
        if text.is_empty() || text.chars().count() > PIECE_CHARS_MAX || text.chars().any(char::is_control) {
            let message = format!("must be one line of 1 to {PIECE_CHARS_MAX} characters");
            self.at.member(key, |at| at.problem("bad_value", message));
        }
    }
}

impl Grammar {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Prefix => "prefix",
            Self::Pairs => "pairs",
            Self::Versions => "versions",
        }
    }
}

impl Signature {
    /// Whether it says where the time of signing is.
    pub(super) fn has_timestamp(&self) -> bool {
        self.timestamp.is_some() || self.timestamp_key.is_some()
    }
}
