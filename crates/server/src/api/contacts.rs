//! Contacts: the people that deliveries brought.

use axum::Json;
use axum::extract::State;
use hookmill_engine::id::ContactId;
use hookmill_store::contacts::Contact;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::extract::{Path, Query};
use super::page::{self, PageOut};
use super::time::Time;
use crate::app::App;
use crate::problem::{Problem, Result};

/// Which contacts.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ContactsQuery {
    /// The one with exactly this address, in whatever case.
    email: Option<String>,
    /// Those with this text in the address or in a field, without regard to case.
    text: Option<String>,
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A contact.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ContactOut {
    #[schema(value_type = String)]
    id: ContactId,
    /// The address as it was last sent; unique in the workspace without regard to case.
    email: String,
    /// Everything else that was sent, the newest value of each.
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
    created_at: Time,
    updated_at: Time,
}

impl From<Contact> for ContactOut {
    fn from(contact: Contact) -> Self {
        let Contact { id, email, fields, created_at, updated_at, .. } = contact;
        Self { id, email, fields, created_at: created_at.into(), updated_at: updated_at.into() }
    }
}

/// Contacts, newest first.
#[utoipa::path(
    get, path = "/api/v1/contacts", tag = "contacts", params(ContactsQuery),
    responses((status = 200, body = PageOut<ContactOut>))
)]
pub(super) async fn list_contacts(
    State(app): State<App>,
    Query(query): Query<ContactsQuery>,
) -> Result<Json<PageOut<ContactOut>>> {
    let limit = page::limit(query.limit)?;
    if let Some(email) = &query.email {
        let found = app.store.contact_by_email(app.workspace(), email).await?;
        return Ok(Json(PageOut { items: found.into_iter().map(ContactOut::from).collect(), next: None }));
    }
    let before = page::cursor(query.cursor.as_deref())?;
    let found = app.store.contacts(app.workspace(), query.text.as_deref(), before, limit).await?;
    let next = found.older.map(|id| ContactId(id).to_string());
    Ok(Json(PageOut { items: found.items.into_iter().map(ContactOut::from).collect(), next }))
}

/// A contact.
#[utoipa::path(
    get, path = "/api/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ContactOut))
)]
pub(super) async fn get_contact(State(app): State<App>, Path(id): Path<ContactId>) -> Result<Json<ContactOut>> {
    let found = app.store.contact(app.workspace(), id).await?;
    Ok(Json(found.ok_or_else(|| Problem::not_found("contact", id))?.into()))
}

/// Removes a contact. Deliveries and runs that mention it stay.
#[utoipa::path(
    delete, path = "/api/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)), responses((status = 204))
)]
pub(super) async fn delete_contact(State(app): State<App>, Path(id): Path<ContactId>) -> Result<StatusCode> {
    app.store.delete_contact(app.workspace(), id).await.map_err(|error| match error {
        hookmill_store::Error::NotFound => Problem::not_found("contact", id),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
