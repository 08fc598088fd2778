//! Who runs the receiving servers, and how much we give them at first: `rules/providers.toml`.
//!
//! An operator's own file may describe more providers and make limits stricter, never looser: [`Providers::over`]. Every
//! description carries examples of host sets that it must and must not take for its own; they are tried at loading.
//!
//! Invariant: a site belongs to a provider only if *all* its hosts do; a domain that mixes providers is nobody's.

use crate::file_error::FileError;
use crate::suffix;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;
use toml::Spanned;

/// The most providers a file may describe or amend: each is compared with every other, and every site asks them all.
pub const PROVIDERS_MAX: usize = 1_000;
/// Characters of a key.
const KEY_CHARS_MAX: usize = 64;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 100;

/// A family of receiving sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The key the ledger stores and rules name: `google`.
    pub key: String,
    /// The name a person knows: `Google`.
    pub name: String,
    /// Host name endings, each starting with a dot; a host matches if it ends so or is just that name.
    pub mx: Vec<String>,
    /// Words by which a reply without any other context betrays who wrote it (lower-case).
    pub texts: Vec<String>,
    /// How much we give them.
    pub limits: Limits,
    /// The region from which an operator would rather reach them (`eu`), as its sources name theirs.
    pub region: Option<String>,
    /// Where the limits come from.
    pub source: String,
}

/// Static limits of one source address toward one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Messages per connection.
    pub per_connection: u32,
    /// New connections a minute.
    pub connects_per_minute: u32,
    /// Messages a second over all connections; `None`: as fast as the connections allow.
    pub messages_per_second: Option<u32>,
    /// Messages a minute.
    pub messages_per_minute: Option<u32>,
    /// Messages an hour.
    pub messages_per_hour: Option<u32>,
    /// Messages a day (UTC).
    pub messages_per_day: Option<u32>,
    /// Do the connections count over all sites of the provider rather than per site?
    pub shared_over_sites: bool,
    /// Is mail in clear refused or slowed down there?
    pub tls_expected: bool,
}

impl Default for Limits {
    /// For a site nobody has described.
    fn default() -> Limits {
        Limits {
            connections: 10,
            per_connection: 100,
            connects_per_minute: 100,
            messages_per_second: None,
            messages_per_minute: None,
            messages_per_hour: None,
            messages_per_day: None,
            shared_over_sites: false,
            tls_expected: false,
        }
    }
}

impl Limits {
    /// No ceiling at all: what is bounded then was learned.
    pub fn unbounded() -> Limits {
        let none = u32::MAX;
        Limits { connections: none, per_connection: none, connects_per_minute: none, ..Limits::default() }
    }

    /// Is there a ceiling on how many messages go in a time?
    pub fn count_messages(&self) -> bool {
        let rates = [self.messages_per_second, self.messages_per_minute, self.messages_per_hour];
        self.messages_per_day.is_some() || rates.iter().any(Option::is_some)
    }

    /// Those on messages in a time alone, without the ceilings on connections.
    #[must_use]
    pub fn on_messages(self) -> Limits {
        let Limits { connections, per_connection, connects_per_minute, .. } = Limits::unbounded();
        Limits { connections, per_connection, connects_per_minute, ..self }
    }
}

/// Described providers, in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Providers {
    list: Vec<Provider>,
    /// Where each of them, and each of its limits, stands in the file.
    lines: Vec<Lines>,
    /// What an operator's file says about providers that are described elsewhere.
    amended: Vec<Amended>,
    path: String,
}

/// What an operator's file changes about a provider: stricter limits, a region.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Amended {
    key: String,
    lines: Lines,
    limits: WrittenLimits,
    region: Option<String>,
}

/// Lines of a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lines {
    provider: usize,
    limits: BTreeMap<&'static str, usize>,
}

impl Lines {
    /// Where a limit stands; one that is not written is the whole description's.
    fn of(&self, limit: &str) -> usize {
        self.limits.get(limit).copied().unwrap_or(self.provider)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    provider: Vec<Spanned<Written>>,
}

/// One `[[provider]]` as it is written. With `mx` it describes a provider; without, it amends a described one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    name: Option<Spanned<String>>,
    mx: Option<Vec<String>>,
    texts: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    limits: WrittenLimits,
    region: Option<String>,
    source: Option<Spanned<String>>,
    /// Host sets that are the provider's.
    hits: Option<Spanned<Vec<Vec<String>>>>,
    /// Host sets that are not.
    misses: Option<Spanned<Vec<Vec<String>>>>,
}

impl Written {
    /// What only a description has, and where it stands.
    fn describes(&self) -> Option<(&'static str, Range<usize>)> {
        let parts = [
            ("name", self.name.as_ref().map(Spanned::span)),
            ("texts", self.texts.as_ref().map(Spanned::span)),
            ("source", self.source.as_ref().map(Spanned::span)),
            ("hits", self.hits.as_ref().map(Spanned::span)),
            ("misses", self.misses.as_ref().map(Spanned::span)),
        ];
        parts.into_iter().find_map(|(name, span)| Some((name, span?)))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimits {
    connections: Option<Spanned<u32>>,
    per_connection: Option<Spanned<u32>>,
    connects_per_minute: Option<Spanned<u32>>,
    messages_per_second: Option<Spanned<u32>>,
    messages_per_minute: Option<Spanned<u32>>,
    messages_per_hour: Option<Spanned<u32>>,
    messages_per_day: Option<Spanned<u32>>,
    shared_over_sites: Option<Spanned<bool>>,
    tls_expected: Option<Spanned<bool>>,
}

static SHIPPED: LazyLock<Providers> = LazyLock::new(|| {
    let text = include_str!("../rules/providers.toml");
    Providers::parse("providers.toml", text).expect("providers.toml is tested")
});

/// All providers that come with the program.
pub fn all() -> &'static [Provider] {
    &SHIPPED.list
}

/// The shipped provider with this key.
pub fn by_key(key: &str) -> Option<&'static Provider> {
    SHIPPED.by_key(key)
}

/// The shipped provider that runs all of these hosts; `None` for no hosts, for mixed ones, and for those nobody
/// described.
pub fn provider_of<H: AsRef<str>>(hosts: &[H]) -> Option<&'static Provider> {
    SHIPPED.provider_of(hosts)
}

/// The shipped limits toward these hosts.
pub fn limits_of<H: AsRef<str>>(hosts: &[H]) -> Limits {
    provider_of(hosts).map_or_else(Limits::default, |provider| provider.limits)
}

/// The provider that a reply names by its wording, for texts that come without any context.
pub(crate) fn named_in(text: &str) -> Option<&'static str> {
    let named = |provider: &&Provider| provider.texts.iter().any(|mark| text.contains(mark.as_str()));
    SHIPPED.list.iter().find(named).map(|provider| provider.key.as_str())
}

impl Providers {
    /// Those that come with the program.
    pub fn shipped() -> &'static Providers {
        &SHIPPED
    }

    /// Reads a file. Refuses unknown keys, values of the wrong kind, a description without hosts, name, source or
    /// examples, any of these without hosts, hosts that end as anybody's do (`.com`), an example that does not hold, a limit
    /// of nothing, a key that stands there twice or is no plain word, and more than [`PROVIDERS_MAX`].
    pub fn parse(path: &str, text: &str) -> Result<Providers, FileError> {
        let file: File = toml::from_str(text).map_err(|error| FileError::syntax(path, text, &error))?;
        let mut read = Providers { list: Vec::new(), lines: Vec::new(), amended: Vec::new(), path: path.to_owned() };
        if let Some(beyond) = file.provider.get(PROVIDERS_MAX) {
            return Err(FileError::at(
                path,
                text,
                beyond.span(),
                format!("a file has at most {PROVIDERS_MAX} providers"),
            ));
        }
        let mut keys = BTreeSet::new();
        for spanned in file.provider {
            let wrong = |reason: String| FileError::at(path, text, spanned.span(), reason);
            let written = spanned.get_ref().clone();
            if !is_plain(&written.key) {
                return Err(wrong(format!("key {:?} must be 1 to {KEY_CHARS_MAX} of a-z, 0-9, - and _", written.key)));
            }
            if !keys.insert(written.key.clone()) {
                return Err(wrong(format!("provider {} stands here twice", written.key)));
            }
            let line = |span: Range<usize>| FileError::at(path, text, span, String::new()).line;
            let limits = written.limits.spans().into_iter().map(|(name, span)| (name, line(span))).collect();
            let lines = Lines { provider: line(spanned.span()), limits };
            if let Some(limit) = written.limits.zero() {
                let reason = format!("provider {}: {limit} must be at least 1", written.key);
                return Err(FileError { path: path.to_owned(), line: lines.of(limit), reason });
            }
            if written.region.as_deref().is_some_and(|region| region.trim() != region || region.is_empty()) {
                return Err(wrong(format!("provider {}: region must be a name without blanks around it", written.key)));
            }
            match (written.mx.is_some(), written.describes()) {
                (true, _) => {
                    read.lines.push(lines);
                    read.list.push(described(written).map_err(wrong)?);
                }
                (false, Some((part, span))) => {
                    let reason = format!(
                        "provider {}: {part} describes a provider, and that takes its mx as well; of one that is described \
                         only limits and region can be set",
                        written.key
                    );
                    return Err(FileError::at(path, text, span, reason));
                }
                (false, None) => {
                    let Written { key, limits, region, .. } = written;
                    read.amended.push(Amended { key, lines, limits, region });
                }
            }
        }
        Ok(read)
    }

    /// The first of these endings whose hosts a described provider runs, and who that is.
    fn owner_among<'a>(&self, endings: &'a [String]) -> Option<(&'a str, &Provider)> {
        let owner = |ending: &String| self.list.iter().find(|known| known.runs(ending.trim_start_matches('.')));
        endings.iter().find_map(|ending| Some((ending.as_str(), owner(ending)?)))
    }

    /// An operator's file on top of the shipped ones: more providers, stricter limits, regions. Refuses a provider that
    /// is shipped already, or whose servers or name another one described before has, limits for one that nobody describes, and
    /// any limit looser than the one it replaces; for a provider of one's own that is the limit of a site nobody
    /// described.
    pub fn over(self, shipped: &Providers) -> Result<Providers, FileError> {
        let mut merged = shipped.clone();
        let wrong = |line, reason| FileError { path: self.path.clone(), line, reason };
        for (provider, lines) in self.list.into_iter().zip(self.lines) {
            let line = lines.provider;
            if merged.by_key(&provider.key).is_some() {
                let reason =
                    format!("provider {} is described already: leave out its mx to tighten its limits", provider.key);
                return Err(wrong(line, reason));
            }
            if let Some((ending, owner)) = merged.owner_among(&provider.mx) {
                let (key, owner) = (&provider.key, &owner.key);
                let reason = format!(
                    "provider {key}: {ending:?} belongs to the provider {owner}, who is asked first: {key} would never have \
                     those servers. Leave the ending out; to tighten the limits there, write key = '{owner}' and limits \
                     without mx"
                );
                return Err(wrong(line, reason));
            }
            let name = provider.name.to_lowercase();
            if let Some(namesake) = merged.list.iter().find(|known| known.name.to_lowercase() == name) {
                let (key, called, other) = (&provider.key, &provider.name, &namesake.key);
                let reason =
                    format!("provider {key}: the provider {other} is called {called:?} already; give it another name");
                return Err(wrong(line, reason));
            }
            if let Some((limit, looser)) = looser(&provider.limits, &Limits::default()) {
                return Err(wrong(lines.of(limit), format!("provider {}: {looser}", provider.key)));
            }
            merged.list.push(provider);
            merged.lines.push(lines);
        }
        for Amended { key, lines, limits, region } in self.amended {
            let Some(known) = merged.list.iter_mut().find(|provider| provider.key == key) else {
                return Err(wrong(
                    lines.provider,
                    format!("provider {key} is described nowhere: give its mx, name, source, hits and misses"),
                ));
            };
            let tightened = limits.over(known.limits);
            if let Some((limit, looser)) = looser(&tightened, &known.limits) {
                return Err(wrong(lines.of(limit), format!("provider {key}: {looser}")));
            }
            known.limits = tightened;
            known.region = region.or(known.region.take());
        }
        Ok(merged)
    }

    /// All of them.
    pub fn all(&self) -> &[Provider] {
        &self.list
    }

    /// The provider with this key.
    pub fn by_key(&self, key: &str) -> Option<&Provider> {
        self.list.iter().find(|provider| provider.key == key)
    }

    /// The provider that runs all of these hosts; `None` for no hosts, for mixed ones, and for those nobody described.
    pub fn provider_of<H: AsRef<str>>(&self, hosts: &[H]) -> Option<&Provider> {
        let runs = |provider: &&Provider| hosts.iter().all(|host| provider.runs(host.as_ref()));
        if hosts.is_empty() { None } else { self.list.iter().find(runs) }
    }
}

/// Keys are typed at command lines and stand in the ledger.
fn is_plain(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=KEY_CHARS_MAX).contains(&key.len()) && key.chars().all(fits)
}

/// Do the hosts with this ending belong to many?
fn is_anybodys(ending: &str) -> bool {
    let name = ending.trim_matches('.');
    name.is_empty() || suffix::is_public(&name.to_ascii_lowercase())
}

/// A whole description, its examples tried; else why not.
fn described(written: Written) -> Result<Provider, String> {
    let Written { key, name, mx, texts, limits, region, source, hits, misses } = written;
    let (name, source) = (name.map(Spanned::into_inner), source.map(Spanned::into_inner));
    let texts = texts.map(Spanned::into_inner).unwrap_or_default();
    let examples = |sets: Option<Spanned<Vec<Vec<String>>>>| sets.map(Spanned::into_inner).unwrap_or_default();
    let (hits, misses) = (examples(hits), examples(misses));
    let wants = |what: &str| format!("provider {key} wants {what}");
    let mx = mx.filter(|mx| !mx.is_empty()).ok_or_else(|| wants("host name endings in mx"))?;
    if let Some(ending) = mx.iter().find(|ending| !ending.starts_with('.') || ending.len() < 2) {
        return Err(format!("provider {key}: {ending:?} must start with a dot"));
    }
    if let Some(ending) = mx.iter().find(|ending| !ending.is_ascii()) {
        return Err(format!(
            "provider {key}: {ending:?} must be written as DNS has it, in ASCII (xn--…): no server is named so"
        ));
    }
    if let Some(ending) = mx.iter().find(|ending| is_anybodys(ending)) {
        return Err(format!("provider {key}: {ending:?} is no provider's own: anybody's servers end so"));
    }
    let readable = |name: &String| !name.trim().is_empty() && !name.chars().any(char::is_control);
    let name = name.filter(readable).filter(|name| name.chars().count() <= NAME_CHARS_MAX);
    let name = name.ok_or_else(|| wants(&format!("a name of 1 to {NAME_CHARS_MAX} readable characters")))?;
    let source = source.filter(|source| !source.is_empty()).ok_or_else(|| wants("the source of its limits"))?;
    if hits.is_empty() || misses.is_empty() {
        return Err(wants("examples: host sets that are its own in hits, and that are not in misses"));
    }
    let provider = Provider { key, name, mx, texts, limits: limits.over(Limits::default()), region, source };
    let runs_all = |hosts: &[String]| !hosts.is_empty() && hosts.iter().all(|host| provider.runs(host));
    if let Some(hit) = hits.iter().find(|hosts| !runs_all(hosts)) {
        return Err(format!("provider {}: its own example {hit:?} does not match", provider.key));
    }
    if let Some(miss) = misses.iter().find(|hosts| runs_all(hosts)) {
        return Err(format!("provider {}: the example {miss:?} matches and must not", provider.key));
    }
    Ok(provider)
}

impl WrittenLimits {
    fn over(&self, base: Limits) -> Limits {
        Limits {
            connections: set(self.connections.as_ref()).unwrap_or(base.connections),
            per_connection: set(self.per_connection.as_ref()).unwrap_or(base.per_connection),
            connects_per_minute: set(self.connects_per_minute.as_ref()).unwrap_or(base.connects_per_minute),
            messages_per_second: set(self.messages_per_second.as_ref()).or(base.messages_per_second),
            messages_per_minute: set(self.messages_per_minute.as_ref()).or(base.messages_per_minute),
            messages_per_hour: set(self.messages_per_hour.as_ref()).or(base.messages_per_hour),
            messages_per_day: set(self.messages_per_day.as_ref()).or(base.messages_per_day),
            shared_over_sites: set(self.shared_over_sites.as_ref()).unwrap_or(base.shared_over_sites),
            tls_expected: set(self.tls_expected.as_ref()).unwrap_or(base.tls_expected),
        }
    }

    fn numbers(&self) -> [(&'static str, Option<&Spanned<u32>>); 7] {
        [
            ("connections", self.connections.as_ref()),
            ("per_connection", self.per_connection.as_ref()),
            ("connects_per_minute", self.connects_per_minute.as_ref()),
            ("messages_per_second", self.messages_per_second.as_ref()),
            ("messages_per_minute", self.messages_per_minute.as_ref()),
            ("messages_per_hour", self.messages_per_hour.as_ref()),
            ("messages_per_day", self.messages_per_day.as_ref()),
        ]
    }

    /// The limit that allows nothing at all, if one does.
    fn zero(&self) -> Option<&'static str> {
        self.numbers().into_iter().find(|(_, number)| set(*number) == Some(0)).map(|(name, _)| name)
    }

    /// Where those stand that are written.
    fn spans(&self) -> Vec<(&'static str, Range<usize>)> {
        let numbers = self.numbers().map(|(name, number)| (name, number.map(Spanned::span)));
        let flags = [
            ("shared_over_sites", self.shared_over_sites.as_ref().map(Spanned::span)),
            ("tls_expected", self.tls_expected.as_ref().map(Spanned::span)),
        ];
        numbers.into_iter().chain(flags).filter_map(|(name, span)| Some((name, span?))).collect()
    }
}

/// What is written, wherever it stands.
fn set<T: Copy>(written: Option<&Spanned<T>>) -> Option<T> {
    written.map(|written| *written.get_ref())
}

/// Which limit is looser than the one it replaces, and in words with both numbers.
fn looser(new: &Limits, old: &Limits) -> Option<(&'static str, String)> {
    let numbers = [
        ("connections", Some(new.connections), Some(old.connections)),
        ("per_connection", Some(new.per_connection), Some(old.per_connection)),
        ("connects_per_minute", Some(new.connects_per_minute), Some(old.connects_per_minute)),
        ("messages_per_second", new.messages_per_second, old.messages_per_second),
        ("messages_per_minute", new.messages_per_minute, old.messages_per_minute),
        ("messages_per_hour", new.messages_per_hour, old.messages_per_hour),
        ("messages_per_day", new.messages_per_day, old.messages_per_day),
    ];
    let number = numbers.into_iter().find_map(|(name, new, old)| match (new, old) {
        (Some(new), Some(old)) if new > old => {
            Some((name, format!("{name} = {new} is looser than the {old} in force: limits can only be made stricter")))
        }
        _ => None,
    });
    let flags = [
        ("shared_over_sites", new.shared_over_sites, old.shared_over_sites),
        ("tls_expected", new.tls_expected, old.tls_expected),
    ];
    let flag = flags.into_iter().find(|(_, new, old)| *old && !*new).map(|(name, _, _)| {
        (name, format!("{name} = false is looser than the true in force: limits can only be made stricter"))
    });
    number.or(flag)
}

impl Provider {
    /// Is this one of its hosts?
    pub fn runs(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.mx.iter().any(|ending| {
            let bare = ending.trim_start_matches('.');
            let start = host.len().checked_sub(ending.len());
            let tail = start.and_then(|start| host.get(start..));
            host.eq_ignore_ascii_case(bare) || tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(hosts: &[&str]) -> Option<&'static str> {
        provider_of(hosts).map(|provider| provider.key.as_str())
    }

    #[test]
    fn all_hosts_must_belong() {
        assert_eq!(key(&["gmail-smtp-in.l.google.com", "ALT1.aspmx.L.GOOGLE.com."]), Some("google"));
        assert_eq!(key(&["aspmx.l.google.com", "mx.example.net"]), None);
        assert_eq!(key(&["notgoogle.com", "xgoogle.com"]), None);
        assert_eq!(key(&[]), None);
        assert_eq!(key(&["outlook-com.olc.protection.outlook.com"]), Some("outlook"));
        assert_eq!(key(&["corp-test.mail.protection.outlook.com"]), Some("microsoft365"));
    }

    #[test]
    fn limits_are_theirs_or_the_usual() {
        assert_eq!(limits_of(&["mx1.mail.icloud.com"]).per_connection, 5);
        assert_eq!(limits_of(&["mx.example.net"]), Limits::default());
    }

    #[test]
    fn every_example_finds_its_provider_and_no_other() {
        let file: File = toml::from_str(include_str!("../rules/providers.toml")).unwrap();
        for Written { key, hits, misses, .. } in file.provider.into_iter().map(Spanned::into_inner) {
            let found = |hosts: &Vec<String>| provider_of(hosts).map(|provider| provider.key.clone());
            for hit in hits.iter().flat_map(Spanned::get_ref) {
                assert_eq!(found(hit).as_ref(), Some(&key), "{hit:?}");
            }
            for miss in misses.iter().flat_map(Spanned::get_ref) {
                assert_ne!(found(miss).as_ref(), Some(&key), "{miss:?}");
            }
        }
        assert!(Providers::shipped().amended.is_empty());
        assert!(all().iter().all(|provider| provider.region.is_none()), "where sources stand is the operator's to say");
    }

    const OWN: &str = "[[provider]]\nkey = 'acme'\nname = 'Acme'\nmx = ['.acme.test']\nsource = 'asked them'\n\
                       limits = { connections = 2 }\nhits = [['mx1.acme.test']]\nmisses = [['mx.notacme.test']]\n";

    fn refused(text: &str) -> String {
        let read = Providers::parse("own.toml", text).and_then(|own| own.over(Providers::shipped()));
        read.unwrap_err().to_string()
    }

    #[test]
    fn an_operator_describes_more_and_tightens() {
        let text =
            format!("{OWN}\n[[provider]]\nkey = 'google'\nlimits = {{ connections = 3, messages_per_hour = 900 }}\n");
        let merged = Providers::parse("own.toml", &text).unwrap().over(Providers::shipped()).unwrap();
        assert_eq!(merged.provider_of(&["mx1.acme.test"]).unwrap().limits.connections, 2);
        let google = merged.provider_of(&["aspmx.l.google.com"]).unwrap().limits;
        assert_eq!((google.connections, google.messages_per_hour, google.per_connection), (3, Some(900), 50));
        assert_eq!(merged.all().len(), all().len() + 1);
    }

    #[test]
    fn a_file_of_absurd_length_is_refused_before_it_is_compared() {
        let many: String = (0..=PROVIDERS_MAX).map(|n| format!("[[provider]]\nkey = 'p{n}'\n")).collect();
        let line = 2 * PROVIDERS_MAX + 1;
        assert_eq!(
            Providers::parse("own.toml", &many).unwrap_err().to_string().split(';').next(),
            Some(format!("own.toml, line {line}: a file has at most {PROVIDERS_MAX} providers").as_str())
        );
    }

    #[test]
    fn an_operator_names_the_region_for_a_provider() {
        let text = format!(
            "{}\n[[provider]]\nkey = 'google'\nregion = 'eu'\n",
            OWN.replace("limits", "region = 'us-east'\nlimits")
        );
        let merged = Providers::parse("own.toml", &text).unwrap().over(Providers::shipped()).unwrap();
        let region = |key: &str| merged.by_key(key).unwrap().region.as_deref();
        assert_eq!((region("acme"), region("google"), region("yahoo")), (Some("us-east"), Some("eu"), None));
        assert_eq!(merged.by_key("google").unwrap().limits, by_key("google").unwrap().limits);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_line_and_the_reason() {
        for (text, part) in [
            (
                "[[provider]]\nkey = 'google'\nlimits = { connections = 6 }",
                "own.toml, line 3: provider google: connections = 6 is looser than the 5 in force",
            ),
            (
                "[[provider]]\nkey = 'google'\nlimits = { tls_expected = false }",
                "tls_expected = false is looser than the true in force",
            ),
            ("# mine\n\n[[provider]]\nkey = 'google'\nlimit = 5", "own.toml, line 5: unknown field `limit`"),
            (
                "[[provider]]\nkey = 'google'\nlimits = { connections = 'few' }",
                "own.toml, line 3: invalid type: string \"few\"",
            ),
            ("[[provider]]\nkey = 'google'\nlimits = { connections = -1 }", "own.toml, line 3: invalid value"),
            (
                "[[provider]]\nkey = 'google'\nlimits = { connections = 0 }",
                "line 3: provider google: connections must be at least 1",
            ),
            (
                "[[provider]]\nkey = 'google'\n\n[provider.limits]\nconnections = 3\nmessages_per_hour = 0",
                "own.toml, line 6: provider google: messages_per_hour must be at least 1",
            ),
            (
                "[[provider]]\nkey = 'google'\nname = 'Mine'",
                "own.toml, line 3: provider google: name describes a provider",
            ),
            (
                "[[provider]]\nkey = 'google'\nregion = 'eu'\nhits = [['a.test']]",
                "own.toml, line 4: provider google: hits",
            ),
            ("[[provider]]\nkey = 'google'\nsource = 'a page'", "own.toml, line 3: provider google: source describes"),
            ("[[provider]]\nkey = 'google'\nregion = ''", "own.toml, line 1: provider google: region must be a name"),
            ("[[provider]]\nkey = 'google'\nregion = ['eu']", "own.toml, line 3: invalid type: sequence"),
            ("[[provider]]\nkey = ''", "key \"\" must be 1 to 64"),
            ("[[provider]]\nkey = \"go\\u001bgle\"", "must be 1 to 64 of a-z"),
            (&OWN.replace("'Acme'", "\"\\u001b[2J\""), "provider acme wants a name of 1 to 100 readable characters"),
            ("[[provider]]\nkey = 'nobody'", "provider nobody is described nowhere"),
            ("\n[[provider]]\nkey = 'a'\n\n[[provider]]\nkey = 'a'", "own.toml, line 5: provider a stands here twice"),
            (&OWN.replace("hits = [['mx1.acme.test']]\n", ""), "provider acme wants examples"),
            (&OWN.replace("mx1.acme", "mx1.acne"), "own example [\"mx1.acne.test\"] does not match"),
            (&OWN.replace("mx.notacme", "mx.acme"), "the example [\"mx.acme.test\"] matches and must not"),
            (&OWN.replace("'.acme.test'", "'acme.test'"), "\"acme.test\" must start with a dot"),
            (&OWN.replace("'.acme.test'", "'.acme.test', '.com'"), "\".com\" is no provider's own"),
            (&OWN.replace("'.acme.test'", "'.acme.test', '.Co.uk'"), "\".Co.uk\" is no provider's own"),
            (&OWN.replace("'.acme.test'", "'.acme.test', '..'"), "\"..\" is no provider's own"),
            (
                &OWN.replace("connections = 2", "connections = 40"),
                "provider acme: connections = 40 is looser than the 10 in force",
            ),
            (&OWN.replace("'acme'", "'google'"), "provider google is described already"),
            (&OWN.replace("'Acme'", "'gOOGLE'"), "provider acme: the provider google is called \"gOOGLE\" already"),
            (&OWN.replace("'.acme.test'", "'.acme.test', '.b\u{fc}cher.test'"), "must be written as DNS has it"),
            (
                &format!("\n{}", OWN.replace("'.acme.test'", "'.acme.test', '.ASPMX.l.google.com'")),
                "own.toml, line 2: provider acme: \".ASPMX.l.google.com\" belongs to the provider google, who is asked first",
            ),
            (
                &format!("{OWN}\n{}", OWN.replace("'acme'", "'other'").replace("'.acme.test'", "'.mx1.acme.test'")),
                "provider other: \".mx1.acme.test\" belongs to the provider acme",
            ),
            (&OWN.replace("'.acme.test'", "'.acme.test', '.nsw.edu.au'"), "\".nsw.edu.au\" is no provider's own"),
            ("[[provider]\n", "own.toml, line 1: "),
        ] {
            let said = refused(text);
            assert!(said.contains(part), "{text}\n{said}");
        }
    }
}
