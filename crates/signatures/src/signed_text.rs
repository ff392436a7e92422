//! The bytes that a sender signed, put together from the parts of a request.

use std::borrow::Cow;

use crate::failure::{Code, Failure};
use crate::scheme::{Part, Scheme, UrlForm};
use crate::sent::Reading;
use crate::settings::Settings;
use crate::url::public_urls;

/// A text in pieces, so that a body is never copied just to be hashed.
pub(crate) struct Text<'a>(Vec<Cow<'a, [u8]>>);

impl<'a> Text<'a> {
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    pub(crate) fn joined(&self) -> Vec<u8> {
        self.0.concat()
    }

    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(vec![Cow::Borrowed(bytes)])
    }
}

/// The texts that may have been signed: one, or one a spelling of the public URL.
pub(crate) fn texts<'r>(
    scheme: &'r Scheme,
    settings: &'r Settings,
    reading: &'r Reading<'_>,
    timestamp: Option<&'r str>,
) -> Result<Vec<Text<'r>>, Failure> {
    let form = scheme.signed.iter().find_map(|part| match part {
        Part::Url(form) => Some(*form),
        _ => None,
    });
    let Some(form) = form else { return Ok(vec![text(scheme, settings, reading, timestamp, None)?]) };
    let urls = urls(settings, reading, form)?;
    urls.into_iter().map(|url| text(scheme, settings, reading, timestamp, Some(url))).collect()
}

fn urls(settings: &Settings, reading: &Reading<'_>, form: UrlForm) -> Result<Vec<String>, Failure> {
    let urls = public_urls(settings, &reading.sent, form);
    if !urls.is_empty() {
        return Ok(urls);
    }
    if settings.public_url.is_some() {
        return Err(Failure::plain(
            Code::SignatureWrong,
            "The query of the request is not that of the URL registered at the sender.",
        ));
    }
    Err(Failure::owners(Code::SettingMissing, "This sender signs the URL that it calls: set `public_url` to it."))
}

fn text<'r>(
    scheme: &'r Scheme,
    settings: &'r Settings,
    reading: &'r Reading<'_>,
    timestamp: Option<&'r str>,
    url: Option<String>,
) -> Result<Text<'r>, Failure> {
    let sent = &reading.sent;
    let mut pieces: Vec<Cow<'r, [u8]>> = Vec::with_capacity(scheme.signed.len());
    for (at, part) in scheme.signed.iter().enumerate() {
        pieces.push(match part {
            Part::Body => Cow::Borrowed(sent.body),
            Part::BodyCrc32 => Cow::Owned(crc32fast::hash(sent.body).to_string().into_bytes()),
            Part::Member(path) => Cow::Owned(member(path, reading)?.into_bytes()),
            Part::Timestamp => {
                let missing = || Failure::plain(Code::TimestampMissing, "The signed timestamp is missing.");
                Cow::Borrowed(timestamp.ok_or_else(missing)?.as_bytes())
            }
            Part::Id => Cow::Owned(id(scheme, scheme.signed.get(at + 1), reading)?.into_bytes()),
            Part::Method => Cow::Owned(sent.method.to_ascii_uppercase().into_bytes()),
            Part::Url(_) => Cow::Owned(url.clone().unwrap_or_default().into_bytes()),
            Part::Path => {
                Cow::Borrowed(sent.path_and_query.split_once('?').map_or(sent.path_and_query, |(path, _)| path).as_bytes())
            }
            Part::Query => Cow::Borrowed(sent.query.as_bytes()),
            Part::SortedForm => Cow::Borrowed(reading.sorted_form()),
            Part::WebhookId => {
                let missing = || Failure::owners(Code::SettingMissing, "Set `webhook_id` to the webhook's id at the sender.");
                Cow::Borrowed(settings.webhook_id.as_deref().ok_or_else(missing)?.as_bytes())
            }
            Part::Literal(literal) => Cow::Borrowed(literal.as_bytes()),
        });
    }
    Ok(Text(pieces))
}

fn member(path: &str, reading: &Reading<'_>) -> Result<String, Failure> {
    reading
        .text_at(path)
        .ok_or_else(|| Failure::plain(Code::PartMissing, format!("The signed member {path} of the body is missing.")))
}

/// The delivery's id. It may not contain the separator that follows it: `a.b` + `.` + `c` would also be `a` + `.` + `b.c`.
fn id(scheme: &Scheme, next: Option<&Part>, reading: &Reading<'_>) -> Result<String, Failure> {
    let place = scheme.id.as_ref();
    let found = place.and_then(|place| place.text(reading)).map(Cow::into_owned);
    let found = found.ok_or_else(|| match place {
        Some(place) => Failure::plain(Code::PartMissing, format!("The signed id is missing: it belongs in {place}.")),
        None => Failure::owners(Code::SettingMissing, "The id is signed, but the document does not say where it stands."),
    })?;
    if let Some(Part::Literal(separator)) = next
        && found.contains(separator.as_ref())
    {
        return Err(Failure::plain(Code::PartMissing, format!("The signed id may not contain `{separator}`.")));
    }
    Ok(found)
}
