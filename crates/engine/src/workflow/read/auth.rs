//! How credentials are read.

use super::super::decode::{Decode, Fields, Variant, tagged, word, wrong_type};
use super::super::node::Node;
use super::super::problem::listed;
use super::super::report::Report;
use super::super::{AddressRange, Auth, BodyHash, Credential, Jwt, JwtAlgorithm, JwtKey, SecretNames, Yes};

impl Decode for Auth {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_key",
            &[("any", |node, at| Vec::decode(node, at).map(Self::Any)), ("all", |node, at| Vec::decode(node, at).map(Self::All))],
            at,
        )
    }
}

impl Decode for Credential {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_credential",
            &[
                ("shared_key", |node, at| Decode::decode(node, at).map(Self::SharedKey)),
                ("bearer", |node, at| Decode::decode(node, at).map(Self::Bearer)),
                ("api_key", |node, at| Decode::decode(node, at).map(Self::ApiKey)),
                ("header", |node, at| {
                    let mut fields = Fields::of(node, "a map with the keys `name` and `secret`", at)?;
                    let (name, secret) = (fields.required("name"), fields.required("secret"));
                    fields.finish();
                    Some(Self::Header { name: name?, secret: secret? })
                }),
                ("basic", |node, at| {
                    let mut fields = Fields::of(node, "a map with the keys `user` and `secret`", at)?;
                    let (user, secret) = (fields.required("user"), fields.required("secret"));
                    fields.finish();
                    Some(Self::Basic { user: user?, secret: secret? })
                }),
                ("app_key", |node, at| Decode::decode(node, at).map(Self::AppKey)),
                ("jwt", |node, at| Decode::decode(node, at).map(Self::Jwt)),
                ("signature", |node, at| Decode::decode(node, at).map(Self::Signature)),
                ("any", |node, at| Vec::decode(node, at).map(Self::Any)),
                ("all", |node, at| Vec::decode(node, at).map(Self::All)),
            ],
            at,
        )
    }
}

const JWT_KEYS: &[Variant<JwtKey>] = &[
    ("secret", |node, at| Decode::decode(node, at).map(JwtKey::Secret)),
    ("public_key", |node, at| Decode::decode(node, at).map(JwtKey::PublicKey)),
    ("jwks", |node, at| Decode::decode(node, at).map(JwtKey::Jwks)),
];

impl Decode for Jwt {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `algorithms` and `secret`, `public_key` or `jwks`", at)?;
        let algorithms = fields.required("algorithms");
        let key = fields.required_one_of(JWT_KEYS);
        let (issuer, audience) = (fields.optional("issuer"), fields.optional("audience"));
        let (header, body_hash) = (fields.optional("header"), fields.optional("body_hash"));
        fields.finish();
        Some(Self { algorithms: algorithms?, key: key?, issuer, audience, header, body_hash })
    }
}

impl Decode for BodyHash {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `claim` and `encoding`", at)?;
        let (claim, encoding) = (fields.required("claim"), fields.optional("encoding"));
        fields.finish();
        Some(Self { claim: claim?, encoding })
    }
}

impl Decode for JwtAlgorithm {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &Self::ALL, at)
    }
}

impl Decode for SecretNames {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::List(_) => Vec::decode(node, at).map(Self),
            Node::Text(name) => Some(Self(vec![name.clone()])),
            other => {
                wrong_type("the name of a secret or a list of names", other, at);
                None
            }
        }
    }
}

impl Decode for Yes {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Bool(true) => Some(Self),
            Node::Bool(false) => {
                at.problem("unknown_value", "can only be `true`; leave the key out otherwise");
                None
            }
            other => {
                wrong_type("`true`", other, at);
                None
            }
        }
    }
}

impl Decode for AddressRange {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let Node::Text(text) = node else {
            wrong_type("an address or a network, as a text", node, at);
            return None;
        };
        text.parse().map_err(|error| at.problem("bad_address", format!("{error}"))).ok()
    }
}

impl Fields<'_, '_> {
    /// Reads the one of several keys that must be there alone.
    pub(super) fn required_one_of<T>(&mut self, variants: &[Variant<T>]) -> Option<T> {
        let names = || variants.iter().map(|(name, _)| *name);
        match self.one_of(variants) {
            Ok(found) => found,
            Err(0) => {
                self.at.problem("missing_key", format!("one of the keys {} is missing", listed(names(), "or")));
                None
            }
            Err(_) => None,
        }
    }

    /// Reads the one of several keys that is there alone; `None` inside if it could not be read.
    ///
    /// # Errors
    /// How many are there, if not one. Several have been told.
    pub(super) fn one_of<T>(&mut self, variants: &[Variant<T>]) -> Result<Option<T>, usize> {
        let present: Vec<(&Variant<T>, &Node)> =
            variants.iter().filter_map(|variant| self.know(variant.0).map(|node| (variant, node))).collect();
        match present.as_slice() {
            [((name, read), node)] => Ok(self.at.member(name, |at| read(node, at))),
            others => {
                if others.len() > 1 {
                    let keys = listed(others.iter().map(|((name, _), _)| *name), "and");
                    self.at.problem("several_kinds", format!("{keys} cannot stand here together"));
                }
                Err(others.len())
            }
        }
    }
}
