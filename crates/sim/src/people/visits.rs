//! Who visits a sender's tracking host because of a letter: gateways that look at everything first, mail programs that
//! load images unread, and people.
//!
//! It depends on where a mailbox is: behind a gateway, in a program that loads all images itself, in a web mailer with an
//! image proxy, or in a plain program; each person keeps theirs. Here it is known who came, which no sender ever knows.
//! A few machines behave as people do, so that nobody can tell all of them.

use crate::chance::Chance;
use crate::ledger::{Deed, Doing, Folder};
use model::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148";
/// Of a program that loads all images by itself.
const BARE: &str = "Mozilla/5.0";
const PROXY: &str = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
const PROXY_UNREAD: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0";

/// Mailboxes behind a gateway, in programs that load everything, and in web mailers; the others are plain.
const BEHIND_A_GATEWAY: f64 = 0.2;
const LOADED_UNREAD: f64 = 0.3;
const IN_A_WEB_MAILER: f64 = 0.3;
/// Gateways that come late, follow one link, and look like anybody; that load images; that follow the link nobody sees;
/// and that only ask whether pages are there.
const QUIET: f64 = 0.03;
const LOADS_IMAGES: f64 = 0.5;
const FALLS_INTO_THE_TRAP: f64 = 0.6;
const ONLY_ASKS: f64 = 0.4;
/// Letters that a web mailer loads before anybody reads them.
const LOADED_BEFORE: f64 = 0.15;
/// People who read with images.
const SHOWS_IMAGES: f64 = 0.85;
/// People who unsubscribe with their program's button, not on the sender's page.
const BY_BUTTON: f64 = 0.6;

/// A letter as it came into a mailbox.
#[derive(Clone, Debug)]
pub struct Letter {
    /// When.
    pub at: Timestamp,
    /// The key of the provider.
    pub provider: String,
    /// For whom, as written in RCPT TO.
    pub recipient: String,
    /// Where it was put.
    pub folder: Folder,
    /// All of it.
    pub raw: Vec<u8>,
}

/// What a letter has that leads to the sender's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The image that nobody is meant to see.
    pub pixel: Option<String>,
    /// The links, in order; the one that nobody can see is not among them.
    pub links: Vec<String>,
    /// The link that nobody can see.
    pub trap: Option<String>,
    /// Where one unsubscribes.
    pub unsubscribe: Option<String>,
}

/// How somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST with this form.
    Post(&'static str),
}

/// One request to the sender's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// When.
    pub at: Timestamp,
    /// For what: a whole address.
    pub url: String,
    /// How.
    pub asks: Asks,
    /// From where.
    pub ip: IpAddr,
    /// What it calls itself.
    pub agent: &'static str,
    /// Who came: a machine, or a person?
    pub by_machine: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mailbox {
    BehindGateway,
    LoadedUnread,
    WebMailer,
    Plain,
}

impl Targets {
    /// What of a letter leads to `host`, as a browser reads it.
    pub fn of(letter: &Letter, host: &str) -> Targets {
        Targets::below(letter, &format!("https://{host}"))
    }

    /// What of a letter leads below an address, which has no final slash.
    pub fn below(letter: &Letter, address: &str) -> Targets {
        let text = String::from_utf8_lossy(&unquoted(&letter.raw)).into_owned();
        let start = format!("{address}/");
        let mut targets = Targets::default();
        for piece in text.split(start.as_str()).skip(1) {
            let end = piece.find(|c: char| c.is_whitespace() || "\"'<>)".contains(c)).unwrap_or(piece.len());
            let path = piece.get(..end).unwrap_or_default().replace("&amp;", "&");
            let url = format!("{start}{path}");
            match path.split_once('/').map_or("", |(kind, _)| kind) {
                "o" => targets.pixel = Some(url),
                "u" => targets.unsubscribe = Some(url),
                "c" if path.ends_with("/0") => targets.trap = Some(url),
                "c" if !targets.links.contains(&url) => targets.links.push(url),
                _ => {}
            }
        }
        targets
    }
}

/// What machines do with a letter.
pub fn machines(chance: Chance, letter: &Letter, targets: &Targets) -> Vec<Visit> {
    let mut came = Coming { chance, letter, visits: Vec::new() };
    match came.mailbox() {
        Mailbox::BehindGateway => came.gateway(targets),
        Mailbox::LoadedUnread => {
            let host = came.between("relay", 1, 250);
            let after = Duration::from_millis(came.between("unread", 3_000, 7_200_000));
            came.visit(letter.at + after, targets.pixel.as_deref(), [172, 224, 7, host], BARE, true);
        }
        Mailbox::WebMailer if came.happens(LOADED_BEFORE, "loaded before") => {
            let after = Duration::from_millis(came.between("before", 1_000, 600_000));
            came.visit(letter.at + after, targets.pixel.as_deref(), [66, 249, 84, 3], PROXY_UNREAD, true);
        }
        Mailbox::WebMailer | Mailbox::Plain => {}
    }
    came.visits
}

/// What follows from something a person did. A complaint goes another way: through their provider.
pub fn person(chance: Chance, letter: &Letter, targets: &Targets, deed: &Deed) -> Vec<Visit> {
    let mut came = Coming { chance, letter, visits: Vec::new() };
    match deed.what {
        Doing::Opened => came.opens(targets, deed.at),
        Doing::Clicked => {
            came.opens(targets, deed.at);
            came.clicks(targets, deed.at);
        }
        Doing::Unsubscribed => came.leaves(targets, deed.at),
        Doing::Complained | Doing::Rescued | Doing::DeletedUnread => {}
    }
    came.visits
}

struct Coming<'a> {
    chance: Chance,
    letter: &'a Letter,
    visits: Vec<Visit>,
}

impl Coming<'_> {
    fn happens(&self, share: f64, purpose: &str) -> bool {
        self.chance.happens(share, purpose, &self.letter.recipient, self.letter.at.as_millis().unsigned_abs())
    }

    /// From `low` to below `high`.
    fn between(&self, purpose: &str, low: u64, high: u64) -> u64 {
        let n = self.letter.at.as_millis().unsigned_abs();
        low + self.chance.number(purpose, &self.letter.recipient, n) % (high - low).max(1)
    }

    /// Where somebody's mailbox is, is theirs: it does not change with the letter.
    fn mailbox(&self) -> Mailbox {
        let place = self.chance.fraction("mailbox", &self.letter.recipient.to_lowercase(), 0);
        if place < BEHIND_A_GATEWAY {
            Mailbox::BehindGateway
        } else if place < BEHIND_A_GATEWAY + LOADED_UNREAD {
            Mailbox::LoadedUnread
        } else if place < BEHIND_A_GATEWAY + LOADED_UNREAD + IN_A_WEB_MAILER {
            Mailbox::WebMailer
        } else {
            Mailbox::Plain
        }
    }

    /// Somebody follows an address, if the letter has it.
    fn visit(&mut self, at: Timestamp, url: Option<&str>, ip: [u64; 4], agent: &'static str, by_machine: bool) {
        let Some(url) = url else { return };
        let ip = IpAddr::from(ip.map(|octet| u8::try_from(octet).unwrap_or(u8::MAX)));
        self.visits.push(Visit { at, url: url.to_owned(), asks: Asks::Get, ip, agent, by_machine });
    }

    fn gateway(&mut self, targets: &Targets) {
        let from = [198, 51, 100 + self.between("gateway", 0, 3), self.between("gateway host", 1, 250)];
        if self.happens(QUIET, "quiet") {
            let after = Duration::from_millis(self.between("late", 60_000, 600_000));
            let first = targets.links.first().map(String::as_str);
            return self.visit(self.letter.at + after, first, from, EDGE, true);
        }
        let mut at = self.letter.at + Duration::from_millis(self.between("looks", 400, 7_000));
        if self.happens(LOADS_IMAGES, "loads images") {
            self.visit(at, targets.pixel.as_deref(), from, EDGE, true);
        }
        let trap = targets.trap.as_ref().filter(|_| self.happens(FALLS_INTO_THE_TRAP, "trap"));
        let only_asks = self.happens(ONLY_ASKS, "only asks");
        for (n, url) in (0..).zip(trap.into_iter().chain(&targets.links)) {
            at = at + Duration::from_millis(100 + self.chance.number("step", &self.letter.recipient, n) % 350);
            self.visit(at, Some(url), from, EDGE, true);
            if let Some(visit) = self.visits.last_mut().filter(|_| only_asks) {
                visit.asks = Asks::Head;
            }
        }
    }

    fn home(&self) -> [u64; 4] {
        let number = self.chance.number("home", &self.letter.recipient.to_lowercase(), 0);
        [203, 1 + number % 200, number / 200 % 250, 1 + number / 50_000 % 250]
    }

    fn browser(&self) -> &'static str {
        match self.mailbox() {
            Mailbox::BehindGateway => EDGE,
            Mailbox::LoadedUnread => PHONE,
            Mailbox::WebMailer | Mailbox::Plain => FIREFOX,
        }
    }

    fn opens(&mut self, targets: &Targets, at: Timestamp) {
        let (home, browser) = (self.home(), self.browser());
        match self.mailbox() {
            // The program has the image already.
            Mailbox::LoadedUnread => {}
            Mailbox::WebMailer => self.visit(at, targets.pixel.as_deref(), [66, 249, 84, 5], PROXY, false),
            Mailbox::BehindGateway | Mailbox::Plain if self.happens(SHOWS_IMAGES, "shows images") => {
                self.visit(at, targets.pixel.as_deref(), home, browser, false);
            }
            Mailbox::BehindGateway | Mailbox::Plain => {}
        }
    }

    fn clicks(&mut self, targets: &Targets, mut at: Timestamp) {
        let (home, browser) = (self.home(), self.browser());
        // Most follow the first link, some another one after it.
        let count = usize::try_from(self.between("links", 1, 3)).unwrap_or(1);
        for (n, url) in (0..).zip(targets.links.iter().take(count)) {
            at = at + Duration::from_millis(3_000 + self.chance.number("reads", &self.letter.recipient, n) % 57_000);
            self.visit(at, Some(url), home, browser, false);
        }
    }

    fn leaves(&mut self, targets: &Targets, at: Timestamp) {
        let (home, browser) = (self.home(), self.browser());
        let by_button = self.happens(BY_BUTTON, "by button");
        if !by_button {
            self.visit(at, targets.unsubscribe.as_deref(), home, browser, false);
        }
        self.visit(at + Duration::from_secs(4), targets.unsubscribe.as_deref(), home, browser, false);
        if let Some(visit) = self.visits.last_mut() {
            // RFC 8058 section 3.2: the program's button; the page's is a form of the sender's own.
            visit.asks = Asks::Post(if by_button { "List-Unsubscribe=One-Click" } else { "do=unsubscribe" });
        }
    }
}

/// Quoted-printable undone (RFC 2045 section 6.7), wherever it may be: the addresses looked for have no `=` before their
/// query.
fn unquoted(raw: &[u8]) -> Vec<u8> {
    let hex = |octet: Option<&u8>| octet.and_then(|octet| char::from(*octet).to_digit(16));
    let mut text = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(octet) = raw.get(at) {
        if *octet == b'=' && raw.get(at + 1..at + 3) == Some(b"\r\n") {
            at += 3;
        } else if let (b'=', Some(high), Some(low)) = (*octet, hex(raw.get(at + 1)), hex(raw.get(at + 2))) {
            text.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            at += 3;
        } else {
            text.push(*octet);
            at += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn letter(n: u64) -> Letter {
        let raw = "List-Unsubscribe: <https://l.example/u/t0>\r\nSubject: hi\r\n\r\n<a href=3D\"https://l.exam=\r\n\
            ple/c/t1/1\">a</a> <a href=3D\"https://l.example/c/t1/2?to=3Dx&amp;by=3Dy\">b</a> <a href=3D'https://l.e=\r\n\
            xample/c/t1/0'></a><img src=3D\"https://l.example/o/t2.gif\"> https://other.example/c/t1/3\r\n";
        Letter {
            at: Timestamp::from_millis(1_772_442_000_000),
            provider: "northmail".to_owned(),
            recipient: format!("p{n}@northmail.test"),
            folder: Folder::Inbox,
            raw: raw.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_leads_to_the_sender_is_found_in_a_letter() {
        let found = Targets::of(&letter(1), "l.example");
        let url = |path: &str| format!("https://l.example/{path}");
        let links = vec![url("c/t1/1"), url("c/t1/2?to=x&by=y")];
        let (pixel, trap, unsubscribe) = (Some(url("o/t2.gif")), Some(url("c/t1/0")), Some(url("u/t0")));
        assert_eq!(found, Targets { pixel, links, trap, unsubscribe });
    }

    #[test]
    fn machines_come_by_themselves_and_people_when_they_do_something() {
        let chance = Chance::new(3);
        let targets = Targets::of(&letter(1), "l.example");
        let by_machines: Vec<usize> = (0..1_000).map(|n| machines(chance, &letter(n), &targets).len()).collect();
        let share = by_machines.iter().filter(|count| **count > 0).count();
        assert!((480..=610).contains(&share), "{share} of 1,000 letters are looked at by machines");
        let deed = |what| Deed {
            at: letter(1).at + Duration::from_secs(600),
            provider: "northmail".to_owned(),
            recipient: letter(1).recipient,
            from_domain: "l.example".to_owned(),
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            what,
        };
        let visits = |n, what| person(chance, &letter(n), &targets, &deed(what));
        assert!((0..50).all(|n| visits(n, Doing::Complained).is_empty() && visits(n, Doing::DeletedUnread).is_empty()));
        assert!((0..50).all(|n| visits(n, Doing::Clicked).iter().any(|visit| visit.url.contains("/c/"))));
        let posts = |visit: &Visit| matches!(visit.asks, Asks::Post(_));
        assert!((0..50).all(|n| visits(n, Doing::Unsubscribed).last().is_some_and(posts)));
        assert_eq!(visits(7, Doing::Clicked), visits(7, Doing::Clicked), "the same seed, the same visits");
    }
}
