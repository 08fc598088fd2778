//! People as readers: what they do with what reaches them, and when. It depends on what they got and how often.
//!
//! Every person has an interest of their own, from the seed and the address. Who gets more mail of one sender than is
//! welcome opens less, and unsubscribes and complains more; whoever unsubscribed and is written to all the same complains
//! five times as often. Mail in the spam folder is not seen, but for the few who look for it and fetch it out.
//!
//! No real sender ever sees a deletion or a rescue, and of opens and complaints only a part: only this simulator knows.
//! Bounded: people who are remembered, and deeds that lie ahead.

use crate::chance::Chance;
use crate::ledger::{Deed, Doing, Folder};
use crate::provider::Habits;
use model::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// People who are remembered; those beyond do nothing.
const READERS_MAX: usize = 500_000;
/// Deeds that lie ahead; those beyond do not happen.
const AHEAD_MAX: usize = 200_000;
/// Mails of one week that are told apart.
const WEEK_MAX: usize = 32;
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A deed happens at the earliest so long after the mail came, and most of them soon, but some only the next day.
const SOONEST_S: f64 = 60.0;
const LATEST_S: f64 = 36.0 * 3_600.0;
/// How much more those complain who had unsubscribed before.
const BETRAYED: f64 = 5.0;

/// The readers of all providers, and what they are going to do.
#[derive(Debug)]
pub(crate) struct Readers {
    chance: Chance,
    known: BTreeMap<(String, String), Reader>,
    ahead: BTreeMap<(Timestamp, u64), Deed>,
    count: u64,
}

/// One person, as far as one From domain is concerned.
#[derive(Debug, Default)]
struct Reader {
    week: VecDeque<Timestamp>,
    unsubscribed: bool,
}

/// Mail that has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mail<'a> {
    pub(crate) provider: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) from_domain: &'a str,
    pub(crate) source: IpAddr,
    pub(crate) folder: Folder,
}

impl Readers {
    pub(crate) fn new(chance: Chance) -> Readers {
        Readers { chance, known: BTreeMap::new(), ahead: BTreeMap::new(), count: 0 }
    }

    /// Somebody got mail: what they will do with it is decided now and happens later.
    pub(crate) fn received(&mut self, now: Timestamp, habits: &Habits, mail: Mail<'_>) {
        let recipient = mail.recipient.to_lowercase();
        let key = (recipient, mail.from_domain.to_owned());
        if self.known.len() >= READERS_MAX && !self.known.contains_key(&key) {
            return;
        }
        self.count += 1;
        let (chance, n) = (self.chance, self.count);
        let recipient = key.0.clone();
        let reader = self.known.entry(key).or_default();
        reader.got_mail(now);
        let weariness = reader.week.len() as f64 / f64::from(habits.welcome_per_week.max(1));
        let interest = 0.2 + 1.6 * chance.fraction("interest", &recipient, 0);
        // By how often this person was written to, not by how many letters there were: the order does not matter.
        let letter = reader.week.len() as u64 ^ now.as_millis().unsigned_abs();
        let drawn = |share: f64, purpose: &str| chance.happens(share.clamp(0.0, 1.0), purpose, &recipient, letter);
        let decided = decide(habits, mail.folder, weariness.max(1.0), interest, reader.unsubscribed, drawn);
        let Some(what) = decided.filter(|_| self.ahead.len() < AHEAD_MAX) else { return };
        reader.unsubscribed |= what == Doing::Unsubscribed;
        let patience = chance.fraction(what.word(), &recipient, letter).powi(3);
        let at = now + Duration::from_secs_f64(SOONEST_S + (LATEST_S - SOONEST_S) * patience);
        let deed = Deed {
            at,
            provider: mail.provider.to_owned(),
            recipient,
            from_domain: mail.from_domain.to_owned(),
            source: mail.source,
            what,
        };
        self.ahead.insert((at, n), deed);
    }

    /// Is anything still to be done?
    pub(crate) fn has_deeds_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// The next deed that is due.
    pub(crate) fn next_until(&mut self, now: Timestamp) -> Option<Deed> {
        let first = self.ahead.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}

impl Reader {
    fn got_mail(&mut self, now: Timestamp) {
        while self.week.front().is_some_and(|at| now.since(*at) >= WEEK) || self.week.len() >= WEEK_MAX {
            self.week.pop_front();
        }
        self.week.push_back(now);
    }
}

/// What somebody does with one mail: at most one thing, but that who clicks has opened.
fn decide(
    habits: &Habits,
    folder: Folder,
    weariness: f64,
    interest: f64,
    unsubscribed: bool,
    drawn: impl Fn(f64, &str) -> bool,
) -> Option<Doing> {
    if folder != Folder::Inbox {
        let looks = folder == Folder::Spam && drawn(habits.rescues * interest, "rescue");
        return looks.then_some(Doing::Rescued);
    }
    let betrayed = if unsubscribed { BETRAYED } else { 1.0 };
    let dislike = (2.0 - interest) * weariness;
    if drawn(habits.complains * dislike * weariness * betrayed, "complain") {
        Some(Doing::Complained)
    } else if drawn(habits.unsubscribes * dislike, "unsubscribe") {
        Some(Doing::Unsubscribed)
    } else if drawn(habits.opens * interest / weariness, "open") {
        Some(if drawn(habits.clicks * interest, "click") { Doing::Clicked } else { Doing::Opened })
    } else {
        drawn(habits.deletes * dislike, "delete").then_some(Doing::DeletedUnread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HABITS: Habits = Habits {
        opens: 0.4,
        clicks: 0.1,
        complains: 0.002,
        unsubscribes: 0.004,
        rescues: 0.05,
        deletes: 0.5,
        welcome_per_week: 2,
    };

    /// What a thousand people did with `letters` letters on so many days one after another.
    fn deeds(letters: u64, folder: Folder) -> BTreeMap<Doing, usize> {
        let mut readers = Readers::new(Chance::new(7));
        let day = Duration::from_secs(24 * 3_600);
        let start = Timestamp::from_millis(1_772_442_000_000);
        for letter in 0..letters {
            for person in 0..1_000 {
                let recipient = format!("p{person}@x.test");
                let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let mail =
                    Mail { provider: "x", recipient: &recipient, from_domain: "letters.example", source, folder };
                let at = start + day * u32::try_from(letter).unwrap();
                readers.received(at, &HABITS, mail);
            }
        }
        let mut done = BTreeMap::new();
        while let Some(deed) = readers.next_until(start + day * 60) {
            *done.entry(deed.what).or_insert(0) += 1;
        }
        done
    }

    #[test]
    fn too_much_mail_makes_people_complain_and_leave() {
        let (once, daily) = (deeds(1, Folder::Inbox), deeds(7, Folder::Inbox));
        let of = |deeds: &BTreeMap<Doing, usize>, what: Doing| deeds.get(&what).copied().unwrap_or(0);
        assert!((300..480).contains(&(of(&once, Doing::Opened) + of(&once, Doing::Clicked))), "{once:?}");
        assert!(of(&daily, Doing::Complained) > 20 * of(&once, Doing::Complained).max(1), "{daily:?}, {once:?}");
        assert!(of(&daily, Doing::Unsubscribed) > 10 * of(&once, Doing::Unsubscribed).max(1), "{daily:?}, {once:?}");
        assert!(of(&daily, Doing::Opened) < 5 * of(&once, Doing::Opened), "they open less: {daily:?}, {once:?}");
    }

    #[test]
    fn a_few_look_into_the_spam_folder_and_nobody_into_nothing() {
        let spam = deeds(1, Folder::Spam);
        assert!(spam.keys().all(|what| *what == Doing::Rescued) && spam[&Doing::Rescued] > 20, "{spam:?}");
        assert!(deeds(1, Folder::Dropped).is_empty());
        assert_eq!(spam, deeds(1, Folder::Spam), "the same seed, the same people");
    }
}
