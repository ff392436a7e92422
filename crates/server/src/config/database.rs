//! Which database: `sqlite:FILE` or `postgres://…`. Shown without its password.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands for a secret wherever one would be shown.
const STARS: &str = "***";

/// The address of a database. Displaying, debugging or serialising it hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Database(String);

/// Why a text does not name a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE")]
pub struct DatabaseError;

impl Database {
    /// The address with its password, for the one that connects.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn redacted(&self) -> String {
        let Ok(mut url) = url::Url::parse(&self.0) else { return STARS.to_owned() };
        if url.scheme() == "sqlite" {
            return self.0.clone();
        }
        if url.password().is_some() && url.set_password(Some(STARS)).is_err() {
            return STARS.to_owned();
        }
        // `?password=…` is the other spelling that drivers accept.
        if url.query_pairs().any(|(name, _)| name == "password") {
            let pairs: Vec<(String, String)> = url
                .query_pairs()
                .map(|(name, value)| (name.to_string(), if name == "password" { STARS.to_owned() } else { value.to_string() }))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        url.to_string()
    }
}

impl FromStr for Database {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        let sqlite = text.strip_prefix("sqlite:").is_some_and(|file| !file.is_empty());
        let postgres = (text.starts_with("postgres://") || text.starts_with("postgresql://")) && url::Url::parse(text).is_ok();
        if sqlite || postgres { Ok(Self(text.to_owned())) } else { Err(DatabaseError) }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for Database {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_shown() {
        for (text, shown) in [
            ("postgres://mill:s3cret@db.example/mill", "postgres://mill:***@db.example/mill"),
            ("postgres://db.example/mill?user=a&password=s3cret", "postgres://db.example/mill?user=a&password=***"),
            ("postgres://mill@db.example/mill", "postgres://mill@db.example/mill"),
            ("sqlite:/var/lib/hookmill/hookmill.db", "sqlite:/var/lib/hookmill/hookmill.db"),
        ] {
            let database: Database = text.parse().expect(text);
            assert_eq!(database.to_string(), shown);
            assert_eq!(format!("{database:?}"), shown);
            assert_eq!(serde_json::to_value(&database).expect("it is a text"), shown);
            assert_eq!(database.reveal(), text);
        }
        for text in ["", "sqlite:", "mysql://x", "postgres//x", "/tmp/x.db"] {
            assert_eq!(text.parse::<Database>(), Err(DatabaseError), "{text}");
        }
    }
}
