//! A list of people with the flaws that real lists have, made from a seed.
//!
//! Each flaw is one that costs a sender something: duplicates in other letters, no address, half an address, people who
//! left, complained or never confirmed, functions instead of persons, domains that are gone, mailboxes that are full.
//! People are spread over the providers by the weights in their profiles. All domains are reserved ones (RFC 2606).

pub(crate) mod readers;
pub mod visits;

use crate::provider::{DnsKind, Profile};
use fastrand::Rng;
use model::SuppressionReason;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A message that suits the sample people: front matter, then MJML.
pub const MESSAGE: &str = include_str!("../messages/spring.mjml");
/// Its file name, which says in what language it is written.
pub const MESSAGE_FILE: &str = "spring.mjml";
/// The address the sample campaign is sent from.
pub const SENDER: &str = "Mira at Letters <mira@letters.example>";
/// Its domain.
pub const SENDER_DOMAIN: &str = "letters.example";
/// The postal address at the foot of the sample message.
pub const POSTAL_ADDRESS: &str = "Letters & Seeds, 12 Orchard Lane, 0150 Halden";

/// The first line of the list.
const HEADER: &str = "email,first_name,last_name,city,status,consent,consent_date\n";
/// People of a thousand with each flaw.
const UNSUBSCRIBED: usize = 24;
const BOUNCED_BEFORE: usize = 11;
const COMPLAINED: usize = 5;
const NO_ADDRESS: usize = 9;
const DUPLICATE: usize = 7;
const INVALID: usize = 4;
const UNCONFIRMED: usize = 2;
const ROLE: usize = 5;
const INTERNATIONAL: usize = 2;
/// Providers that have at least so many of a thousand people are large: people who left or complained come from there,
/// so that the small ones, each of which shows something, keep theirs.
const LARGE: u32 = 50;

/// Where somebody's story is told in the documents, by name.
const NAMED: [(&str, &str, &str, &str); 2] =
    [("ada.full@northmail.test", "Ada", "Full", "Bergen"), ("kim.left@harbour-bank.test", "Kim", "Left", "Aberdeen")];

/// People, and what is known about some of them from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The list as a CSV file, UTF-8.
    pub csv: String,
    /// Addresses that earlier mailings have taught us not to mail, and why.
    pub suppressed: Vec<(String, SuppressionReason)>,
}

/// A list of `count` people. The same seed gives the same list.
pub fn sample(count: usize, seed: u64) -> Sample {
    let mut maker = Maker { rng: Rng::with_seed(seed), taken: BTreeSet::new() };
    let of = |per_thousand: usize| share(count, per_thousand);
    let addressed = count.saturating_sub(of(NO_ADDRESS) + of(DUPLICATE) + of(INVALID));
    let mut people = maker.addressed(addressed);
    let suppressed = maker.suppress(&people, of);
    let known: BTreeSet<&str> = suppressed.iter().map(|(address, _)| address.as_str()).collect();
    let mut fresh: Vec<usize> = (0..people.len()).filter(|at| people[*at].may_be_flawed(&known)).collect();
    maker.rng.shuffle(&mut fresh);
    let twins: Vec<Person> = fresh.iter().take(of(DUPLICATE)).map(|at| people[*at].twin()).collect();
    for at in fresh.iter().skip(of(DUPLICATE)).take(of(UNCONFIRMED)) {
        people[*at].status = "pending";
    }
    people.extend(twins);
    people.extend((0..of(NO_ADDRESS)).map(|_| maker.without_address()));
    people.extend((0..of(INVALID)).map(|n| maker.misspelt(n)));
    people.truncate(count);
    maker.rng.shuffle(&mut people);
    let mut csv = HEADER.to_owned();
    people.iter().for_each(|person| person.write(&mut csv));
    Sample { csv, suppressed }
}

/// `per_thousand` of `count`, rounded; at least one in a list of a hundred or more.
fn share(count: usize, per_thousand: usize) -> usize {
    let rounded = (count * per_thousand + 500) / 1_000;
    if count >= 100 { rounded.max(1) } else { rounded }
}

#[derive(Clone, Debug)]
struct Person {
    address: String,
    first: String,
    last: String,
    city: &'static str,
    status: &'static str,
    consent: (&'static str, String),
    large_provider: bool,
}

impl Person {
    fn may_be_flawed(&self, known: &BTreeSet<&str>) -> bool {
        self.large_provider && !known.contains(self.address.as_str()) && NAMED.iter().all(|n| n.0 != self.address)
    }

    /// The same person once more, as a second form wrote them.
    fn twin(&self) -> Person {
        let (local, domain) = self.address.split_once('@').unwrap_or((&self.address, ""));
        let capital: String = local
            .split('.')
            .map(|part| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect())
            .collect::<Vec<String>>()
            .join(".");
        let address = format!("{capital}@{}", domain.to_uppercase());
        Person { address, last: String::new(), consent: ("trade fair", self.consent.1.clone()), ..self.clone() }
    }

    fn write(&self, csv: &mut String) {
        let (form, date) = &self.consent;
        let fields = [&self.address, &self.first, &self.last, self.city, self.status, form, date.as_str()];
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                csv.push(',');
            }
            if field.contains([',', '"', '\n']) {
                csv.push_str(&format!("\"{}\"", field.replace('"', "\"\"")));
            } else {
                csv.push_str(field);
            }
        }
        csv.push('\n');
    }
}

struct Maker {
    rng: Rng,
    taken: BTreeSet<String>,
}

impl Maker {
    /// People with addresses of their own, spread over the providers.
    fn addressed(&mut self, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        for (address, first, last, city) in NAMED.iter().take(count) {
            let person = self.person(first, last, city, (*address).to_owned(), false);
            self.taken.insert(person.address.clone());
            people.push(person);
        }
        let mut homes = homes(count);
        for (address, ..) in NAMED {
            if let Some(at) = homes.iter().position(|home| address.ends_with(&format!("@{}", home.domain))) {
                homes.remove(at);
            }
        }
        // What is rounded up too much is taken from the large providers.
        homes.sort_by_key(|home| home.is_large);
        homes.truncate(count - people.len());
        self.rng.shuffle(&mut homes);
        let (mut roles, mut international) = (share(count, ROLE), share(count, INTERNATIONAL));
        for home in homes {
            let (first, last) = self.name();
            let local = if roles > 0 && home.is_company {
                roles -= 1;
                self.pick(&["info", "office", "sales", "contact", "support"]).to_owned()
            } else if international > 0 && home.is_ordinary && !first.is_ascii() {
                international -= 1;
                first.to_lowercase()
            } else {
                self.local_part(first, last)
            };
            let address = self.unique(&local, &home.domain);
            let city = self.pick(&CITIES);
            people.push(self.person(first, last, city, address, home.is_large));
        }
        people
    }

    fn person(&mut self, first: &str, last: &str, city: &'static str, address: String, large: bool) -> Person {
        let form = self.pick(&["web form", "web form", "web form", "shop checkout", "open day"]);
        let (year, month, day) = (self.rng.u32(2021..=2025), self.rng.u32(1..=12), self.rng.u32(1..=28));
        let consent = (form, format!("{year}-{month:02}-{day:02}"));
        let (first, last) = (first.to_owned(), last.to_owned());
        Person { address, first, last, city, status: "subscribed", consent, large_provider: large }
    }

    /// Who left, complained or bounced in earlier mailings.
    fn suppress(&mut self, people: &[Person], of: impl Fn(usize) -> usize) -> Vec<(String, SuppressionReason)> {
        let nobody = BTreeSet::new();
        let candidates = people.iter().filter(|person| person.may_be_flawed(&nobody));
        let mut addresses: Vec<String> = candidates.map(|person| person.address.clone()).collect();
        self.rng.shuffle(&mut addresses);
        let reasons = [
            (SuppressionReason::Unsubscribed, UNSUBSCRIBED),
            (SuppressionReason::HardBounced, BOUNCED_BEFORE),
            (SuppressionReason::Complained, COMPLAINED),
        ];
        let reasons = reasons.into_iter().flat_map(|(reason, count)| std::iter::repeat_n(reason, of(count)));
        addresses.into_iter().zip(reasons).collect()
    }

    fn without_address(&mut self) -> Person {
        let ((first, last), city) = (self.name(), self.pick(&CITIES));
        self.person(first, last, city, String::new(), true)
    }

    fn misspelt(&mut self, n: usize) -> Person {
        let ((first, last), city) = (self.name(), self.pick(&CITIES));
        let local = self.local_part(first, last);
        let address = match n % 5 {
            0 => format!("{local}(at)northmail.test"),
            1 => format!("{local}@"),
            2 => format!("{local}@lookmail"),
            3 => format!("{} {}@yonder.test", ascii(first), ascii(last)),
            _ => format!("{local}@@orchard.test"),
        };
        self.person(first, last, city, address, true)
    }

    fn name(&mut self) -> (&'static str, &'static str) {
        (self.pick(&FIRST), self.pick(&LAST))
    }

    /// One of the ways people form their addresses.
    fn local_part(&mut self, first: &str, last: &str) -> String {
        let (first, last) = (ascii(first), ascii(last));
        let initial: String = first.chars().take(1).collect();
        match self.rng.u32(0..10) {
            0..=4 => format!("{first}.{last}"),
            5 => format!("{initial}.{last}"),
            6 => format!("{first}{}", self.rng.u32(60..=99)),
            7 => format!("{last}.{first}"),
            8 => format!("{first}_{last}"),
            _ => format!("{first}.{last}+letters"),
        }
    }

    fn unique(&mut self, local: &str, domain: &str) -> String {
        let numbered = |n: u32| if n == 1 { format!("{local}@{domain}") } else { format!("{local}{n}@{domain}") };
        let free = (1..).map(numbered).find(|address| !self.taken.contains(address)).unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.get(self.rng.usize(0..from.len())).copied().unwrap_or_default()
    }
}

/// A place for one person.
struct Home {
    domain: String,
    is_large: bool,
    is_company: bool,
    is_ordinary: bool,
}

/// Places for at least `count` people, by the providers' weights: every domain of weight w gets its share, rounded up.
fn homes(count: usize) -> Vec<Home> {
    let profiles: Vec<Arc<Profile>> = Profile::shipped();
    let all: u64 = profiles.iter().flat_map(|profile| &profile.domains).map(|domain| u64::from(domain.people)).sum();
    let mut homes = Vec::new();
    for profile in &profiles {
        for domain in &profile.domains {
            let places = (count as u64 * u64::from(domain.people)).div_ceil(all.max(1));
            let is_large = domain.people >= LARGE;
            let is_company = (10..LARGE).contains(&domain.people) && profile.dns == DnsKind::Mx;
            let is_ordinary = is_large || profile.key == "papermill";
            let home = |_| Home { domain: domain.name.clone(), is_large, is_company, is_ordinary };
            homes.extend((0..places).map(home));
        }
    }
    homes
}

/// A name in the letters of an address: lower case, without accents.
fn ascii(name: &str) -> String {
    let plain = |c: char| match c {
        'å' | 'ä' | 'á' | 'à' | 'ã' | 'â' | 'ă' => "a",
        'ç' | 'č' | 'ć' => "c",
        'é' | 'è' | 'ê' | 'ë' | 'ě' => "e",
        'í' | 'ï' | 'î' => "i",
        'ł' => "l",
        'ñ' | 'ń' => "n",
        'ö' | 'ø' | 'ó' | 'ô' | 'õ' => "o",
        'ř' => "r",
        'š' | 'ş' => "s",
        'ß' => "ss",
        'ü' | 'ú' | 'ů' => "u",
        'ý' => "y",
        'ž' => "z",
        'æ' => "ae",
        'ð' => "d",
        'þ' => "th",
        _ => "",
    };
    let lower = name.to_lowercase();
    let letters = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { plain(c).to_owned() });
    letters.collect()
}

const FIRST: [&str; 64] = [
    "Ada", "Aino", "Amélie", "Ana", "Andrzej", "Anna", "Arjun", "Åsa", "Ayşe", "Beatriz", "Björn", "Bram", "Chiara",
    "Chloé", "Daniel", "Diego", "Dovilė", "Elif", "Emma", "Erik", "Fatima", "Felix", "Freja", "Giulia", "Grace",
    "Hannah", "Henrik", "Inês", "Ingrid", "Ioana", "Jan", "Jiří", "João", "José", "Jürgen", "Kaito", "Karin", "Katja",
    "Lars", "Léa", "Leila", "Lucía", "Łukasz", "Mads", "Maëlle", "Marek", "María", "Mei", "Mikko", "Nadia", "Niamh",
    "Noah", "Olga", "Oskar", "Priya", "Rosa", "Samuel", "Søren", "Sofia", "Tomás", "Yusuf", "Zoë", "Zuzana", "Þóra",
];

const LAST: [&str; 56] = [
    "Almeida",
    "Andersen",
    "Bakker",
    "Bauer",
    "Berg",
    "Bianchi",
    "Brandt",
    "Brown",
    "Carvalho",
    "Chen",
    "Costa",
    "Demir",
    "Dubois",
    "Dvořák",
    "Eriksen",
    "Fernández",
    "Fischer",
    "García",
    "Greco",
    "Gupta",
    "Haugen",
    "Hoffmann",
    "Horvat",
    "Iversen",
    "Jansen",
    "Jónsdóttir",
    "Kaya",
    "Keller",
    "Khan",
    "Kowalska",
    "Kvist",
    "Larsen",
    "Lefèvre",
    "Lindqvist",
    "López",
    "Mäkinen",
    "Martin",
    "Moreau",
    "Müller",
    "Nagy",
    "Nakamura",
    "Nowak",
    "O'Brien",
    "Okafor",
    "Papadakis",
    "Petersen",
    "Popescu",
    "Rossi",
    "Santos",
    "Schäfer",
    "Silva",
    "Šimek",
    "Smith",
    "Virtanen",
    "Visser",
    "Weiß",
];

const CITIES: [&str; 17] = [
    "",
    "Aberdeen",
    "Bergen",
    "Bologna",
    "Brno",
    "Cork",
    "Gdańsk",
    "Ghent",
    "Graz",
    "Halden",
    "Izmir",
    "Lund",
    "Nantes",
    "Porto",
    "Tampere",
    "Valencia",
    "Halle, Saale",
];

#[cfg(test)]
mod tests;
