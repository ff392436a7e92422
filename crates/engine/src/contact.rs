//! The person that a request is about, where a hook's preset knows people by their e-mail address.

use minijinja::Value;
use serde_json::Map;

use crate::expression::to_json;
use crate::workflow::WebhookTrigger;

/// The preset whose requests are about people.
const PRESET: &str = "smashsend";
/// The variable that says who.
pub const EMAIL: &str = "email";
/// The longest address (RFC 5321, 4.5.3.1.3, without the angle brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// The longest part before the at sign (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

/// What a request says about a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The address, without white space around it.
    pub email: String,
    /// Every other member of the body.
    pub fields: Map<String, serde_json::Value>,
}

/// Why a request is about nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// There is no address.
    #[error("`email` is missing")]
    Missing,
    /// It is none.
    #[error("`email` must be an e-mail address")]
    Malformed,
}

/// Whether requests to `trigger` are about people.
#[must_use]
pub fn knows_people(trigger: &WebhookTrigger) -> bool {
    trigger.preset.as_deref() == Some(PRESET)
}

/// The person that a request to `trigger` is about; `webhook` is what it says. None if the hook knows no people.
///
/// # Errors
/// The hook does, and the request does not say who it is about.
pub fn contact(trigger: &WebhookTrigger, webhook: &Value) -> Result<Option<Contact>, ContactError> {
    if !knows_people(trigger) {
        return Ok(None);
    }
    let email = webhook.get_attr(EMAIL).unwrap_or_default();
    if email.is_undefined() || email.is_none() {
        return Err(ContactError::Missing);
    }
    let email = email.as_str().ok_or(ContactError::Malformed)?.trim();
    if email.is_empty() {
        return Err(ContactError::Missing);
    }
    if !is_address(email) {
        return Err(ContactError::Malformed);
    }
    let mut fields = match to_json(&webhook.get_attr("body").unwrap_or_default()) {
        serde_json::Value::Object(members) => members,
        _ => Map::new(),
    };
    fields.shift_remove(EMAIL);
    Ok(Some(Contact { email: email.to_owned(), fields }))
}

/// Whether a text can be an address. Whether somebody reads there is for others to find out.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let labels = || domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    text.len() <= EMAIL_BYTES_MAX
        && !local.is_empty()
        && local.len() <= LOCAL_BYTES_MAX
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || "<>,;()".contains(letter))
        && (!local.contains('@') || (local.starts_with('"') && local.ends_with('"')))
        && labels()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::from_json;

    fn of(preset: &str, body: serde_json::Value) -> Result<Option<Contact>, ContactError> {
        let trigger = WebhookTrigger { preset: Some(preset.to_owned()), ..WebhookTrigger::default() };
        contact(&trigger, &from_json(&json!({ "email": body["email"], "body": body })))
    }

    #[test]
    fn a_request_is_about_whom_its_email_names_with_all_that_it_says() {
        let found = of("smashsend", json!({ "email": " a@b.c ", "firstName": "John", "tags": [1] })).unwrap().unwrap();
        assert_eq!(
            (found.email.as_str(), &found.fields),
            ("a@b.c", json!({ "firstName": "John", "tags": [1] }).as_object().unwrap())
        );
        assert_eq!(of("hap", json!({ "email": "a@b.c" })), Ok(None));
        for body in [json!({}), json!({ "email": null }), json!({ "email": "" }), json!({ "email": " " })] {
            assert_eq!(of("smashsend", body), Err(ContactError::Missing));
        }
    }

    #[test]
    fn only_what_can_be_an_address_is_one() {
        for address in ["a@b", "first.last+tag@mail.example.com", "\"a@b\"@c.d", "m\u{fc}nch@stra\u{df}e.example", "x'y@b.c"] {
            assert!(is_address(address), "{address}");
        }
        let long = format!("{}@b.c", "a".repeat(65));
        let longer = format!("a@{}.c", "b".repeat(260));
        for text in [
            "a",
            "@",
            "a@",
            "@b",
            "a b@c.d",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@b@c",
            "a@-b.c",
            "A <a@b.c>",
            "a@b,c@d",
            "a\n@b",
            &long,
            &longer,
        ] {
            assert!(!is_address(text), "{text}");
        }
        assert_eq!(of("smashsend", json!({ "email": 5 })), Err(ContactError::Malformed));
        assert_eq!(of("smashsend", json!({ "email": ["a@b.c"] })), Err(ContactError::Malformed));
    }
}
