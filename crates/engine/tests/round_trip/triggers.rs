//! Any triggers, whether they make sense or not.

use hookmill_engine::workflow::{
    AddressRange, Auth, BodyHash, BodyPath, BodySchema, ContentType, Cors, Credential, Dedupe, DedupeKey, Encoding,
    FallbackAnswer, Field, Grammar, HandshakeKind, Jwt, JwtAlgorithm, JwtKey, KeyForm, Memory, Method, Place, ProductIds,
    RateLimit, Response, ResponseMode, SecretNames, Signature, SignatureAlgorithm, SignatureEncoding, SignedPart, Source,
    TimestampPlace, TimestampUnit, Trigger, UrlForm, Variable, VariableType, WebhookTrigger, Yes,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{object, span, text, value};

fn any_of<T: Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(values)
}

fn variable(depth: usize) -> BoxedStrategy<Variable> {
    let kind =
        any_of(&[VariableType::String, VariableType::Number, VariableType::Boolean, VariableType::Object, VariableType::Array]);
    let source = prop_oneof![
        text().prop_map(Source::Body),
        text().prop_map(Source::Query),
        text().prop_map(Source::Header),
        text().prop_map(Source::Path)
    ];
    let (items, fields) = match depth {
        0 => (Just(None).boxed(), Just(vec![]).boxed()),
        depth => {
            let inner = variable(depth - 1);
            (option::of(inner.clone().prop_map(Box::new)).boxed(), vec((text(), inner), 0..2).boxed())
        }
    };
    let values = (option::of(value()), option::of(value()));
    (kind, option::of(text()), any::<bool>(), values, option::of(source), items, fields)
        .prop_map(|(kind, description, required, (default, example), source, items, fields)| Variable {
            kind,
            description,
            required,
            default,
            example,
            source,
            items,
            fields: fields.into_iter().collect(),
        })
        .boxed()
}

fn response() -> BoxedStrategy<Response> {
    let mode = any_of(&[ResponseMode::Immediately, ResponseMode::WhenFinished, ResponseMode::Respond]);
    let content_type = || any_of(&[ContentType::Json, ContentType::Text, ContentType::Xml]);
    let fallback = || {
        let parts = (option::of(any::<u16>()), option::of(content_type()), option::of(value()));
        option::of(parts.prop_map(|(status, content_type, body)| FallbackAnswer { status, content_type, body }))
    };
    (
        (mode, option::of(any::<u16>()), object(), option::of(content_type())),
        option::of(value()),
        option::of(span()),
        (fallback(), fallback(), fallback()),
    )
        .prop_map(|((mode, status, headers, content_type), body, deadline, (on_failure, aborted, on_deadline))| Response {
            mode,
            status,
            headers,
            content_type,
            body,
            deadline,
            on_failure,
            aborted,
            on_deadline,
        })
        .boxed()
}

fn secrets() -> BoxedStrategy<SecretNames> {
    vec(text(), 0..3).prop_map(SecretNames).boxed()
}

fn body_path() -> BoxedStrategy<BodyPath> {
    let segment = prop_oneof![
        text().prop_map(|name| format!("[{}]", json!(name))),
        (0..100usize).prop_map(|index| format!("[{index}]")),
        "\\.[a-z]{1,5}",
    ];
    vec(segment, 0..4).prop_map(|segments| format!("${}", segments.concat()).parse().expect("a path")).boxed()
}

fn jwt() -> BoxedStrategy<Jwt> {
    let key = prop_oneof![secrets().prop_map(JwtKey::Secret), text().prop_map(JwtKey::PublicKey), value().prop_map(JwtKey::Jwks)];
    let algorithm = any_of(&JwtAlgorithm::ALL).prop_map(|(_, algorithm)| algorithm);
    let encoding = prop_oneof![Just(SignatureEncoding::Hex), Just(SignatureEncoding::Base64), Just(SignatureEncoding::Base64url)];
    let hash = (text(), option::of(encoding)).prop_map(|(claim, encoding)| BodyHash { claim, encoding });
    (vec(algorithm, 0..3), key, option::of(text()), option::of(text()), option::of(text()), option::of(hash))
        .prop_map(|(algorithms, key, issuer, audience, header, body_hash)| Jwt {
            algorithms,
            key,
            issuer,
            audience,
            header,
            body_hash,
        })
        .boxed()
}

fn credential(nesting: bool) -> BoxedStrategy<Credential> {
    let plain = prop_oneof![
        secrets().prop_map(Credential::SharedKey),
        secrets().prop_map(Credential::Bearer),
        Just(Credential::ApiKey(Yes)),
        Just(Credential::Signature(Yes)),
        (text(), secrets()).prop_map(|(name, secret)| Credential::Header { name, secret }),
        (text(), secrets()).prop_map(|(user, secret)| Credential::Basic { user, secret }),
        secrets().prop_map(Credential::AppKey),
        jwt().prop_map(|jwt| Credential::Jwt(Box::new(jwt))),
    ];
    if !nesting {
        return plain.boxed();
    }
    let inner = || vec(credential(false), 0..3);
    prop_oneof![4 => plain, 1 => inner().prop_map(Credential::Any), 1 => inner().prop_map(Credential::All)].boxed()
}

fn auth() -> BoxedStrategy<Auth> {
    let credentials = || vec(credential(true), 0..3);
    prop_oneof![credentials().prop_map(Auth::Any), credentials().prop_map(Auth::All)].boxed()
}

fn signature() -> BoxedStrategy<Signature> {
    let place = prop_oneof![text().prop_map(Place::Header), text().prop_map(Place::Query), body_path().prop_map(Place::Body)];
    let field = || option::of(prop_oneof![text().prop_map(Field::Header), body_path().prop_map(Field::Body)]);
    let timestamp = prop_oneof![
        text().prop_map(TimestampPlace::Header),
        text().prop_map(TimestampPlace::Query),
        text().prop_map(TimestampPlace::Pair),
        body_path().prop_map(TimestampPlace::Body)
    ];
    let part = prop_oneof![
        any_of(&SignedPart::NAMED).prop_map(|(_, part)| part),
        any_of(&SignedPart::NAMED).prop_map(|(name, _)| SignedPart::Literal(name.to_owned())),
        text().prop_map(SignedPart::Literal),
        body_path().prop_map(SignedPart::Member),
    ];
    let grammar = any_of(&[Grammar::Bare, Grammar::Prefix, Grammar::Pairs, Grammar::Versions]);
    let algorithm = any_of(&SignatureAlgorithm::ALL).prop_map(|(_, algorithm)| algorithm);
    let encoding = any_of(&[SignatureEncoding::Hex, SignatureEncoding::Base64, SignatureEncoding::Base64url]);
    let form = any_of(&[KeyForm::Text, KeyForm::Base64, KeyForm::Hex, KeyForm::Spki, KeyForm::Pem]);
    let unit = any_of(&[TimestampUnit::S, TimestampUnit::Ms]);
    let url_form = any_of(&[UrlForm::Exact, UrlForm::EitherPort, UrlForm::Decoded]);
    let handshake = any_of(&HandshakeKind::ALL).prop_map(|(_, kind)| kind);
    (
        (place, grammar, option::of(text()), option::of(text()), option::of(text()), option::of(text())),
        (option::of(algorithm), option::of(encoding), option::of(form), option::of(text()), vec(part, 0..4)),
        (option::of(timestamp), option::of(unit), option::of(span()), option::of(any::<bool>()), field(), field()),
        (option::of(url_form), option::of(handshake)),
    )
        .prop_map(|(value, key, time, (url_form, handshake))| {
            let (place, grammar, prefix, separator, pair_key, timestamp_key) = value;
            let (algorithm, encoding, secret_form, secret_prefix, signed) = key;
            let (timestamp, timestamp_unit, window, future, id, event) = time;
            Signature {
                place,
                grammar,
                prefix,
                separator,
                key: pair_key,
                timestamp_key,
                algorithm,
                encoding,
                secret_form,
                secret_prefix,
                signed,
                url_form,
                timestamp,
                timestamp_unit,
                window,
                future,
                id,
                event,
                handshake,
            }
        })
        .boxed()
}

fn dedupe() -> BoxedStrategy<Dedupe> {
    let key = prop_oneof![
        text().prop_map(DedupeKey::Header),
        body_path().prop_map(DedupeKey::Path),
        text().prop_map(DedupeKey::Expression),
        Just(DedupeKey::Body)
    ];
    let keyed = (key, option::of(span())).prop_map(|(key, window)| Dedupe::On { key: Some(key), window });
    prop_oneof![Just(Dedupe::Off), keyed, span().prop_map(|window| Dedupe::On { key: None, window: Some(window) })].boxed()
}

/// Who may call.
fn callers() -> BoxedStrategy<WebhookTrigger> {
    let ids = (option::of(text()), option::of(text())).prop_map(|(workspace, workflow)| ProductIds { workspace, workflow });
    let range = prop_oneof![
        (any::<u32>(), 0..=32u8).prop_map(|(address, prefix)| format!("{}/{prefix}", std::net::Ipv4Addr::from(address))),
        (any::<u128>(), 0..=128u8).prop_map(|(address, prefix)| format!("{}/{prefix}", std::net::Ipv6Addr::from(address))),
    ];
    let range = range.prop_map(|text| text.parse::<AddressRange>().expect("a network"));
    (
        (option::of(text()), option::of(secrets()), option::of(ids), option::of(text()), option::of(text())),
        (option::of(text()), option::of(text()), option::of(text()), option::of(span()), option::of(any::<bool>())),
        (option::of(signature()), option::of(auth()), vec(range, 0..3)),
    )
        .prop_map(|(preset, specific, asked)| {
            let (id, secret, ids, public_url, verify_token) = preset;
            let (certificate, webhook_id, client_state, tolerance, handshake) = specific;
            let (signature, auth, allow_ips) = asked;
            WebhookTrigger {
                preset: id,
                secret,
                ids,
                public_url,
                verify_token,
                certificate,
                webhook_id,
                client_state,
                tolerance,
                handshake,
                signature: signature.map(Box::new),
                auth,
                allow_ips,
                ..WebhookTrigger::default()
            }
        })
        .boxed()
}

/// What happens to a request before a run starts.
fn arrivals() -> BoxedStrategy<WebhookTrigger> {
    let rate_limit = (any::<u32>(), span()).prop_map(|(requests, per)| RateLimit { requests, per });
    let cors = vec(text(), 0..3).prop_map(|origins| Cors { origins });
    let encoding = any_of(&[Encoding::Gzip, Encoding::Deflate, Encoding::Br, Encoding::Zstd]);
    let schema = prop_oneof![object().prop_map(Value::Object), any::<bool>().prop_map(Value::from)].prop_map(BodySchema::new);
    (
        (option::of(rate_limit), option::of(cors), vec(encoding, 0..3), option::of(0..=i64::MAX as u64)),
        (option::of(dedupe()), option::of(text()), option::of(body_path()), option::of(schema), option::of(text())),
    )
        .prop_map(|(limits, before)| {
            let (rate_limit, cors, encodings, body_bytes_max) = limits;
            let (dedupe, only_if, split, schema, full_body) = before;
            WebhookTrigger {
                rate_limit,
                cors,
                encodings,
                body_bytes_max,
                dedupe,
                only_if,
                split,
                schema,
                full_body,
                ..WebhookTrigger::default()
            }
        })
        .boxed()
}

pub(crate) fn trigger() -> BoxedStrategy<Trigger> {
    let method = any_of(&[Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]);
    let memory = (option::of(text()), option::of(text())).prop_map(|(headers, body)| Memory { headers, body });
    (
        (option::of(text()), option::of(text()), option::of(text()), vec(method, 0..3)),
        (callers(), arrivals()),
        vec((text(), variable(2)), 0..3),
        option::of(memory),
        option::of(response()),
    )
        .prop_map(|((label, description, path, methods), (callers, arrivals), variables, memory, response)| {
            Trigger::Webhook(Box::new(WebhookTrigger {
                label,
                description,
                path,
                methods,
                rate_limit: arrivals.rate_limit,
                cors: arrivals.cors,
                encodings: arrivals.encodings,
                body_bytes_max: arrivals.body_bytes_max,
                dedupe: arrivals.dedupe,
                only_if: arrivals.only_if,
                split: arrivals.split,
                schema: arrivals.schema,
                full_body: arrivals.full_body,
                variables: variables.into_iter().collect(),
                memory,
                response,
                ..callers
            }))
        })
        .boxed()
}
