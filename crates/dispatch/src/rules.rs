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
//! Invariant: all patterns are compiled once into one set, run once over the normalised text.

use crate::lever::Lever;
use model::{Category, EnhancedCode, Outcome, Scope, Stage, Verdict};
use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;
use std::sync::LazyLock;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Written>,
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
    set: RegexSet,
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

static SHIPPED: LazyLock<RulePack> = LazyLock::new(|| RulePack::read(&FILES).expect("the shipped rules are tested"));

/// The compiled set may take this much memory, and its cache as much again per thread.
const SET_BYTES_MAX: usize = 32 << 20;

impl RulePack {
    /// The rules that come with the program.
    pub fn shipped() -> &'static RulePack {
        &SHIPPED
    }

    /// Compiles rule files. Refuses unknown keys, wrong patterns, two rules of one name and rules without conditions.
    pub fn read(files: &[&str]) -> Result<RulePack, RuleError> {
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
        let set = RegexSetBuilder::new(&patterns)
            .unicode(false)
            .size_limit(SET_BYTES_MAX)
            .dfa_size_limit(SET_BYTES_MAX)
            .build()?;
        let bare = rules.iter().enumerate().filter(|(_, rule)| !rule.needs_words).map(|(n, _)| n).collect();
        Ok(RulePack { rules, set, rule_of_pattern, bare })
    }

    /// The most specific rule that matches.
    pub fn best(&self, input: &Input<'_>) -> Option<&Rule> {
        let matches = self.set.matches(input.text.as_bytes());
        let by_words = matches.iter().filter_map(|pattern| self.rule_of_pattern.get(pattern));
        by_words
            .chain(&self.bare)
            .filter_map(|rule| self.rules.get(*rule))
            .filter(|rule| rule.admits(input))
            .max_by(|a, b| a.points.cmp(&b.points).then_with(|| b.name.cmp(a.name)))
    }

    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
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

impl Rule {
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::judge_text;

    fn written() -> Vec<Written> {
        FILES.iter().flat_map(|file| toml::from_str::<File>(file).unwrap().rule).collect()
    }

    #[test]
    fn every_rule_hits_its_examples_and_misses_the_others() {
        let pack = RulePack::shipped();
        let mut wrong = Vec::new();
        for rule in written() {
            assert!(!rule.hits.is_empty() && !rule.source.is_empty(), "{} needs a hit and a source", rule.name);
            for hit in &rule.hits {
                let verdict = judge_text(pack, hit);
                if verdict.rule != rule.name || verdict.category != rule.category {
                    wrong.push(format!("{} should take {hit:?}, but: {verdict}", rule.name));
                }
            }
            for miss in &rule.misses {
                if judge_text(pack, miss).rule == rule.name {
                    wrong.push(format!("{} should leave {miss:?} alone", rule.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
