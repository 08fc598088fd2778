//! What pages say: one catalogue for each language, in `words/`, in Fluent's syntax (projectfluent.org), and what rules say
//! of verdicts and the API of refusals in languages that are not theirs (`verdicts.*.toml`, `refusals.*.toml`): both bring
//! their English along.
//!
//! No page and no template has words of its own; all ask here, by id. Numbers among the values are written as the language
//! writes them. Invariants, proved by tests: what can be said in one language can be said in all, with the same values;
//! whatever code or templates ask for exists, and whatever exists is asked for.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use model::{Language, Timestamp};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A language's words.
type Catalogue = FluentBundle<FluentResource>;

static CATALOGUES: LazyLock<BTreeMap<Language, Catalogue>> =
    LazyLock::new(|| Language::ALL.iter().map(|language| (*language, catalogue(*language))).collect());

/// A catalogue as it is written: what recipients read, and what operators read on the pages of campaigns and people and
/// at the desk, where lists and settings are kept.
const fn sources(language: Language) -> [&'static str; 3] {
    match language {
        Language::En => [
            include_str!("../words/en.ftl"),
            include_str!("../words/pages.en.ftl"),
            include_str!("../words/desk.en.ftl"),
        ],
        Language::De => [
            include_str!("../words/de.ftl"),
            include_str!("../words/pages.de.ftl"),
            include_str!("../words/desk.de.ftl"),
        ],
    }
}

/// What rules say of verdicts, in the languages that are not theirs: by their own text.
static TOLD: LazyLock<BTreeMap<Language, BTreeMap<String, String>>> =
    LazyLock::new(|| Language::ALL.iter().map(|language| (*language, told_in(*language))).collect());

fn told_in(language: Language) -> BTreeMap<String, String> {
    match language {
        Language::En => BTreeMap::new(),
        // What cannot be read is left out, and the test that everything is translated says so.
        Language::De => toml::from_str(include_str!("../words/verdicts.de.toml")).unwrap_or_default(),
    }
}

/// What the API says of refusals, in the languages that are not its own: its own text, `{}` for what stands in it, and the
/// same in the language. What says most by itself comes first: a text is of the narrowest pattern it fits.
static REFUSED: LazyLock<BTreeMap<Language, Vec<(String, String)>>> =
    LazyLock::new(|| Language::ALL.iter().map(|language| (*language, refused_in(*language))).collect());

fn refused_in(language: Language) -> Vec<(String, String)> {
    let known: BTreeMap<String, String> = match language {
        Language::En => BTreeMap::new(),
        // As with verdicts.
        Language::De => toml::from_str(include_str!("../words/refusals.de.toml")).unwrap_or_default(),
    };
    let mut known: Vec<(String, String)> = known.into_iter().collect();
    known.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len() - HOLE.len() * pattern.matches(HOLE).count()));
    known
}

/// Stands in a text for what was put into it.
const HOLE: &str = "{}";
/// How many refusals stand in each other at most that are all said in the language; beyond, they stay as they are.
const REFUSALS_DEEP_MAX: u8 = 8;

/// The words of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    language: Language,
}

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> Words {
        Words { language }
    }

    /// The language.
    pub(crate) const fn language(self) -> Language {
        self.language
    }

    /// The language's tag (BCP 47).
    pub(crate) const fn tag(self) -> &'static str {
        self.language.word()
    }

    /// What has no values.
    pub(crate) fn say(self, id: &str) -> String {
        self.formatted(id, None)
    }

    /// What is said for a word of a closed set: for `sending` of the family `state`, what stands at `state-sending`.
    pub(crate) fn one_of(self, family: &str, word: &str) -> String {
        self.say(&format!("{family}-{word}"))
    }

    /// A number as the language writes it.
    pub(crate) fn number(self, value: FluentValue<'_>) -> String {
        let written = match self.language {
            Language::En => in_english(&value, &()),
            Language::De => in_german(&value, &()),
        };
        written.unwrap_or_default()
    }

    /// What stands before the decimals.
    pub(crate) const fn decimal_sign(self) -> &'static str {
        match self.language {
            Language::En => ".",
            Language::De => ",",
        }
    }

    /// What has values: texts, and numbers, by which forms are chosen as well.
    pub(crate) fn fill(self, id: &str, values: &[(&str, FluentValue<'_>)]) -> String {
        let mut filled = FluentArgs::with_capacity(values.len());
        values.iter().for_each(|(name, value)| filled.set(*name, value.clone()));
        self.formatted(id, Some(&filled))
    }

    /// What a rule or a category says of a verdict. Whatever is not of the house (an operator's own rule) stays as it is.
    pub(crate) fn told(self, text: &str) -> String {
        TOLD.get(&self.language).and_then(|known| known.get(text)).map_or_else(|| text.to_owned(), String::clone)
    }

    /// What the API says of what it refused, and an import of a row. What is not known in this language stays as it is, and what
    /// stands in a text is looked up as well.
    pub(crate) fn refused(self, text: &str) -> String {
        self.refused_within(text, REFUSALS_DEEP_MAX)
    }

    fn refused_within(self, text: &str, deep: u8) -> String {
        let known = REFUSED.get(&self.language).filter(|_| deep > 0);
        let found = known.into_iter().flatten().find_map(|(pattern, said)| {
            let parts = dispatch::telling::filling(pattern, text)?;
            Some((said, parts))
        });
        let Some((said, parts)) = found else { return text.to_owned() };
        // What is put in may look like a place for the next.
        let mut pieces = said.split(HOLE);
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for (piece, part) in pieces.zip(parts) {
            filled.push_str(&self.refused_within(part, deep - 1));
            filled.push_str(piece);
        }
        filled
    }

    /// A day in words, in UTC.
    pub(crate) fn date(self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
        self.date_of(at.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// A day of the calendar in words, `1 March 2026`.
    pub(crate) fn date_of(self, date: jiff::civil::Date) -> String {
        let year = date.year().to_string();
        self.fill("date", &[("day", date.day().into()), ("month", date.month().into()), ("year", year.into())])
    }

    /// An id that does not exist stands for itself.
    fn formatted(self, id: &str, values: Option<&FluentArgs<'_>>) -> String {
        let said = || {
            let bundle = CATALOGUES.get(&self.language)?;
            let message = bundle.get_message(id)?;
            Some(bundle.format_pattern(message.value()?, values, &mut Vec::new()).into_owned())
        };
        said().unwrap_or_else(|| id.to_owned())
    }
}

fn catalogue(language: Language) -> Catalogue {
    // What cannot be read is left out, and the test that every id exists says which.
    let read = |source: &str| FluentResource::try_new(source.to_owned()).unwrap_or_else(|(read, _)| read);
    let mut bundle = FluentBundle::new_concurrent(language.word().parse().into_iter().collect());
    // Marks around values help where directions mix; these languages both run from the left.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(match language {
        Language::En => in_english,
        Language::De => in_german,
    }));
    sources(language).into_iter().for_each(|source| bundle.add_resource_overriding(read(source)));
    bundle
}

fn in_english<M>(value: &FluentValue<'_>, _memory: &M) -> Option<String> {
    number(value, ',', '.')
}

fn in_german<M>(value: &FluentValue<'_>, _memory: &M) -> Option<String> {
    number(value, '.', ',')
}

/// A number with its thousands and its fraction set off.
fn number(value: &FluentValue<'_>, thousands: char, point: char) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let text = number.as_string();
    let (whole, fraction) = text.split_once('.').map_or((text.as_ref(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(thousands);
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push(point);
        out.push_str(fraction);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The ids of a catalogue, each with the values it names.
    fn ids(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in sources(language).into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#')) {
            if let Some((id, _)) = line.split_once(" =").filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                current = id.to_owned();
                assert!(found.insert(current.clone(), BTreeSet::new()).is_none(), "{id} twice in {language}");
            }
            let names = line.split('$').skip(1).map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next().unwrap().to_owned()
            });
            found.entry(current.clone()).or_default().extend(names);
        }
        found.remove("");
        found
    }

    #[test]
    fn a_message_begins_with_what_the_engine_knows_for_unwritten() {
        let begun: Vec<String> =
            Language::ALL.iter().map(|language| Words::of(*language).say("starter-write")).collect();
        assert_eq!(begun, engine::drafts::UNWRITTEN);
    }

    /// What an import counts.
    const IMPORTED: [&str; 10] = [
        "rows",
        "added",
        "updated",
        "unchanged",
        "duplicates",
        "rejected",
        "forgotten",
        "blank",
        "repeated",
        "suppressed",
    ];
    /// What is worth a second look in a row of a file (`engine::import::Note`).
    const NOTES: [&str; 10] = [
        "role_address",
        "missing_consent",
        "consent_ahead",
        "consent_unread",
        "consent_refused",
        "unknown_status",
        "unknown_zone",
        "mixed_encoding",
        "no_address",
        "unreadable_address",
    ];
    /// The codes of [`engine::Objection`].
    const OBJECTIONS: [&str; 10] = [
        "no_signing_key",
        "key_not_published",
        "key_not_seen",
        "no_unsubscribe",
        "no_postal_address",
        "unwritten",
        "nobody_to_send_to",
        "expired",
        "rule_names_gone",
        "sent_already",
    ];

    /// What is asked for by a word of a closed set: [`Words::one_of`].
    fn families() -> impl Iterator<Item = String> {
        use model::{AlertKind, CampaignState, ContactStatus, DeliveryState, EventKind, SkipReason, SuppressionReason};
        let of = |family: &'static str, words: Vec<&'static str>| {
            words.into_iter().map(move |word| format!("{family}-{word}")).collect::<Vec<_>>()
        };
        let terms = ["recipients", "attempted", "in_progress", "not_delivered", "all"];
        let numbers = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];
        [
            of("state", CampaignState::ALL.iter().map(|one| one.word()).collect()),
            of("status", ContactStatus::ALL.iter().map(|one| one.word()).collect()),
            of("term", DeliveryState::ALL.iter().map(|one| one.word()).chain(terms).collect()),
            of("skip", SkipReason::ALL.iter().map(|one| one.word()).collect()),
            of("suppressed", SuppressionReason::ALL.iter().map(|one| one.word()).collect()),
            of("event", EventKind::ALL.iter().map(|one| one.word()).collect()),
            of("alert", AlertKind::ALL.iter().map(|one| one.word()).collect()),
            of("problem", crate::Code::ALL.iter().map(|one| one.word()).collect()),
            of("sign-in-by", crate::auth::oidc::Refusal::WORDS.to_vec()),
            of("objection", OBJECTIONS.to_vec()),
            of("remedy", OBJECTIONS.to_vec()),
            of("reaction", model::ReactionKind::ALL.iter().map(|one| one.word()).collect()),
            of("preview", pages::WAYS.to_vec()),
            of("tracking", vec!["off", "anonymous", "full"]),
            of("bound", engine::forecast::Bound::ALL.iter().map(|one| one.word()).collect()),
            of("sample", vec!["percent", "people"]),
            of("wait", vec!["minutes", "hours", "days"]),
            of("measure", vec!["clicks", "goal"]),
            of("done", pages::DONE.to_vec()),
            of("did", engine::report::people::Did::ALL.map(|did| did.word()).to_vec()),
            of("doer", model::reaction::By::ALL.map(|by| by.word()).to_vec()),
            of("do", vec!["change", "look", "suppress", "lift", "resend", "doubt", "campaign", "choose", "sunsets"]),
            of("chosen", vec!["figures", "clear", "person"]),
            of("brought-after", vec!["click", "mail"]),
            of("group", vec!["list", "segment"]),
            of("shelf", vec!["all", "writing", "progress", "sent", "automated", "single"]),
            of("lane", vec!["held", "spent", "slowed", "full", "refused"]),
            of("role", model::Role::ALL.iter().map(|one| one.word()).collect()),
            of("role-what", model::Role::ALL.iter().map(|one| one.word()).collect()),
            of("setting", engine::options::SETTINGS.iter().map(|(name, _)| *name).collect()),
            of("setting-what", engine::options::SETTINGS.iter().map(|(name, _)| *name).collect()),
            of("language", Language::ALL.iter().map(|one| one.word()).collect()),
            of("cap", vec!["per_day", "per_week", "topic_per_week"]),
            of("channel-way", vec!["webhook", "slack", "ntfy", "mail", "ping"]),
            of("quiet", vec!["hour", "shift", "day", "week"]),
            of("setup", engine::setup::Reason::WORDS.to_vec()),
            of("setup-of", vec!["address", "port", "reverse"]),
            of("setup-is", vec!["ok", "hard", "soft"]),
            of("sequence-state", model::SequenceState::ALL.iter().map(|one| one.word()).collect()),
            of("passing", crate::api::passages::WHO.to_vec()),
            of("departure", model::Departure::ALL.iter().map(|one| one.word()).collect()),
            of("published", vec!["published", "not_published", "wrong", "unknown", "not_looked"]),
            of("policy", vec!["spf", "dmarc"]),
            of("key-kind", vec!["rsa", "ed25519"]),
            of("ceiling", pages::CEILINGS.to_vec()),
            of("column", engine::import::Role::ALL.iter().map(|one| one.word()).collect()),
            of("import", IMPORTED.to_vec()),
            of("import-means", IMPORTED.to_vec()),
            of("note", NOTES.to_vec()),
            of("left-by", pages::LEFT_BY.to_vec()),
            of("error-cause", model::ErrorCause::ALL.iter().map(|one| one.word()).collect()),
            of("edited", pages::EDITED.to_vec()),
            of("sign", dispatch::engage::Sign::ALL.iter().map(|one| one.word()).collect()),
            of("level", model::segment::Level::ALL.iter().map(|one| one.word()).collect()),
            of("condition", pages::condition_kinds()),
            of("op", pages::CONDITION_OPS.to_vec()),
            of("entry", [&pages::steps::ENTRIES[..], &["text"]].concat()),
            of("again-in", pages::steps::AGAIN.to_vec()),
            of("unit", pages::steps::UNITS.to_vec()),
            of("step", [&pages::steps::STEPS[..], &["text"]].concat()),
            of("weekday", numbers[..7].to_vec()),
            of("month", numbers.to_vec()),
        ]
        .into_iter()
        .flatten()
    }

    /// What stands in quotes.
    fn literals(text: &str) -> impl Iterator<Item = &str> {
        text.split('"').skip(1).step_by(2)
    }

    /// What the code and the templates below `folder` ask for by name.
    fn asked(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                asked(&entry.path(), found);
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let lists = text.split(concat!(".says", "([")).skip(1).filter_map(|rest| rest.split(']').next());
            found.extend(lists.flat_map(literals).map(str::to_owned));
            for verb in [concat!("say", "("), concat!(".fill", "("), concat!(".count", "("), concat!("words", ": ")] {
                let ids = text.split(verb).skip(1).flat_map(|rest| match rest.trim_start().strip_prefix("if ") {
                    // One of two.
                    Some(choice) => choice.split('}').take(2).flat_map(literals).collect(),
                    None => rest
                        .trim_start()
                        .strip_prefix('"')
                        .and_then(|id| id.split('"').next())
                        .into_iter()
                        .collect::<Vec<_>>(),
                });
                // What chance is asked for has blanks in its name; no id has.
                found.extend(ids.filter(|id| !id.contains(' ')).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_language_says_the_same_with_the_same_values() {
        let english = ids(Language::En);
        for language in Language::ALL {
            assert_eq!(ids(*language), english, "{language}");
            for id in english.keys() {
                let readable = CATALOGUES[language].get_message(id).is_some_and(|message| message.value().is_some());
                assert!(readable, "{id} of {language} cannot be read");
            }
        }
    }

    #[test]
    fn what_rules_say_is_said_in_every_language() {
        let texts: BTreeSet<String> = engine::report::texts().into_iter().map(str::to_owned).collect();
        for language in Language::ALL.iter().filter(|language| **language != Language::En) {
            let known: BTreeSet<String> = TOLD[language].keys().cloned().collect();
            let (missing, idle) = (texts.difference(&known), known.difference(&texts));
            assert_eq!((missing.collect::<Vec<_>>(), idle.collect::<Vec<_>>()), (vec![], vec![]), "{language}");
        }
        assert_eq!(Words::of(Language::De).told("mailbox full"), "das Postfach ist voll");
        assert_eq!(Words::of(Language::De).told("a rule of the operator's own"), "a rule of the operator's own");
    }

    #[test]
    fn what_is_asked_for_exists_and_what_exists_is_asked_for() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found: BTreeSet<String> = families().collect();
        asked(&root.join("src"), &mut found);
        asked(&root.join("templates"), &mut found);
        let known: BTreeSet<String> = ids(Language::En).into_keys().collect();
        let (unknown, idle) = (found.difference(&known), known.difference(&found));
        assert_eq!((unknown.collect::<Vec<_>>(), idle.collect::<Vec<_>>()), (vec![], vec![]));
    }

    #[test]
    fn numbers_and_days_are_written_as_the_language_writes_them() {
        let written = |language: Language, value: FluentValue<'_>| match language {
            Language::En => in_english(&value, &()).unwrap(),
            Language::De => in_german(&value, &()).unwrap(),
        };
        assert_eq!(written(Language::En, 1_234_567.into()), "1,234,567");
        assert_eq!(written(Language::De, (-1_234.5).into()), "-1.234,5");
        assert_eq!(written(Language::De, 999.into()), "999");
        let day = Timestamp::from_millis(1_772_323_200_000);
        assert_eq!(Words::of(Language::En).date(day), "1 March 2026");
        assert_eq!(Words::of(Language::De).date(day), "1. März 2026");
    }

    /// The sources with whatever stands in a text replaced by its hole, and texts over several lines made one.
    fn said_in_sources() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<_> = ["web", "store", "model", "engine", "net", "mail", "dispatch"]
            .map(|name| root.join(name).join("src"))
            .to_vec();
        let mut all = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    all.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let lines: Vec<&str> = all.split("\\\n").map(str::trim_start).collect();
        let (mut plain, mut in_text, mut in_hole, mut before) = (String::new(), false, false, ' ');
        let all = lines.concat();
        let mut letters = all.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if before != '\\' => (in_text, in_hole) = (!in_text, false),
                // A text that is not over at the end of its line is a letter of code.
                '\n' => (in_text, in_hole) = (false, false),
                // Twice, it is one that stands in the text.
                '{' | '}' if in_text && !in_hole && letters.peek() == Some(&letter) => {
                    plain.push(letter);
                    letters.next();
                }
                '{' if in_text => {
                    in_hole = true;
                    plain.push_str(HOLE);
                }
                '}' if in_hole => in_hole = false,
                _ if in_text && !in_hole => plain.push(letter),
                _ => {}
            }
            before = letter;
        }
        plain
    }

    #[test]
    fn one_person_is_no_number_of_people() {
        let said =
            |language, n: u64| Words::of(language).fill("need-paused", &[("name", "News".into()), ("n", n.into())]);
        assert_eq!(said(Language::En, 1), "News is paused; one person waits");
        assert_eq!(said(Language::En, 2), "News is paused; 2 people wait");
        assert_eq!(said(Language::De, 1), "News ist angehalten; eine Person wartet");
    }

    #[test]
    fn refusals_are_said_in_other_languages_as_the_api_says_them() {
        let sources = said_in_sources();
        for (language, known) in REFUSED.iter().filter(|(language, _)| **language != Language::En) {
            assert!(!known.is_empty(), "the refusals of {language} are not read");
            for (pattern, said) in known {
                assert_eq!(pattern.matches(HOLE).count(), said.matches(HOLE).count(), "{pattern}");
                let written = pattern.replace('"', "\\\"");
                let once = written.replace("{{", "{").replace("}}", "}");
                assert!(sources.contains(&written) || sources.contains(&once), "nobody says {pattern:?} any more");
            }
        }
        let de = Words::of(Language::De);
        assert_eq!(de.refused("there is no @ in it"), "es fehlt ein @");
        assert_eq!(de.refused("a name has 1 to 100 characters"), "ein Name hat 1 bis 100 Zeichen");
        assert_eq!(de.refused("there is a list \"News\" already"), "das gibt es schon (Liste \"News\")");
        assert_eq!(
            de.refused("\"a b@c.test\" is not an address: ' ' is not allowed before the @"),
            "\"a b@c.test\" ist keine Adresse: ' ' ist vor dem @ nicht erlaubt"
        );
        assert_eq!(de.refused("whatever it is"), "whatever it is");
        assert_eq!(Words::of(Language::En).refused("there is no @ in it"), "there is no @ in it");
    }

    #[test]
    fn what_stands_in_a_refusal_is_said_in_the_language_as_well() {
        let de = Words::of(Language::De);
        let rule = |text: &str| de.refused(&model::segment::parse(text).unwrap_err().to_string());
        assert_eq!(rule("attr.a > "), "bei Zeichen 10: erwartet: eine Zahl; da steht: das Ende");
        assert_eq!(rule("foo"), "bei Zeichen 1: \"foo\" ist keine Bedingung");
        assert_eq!(
            rule("in_list(\"l_nope!\")"),
            "bei Zeichen 9: \"l_nope!\" ist keine Kennung (Liste): erwartet werden l_ und Ziffern zur Basis 32"
        );
        let hours = dispatch::windows::Windows::parse("Mon 9-x").unwrap_err().to_string();
        assert!(de.refused(&hours).contains("ist keine Tageszeit wie 09:00-17:00; man schreibt"), "{hours}");
        let sender = engine::launch::parse_mailbox("x").unwrap_err().to_string();
        assert_eq!(de.refused(&sender), "der Absender \"x\" ist keine Adresse: es fehlt ein @");
        let brand = engine::brand::read_setting(engine::brand::SENDER, "x").unwrap_err();
        assert_eq!(de.refused(&brand), "eine Adresse, oder `Name <Adresse>`");
        let options = mail::compose::CompileOptions {
            fallback_subject: Some("-".to_owned()),
            ..mail::compose::CompileOptions::default()
        };
        let message = |source: &str| {
            let read = mail::compose::compile(source, mail::compose::SourceKind::Html, &options);
            de.refused(&read.unwrap_err().to_string())
        };
        let unknown = message("<p>{{ nmae }}</p>");
        assert!(unknown.starts_with("Zeile 1, Spalte "), "{unknown}");
        assert!(unknown.contains(": der Empfängerkreis hat keine Spalte \"nmae\"; es gibt: "), "{unknown}");
        assert_eq!(
            message("<p>{% if a %}</p>"),
            "Zeile 1, Spalte 4: {% if %} wird nie geschlossen: es fehlt {% endif %}"
        );
        assert_eq!(message(""), "die Nachricht ist leer");
    }

    #[test]
    fn a_refusal_that_names_what_looks_like_a_place_is_said_whole_and_deep_ones_end() {
        let de = Words::of(Language::De);
        assert_eq!(de.refused("there is a list \"{}\" already"), "das gibt es schon (Liste \"{}\")");
        let deep = "a: ".repeat(2_000);
        assert_eq!(de.refused(&deep), deep);
    }
}
