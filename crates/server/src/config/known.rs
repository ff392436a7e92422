//! Which keys exist: the shape of the default configuration, and the closest key to one that does not.

use serde_json::Value;

use super::Error;
use super::source::Setting;

/// A name further away than this share of its length is not offered.
const DISTANCE_MAX_PERCENT: usize = 50;

/// The value at a dotted key.
pub(super) fn find<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(tree, |node, name| node.as_object()?.get(name))
}

/// The place of a dotted key, to be overwritten.
pub(super) fn leaf<'a>(tree: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    key.split('.').try_fold(tree, |node, name| node.as_object_mut()?.get_mut(name))
}

/// Refuses a key that does not exist, or that names a section instead of a value.
pub(super) fn check(known: &Value, setting: &Setting) -> Result<(), Error> {
    match find(known, &setting.key) {
        Some(Value::Object(_)) => Err(Error::Invalid {
            key: setting.key.clone(),
            place: setting.place.to_string(),
            value: "a single value".to_owned(),
            why: format!("it is a section; its keys are {}", leaves_of(known, &setting.key).join(", ")),
        }),
        Some(_) => Ok(()),
        None => Err(Error::Unknown {
            key: setting.place.spelled(&setting.key),
            place: setting.place.to_string(),
            suggestion: closest(known, &setting.key).map(|key| format!("`{}`", setting.place.spelled(&key))),
        }),
    }
}

fn leaves_of(known: &Value, section: &str) -> Vec<String> {
    let mut all = Vec::new();
    collect(known, "", &mut all);
    all.retain(|key| key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')));
    all
}

fn closest(known: &Value, key: &str) -> Option<String> {
    let mut all = Vec::new();
    collect(known, "", &mut all);
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    // The right name in the wrong section is closer than any spelling.
    if let Some(moved) = all.iter().find(|known| last(known) == last(key)) {
        return Some(moved.clone());
    }
    let near = all.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, key))?;
    let distance = strsim::damerau_levenshtein(&near, key);
    (distance * 100 <= near.chars().count().max(key.chars().count()) * DISTANCE_MAX_PERCENT).then_some(near)
}

fn collect(node: &Value, prefix: &str, all: &mut Vec<String>) {
    let Some(members) = node.as_object() else {
        all.push(prefix.to_owned());
        return;
    };
    for (name, value) in members {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        collect(value, &key, all);
    }
}
