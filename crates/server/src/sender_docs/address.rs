//! Where a hook answers, as far as a reader may know.

use super::{Audience, Described};

/// A URL of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Its path, parameters in braces: `/hooks/main/orders/{id}`.
    pub(super) template: String,
    /// The parameters.
    pub(super) parameters: Vec<String>,
}

impl Address {
    fn plain(path: String) -> Self {
        Self { template: path, parameters: Vec::new() }
    }

    /// The path with its parameters filled in.
    pub(super) fn filled(&self, value: impl Fn(&str) -> String) -> String {
        self.parameters.iter().fold(self.template.clone(), |path, name| {
            let value = percent_encoding::utf8_percent_encode(&value(name), percent_encoding::NON_ALPHANUMERIC).to_string();
            path.replace(&format!("{{{name}}}"), &value)
        })
    }
}

/// The URLs of a hook, the one to tell senders first. `guarded`: the hook asks its callers for more than its URL.
///
/// The unguessable URL is told to members, and only of hooks that have no other. Everyone is told the own path, which
/// whoever chose it knew to be guessable, and the product's form of the URL where it is not itself the secret.
pub(super) fn of(described: &Described<'_>, audience: Audience, guarded: bool) -> Vec<Address> {
    let hook = described.hook;
    let is_public = |alias: &String| guarded && !alias.contains(&hook.token);
    let alias = hook.alias.clone().filter(|alias| audience == Audience::Members || is_public(alias)).map(Address::plain);
    let own = hook.path.as_deref().map(|path| own_path(described.site.slug, path));
    let mut addresses: Vec<Address> = alias.into_iter().chain(own).collect();
    if addresses.is_empty() && audience == Audience::Members {
        addresses.push(Address::plain(format!("/hooks/{}", hook.token)));
    }
    addresses
}

fn own_path(slug: &str, path: &str) -> Address {
    let mut template = format!("/hooks/{slug}");
    let mut parameters = Vec::new();
    for segment in path.split('/') {
        template.push('/');
        match segment.strip_prefix(':') {
            Some(name) => {
                template.push_str(&format!("{{{name}}}"));
                parameters.push(name.to_owned());
            }
            None => template.push_str(segment),
        }
    }
    Address { template, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_and_filled() {
        let address = own_path("main", "orders/:id/items/:item");
        assert_eq!(address.template, "/hooks/main/orders/{id}/items/{item}");
        assert_eq!(address.parameters, ["id", "item"]);
        assert_eq!(address.filled(|name| format!("{name}/1")), "/hooks/main/orders/id%2F1/items/item%2F1");
    }
}
