//! Who may call, in the terms of OpenAPI.

use hookmill_engine::workflow::SignatureEncoding;
use hookmill_signatures::Place;
use serde_json::{Map, Value, json};

use super::callers::{Shown, WaysIn};
use super::components::Components;
use super::signer::Signer;

/// What the secret of every scheme is.
const FROM_OWNER: &str = "The secret comes from the owner of the hook.";

/// The `security` of an operation; its schemes are put among the components.
pub(super) fn requirements(ways: &WaysIn, signer: Option<&Signer>, components: &mut Components) -> Value {
    ways.ways
        .iter()
        .map(|way| {
            let mut requirement = Map::new();
            for shown in way {
                for (hint, scheme) in schemes(shown, signer) {
                    requirement.insert(components.name("securitySchemes", &hint, scheme), json!([]));
                }
            }
            Value::Object(requirement)
        })
        .collect()
}

fn schemes(shown: &Shown, signer: Option<&Signer>) -> Vec<(String, Value)> {
    let bearer = |hint: &str, format: &str, what: &str| {
        let scheme = json!({ "type": "http", "scheme": "bearer", "bearerFormat": format, "description": what });
        vec![(hint.to_owned(), scheme)]
    };
    match shown {
        Shown::SharedKey => vec![api_key("shared_key", "query", "key", FROM_OWNER)],
        Shown::Bearer => bearer("bearer", "opaque", FROM_OWNER),
        Shown::ApiKey => bearer("api_key", "hmk_…", "An API key of the workspace."),
        Shown::Header(name) => vec![api_key(&format!("header_{}", name.to_lowercase()), "header", name, FROM_OWNER)],
        Shown::Basic(user) => {
            let what = format!("The user is `{user}`. The password comes from the owner of the hook.");
            vec![("basic".to_owned(), json!({ "type": "http", "scheme": "basic", "description": what }))]
        }
        Shown::AppKey => {
            let what =
                "AppKey and Sign go together, in headers, in the query or in the body. They come from the owner of the hook.";
            vec![api_key("app_key", "header", "AppKey", what), api_key("sign", "header", "Sign", what)]
        }
        Shown::Jwt(jwt) => {
            let algorithms: Vec<Value> = jwt.algorithms.iter().map(|algorithm| json!(algorithm)).collect();
            let names: Vec<&str> = algorithms.iter().filter_map(Value::as_str).collect();
            let mut what = format!("A JSON Web Token signed with {}", names.join(" or "));
            let claims = [("iss", &jwt.issuer), ("aud", &jwt.audience)];
            for (claim, value) in claims.iter().filter_map(|(claim, value)| Some((claim, value.as_ref()?))) {
                what.push_str(&format!(", `{claim}` is `{value}`"));
            }
            if let Some(hash) = &jwt.body_hash {
                let written = json!(hash.encoding.unwrap_or(SignatureEncoding::Hex));
                what.push_str(&format!(
                    ", `{}` is the SHA-256 of the body in {}",
                    hash.claim,
                    written.as_str().unwrap_or_default()
                ));
            }
            match &jwt.header {
                None => bearer("jwt", "JWT", &format!("{what}.")),
                Some(name) => vec![api_key("jwt", "header", name, &format!("{what}."))],
            }
        }
        Shown::Signature => signer.map(signature).unwrap_or_default(),
    }
}

fn signature(signer: &Signer) -> Vec<(String, Value)> {
    let what = signer.in_words();
    // Of several places for the secret one is enough; the first is the usual one.
    let first = signer.places().into_iter().next();
    let scheme = match first {
        Some(Place::Header(name)) => Some(api_key(signer.id(), "header", &titled(&name), &what)),
        Some(Place::Numbered(prefix)) => Some(api_key(signer.id(), "header", &titled(&format!("{prefix}1")), &what)),
        Some(Place::Query(name)) => Some(api_key(signer.id(), "query", &name, &what)),
        Some(Place::Bearer) => Some((signer.id().to_owned(), json!({ "type": "http", "scheme": "bearer", "description": what }))),
        // A place in the body has no words in OpenAPI; the description of the operation says it.
        Some(Place::Body(_) | Place::Pair(_)) | None => None,
    };
    scheme.into_iter().collect()
}

fn api_key(hint: &str, place: &str, name: &str, what: &str) -> (String, Value) {
    (hint.to_owned(), json!({ "type": "apiKey", "in": place, "name": name, "description": what }))
}

/// A header's name as people write it: `X-Hub-Signature-256`.
pub(super) fn titled(header: &str) -> String {
    let words = header.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join("-")
}
