//! The thorough reader: knows the place of an error, the keys that stand twice, and every spelling of a scalar.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use minijinja::Value;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{SCANNED_KEYS_MAX, Skimmed};
use crate::request::body::{Container, Member};
use crate::request::json::{Duplicates, WIDE, enter};

/// Accepts and refuses exactly what building the value does, with the same errors and the same duplicates.
pub(super) fn read<'t>(text: &str, wanted: &[&'t str], duplicates: &mut Duplicates) -> Result<Skimmed<'t>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // The depth is counted here, and the error is clearer.
    deserializer.disable_recursion_limit();
    let mut skimmer = Skimmer { wanted, members: None, wide: false, keys: Vec::new(), duplicates };
    Skip { skimmer: &mut skimmer, depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Skimmed { members: skimmer.members, wide: skimmer.wide })
}

/// What the text of a scalar says, and whether it is a float that may have been an integer beyond 64 bits.
pub(super) fn scalar(text: &str) -> Result<(Value, bool), serde_json::Error> {
    let mut duplicates = Duplicates::default();
    let mut skimmer = Skimmer { wanted: &[], members: None, wide: false, keys: Vec::new(), duplicates: &mut duplicates };
    let keep = Keep(Skip { skimmer: &mut skimmer, depth: 0 });
    match keep.deserialize(&mut serde_json::Deserializer::from_str(text))? {
        Member::Value(value) => Ok((value, skimmer.wide)),
        Member::Unbuilt(_) => Err(serde_json::Error::custom("not a scalar")),
    }
}

struct Skimmer<'d, 't, 'r> {
    wanted: &'r [&'t str],
    members: Option<Vec<(&'t str, Member)>>,
    wide: bool,
    /// The keys of the objects that are open, the innermost last.
    keys: Vec<Cow<'d, str>>,
    duplicates: &'r mut Duplicates,
}

impl<'t> Skimmer<'_, 't, '_> {
    /// The name under which the value of this key is kept.
    fn wanted(&self, key: &str, depth: usize) -> Option<&'t str> {
        if depth > 1 {
            return None;
        }
        self.wanted.iter().copied().find(|name| *name == key)
    }

    fn keep(&mut self, name: &'t str, value: Member) {
        let members = self.members.get_or_insert_default();
        match members.iter_mut().find(|(member, _)| *member == name) {
            Some((_, earlier)) => *earlier = value,
            None => members.push((name, value)),
        }
    }
}

/// The keys of one object.
struct Keys<'d> {
    /// Where they start among those of all open objects.
    start: usize,
    /// Where they went when they were too many to scan.
    many: Option<HashSet<Cow<'d, str>>>,
}

impl<'d> Keys<'d> {
    fn add(&mut self, key: Cow<'d, str>, skimmer: &mut Skimmer<'d, '_, '_>) {
        if let Some(many) = &mut self.many {
            if let Some(earlier) = many.replace(key) {
                skimmer.duplicates.add(&earlier);
            }
        } else if skimmer.keys[self.start..].contains(&key) {
            skimmer.duplicates.add(&key);
        } else {
            skimmer.keys.push(key);
            if skimmer.keys.len() - self.start > SCANNED_KEYS_MAX {
                let mut many = HashSet::with_capacity(SCANNED_KEYS_MAX * 4);
                many.extend(skimmer.keys.drain(self.start..));
                self.many = Some(many);
            }
        }
    }
}

/// Checks one value.
struct Skip<'s, 'd, 't, 'r> {
    skimmer: &'s mut Skimmer<'d, 't, 'r>,
    depth: usize,
}

impl<'d> DeserializeSeed<'d> for Skip<'_, 'd, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        // Not `deserialize_ignored_any`: it lets numbers out of range and halves of surrogate pairs pass.
        deserializer.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Skip<'_, 'd, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = enter(self.depth)?;
        while items.next_element_seed(Skip { skimmer: &mut *self.skimmer, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = enter(self.depth)?;
        let skimmer = self.skimmer;
        if depth == 1 {
            skimmer.members = Some(Vec::with_capacity(skimmer.wanted.len()));
        }
        let start = skimmer.keys.len();
        let mut keys = Keys { start, many: None };
        while let Some(Key(key)) = map.next_key()? {
            match skimmer.wanted(&key, depth) {
                Some(name) => {
                    let member = map.next_value_seed(Keep(Skip { skimmer: &mut *skimmer, depth }))?;
                    skimmer.keep(name, member);
                }
                None => map.next_value_seed(Skip { skimmer: &mut *skimmer, depth })?,
            }
            keys.add(key, skimmer);
        }
        skimmer.keys.truncate(start);
        Ok(())
    }
}

/// Checks one value and keeps what it is.
struct Keep<'s, 'd, 't, 'r>(Skip<'s, 'd, 't, 'r>);

impl<'d> DeserializeSeed<'d> for Keep<'_, 'd, '_, '_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Keep<'_, 'd, '_, '_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Member, E> {
        Ok(Member::Value(Value::from(())))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Member, E> {
        Ok(Member::Value(Value::from(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Member, E> {
        Ok(Member::Value(Value::from(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Member, E> {
        Ok(Member::Value(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Member, E> {
        self.0.skimmer.wide |= value.abs() >= WIDE;
        Ok(Member::Value(Value::from(value)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Value(Value::from(text)))
    }

    fn visit_seq<A: SeqAccess<'d>>(self, items: A) -> Result<Member, A::Error> {
        self.0.visit_seq(items)?;
        Ok(Member::Unbuilt(Container::Array))
    }

    fn visit_map<A: MapAccess<'d>>(self, map: A) -> Result<Member, A::Error> {
        self.0.visit_map(map)?;
        Ok(Member::Unbuilt(Container::Object))
    }
}

/// A key where it stands in the text, unless it has escapes.
struct Key<'d>(Cow<'d, str>);

impl<'d> Deserialize<'d> for Key<'d> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'d> Visitor<'d> for KeyVisitor {
            type Value = Key<'d>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, text: &'d str) -> Result<Key<'d>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key<'d>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor).map_err(D::Error::custom)
    }
}
