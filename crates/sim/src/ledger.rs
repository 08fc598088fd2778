//! What the receiving side knows for certain: every copy it took, and every recipient it was asked about.
//!
//! This is the other half of every promise the engine makes. "Nobody twice" and "suppressed people are never
//! attempted" are checked against this ledger, not against the engine's own. It can be written as JSON lines, each
//! complete on disk's side of the operating system before the reply goes out, so that a test may kill the sender at
//! any moment and still trust it.

use model::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Entries of each kind kept in memory; beyond it they are only counted (and written, if there is a file).
const ENTRIES_KEPT_MAX: usize = 2_000_000;

/// Where a copy ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Folder {
    /// Where people look.
    Inbox,
    /// Where they do not.
    Spam,
    /// Nowhere: accepted and thrown away without a word.
    Dropped,
}

/// What one check of a sender's authenticity came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// There was nothing to check.
    #[default]
    None,
    /// It could not be checked now.
    TempError,
}

/// What SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489) said about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// The domain of the From header; empty if there is none.
    pub from_domain: String,
    /// The envelope sender's domain vouches for the address.
    pub spf: Check,
    /// Some signature verifies.
    pub dkim: Check,
    /// One of the two is in line with the From domain.
    pub dmarc: Check,
    /// Does DNS know the From domain at all? If not, a receiver on loopback has nothing to judge by.
    pub known: bool,
}

/// One accepted copy.
#[derive(Clone, Debug, Serialize)]
pub struct Arrival {
    /// When it was taken, in the receiver's milliseconds since 1970.
    pub at: Timestamp,
    /// Who took it: the provider's key.
    pub provider: String,
    /// Which server.
    pub host: String,
    /// For whom, as written in RCPT TO.
    pub recipient: String,
    /// The envelope sender.
    pub return_path: String,
    /// The local part of the envelope sender: the delivery's token, if the sender uses one.
    pub token: String,
    /// The Message-ID without brackets; empty if there is none.
    pub message_id: String,
    /// Where it ended up.
    pub folder: Folder,
    /// Was the sender told? False when the line was cut between taking it and saying so.
    pub answered: bool,
    /// Was the session encrypted?
    pub encrypted: bool,
    /// Its size in octets.
    pub bytes: u64,
    /// Its authenticity.
    pub checks: Checks,
}

/// One RCPT TO that a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// By whom: the address that connected.
    pub peer: IpAddr,
    /// Who was asked: the provider's key.
    pub provider: String,
    /// About whom.
    pub recipient: String,
    /// The code of the answer.
    pub code: u16,
}

/// What somebody did with a message. No real sender learns of deletions and rescues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Opened it.
    Opened,
    /// Opened it and followed a link.
    Clicked,
    /// Called it spam.
    Complained,
    /// Unsubscribed.
    Unsubscribed,
    /// Fetched it out of the spam folder.
    Rescued,
    /// Deleted it unread.
    DeletedUnread,
}

impl Doing {
    /// It as a word, for traces.
    pub fn word(self) -> &'static str {
        match self {
            Doing::Opened => "opened",
            Doing::Clicked => "clicked",
            Doing::Complained => "complained",
            Doing::Unsubscribed => "unsubscribed",
            Doing::Rescued => "rescued",
            Doing::DeletedUnread => "deleted unread",
        }
    }
}

/// Something a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Where the person's mailbox is: the provider's key.
    pub provider: String,
    /// Who.
    pub recipient: String,
    /// With mail of whom.
    pub from_domain: String,
    /// Which address had brought it.
    pub source: IpAddr,
    /// What.
    pub what: Doing,
}

/// Everything the receiving side saw.
#[derive(Debug, Default)]
pub struct Ledger {
    arrivals: Vec<Arrival>,
    sightings: Vec<Sighting>,
    deeds: Vec<Deed>,
    counted: u64,
    /// When each copy was taken, where nothing else is kept.
    times: Option<Vec<Timestamp>>,
    file: Option<File>,
    /// Where whole letters are kept, and how many have been.
    letters: Option<(PathBuf, u64)>,
}

impl Ledger {
    /// An empty ledger in memory.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// Also appends every arrival to `path` as a JSON line.
    pub(crate) fn write_to(&mut self, path: &Path) -> io::Result<()> {
        self.file = Some(File::options().create(true).append(true).open(path)?);
        Ok(())
    }

    /// Also keeps every letter whole, as a file `N.eml` of `folder`, which is made if it is not there.
    pub(crate) fn keep_letters_in(&mut self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let before = std::fs::read_dir(folder)?.count() as u64;
        self.letters = Some((folder.to_owned(), before));
        Ok(())
    }

    /// A letter came, and is kept as a mailbox keeps it, if that is wanted: with whose it was on its first lines. Fails
    /// only if it cannot be written: then it is not taken.
    pub(crate) fn letter(&mut self, return_path: &str, recipient: &str, raw: &[u8]) -> io::Result<()> {
        let Some((folder, count)) = &mut self.letters else { return Ok(()) };
        *count += 1;
        let mut kept = format!("Return-Path: <{return_path}>\r\nDelivered-To: {recipient}\r\n").into_bytes();
        kept.extend_from_slice(raw);
        std::fs::write(folder.join(format!("{count}.eml")), kept)
    }

    /// A copy was taken. Fails only if the file cannot be written: then the copy is not taken.
    pub fn arrived(&mut self, arrival: Arrival) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&arrival).map_err(io::Error::other)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        self.counted += 1;
        if let Some(times) = &mut self.times {
            times.push(arrival.at);
        } else if self.arrivals.len() < ENTRIES_KEPT_MAX {
            self.arrivals.push(arrival);
        }
        Ok(())
    }

    /// A recipient was asked about.
    pub fn sighted(&mut self, sighting: Sighting) {
        if self.times.is_none() && self.sightings.len() < ENTRIES_KEPT_MAX {
            self.sightings.push(sighting);
        }
    }

    /// Somebody did something.
    pub(crate) fn did(&mut self, deed: Deed) {
        if self.deeds.len() < ENTRIES_KEPT_MAX {
            self.deeds.push(deed);
        }
    }

    /// What people did, in order.
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    /// From now on only the time of each copy is kept: eight octets.
    pub(crate) fn only_count(&mut self) {
        self.times = Some(Vec::new());
    }

    /// When each copy was taken, in order, if only that is kept.
    pub fn times(&self) -> &[Timestamp] {
        self.times.as_deref().unwrap_or_default()
    }

    /// The copies, in the order they were taken.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// The recipients asked about, in order.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// How many copies were taken, those beyond the bound included.
    pub fn count(&self) -> u64 {
        self.counted
    }

    /// How many copies ended up in `folder`.
    pub fn in_folder(&self, folder: Folder) -> usize {
        self.arrivals.iter().filter(|arrival| arrival.folder == folder).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_kept_whole_with_whose_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let letters = folder.path().join("letters");
        for round in 1..=2 {
            let mut ledger = Ledger::new();
            ledger.letter("t@news.example", "ada@northmail.test", b"").unwrap();
            ledger.keep_letters_in(&letters).unwrap();
            ledger.letter("t@news.example", "ada@northmail.test", b"Subject: Hi\r\n\r\nHello\r\n").unwrap();
            assert_eq!(std::fs::read_dir(&letters).unwrap().count(), round, "what was kept before stays");
        }
        let kept = std::fs::read_to_string(letters.join("2.eml")).unwrap();
        let head = "Return-Path: <t@news.example>\r\nDelivered-To: ada@northmail.test\r\nSubject: Hi\r\n";
        assert!(kept.starts_with(head) && kept.ends_with("Hello\r\n"), "{kept}");
    }

    #[test]
    fn every_arrival_is_one_json_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receiver.jsonl");
        let mut ledger = Ledger::new();
        ledger.write_to(&path).unwrap();
        let arrival = Arrival {
            at: Timestamp::from_millis(5),
            provider: "northmail".into(),
            host: "mx1.northmail.test".into(),
            recipient: "ada@northmail.test".into(),
            return_path: "t0ken@news.example".into(),
            token: "t0ken".into(),
            message_id: "1@news.example".into(),
            folder: Folder::Inbox,
            answered: true,
            encrypted: true,
            bytes: 10,
            checks: Checks { dkim: Check::Pass, ..Checks::default() },
        };
        ledger.arrived(arrival.clone()).unwrap();
        ledger.arrived(arrival).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!((lines.len(), ledger.count()), (2, 2));
        assert_eq!((&lines[0]["recipient"], &lines[0]["folder"]), (&"ada@northmail.test".into(), &"inbox".into()));
        assert_eq!(lines[0]["checks"]["dkim"], "pass");
    }
}
