//! People looked for: by the beginning of their address, by domain, by where they stand, by list, by import.

use crate::Store;
use crate::contact::Contact;
use crate::error::Result;
use crate::sqlite::seeking;
use model::{ContactId, ContactStatus, ImportId, ListId, SunsetId, SuppressionReason, WorkspaceId};
use std::fmt;
use std::str::FromStr;

/// The most octets of the beginning of an address.
pub const BEGINNING_BYTES_MAX: usize = 320;

/// Where somebody stands, as one looks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Their status. Whoever unsubscribed or complained has opted out, wherever that was written down.
    Status(ContactStatus),
    /// Another contact came before them with the same address.
    SharesAddress,
    /// Their address or its domain is suppressed, for this reason or (`None`) for any.
    Suppressed(Option<SuppressionReason>),
}

impl Stand {
    /// All of them, in the order one looks for them.
    pub fn all() -> impl Iterator<Item = Stand> {
        let statuses = ContactStatus::ALL.iter().map(|&status| Stand::Status(status));
        let reasons = SuppressionReason::ALL.iter().map(|&reason| Stand::Suppressed(Some(reason)));
        statuses.chain([Stand::SharesAddress, Stand::Suppressed(None)]).chain(reasons)
    }

    /// Its word: that of the status or of the reason; `suppressed`: for any; `shares_address`.
    pub fn word(self) -> &'static str {
        match self {
            Stand::Status(status) => status.word(),
            Stand::SharesAddress => "shares_address",
            Stand::Suppressed(None) => "suppressed",
            Stand::Suppressed(Some(reason)) => reason.word(),
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Stand> {
        Stand::all().find(|stand| stand.word() == word)
    }
}

/// What somebody of an import was to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They came with it.
    Added,
    /// They came with it on a row with the address of an earlier one.
    Duplicate,
    /// They were here before.
    Known,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 3] = [Fate::Added, Fate::Duplicate, Fate::Known];

    /// Its word, in addresses.
    pub const fn word(self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Duplicate => "duplicates",
            Fate::Known => "known",
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Fate> {
        Fate::ALL.into_iter().find(|fate| fate.word() == word)
    }
}

/// Whom one looks for: everybody for whom all of it holds. Nothing: everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// How the address begins, whether its Latin letters are large or small.
    pub begins: Option<String>,
    /// The domain of the address, whole.
    pub domain: Option<String>,
    /// Where they stand.
    pub stand: Option<Stand>,
    /// A list they are on, confirmed where it asks for that.
    pub list: Option<ListId>,
    /// An import they were in, and what they were to it where that is asked.
    pub import: Option<(ImportId, Option<Fate>)>,
    /// A sunset that put them to rest, and they are at rest still.
    pub rests: Option<SunsetId>,
    /// In the order of their addresses, whether their Latin letters are large or small, and those who have none last.
    pub by_address: bool,
}

impl Sought {
    /// Is nothing asked, but the order they stand in?
    pub fn is_everybody(&self) -> bool {
        *self == Sought { by_address: self.by_address, ..Sought::default() }
    }
}

/// How far was looked. It is good for the same question only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoughtPlace {
    /// Along which of the ways.
    pub(crate) way: u8,
    /// Which part of it.
    pub(crate) leg: u8,
    /// Whom was looked at last.
    pub(crate) contact: ContactId,
    /// What they are found by there.
    pub(crate) key: String,
}

impl fmt::Display for SoughtPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.way, self.leg, self.contact, self.key)
    }
}

impl FromStr for SoughtPlace {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<SoughtPlace, ()> {
        let mut parts = text.splitn(4, ' ');
        let mut next = || parts.next().ok_or(());
        Ok(SoughtPlace {
            way: next()?.parse().map_err(drop)?,
            leg: next()?.parse().map_err(drop)?,
            contact: next()?.parse().map_err(drop)?,
            key: next()?.to_owned(),
        })
    }
}

/// Those who were found.
#[derive(Clone, Debug)]
pub struct Found {
    /// In the order of the way along which was looked: by address, by when they came, or by none that means anything.
    pub people: Vec<Contact>,
    /// Where to look on. It may be there with few people or none: so many were looked at, and there are more to look at.
    pub next: Option<SoughtPlace>,
}

impl Store {
    /// At most `limit` of the people sought, after `after`. Looks along the index that names the fewest and at no more than
    /// some thousands of people, however many there are.
    pub async fn seek(
        &self,
        workspace: WorkspaceId,
        sought: Sought,
        after: Option<SoughtPlace>,
        limit: usize,
    ) -> Result<Found> {
        self.core.lanes.read(move |conn| seeking::seek(conn, workspace, &sought, after.as_ref(), limit)).await
    }
}
