//! The rule pack: what servers say in words, as data (`rules/*.toml`), and which rule wins.
//!
//! A rule names its conditions (provider, stages, reply codes, enhanced codes, patterns), what it means, where the
//! knowledge comes from, and examples in our own words that must hit and that must miss; a test runs them all.
//!
//! *Most specific wins*, whatever the order of files and rules. Specificity is a sum:
//!
//! | condition | points |
//! |---|---|
//! | provider | 200 |
//! | `strength`, how telling the words are (1 … 9, usual 5) | 10 each |
//! | enhanced codes, all exact (`5.7.515`) / with a wildcard (`x.7.26`) | 9 / 6 |
//! | reply codes, all exact (`550`) / a class (`5xx`) | 6 / 2 |
//! | stages | 3 |
//!
//! Equal sums are settled by the rule's name, so that the answer never depends on the order. Provider rules thus
//! stand above all others, and words above bare codes; words of strength 1 and 2 are vague and speak only where the
//! enhanced code is silent.
//!
//! Invariants: all patterns are compiled once into one set, run over the normalised text, a second time only where an
//! operator's own rule won; such a rule never softens what the shipped ones say: no refusal for good becomes one to try
//! again, and where dead addresses, authentication or our reputation hang on it, it means the same.

use crate::file_error::FileError;
use crate::judge::{judge_text, judge_text_of, leads_to_suppression};
use crate::lever::Lever;
use crate::providers::Providers;
use model::{Category, Class, EnhancedCode, Outcome, Scope, Stage, Verdict};
use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

/// What a rule is matched against.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The receiving provider's key.
    pub provider: Option<&'a str>,
    /// Where in the conversation; [`Stage::Any`] when not known.
    pub stage: Stage,
    /// The reply code.
    pub code: Option<u16>,
    /// The enhanced code.
    pub enhanced: Option<EnhancedCode>,
    /// The text, [normalised](crate::text::normal).
    pub text: &'a str,
}

impl Input<'_> {
    /// 5xx or 5.x.x; `None` when there is no code at all. The reply code is believed before the enhanced one.
    pub fn is_permanent(&self) -> Option<bool> {
        match (self.code, self.enhanced) {
            (Some(code), _) => Some(code >= 500),
            (None, Some(enhanced)) => Some(enhanced.class == 5),
            (None, None) => None,
        }
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    provider: Option<String>,
    #[serde(default)]
    stages: Vec<Stage>,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    enhanced: Vec<String>,
    /// At least one must match; none given: the codes are enough.
    #[serde(default)]
    any: Vec<String>,
    /// Only for texts that come without any code: bounce messages, answers of people and machines.
    #[serde(default)]
    without_code: bool,
    category: Category,
    scope: Option<Scope>,
    /// Overrides what reply code and category would make of it: a 5xx that is really temporary, for one.
    outcome: Option<Outcome>,
    strength: Option<u8>,
    hold_min: Option<u32>,
    lever: Option<Lever>,
    #[serde(default)]
    listed: bool,
    #[serde(default)]
    stops_campaign: bool,
    meaning: Option<String>,
    next_step: Option<String>,
    source: String,
    hits: Vec<String>,
    #[serde(default)]
    misses: Vec<String>,
}

impl Written {
    /// Are its patterns regular expressions?
    fn compiles(&self) -> bool {
        self.any.iter().all(|pattern| regex::bytes::RegexBuilder::new(pattern).unicode(false).build().is_ok())
    }

    /// What its examples say against it, if anything does.
    fn fault(&self, pack: &RulePack) -> Option<String> {
        let name = &self.name;
        if self.source.is_empty() || self.hits.is_empty() || self.misses.is_empty() {
            return Some(format!("rule {name} wants a source, a reply in hits and one in misses"));
        }
        let judged = |text: &String| match &self.provider {
            Some(provider) => judge_text_of(pack, provider, text),
            None => judge_text(pack, text),
        };
        for hit in &self.hits {
            let verdict = judged(hit);
            if verdict.rule != *name || verdict.category != self.category {
                let overruled = pack.rule(name).is_some_and(|rule| rule.is_own && rule.takes(hit, pack));
                let why = if overruled { " (which an own rule may not soften)" } else { "" };
                return Some(format!("rule {name} should take {hit:?}, but: {verdict}{why}"));
            }
        }
        let taken = self.misses.iter().find(|miss| judged(miss).rule == *name)?;
        Some(format!("rule {name} should leave {taken:?} alone"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Written>,
}

/// The same, with the places where rules begin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacedFile {
    rule: Vec<toml::Spanned<Written>>,
}

/// A rule as it is used.
#[derive(Debug)]
pub struct Rule {
    /// Unique; what verdicts and reports call it.
    pub name: &'static str,
    /// What it says about the cause.
    pub category: Category,
    /// Whom it concerns, if not the usual.
    pub scope: Option<Scope>,
    /// What it comes to, if not the usual.
    pub outcome: Option<Outcome>,
    /// How long the lane is held, if not the usual.
    pub hold: Option<Duration>,
    /// Which part of pacing it concerns, if not the usual.
    pub lever: Option<Lever>,
    /// Does it say that our address is on a list, so that another address would do better?
    pub listed: bool,
    /// Does a single such reply, confirmed by our own look at DNS, stop the campaign?
    pub stops_campaign: bool,
    /// In plain words, if it knows better than its category.
    pub meaning: Option<&'static str>,
    /// What a person may do, if it knows better than its category.
    pub next_step: Option<&'static str>,
    provider: Option<&'static str>,
    stages: &'static [Stage],
    codes: Vec<CodePattern>,
    enhanced: Vec<EnhancedPattern>,
    needs_words: bool,
    without_code: bool,
    strength: u8,
    points: u32,
    is_own: bool,
}

/// `550` or `5xx`.
#[derive(Debug)]
enum CodePattern {
    Exact(u16),
    Class(u16),
}

/// `5.7.26`, `x.7.26` or `5.7.x`: class, subject and detail, each perhaps any.
#[derive(Debug)]
struct EnhancedPattern([Option<u16>; 3]);

/// Why a rule file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Not TOML, or not a rule.
    #[error("rules: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A pattern is no regular expression, or all together are too large.
    #[error("rules: {0}")]
    Pattern(#[from] regex::Error),
    /// A code that is none.
    #[error("rule {rule}: {text:?} is neither a code nor a pattern of one")]
    Code {
        /// The rule's name.
        rule: String,
        /// What stands there.
        text: String,
    },
    /// Two rules of one name.
    #[error("two rules are called {0}")]
    Twice(String),
    /// Nothing to match.
    #[error("rule {0} has no condition")]
    Empty(String),
}

/// All rules, compiled.
#[derive(Debug)]
pub struct RulePack {
    rules: Vec<Rule>,
    patterns: Vec<String>,
    /// All patterns as one. Of the shipped ones it is made when the first text is looked at: that takes a twentieth of a
    /// second, and where everything is accepted nobody asks.
    set: OnceLock<RegexSet>,
    /// For each pattern of the set, its rule.
    rule_of_pattern: Vec<usize>,
    /// Rules that need no words.
    bare: Vec<usize>,
}

const FILES: [&str; 9] = [
    include_str!("../rules/recipient.toml"),
    include_str!("../rules/mailbox.toml"),
    include_str!("../rules/sender.toml"),
    include_str!("../rules/reputation.toml"),
    include_str!("../rules/authentication.toml"),
    include_str!("../rules/content.toml"),
    include_str!("../rules/receiver.toml"),
    include_str!("../rules/afterwards.toml"),
    include_str!("../rules/by_provider.toml"),
];

static SHIPPED: LazyLock<RulePack> = LazyLock::new(|| RulePack::gather(&FILES).expect(TESTED));
const TESTED: &str = "the shipped rules are tested";

/// The compiled set may take this much memory, and its cache as much again per thread.
const SET_BYTES_MAX: usize = 32 << 20;

impl RulePack {
    /// The rules that come with the program.
    pub fn shipped() -> &'static RulePack {
        &SHIPPED
    }

    /// Compiles rule files. Refuses unknown keys, wrong patterns, two rules of one name and rules without conditions.
    pub fn read(files: &[&str]) -> Result<RulePack, RuleError> {
        let pack = RulePack::gather(files)?;
        let set = compile_set(&pack.patterns)?;
        Ok(RulePack { set: OnceLock::from(set), ..pack })
    }

    /// The same, with patterns that nobody has tried yet.
    fn gather(files: &[&str]) -> Result<RulePack, RuleError> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut patterns: Vec<String> = Vec::new();
        let mut rule_of_pattern = Vec::new();
        for file in files {
            let file: File = toml::from_str(file)?;
            for written in file.rule {
                if rules.iter().any(|rule| rule.name == written.name) {
                    return Err(RuleError::Twice(written.name));
                }
                rule_of_pattern.extend(written.any.iter().map(|_| rules.len()));
                patterns.extend(written.any.iter().cloned());
                rules.push(compile(written)?);
            }
        }
        let bare = rules.iter().enumerate().filter(|(_, rule)| !rule.needs_words).map(|(n, _)| n).collect();
        Ok(RulePack { rules, patterns, set: OnceLock::new(), rule_of_pattern, bare })
    }

    fn set(&self) -> &RegexSet {
        self.set.get_or_init(|| compile_set(&self.patterns).expect(TESTED))
    }

    /// The shipped rules and an operator's own. Refuses what [`RulePack::read`] refuses, a provider nobody describes,
    /// and a rule without source, without examples or whose examples do not hold; the error names file, line and
    /// reason.
    pub fn parse_with(path: &str, text: &str, providers: &Providers) -> Result<RulePack, FileError> {
        let own: PlacedFile = toml::from_str(text).map_err(|error| FileError::syntax(path, text, &error))?;
        let files: Vec<&str> = FILES.iter().copied().chain([text]).collect();
        let line_of = |name: &str| {
            own.rule.iter().rev().find(|rule| rule.get_ref().name == name).map_or(0..0, |rule| rule.span())
        };
        let mut pack = RulePack::read(&files).map_err(|error| {
            let span = match &error {
                RuleError::Code { rule, .. } | RuleError::Twice(rule) | RuleError::Empty(rule) => line_of(rule),
                RuleError::Syntax(_) => 0..0,
                RuleError::Pattern(_) => {
                    own.rule.iter().find(|rule| !rule.get_ref().compiles()).map_or(0..0, |rule| rule.span())
                }
            };
            FileError::at(path, text, span, error.to_string().replace('\n', " "))
        })?;
        let shipped = pack.rules.len().saturating_sub(own.rule.len());
        pack.rules.iter_mut().skip(shipped).for_each(|rule| rule.is_own = true);
        for rule in &own.rule {
            let wrong = |reason: String| FileError::at(path, text, rule.span(), reason);
            let written = rule.get_ref();
            if let Some(provider) = written.provider.as_deref().filter(|key| providers.by_key(key).is_none()) {
                return Err(wrong(format!("rule {}: provider {provider} is described nowhere", written.name)));
            }
            if let Some(reason) = written.fault(&pack) {
                return Err(wrong(reason));
            }
        }
        Ok(pack)
    }

    /// The most specific rule that matches.
    pub fn best(&self, input: &Input<'_>) -> Option<&Rule> {
        self.best_of(input, |_| true)
    }

    /// The same, of the shipped rules alone.
    pub(crate) fn best_shipped(&self, input: &Input<'_>) -> Option<&Rule> {
        self.best_of(input, |rule| !rule.is_own)
    }

    fn best_of(&self, input: &Input<'_>, counts: impl Fn(&Rule) -> bool) -> Option<&Rule> {
        let matches = self.set().matches(input.text.as_bytes());
        let by_words = matches.iter().filter_map(|pattern| self.rule_of_pattern.get(pattern));
        by_words
            .chain(&self.bare)
            .filter_map(|rule| self.rules.get(*rule))
            .filter(|rule| counts(rule) && rule.admits(input))
            .max_by(|a, b| a.points.cmp(&b.points).then_with(|| b.name.cmp(a.name)))
    }

    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// What rules say better than the words of their category.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.rules.iter().flat_map(|rule| [rule.meaning, rule.next_step]).flatten()
    }

    /// Does an operator's own rule lie behind this verdict?
    pub(crate) fn is_own(&self, verdict: &Verdict) -> bool {
        self.rule(&verdict.rule).is_some_and(|rule| rule.is_own)
    }

    /// May an own rule's verdict stand where the shipped rules say something else? Only towards stricter: what is final is
    /// not tried again for its sake, and does not slow us down less. Where brakes, suppressions or rests hang on what they
    /// say, it must mean the same as well.
    pub(crate) fn may_replace(&self, own: &Verdict, shipped: &Verdict) -> bool {
        if severity(own.outcome) < severity(shipped.outcome) {
            return false;
        }
        let is_final = severity(shipped.outcome) > severity(Outcome::Deferred);
        if is_final && !self.must_stand(shipped) {
            return self.lever_of(own).slows() >= self.lever_of(shipped).slows()
                && self.hold_of(own) >= self.hold_of(shipped);
        }
        !self.must_stand(shipped)
            || (own.category == shipped.category
                && own.scope == shipped.scope
                && (own.outcome == shipped.outcome
                    || own.outcome == Outcome::Blocked && shipped.outcome == Outcome::Deferred)
                && self.lever_of(own) == self.lever_of(shipped)
                && self.hold_of(own) >= self.hold_of(shipped)
                && self.is_listing(own) >= self.is_listing(shipped)
                && self.stops_campaign(own) >= self.stops_campaign(shipped))
    }

    /// A dead address, a complaint, failed authentication, a blocklist or a reputation.
    fn must_stand(&self, shipped: &Verdict) -> bool {
        let ours = [Category::AuthFailure, Category::MissingPtr, Category::IpReputation, Category::DomainReputation];
        leads_to_suppression(shipped)
            || shipped.category.class() == Class::Hard
            || ours.contains(&shipped.category)
            || self.is_listing(shipped)
            || self.stops_campaign(shipped)
    }

    /// How long the lane is held after such a refusal; `None`: not at all.
    pub fn hold_of(&self, verdict: &Verdict) -> Option<Duration> {
        let by_rule = self.rule(&verdict.rule).and_then(|rule| rule.hold);
        by_rule.or_else(|| crate::words::of(verdict.category).hold())
    }

    /// Which part of pacing such a reply concerns: what its rule says, else what its category and stage make likely.
    pub fn lever_of(&self, verdict: &Verdict) -> Lever {
        let by_rule = self.rule(&verdict.rule).and_then(|rule| rule.lever);
        by_rule.unwrap_or_else(|| Lever::usual(verdict))
    }

    /// Does such a reply say that our address is listed or banned there?
    pub fn is_listing(&self, verdict: &Verdict) -> bool {
        self.rule(&verdict.rule).is_some_and(|rule| rule.listed)
    }

    /// Does a single such reply stop the campaign, once our own look at DNS confirms it?
    pub fn stops_campaign(&self, verdict: &Verdict) -> bool {
        self.rule(&verdict.rule).is_some_and(|rule| rule.stops_campaign)
    }
}

fn compile_set(patterns: &[String]) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(patterns).unicode(false).size_limit(SET_BYTES_MAX).dfa_size_limit(SET_BYTES_MAX).build()
}

/// How much an outcome ends: a verdict that ends less is softer.
const fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Accepted | Outcome::InDoubt => 0,
        Outcome::Deferred => 1,
        Outcome::Blocked => 2,
        Outcome::Hard => 3,
    }
}

impl Rule {
    /// Would it speak of this reply if nothing overruled it?
    fn takes(&self, reply: &str, pack: &RulePack) -> bool {
        let found = crate::text::read(reply);
        let text = crate::text::normal(&found.text);
        let input = Input {
            provider: self.provider,
            stage: Stage::Any,
            code: found.code,
            enhanced: found.enhanced,
            text: &text,
        };
        pack.best(&input).is_some_and(|best| best.name == self.name)
    }

    /// Are its words so general ("rejected", "denied") that an enhanced code says more?
    pub fn is_vague(&self) -> bool {
        self.provider.is_none() && self.strength <= STRENGTH_VAGUE
    }

    /// Do all conditions but the words hold?
    fn admits(&self, input: &Input<'_>) -> bool {
        let has_code = input.code.is_some() || input.enhanced.is_some();
        !(self.without_code && has_code)
            && self.provider.is_none_or(|provider| input.provider == Some(provider))
            && (self.stages.is_empty() || input.stage == Stage::Any || self.stages.contains(&input.stage))
            && (self.codes.is_empty() || self.codes.iter().any(|pattern| pattern.admits(input)))
            && (self.enhanced.is_empty()
                || input.enhanced.is_some_and(|code| self.enhanced.iter().any(|p| p.admits(code))))
    }
}

impl CodePattern {
    fn read(text: &str) -> Option<CodePattern> {
        match text.strip_suffix("xx") {
            Some(class) => Some(CodePattern::Class(class.parse().ok()?)),
            None => Some(CodePattern::Exact(text.parse().ok()?)),
        }
    }

    /// A class is also admitted on the strength of the enhanced code; a text without any code is taken for final.
    fn admits(&self, input: &Input<'_>) -> bool {
        match self {
            CodePattern::Exact(exact) => input.code == Some(*exact),
            CodePattern::Class(class) => match input.code {
                Some(code) => *class == code / 100,
                None => (*class == 5) == input.is_permanent().unwrap_or(true),
            },
        }
    }
}

impl EnhancedPattern {
    fn read(text: &str) -> Option<EnhancedPattern> {
        let mut parts = [None; 3];
        let mut texts = text.split('.');
        for part in &mut parts {
            let text = texts.next()?;
            *part = if text == "x" { None } else { Some(text.parse().ok()?) };
        }
        texts.next().is_none().then_some(EnhancedPattern(parts))
    }

    fn admits(&self, code: EnhancedCode) -> bool {
        let parts = [u16::from(code.class), code.subject, code.detail];
        self.0.iter().zip(parts).all(|(wanted, part)| wanted.is_none_or(|wanted| wanted == part))
    }

    fn is_exact(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }
}

/// The table at the head of this file.
fn points(provider: bool, strength: u8, stages: bool, codes: &[CodePattern], enhanced: &[EnhancedPattern]) -> u32 {
    let graded = |empty: bool, exact: bool, full: u32, part: u32| match (empty, exact) {
        (true, _) => 0,
        (false, true) => full,
        (false, false) => part,
    };
    let exact_codes = codes.iter().all(|code| matches!(code, CodePattern::Exact(_)));
    let exact_enhanced = enhanced.iter().all(EnhancedPattern::is_exact);
    u32::from(provider) * 200
        + u32::from(strength.min(9)) * 10
        + graded(enhanced.is_empty(), exact_enhanced, 9, 6)
        + graded(codes.is_empty(), exact_codes, 6, 2)
        + u32::from(stages) * 3
}

const STRENGTH_USUAL: u8 = 5;
/// Words of this strength and below speak only where the enhanced code is silent.
const STRENGTH_VAGUE: u8 = 2;

/// Rules live as long as the program: their texts are leaked once, so that verdicts can name them without a copy.
fn compile(written: Written) -> Result<Rule, RuleError> {
    let wrong = |text: &str| RuleError::Code { rule: written.name.clone(), text: text.to_owned() };
    let codes: Vec<CodePattern> =
        written.codes.iter().map(|c| CodePattern::read(c).ok_or_else(|| wrong(c))).collect::<Result<_, _>>()?;
    let enhanced: Vec<EnhancedPattern> =
        written.enhanced.iter().map(|c| EnhancedPattern::read(c).ok_or_else(|| wrong(c))).collect::<Result<_, _>>()?;
    if written.any.is_empty() && codes.is_empty() && enhanced.is_empty() {
        return Err(RuleError::Empty(written.name));
    }
    let strength = written.strength.unwrap_or(STRENGTH_USUAL);
    let points = points(written.provider.is_some(), strength, !written.stages.is_empty(), &codes, &enhanced);
    Ok(Rule {
        name: written.name.leak(),
        category: written.category,
        scope: written.scope,
        outcome: written.outcome,
        hold: written.hold_min.map(|minutes| Duration::from_secs(u64::from(minutes) * 60)),
        lever: written.lever,
        listed: written.listed,
        stops_campaign: written.stops_campaign,
        meaning: written.meaning.map(|text| &*text.leak()),
        next_step: written.next_step.map(|text| &*text.leak()),
        provider: written.provider.map(|text| &*text.leak()),
        stages: written.stages.leak(),
        codes,
        enhanced,
        needs_words: !written.any.is_empty(),
        without_code: written.without_code,
        strength,
        points,
        is_own: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<Written> {
        FILES.iter().flat_map(|file| toml::from_str::<File>(file).unwrap().rule).collect()
    }

    #[test]
    fn every_rule_hits_its_examples_and_misses_the_others() {
        let pack = RulePack::shipped();
        let faults: Vec<String> = written().iter().filter_map(|rule| rule.fault(pack)).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn the_order_of_files_and_rules_does_not_matter() {
        let mut reversed = FILES;
        reversed.reverse();
        let (one, other) = (RulePack::shipped(), RulePack::read(&reversed).unwrap());
        for example in written().iter().flat_map(|rule| rule.hits.iter().chain(&rule.misses)) {
            assert_eq!(judge_text(one, example), judge_text(&other, example), "{example}");
        }
    }

    #[test]
    fn provider_rules_name_providers_that_exist() {
        for rule in written() {
            let known = rule.provider.as_deref().is_none_or(|key| crate::providers::by_key(key).is_some());
            assert!(known, "{}", rule.name);
        }
    }

    fn one(rule: &str) -> Result<RulePack, RuleError> {
        let rest = "category = 'policy'\nsource = 'here'\nhits = ['x']\n";
        RulePack::read(&[&format!("[[rule]]\nname = 'a'\n{rule}\n{rest}")])
    }

    #[test]
    fn broken_rule_files_are_refused_in_words() {
        let error = |rule: &str| one(rule).unwrap_err().to_string();
        assert!(error("codes = ['5x']").contains("\"5x\" is neither a code nor a pattern"));
        assert!(error("enhanced = ['5.7']").contains("\"5.7\" is neither a code nor a pattern"));
        assert!(error("").contains("rule a has no condition"));
        assert!(error("any = ['(']").contains("regex parse error"));
        assert!(error("anny = ['x']").contains("unknown field"));
    }

    /// What large providers say and what it is about, in our own words: the provider, the reply, category and lever.
    const SAID: [(&str, &str, Category, Lever); 40] = [
        ("", "421 mail from 192.0.2.7 temporarily deferred", Category::IpReputation, Lever::Reputation),
        ("", "451 4.7.1 rate limited due to IP reputation", Category::IpReputation, Lever::Reputation),
        ("", "421 4.7.0 server busy, try again later from 192.0.2.7", Category::ReceiverError, Lever::Recipient),
        ("google", "421 4.7.28 unusual rate of mail from your IP", Category::IpReputation, Lever::Reputation),
        (
            "google",
            "421 4.7.28 unusual rate of mail from your DKIM domain",
            Category::DomainReputation,
            Lever::Reputation,
        ),
        (
            "google",
            "421 4.7.0 this message is suspicious due to the nature of its links",
            Category::DomainReputation,
            Lever::Reputation,
        ),
        ("google", "550 5.7.26 unauthenticated", Category::AuthFailure, Lever::None),
        ("google", "421 4.7.32 From header is not aligned", Category::AuthFailure, Lever::None),
        ("google", "421 4.7.29 sent without TLS", Category::TlsFailure, Lever::None),
        (
            "google",
            "450 4.2.1 the user is receiving mail at a rate that prevents more",
            Category::RateLimited,
            Lever::Recipient,
        ),
        ("google", "450 4.2.1 peak SMTP relay limit exceeded", Category::RateLimited, Lever::Rate),
        ("google", "452 4.2.2 the mailbox is out of storage space", Category::MailboxFull, Lever::Recipient),
        ("google", "550 5.1.1 no such account", Category::UnknownRecipient, Lever::None),
        ("yahoo", "421 4.7.0 [TSS04] volume or complaints", Category::IpReputation, Lever::Reputation),
        ("yahoo", "421 4.7.0 [TS02] unusual traffic", Category::IpReputation, Lever::Reputation),
        ("yahoo", "421 [IPTS04] put off", Category::IpReputation, Lever::Reputation),
        ("yahoo", "553 5.7.1 [BL21] listed", Category::IpReputation, Lever::Reputation),
        ("yahoo", "421 max message per connection reached, close it", Category::RateLimited, Lever::PerConnection),
        ("yahoo", "554 5.7.9 refused for policy reasons", Category::Policy, Lever::Recipient),
        ("yahoo-japan", "421 4.7.1 VS98-IP0 deferred", Category::IpReputation, Lever::Reputation),
        (
            "outlook",
            "550 5.7.1 part of your network is on our block list (S3140)",
            Category::IpReputation,
            Lever::Reputation,
        ),
        ("outlook", "421 RP-001 the limit of mail for this hour is reached", Category::RateLimited, Lever::Rate),
        ("outlook", "451 4.7.650 slowed for IP reputation", Category::IpReputation, Lever::Reputation),
        ("outlook", "421 4.3.2 you exceeded the max connections", Category::RateLimited, Lever::Connections),
        ("outlook", "421 too many concurrent connections (IB007)", Category::RateLimited, Lever::Connections),
        ("outlook", "421 you exceeded the messages per connection", Category::RateLimited, Lever::PerConnection),
        ("outlook", "550 5.7.515 From domain below the level required", Category::AuthFailure, Lever::None),
        ("microsoft365", "550 5.7.606 banned sending IP", Category::IpReputation, Lever::Reputation),
        (
            "microsoft365",
            "550 5.4.1 recipient address rejected: access denied",
            Category::UnknownRecipient,
            Lever::None,
        ),
        ("apple", "421 4.7.1 [HCM1] put off", Category::RateLimited, Lever::Rate),
        ("apple", "451 4.3.2 [BS02] service unavailable", Category::RateLimited, Lever::Rate),
        ("apple", "554 5.7.1 [CS01] refused under local rules", Category::Policy, Lever::Recipient),
        ("orange", "421 too many connections, slow down (OFR004_104)", Category::RateLimited, Lever::Connections),
        ("comcast", "421 4.1.0 slowed down RL000001", Category::RateLimited, Lever::Rate),
        ("gmx", "421 too many connections from this address", Category::RateLimited, Lever::Connections),
        ("mimecast", "451 internal resource temporarily unavailable", Category::ReceiverError, Lever::Recipient),
        ("qq", "550 ip frequency limited", Category::RateLimited, Lever::Rate),
        ("netease", "554 HL:ITC 163 smtp", Category::RateLimited, Lever::DayCap),
        ("netease", "421 too many connections", Category::RateLimited, Lever::Connections),
        ("", "452 4.5.3 too many recipients", Category::RateLimited, Lever::Recipient),
    ];

    #[test]
    fn each_reply_turns_its_own_lever() {
        let pack = RulePack::shipped();
        let mut wrong = Vec::new();
        for (provider, said, category, lever) in SAID {
            let provider = Some(provider).filter(|provider| !provider.is_empty());
            let found = crate::text::read(said);
            let text = crate::text::normal(&found.text);
            let input = Input { provider, stage: Stage::Rcpt, code: found.code, enhanced: found.enhanced, text: &text };
            let verdict = crate::judge::by_authority(pack, &input);
            if (verdict.category, pack.lever_of(&verdict)) != (category, lever) {
                wrong.push(format!("{said}: {lever} expected, {} found: {verdict}", pack.lever_of(&verdict)));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    const OWN: &str = "[[rule]]\nname = 'acme-slow'\nany = ['\\bacme says slow']\ncodes = ['4xx']\n\
                       category = 'rate_limited'\nlever = 'rate'\nstrength = 9\nsource = 'seen'\n\
                       hits = ['450 4.7.1 acme says slow']\nmisses = ['450 4.7.1 acme says hello']\n";

    #[test]
    fn an_operators_rules_join_the_shipped_ones() {
        let pack = RulePack::parse_with("rules.toml", OWN, Providers::shipped()).unwrap();
        let verdict = judge_text(&pack, "450 4.7.1 acme says slow");
        assert_eq!((verdict.rule.as_ref(), pack.lever_of(&verdict)), ("acme-slow", Lever::Rate));
        assert_eq!(
            judge_text(&pack, "550 5.1.1 no such user"),
            judge_text(RulePack::shipped(), "550 5.1.1 no such user")
        );
    }

    #[test]
    fn an_own_rule_does_not_soften_what_brakes_and_suppressions_hang_on() {
        let soft = "[[rule]]\nname = 'all-is-well'\ncodes = ['550', '554', '421', '450']\nany = ['.']\nstrength = 9\n\
                    category = 'mailbox_full'\noutcome = 'deferred'\nsource = 'hope'\nhits = ['450 zzz']\n\
                    misses = ['552 zzz']\n";
        let for_google = soft.replace("codes", "provider = 'google'\ncodes").replace("all-is", "there-is");
        let pack = RulePack::parse_with("rules.toml", &format!("{soft}{for_google}"), Providers::shipped()).unwrap();
        for stands in [
            "550 5.1.1 no such user",
            "550 user unknown",
            "550 5.1.1",
            "450 4.1.1 user unknown",
            "550 5.7.26 unauthenticated",
            "550 5.7.1 blocked using zen.spamhaus.org",
            "421 4.7.28 unusual rate of mail from your IP",
            "550 zzz",
            "554 5.7.1 refused under local policy",
            "554 5.7.1 message looks like spam",
            "550 5.7.509 zzz",
        ] {
            for provider in ["google", "yahoo"] {
                let shipped = judge_text_of(RulePack::shipped(), provider, stands);
                assert_eq!(judge_text_of(&pack, provider, stands), shipped, "{provider} {stands}");
            }
        }
        let unknown = judge_text(&pack, "450 zzz");
        assert_eq!((unknown.rule.as_ref(), unknown.outcome), ("all-is-well", Outcome::Deferred));
        for (softened, outcome) in [
            ("550 5.1.1 no such user", "deferred"),
            ("550 zzz", "deferred"),
            ("554 5.7.1 refused under local policy", "deferred"),
            ("554 5.7.1 message looks like spam", "deferred"),
            ("550 zzz", "accepted"),
        ] {
            let soft = soft.replace("'deferred'", &format!("'{outcome}'"));
            let text = format!("\n{}", soft.replace("hits = ['450 zzz']", &format!("hits = ['{softened}']")));
            let said = RulePack::parse_with("rules.toml", &text, Providers::shipped()).unwrap_err().to_string();
            assert!(said.starts_with("rules.toml, line 2: rule all-is-well should take"), "{said}");
            assert!(said.contains("which an own rule may not soften"), "{said}");
        }
    }

    #[test]
    fn an_own_rule_may_slow_down_for_what_is_final_and_not_take_it_for_passing() {
        let slower = "[[rule]]\nname = 'acme-never'\nany = ['\\bacme never']\nstrength = 9\ncategory = 'policy'\n\
                      lever = 'rate'\nsource = 'seen'\nhits = ['550 acme never']\nmisses = ['550 zzz']\n";
        let pack = RulePack::parse_with("rules.toml", slower, Providers::shipped()).unwrap();
        let verdict = judge_text(&pack, "550 acme never");
        assert_eq!((verdict.outcome, pack.lever_of(&verdict)), (Outcome::Blocked, Lever::Rate));
        // A rate is a passing cause: a 5xx for it would be tried again.
        let passing = slower.replace("'policy'", "'rate_limited'");
        let said = RulePack::parse_with("rules.toml", &passing, Providers::shipped()).unwrap_err().to_string();
        assert!(said.contains("which an own rule may not soften"), "{said}");
    }

    #[test]
    fn an_own_rule_may_say_the_same_more_strictly() {
        let strict = "[[rule]]\nname = 'acme-list'\nany = ['\\bacme']\nstrength = 9\ncategory = 'ip_reputation'\n\
                      lever = 'reputation'\nlisted = true\nhold_min = 100000\nsource = 'seen'\n\
                      hits = ['550 5.7.1 acme blocked using zen.spamhaus.org']\nmisses = ['550 zzz']\n";
        let pack = RulePack::parse_with("rules.toml", strict, Providers::shipped()).unwrap();
        assert_eq!(judge_text(&pack, "550 5.7.1 acme blocked using zen.spamhaus.org").rule, "acme-list");
        let weak = strict.replace("listed = true\n", "").replace("hold_min = 100000", "hold_min = 0");
        let said = RulePack::parse_with("rules.toml", &weak, Providers::shipped()).unwrap_err().to_string();
        assert!(said.contains("may not soften"), "{said}");
    }

    #[test]
    fn a_wrong_file_of_rules_is_refused_with_its_line_and_the_reason() {
        for (text, part) in [
            (
                format!("\n\n{}", OWN.replace("hits = ['450 4.7.1 acme says slow']\n", "hits = []\n")),
                "rules.toml, line 3: rule acme-slow wants a source, a reply in hits",
            ),
            (OWN.replace("misses = ['450 4.7.1 acme says hello']\n", ""), "and one in misses"),
            (
                OWN.replace("hits = ['450 4.7.1 acme says slow']", "hits = ['450 4.7.1 acme says hurry']"),
                "should take \"450 4.7.1 acme says hurry\"",
            ),
            (
                OWN.replace("acme says hello", "acme says slow now"),
                "should leave \"450 4.7.1 acme says slow now\" alone",
            ),
            (OWN.replace("lever", "levers"), "rules.toml, line 6: unknown field `levers`"),
            (OWN.replace("'rate'", "'speed'"), "unknown variant `speed`"),
            (OWN.replace("'4xx'", "'four'"), "line 1: rule acme-slow: \"four\" is neither"),
            (OWN.replace("\\bacme", "(acme"), "regex parse error"),
            (OWN.replace("acme-slow", "rate-limited"), "two rules are called rate-limited"),
            (OWN.replace("strength", "provider = 'nobody'\nstrength"), "provider nobody is described nowhere"),
        ] {
            let said = RulePack::parse_with("rules.toml", &text, Providers::shipped()).unwrap_err().to_string();
            assert!(said.contains(part), "{text}\n{said}");
        }
    }

    #[test]
    fn a_provider_beats_words_and_words_beat_codes() {
        let best = |specific: u32, general: u32| assert!(specific > general, "{specific} > {general}");
        let exact = [EnhancedPattern([Some(5), Some(7), Some(1)])];
        let code = [CodePattern::Exact(550)];
        best(points(true, 1, false, &[], &[]), points(false, 9, true, &code, &exact));
        best(points(false, 5, false, &[], &exact), points(false, 5, true, &code, &[]) - 3);
        best(points(false, 6, false, &[], &[]), points(false, 5, true, &code, &[]));
    }
}
