//! The people of a workspace, each known by an e-mail address.
//!
//! A contact that comes with a delivery is stored in the delivery's batch: with it, or not at all, and never without its
//! run. Fields are merged: what a delivery does not mention stays. The merge is made from what was read, and the statement
//! checks that it is still so; whoever comes second reads again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use hookmill_engine::contact::Contact as NewContact;
use hookmill_engine::id::{ContactId, WorkspaceId};
use hookmill_engine::time::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, MutexGuard};

use crate::db::{Arg, Args, Batch, Contended, Expect, Row};
use crate::deliveries::NewDelivery;
use crate::idempotency::{Key, Original};
use crate::page::{Page, Segment, Span, read_page};
use crate::runs::NewRun;
use crate::workflows::tried;
use crate::{Error, Result, Store, args};

/// The longest e-mail address (RFC 5321, 4.5.3.1.3, without the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Fields of one contact.
pub const CONTACT_FIELDS_MAX: usize = 1_000;
/// All fields of one contact as JSON text.
pub const CONTACT_BYTES_MAX: usize = 256 * 1024;
/// How often a contact is read again because another node changed it in between.
const TRIES: usize = 100;
/// Addresses that are looked up by one query.
const EMAILS_AT_ONCE: usize = 32;
/// Contacts that are changed at the same time by this process.
const TURNS: usize = 64;

/// A person.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The address as it was last written.
    pub email: String,
    /// Everything that was ever sent about the person; the newest value of each field.
    pub fields: Map<String, Value>,
    /// When the person was first heard of.
    pub created_at: Timestamp,
    /// When something was last heard.
    pub updated_at: Timestamp,
}

struct Stored {
    contact: Contact,
    version: i64,
}

/// Takes care that changes of the same contact in this process wait for each other instead of failing.
#[derive(Debug)]
pub(crate) struct Turns {
    places: [Mutex<()>; TURNS],
    hasher: RandomState,
}

macro_rules! columns {
    () => {
        "SELECT id, workspace, email, fields, created_at, updated_at, version FROM contacts "
    };
}

const ONE: &str = concat!(columns!(), "WHERE workspace = $1 AND id = $2");
const BY_EMAIL: &str = concat!(columns!(), "WHERE workspace = $1 AND email_key = $2");
const BY_EMAILS: &str = concat!(
    columns!(),
    "WHERE workspace = $1
       AND email_key IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                         $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)"
);
const NEWEST: &str = concat!(columns!(), "WHERE id > $1 AND id < $2 AND workspace = $4 ORDER BY id DESC LIMIT $3");
const OLDEST: &str = concat!(columns!(), "WHERE id > $1 AND id < $2 AND workspace = $4 ORDER BY id LIMIT $3");
const INSERT: &str = "
    INSERT INTO contacts (id, workspace, email, email_key, fields, version, created_at, updated_at)
    VALUES ($3, $1, $4, $2, $5, 1, $6, $6)
        ON CONFLICT DO NOTHING";
const UPDATE: &str = "
    UPDATE contacts
       SET email = $4, fields = $5, version = version + 1, updated_at = $6
     WHERE workspace = $1
       AND email_key = $2
       AND id = $3
       AND version = $7";
const DELETE: &str = "DELETE FROM contacts WHERE workspace = $1 AND id = $2";

impl Default for Turns {
    fn default() -> Self {
        Self { places: [const { Mutex::const_new(()) }; TURNS], hasher: RandomState::new() }
    }
}

impl Turns {
    fn place(&self, key: &str) -> usize {
        usize::try_from(self.hasher.hash_one(key) % TURNS as u64).unwrap_or(0)
    }

    async fn of(&self, key: &str) -> MutexGuard<'_, ()> {
        self.places[self.place(key)].lock().await
    }

    /// Those of many at once, always taken in the same order, so that nobody waits for ever.
    async fn of_all<'k>(&self, keys: impl Iterator<Item = &'k str>) -> Vec<MutexGuard<'_, ()>> {
        let places: BTreeSet<usize> = keys.map(|key| self.place(key)).collect();
        let mut turns = Vec::with_capacity(places.len());
        for place in places {
            turns.push(self.places[place].lock().await);
        }
        turns
    }
}

fn busy() -> Error {
    Error::unavailable("the contact is being changed by too many others")
}

/// The form in which addresses are compared.
fn email_key(email: &str) -> String {
    email.to_lowercase()
}

impl Store {
    /// Like [`Store::accept_once`] (or [`Store::accept`] without a key), and the contact is made or updated with it.
    pub async fn accept_with_contact(
        &self,
        delivery: NewDelivery,
        runs: Vec<NewRun>,
        key: Option<&Key>,
        contact: &NewContact,
        now: Timestamp,
    ) -> Result<Option<Original>> {
        let _turn = self.contact_turns().of(&email_key(contact.email.trim())).await;
        for _ in 0..TRIES {
            let hook = delivery.hook;
            let mut batch = Batch::new();
            if let Some(key) = key {
                if let Some(original) = self.original(hook, key, now).await? {
                    return Ok(Some(original));
                }
                Self::claim_into(&mut batch, hook, delivery.id, key, now);
            }
            let changes = batch.len();
            self.contact_into(&mut batch, delivery.workspace, contact, now).await?;
            let news = self.accept_into(&mut batch, delivery.clone(), runs.clone()).await?;
            match self.db().write(batch).await {
                Ok(_) => {
                    self.watch().tell_all(news);
                    return Ok(None);
                }
                // Another node changed the contact, or used the key: both are read again.
                Err(Error::Conflict { statement }) if statement <= changes => {}
                Err(error) => return Err(self.unpinned(tried::pin_of(&runs), error).await),
            }
        }
        Err(busy())
    }

    /// Makes or updates a contact for itself.
    pub async fn put_contact(&self, workspace: WorkspaceId, contact: &NewContact, now: Timestamp) -> Result<()> {
        let _turn = self.contact_turns().of(&email_key(contact.email.trim())).await;
        for _ in 0..TRIES {
            let mut batch = Batch::new();
            self.contact_into(&mut batch, workspace, contact, now).await?;
            match self.db().write(batch).await {
                Ok(_) => return Ok(()),
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(busy())
    }

    /// Takes the turns of these people: until they are dropped, nobody else in this process changes one of them.
    pub(crate) async fn turns_of(&self, contacts: &[&NewContact]) -> Vec<MutexGuard<'_, ()>> {
        let keys: Vec<String> = contacts.iter().map(|contact| email_key(contact.email.trim())).collect();
        self.contact_turns().of_all(keys.iter().map(String::as_str)).await
    }

    /// Adds one operation for each of these people, of whom the same may be told of more than once: what is told later counts.
    /// Conflicts if one changed since they were read here.
    pub(crate) async fn contacts_into(
        &self,
        batch: &mut Batch,
        workspace: WorkspaceId,
        contacts: &[&NewContact],
        now: Timestamp,
    ) -> Result<()> {
        // Sorted, so that batches change people in the same order and no two wait for each other.
        let mut merged: BTreeMap<String, NewContact> = BTreeMap::new();
        for contact in contacts {
            let told = merged.entry(email_key(contact.email.trim()));
            let one = told.or_insert_with(|| NewContact { email: String::new(), fields: Map::new() });
            one.email.clone_from(&contact.email);
            one.fields.extend(contact.fields.clone());
        }
        let keys: Vec<&String> = merged.keys().collect();
        let mut stored = HashMap::new();
        for chunk in keys.chunks(EMAILS_AT_ONCE) {
            let mut args: Args = args![workspace.0];
            // No address is empty.
            args.extend((0..EMAILS_AT_ONCE).map(|at| Arg::from(chunk.get(at).map_or_else(String::new, |key| (*key).clone()))));
            for mut row in self.db().read(BY_EMAILS, args).await? {
                let one = read(&mut row)?;
                stored.insert(email_key(&one.contact.email), one);
            }
        }
        for (key, contact) in &merged {
            self.change_into(batch, workspace, contact, stored.remove(key), now)?;
        }
        Ok(())
    }

    /// Adds the one operation that makes or updates a contact; conflicts if it changed since it was read here.
    async fn contact_into(&self, batch: &mut Batch, workspace: WorkspaceId, contact: &NewContact, now: Timestamp) -> Result<()> {
        let stored = self.stored_contact(workspace, contact.email.trim()).await?;
        self.change_into(batch, workspace, contact, stored, now)
    }

    fn change_into(
        &self,
        batch: &mut Batch,
        workspace: WorkspaceId,
        contact: &NewContact,
        stored: Option<Stored>,
        now: Timestamp,
    ) -> Result<()> {
        let email = contact.email.trim();
        if email.is_empty() || email.len() > EMAIL_BYTES_MAX {
            return Err(Error::Invalid(format!("the e-mail address of a contact has 1 to {EMAIL_BYTES_MAX} bytes")));
        }
        let mut fields = stored.as_ref().map(|stored| stored.contact.fields.clone()).unwrap_or_default();
        fields.extend(contact.fields.clone());
        let count = fields.len();
        let fields = Value::Object(fields).to_string();
        if count > CONTACT_FIELDS_MAX || fields.len() > CONTACT_BYTES_MAX {
            return Err(Error::Invalid(format!(
                "a contact has at most {CONTACT_FIELDS_MAX} fields with {CONTACT_BYTES_MAX} bytes together; \
                 with this request it would have {count} with {}",
                fields.len()
            )));
        }
        let id = stored.as_ref().map_or_else(|| self.next_id(), |stored| stored.contact.id.0);
        let mut row = args![workspace.0, email_key(email), id, email.to_owned(), fields, now.0];
        let sql = match stored {
            None => INSERT,
            Some(Stored { version, .. }) => {
                row.push(version.into());
                UPDATE
            }
        };
        batch.execute_on(Contended::Contacts, sql, row, Expect::Exactly(1));
        Ok(())
    }

    async fn stored_contact(&self, workspace: WorkspaceId, email: &str) -> Result<Option<Stored>> {
        let mut rows = self.db().read(BY_EMAIL, args![workspace.0, email_key(email)]).await?;
        rows.pop().map(|mut row| read(&mut row)).transpose()
    }

    /// A contact.
    pub async fn contact(&self, workspace: WorkspaceId, id: ContactId) -> Result<Option<Contact>> {
        let mut rows = self.db().read(ONE, args![workspace.0, id.0]).await?;
        rows.pop().map(|mut row| Ok(read(&mut row)?.contact)).transpose()
    }

    /// The contact with this address, in whatever case.
    pub async fn contact_by_email(&self, workspace: WorkspaceId, email: &str) -> Result<Option<Contact>> {
        Ok(self.stored_contact(workspace, email.trim()).await?.map(|stored| stored.contact))
    }

    /// Contacts, the newest first, those below a given one. With `text`: those that have it in the address or in the text
    /// of a field, without regard to case.
    pub async fn contacts(
        &self,
        workspace: WorkspaceId,
        text: Option<&str>,
        before: Option<ContactId>,
        limit: usize,
    ) -> Result<Page<Contact>> {
        let segment = Segment::whole([NEWEST, OLDEST], Some(Arg::Int(workspace.0)));
        let span = Span { before: before.map(|id| id.0), ..Span::default() };
        let needle = text.map(str::to_lowercase);
        let matches = |stored: &Stored| needle.as_ref().is_none_or(|needle| stored.contact.mentions(needle));
        Ok(read_page(self.db(), &[segment], span, limit, read, matches).await?.map(|stored| stored.contact))
    }

    /// Removes a contact.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such contact.
    pub async fn delete_contact(&self, workspace: WorkspaceId, id: ContactId) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(DELETE, args![workspace.0, id.0], Expect::Exactly(1));
        match self.db().write(batch).await {
            Ok(_) => Ok(()),
            Err(Error::Conflict { .. }) => Err(Error::NotFound),
            Err(error) => Err(error),
        }
    }
}

impl Contact {
    fn mentions(&self, lower_case: &str) -> bool {
        let has = |value: &Value| match value {
            Value::String(text) => text.to_lowercase().contains(lower_case),
            Value::Null => false,
            other => other.to_string().to_lowercase().contains(lower_case),
        };
        self.email.to_lowercase().contains(lower_case) || self.fields.values().any(has)
    }
}

fn read(row: &mut Row) -> Result<Stored> {
    let id = ContactId(row.int(0)?);
    let fields = row.take_text(3)?;
    let contact = Contact {
        id,
        workspace: WorkspaceId(row.int(1)?),
        email: row.take_text(2)?,
        fields: serde_json::from_str(&fields).map_err(|error| Error::corrupt(format!("the fields of contact {id}: {error}")))?,
        created_at: Timestamp(row.int(4)?),
        updated_at: Timestamp(row.int(5)?),
    };
    Ok(Stored { contact, version: row.int(6)? })
}
