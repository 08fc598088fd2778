//! The end of a campaign on a terminal: the equation, why people were skipped or not delivered, and what to ask next.
//!
//! The same lines for `demo`, `send`, `resume` and `report`. What only one of them knows (virtual time, what a
//! simulator saw) comes in as [`Remarks`].

use super::{Style, columns, cut, lapse, quoted, wrapped};
use crate::output::{Ink, thousands};
use engine::report::{Cause, HeldBy, Lifted, Report};
use model::{CampaignState, Category, DeliveryState, SkipReason, in_quotes};
use std::time::Duration;

/// Causes shown; the rest is summed up in a line.
const CAUSES_SHOWN: usize = 12;
/// Causes of waiting shown.
const WAITING_CAUSES_SHOWN: usize = 5;
/// The narrowest column for what a cause means.
const MEANING_MIN: usize = 16;
/// People named under "ask next".
const EXAMPLES_SHOWN: usize = 2;

/// What only the caller knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remarks {
    /// For the first line, between name and state: `30 h of virtual time in 4.1 s`, `seed 7`.
    pub(crate) facts: Vec<String>,
    /// Said after "Accepted is not in the inbox": what only a simulator can tell.
    pub(crate) beyond: Option<String>,
    /// Said after "Ask next": where the data is.
    pub(crate) data: Option<String>,
    /// Commands to ask next with, without program and `--data`; empty: what follows from the report.
    pub(crate) ask_next: Vec<String>,
    /// Is a process at work on it? Then nobody is told to resume it.
    pub(crate) is_running: bool,
    /// Said of those who wait: when the last of them goes, and who comes too late for the offer.
    pub(crate) foreseen: Option<String>,
}

/// The end of a campaign, in lines.
pub(crate) fn end_of_campaign(report: &Report, style: &Style, remarks: &Remarks) -> Vec<String> {
    let mut lines = headline(report, style, remarks);
    lines.push(String::new());
    lines.extend(equation(report, style));
    if report.skipped > 0 {
        lines.push(String::new());
        lines.extend(skipped(report, style));
    }
    if report.not_delivered() > 0 {
        lines.push(String::new());
        lines.extend(table("NOT DELIVERED", &report.causes, CAUSES_SHOWN, style));
    }
    if let Some(count) = report.provisional {
        let people = if count == 1 { "person of the hard bounces is" } else { "people of the hard bounces are" };
        let told = format!(
            "{} {people} suppressed provisionally: their provider seemed to have an incident. Once it is \
             over, lift that:",
            thousands(count)
        );
        lines.push(String::new());
        lines.extend(wrapped("", &told, style.width));
        lines.push(format!("    {}", style.command("suppress lift --provisional --reason \"…\"")));
    }
    if let Some(Lifted { count, at, by, because }) = &report.lifted {
        let people = if *count == 1 { "person of the hard bounces is" } else { "people of the hard bounces are" };
        let because = because.as_ref().map(|because| format!(" ({})", in_quotes(because))).unwrap_or_default();
        let told = format!(
            "{} {people} suppressed no more: lifted by {by}, last {}{because}. The next campaign mails them again.",
            thousands(*count),
            style.moment(*at)
        );
        lines.push(String::new());
        lines.extend(wrapped("", &told, style.width));
    }
    if let Some(told) = once_more(report, style) {
        lines.push(String::new());
        lines.extend(wrapped("", &told, style.width));
    }
    for silent in &report.silent_sites {
        lines.push(String::new());
        lines.extend(wrapped("", &silent.told(), style.width));
    }
    if report.in_progress > 0 {
        lines.push(String::new());
        lines.extend(waiting(report, style));
        let foreseen = remarks.foreseen.iter();
        lines.extend(foreseen.flat_map(|told| wrapped("    as it stands: ", told, style.width)));
        if !report.waiting_causes.is_empty() {
            lines.push(String::new());
            lines.extend(table("PUT OFF SO FAR", &report.waiting_causes, WAITING_CAUSES_SHOWN, style));
        }
    }
    if let Some(told) = report.reactions.as_ref().filter(|told| !told.is_nothing()) {
        lines.push(String::new());
        lines.extend(super::reactions::reactions(told, report.accepted, style));
        lines.extend(report.curve.iter().flat_map(|curve| super::reactions::curve(curve, style)));
    }
    if let Some(told) = &report.revenue {
        lines.push(String::new());
        lines.extend(super::revenue::revenue(told, style));
    }
    if let Some(told) = &report.trial {
        lines.push(String::new());
        lines.extend(super::trial::trial(told, style));
    }
    lines.push(String::new());
    lines.extend(put_off(report));
    if report.accepted > 0 {
        let beyond = remarks.beyond.as_ref().map(|beyond| format!(" {beyond}")).unwrap_or_default();
        lines.extend(wrapped("", &format!("Accepted is not \"in the inbox\".{beyond}"), style.width));
    }
    let next =
        if remarks.ask_next.is_empty() { ask_next(report, remarks.is_running) } else { remarks.ask_next.clone() };
    if !next.is_empty() {
        if lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(String::new());
        }
        let data = remarks.data.as_ref().map(|data| format!(" ({data})")).unwrap_or_default();
        lines.push(format!("Ask next{data}:"));
        lines.extend(next.iter().map(|rest| format!("    {}", style.command(rest))));
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn headline(report: &Report, style: &Style, remarks: &Remarks) -> Vec<String> {
    let (name, state, why) = match &report.campaign {
        Some(campaign) => {
            let state = if campaign.is_live() && !remarks.is_running && !report.is_settled() {
                format!("{}, no process at work", campaign.state)
            } else {
                campaign.state.to_string()
            };
            (format!("Campaign {}", in_quotes(&campaign.name)), state, campaign.why.clone())
        }
        None => {
            let numbers: Vec<String> =
                report.campaigns.iter().flat_map(|one| &one.campaign).map(|line| line.number.to_string()).collect();
            (format!("{} campaigns", report.campaigns.len()), format!("numbers {}", numbers.join(", ")), None)
        }
    };
    let parts: Vec<String> = std::iter::once(style.ink(Ink::Bold, &name))
        .chain(remarks.facts.iter().cloned())
        .chain(std::iter::once(state))
        .collect();
    let mut lines = style.row(parts.join("  ·  "), 4);
    if let Some(why) = why {
        lines.extend(wrapped("  ", &why, style.width));
    }
    lines
}

/// Both equations, one under the other, numbers and words in columns.
fn equation(report: &Report, style: &Style) -> Vec<String> {
    let left = [thousands(report.recipients), thousands(report.attempted)];
    let first = [thousands(report.skipped), thousands(report.accepted)];
    let width = |two: &[String; 2]| two.iter().map(|n| columns(n)).max().unwrap_or(0);
    let (left_width, first_width) = (width(&left), width(&first));
    let [recipients, attempted] = left;
    let [skipped, accepted] = first;
    let terms = [
        (report.in_progress, "in progress", Ink::Yellow),
        (report.soft, "soft", Ink::Yellow),
        (report.hard, "hard", Ink::Red),
        (report.blocked, "blocked", Ink::Red),
        (report.in_doubt, "in doubt", Ink::Yellow),
    ];
    let terms: String = terms
        .iter()
        .map(|(count, word, ink)| {
            // A line is not broken within a term.
            let term = format!("{} {word}", thousands(*count)).replace(' ', "\u{a0}");
            format!(" +\u{a0}{}", if *count > 0 { style.ink(*ink, &term) } else { term })
        })
        .collect();
    let people = thousands(report.attempted);
    let accepted = style.ink(Ink::Green, &format!("{accepted:>first_width$} accepted"));
    let head = format!("  {attempted:>left_width$} attempted ");
    let hang = columns(&head);
    let outcomes = style.row(format!("{head}= {accepted}{terms}"), hang);
    std::iter::once(format!(
        "  {recipients:>left_width$} people    = {skipped:>first_width$} skipped + {people} attempted"
    ))
    .chain(outcomes.into_iter().map(|line| line.replace('\u{a0}', " ")))
    .collect()
}

fn skipped(report: &Report, style: &Style) -> Vec<String> {
    let mut reasons: Vec<(SkipReason, u64)> = report.skipped_by_reason.iter().map(|(r, n)| (*r, *n)).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let ours = [SkipReason::Cancelled, SkipReason::CannotCompose, SkipReason::Stale];
    let because = if reasons.iter().any(|(reason, _)| ours.contains(reason)) {
        "SKIPPED"
    } else {
        "SKIPPED BEFORE SENDING (each would have hurt you or broken a promise)"
    };
    let number = reasons.first().map_or(1, |(_, count)| columns(&thousands(*count)));
    let mut lines = vec![style.ink(Ink::Bold, because)];
    let mut line = String::new();
    for (reason, count) in reasons {
        let part = format!("{} {}", thousands(count), skip_word(reason));
        if !line.is_empty() && columns(&line) + 3 + columns(&part) > style.width.min(80) {
            lines.push(std::mem::take(&mut line));
        }
        if line.is_empty() {
            line = format!("    {:>number$} {}", thousands(count), skip_word(reason));
        } else {
            line = format!("{line} · {part}");
        }
    }
    lines.push(line);
    lines
}

/// Who of those in doubt is sent to once more by itself, when, and what has to be at work; `None`: nobody.
pub(crate) fn once_more(report: &Report, style: &Style) -> Option<String> {
    let again = report.once_more?;
    let (people, all) = (thousands(again.people), thousands(report.in_doubt));
    let others = report.in_doubt.saturating_sub(again.people);
    let who = match (again.people, others) {
        (1, 0) => "The person in doubt is".to_owned(),
        (_, 0) => format!("All {people} in doubt are"),
        (1, _) => format!("1 of the {all} in doubt is"),
        _ => format!("{people} of the {all} in doubt are"),
    };
    let when = match style.is_ahead(again.next_at) {
        true => format!("from {} on", style.moment(again.next_at)),
        false => "as soon as it may be".to_owned(),
    };
    let rest = match others {
        0 => String::new(),
        1 => "; the other one is not sent to again".to_owned(),
        others => format!("; the other {} are not sent to again", thousands(others)),
    };
    Some(format!("{who} sent to once more {when}, while serve, send or resume works on this campaign{rest}."))
}

/// A reason in a word or two, after a number.
pub(crate) fn skip_word(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Unsubscribed => "unsubscribed",
        SkipReason::HardBounced => "bounced before",
        SkipReason::Complained => "complained",
        SkipReason::NoEmail => "no address",
        SkipReason::InvalidAddress => "invalid address",
        SkipReason::DuplicateAddress => "duplicate",
        SkipReason::Excluded => "excluded",
        SkipReason::Unconfirmed => "not confirmed",
        SkipReason::SoftBounceLimit => "soft-bounce limit",
        SkipReason::FrequencyCap => "had enough for now",
        SkipReason::QuarantinedImport => "quarantined import",
        SkipReason::SuppressedByHand => "suppressed by hand",
        SkipReason::Cancelled => "cancelled",
        SkipReason::DomainRefusesMail => "domain takes no mail",
        SkipReason::Refused => "refused before",
        SkipReason::CannotCompose => "message could not be made",
        SkipReason::Forgotten => "forgotten",
        SkipReason::Stale => "offer expired",
        SkipReason::TopicDeclined => "topic not wanted",
        SkipReason::PausedByPerson => "asked for a pause",
        SkipReason::OriginStopped => "origin stopped",
        SkipReason::AtRest => "at rest",
    }
}

/// A line of a table of causes.
struct Row {
    count: u64,
    class: &'static str,
    meaning: String,
    codes: String,
    whose: &'static str,
    done: &'static str,
}

/// Causes with the same meaning together, whatever the provider; the codes are those of the most frequent.
fn rows(causes: &[Cause]) -> Vec<Row> {
    let mut rows: Vec<(&Cause, Row, bool)> = Vec::new();
    for cause in causes {
        let same = |(known, ..): &&mut (&Cause, Row, bool)| {
            let is_told_so = |one: &Cause| (one.class, one.category, one.is_lifted());
            is_told_so(known) == is_told_so(cause) && known.meaning == cause.meaning
        };
        match rows.iter_mut().find(same) {
            Some((known, row, one_provider)) => {
                row.count += cause.count;
                *one_provider &= known.provider == cause.provider;
            }
            None => {
                let codes = cause.codes();
                let row = Row {
                    count: cause.count,
                    class: class_word(cause.class),
                    meaning: cause.meaning.clone(),
                    codes: if codes.is_empty() { "-".to_owned() } else { codes },
                    whose: cause.whose,
                    done: match cause.goes_once_more() {
                        Some(true) => "sent once more",
                        Some(false) => "some once more",
                        None if cause.is_lifted() => "lifted",
                        None => done_word(cause.class, cause.category),
                    },
                };
                rows.push((cause, row, cause.provider.is_some()));
            }
        }
    }
    let mut rows: Vec<Row> =
        rows.into_iter().map(|(cause, row, one_provider)| named(cause, row, one_provider)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

/// A refusal that only one provider utters is told with its name.
fn named(cause: &Cause, row: Row, one_provider: bool) -> Row {
    let provider = cause.provider.as_deref().filter(|_| one_provider && cause.class == DeliveryState::Blocked);
    let name = provider.map(|key| dispatch::providers::by_key(key).map_or(key, |provider| &provider.name));
    match name {
        Some(name) => Row { meaning: format!("{} ({name})", row.meaning), ..row },
        None => row,
    }
}

fn class_word(class: DeliveryState) -> &'static str {
    match class {
        DeliveryState::InDoubt => "in doubt",
        DeliveryState::Deferred | DeliveryState::Queued => "put off",
        other => other.word(),
    }
}

/// What was done, in the few words a table has room for.
fn done_word(class: DeliveryState, category: Category) -> &'static str {
    match (class, category) {
        (DeliveryState::Hard, Category::DomainRefusesMail) => "domain suppressed",
        (DeliveryState::Hard, Category::UnknownDomain) => "suppressed if confirmed",
        (DeliveryState::Hard | DeliveryState::Soft, Category::LostReply) => "not suppressed",
        (DeliveryState::Hard, _) => "suppressed",
        (DeliveryState::Soft, category) if category.concerns_recipient() => "retried; may count",
        (DeliveryState::Soft, _) => "retried; not counted",
        (DeliveryState::InDoubt, _) => "not sent again",
        (DeliveryState::Deferred | DeliveryState::Queued, _) => "tried again",
        _ => "not suppressed",
    }
}

/// A table of causes whose columns fit the width.
fn table(title: &str, causes: &[Cause], shown: usize, style: &Style) -> Vec<String> {
    let mut rows = rows(causes);
    let rest = rows.split_off(shown.min(rows.len()));
    let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let count = widest(&|row| columns(&thousands(row.count)));
    let class = widest(&|row| columns(row.class));
    let codes = widest(&|row| columns(&row.codes));
    let whose = widest(&|row| columns(row.whose)).max("whose problem".len());
    let done = widest(&|row| columns(row.done)).max("what was done".len());
    let others = 4 + count + 1 + class + 1 + 2 + codes + 2 + whose + 2;
    let room = style.width.saturating_sub(others + done).max(MEANING_MIN);
    let meaning = widest(&|row| columns(&row.meaning)).min(room);
    let left = 4 + count + 1 + class + 1 + meaning + 2 + codes;
    let mut lines =
        vec![format!("{}  {:whose$}  what was done", style.ink(Ink::Bold, &format!("{title:left$}")), "whose problem")];
    for row in &rows {
        let what = cut(&row.meaning, meaning);
        let number = thousands(row.count);
        let line = format!(
            "    {number:>count$} {:class$} {what:meaning$}  {:codes$}  {:whose$}  {}",
            row.class, row.codes, row.whose, row.done
        );
        lines.extend(style.row(line, left + 2));
    }
    if !rest.is_empty() {
        let people: u64 = rest.iter().map(|row| row.count).sum();
        lines.push(format!("    {:>count$} for {} other causes (all of them: --json)", thousands(people), rest.len()));
    }
    lines
}

fn waiting(report: &Report, style: &Style) -> Vec<String> {
    let waits = &report.waiting;
    let paused = report.campaign.as_ref().is_some_and(|campaign| campaign.state == CampaignState::Paused);
    let number = [waits.first_try, waits.after_doubt, waits.retry, waits.held]
        .map(thousands)
        .iter()
        .map(|n| columns(n))
        .max()
        .unwrap_or(1);
    let next = report.next_try_at.filter(|_| !paused);
    let next = next.map(|at| format!("; the next {} ({})", style.moment(at), style.until(at))).unwrap_or_default();
    let held = if paused {
        "until the campaign is resumed"
    } else if report.sample.is_some() {
        "for the sample that went first, a hold to end, or a site to take mail from us again"
    } else {
        "for a hold to end, or a site to take mail from us again"
    };
    let mut lines = vec![style.ink(Ink::Bold, "STILL WAITING")];
    let holds = report.holds.iter().map(|hold| held_by(hold, style));
    for (count, what) in [
        (waits.first_try, "for the first try".to_owned()),
        (waits.after_doubt, "to be sent to once more; they were in doubt".to_owned()),
        (waits.retry, format!("for another try{next}")),
        (waits.held, held.to_owned()),
    ] {
        if count > 0 {
            lines.push(format!("    {:>number$} {what}", thousands(count)));
        }
    }
    lines.extend(report.sample.iter().flat_map(|out| {
        let told = format!("{} until {}: {}", thousands(out.rest), style.moment(out.until), out.why);
        wrapped("        held: ", &told, style.width)
    }));
    lines.extend(holds.flatten());
    lines.extend(report.left_alone.iter().flat_map(|one| {
        let told = format!("{} at {} until {}: {}", thousands(one.covers), one.name, style.moment(one.until), one.why);
        wrapped("        left alone: ", &told, style.width)
    }));
    lines.extend(
        report
            .hours
            .iter()
            .flat_map(|hours| wrapped("        hours: ", &hours.told(&|at| style.moment(at)), style.width)),
    );
    lines.extend(report.no_way.iter().flat_map(|stopped| {
        let until = stopped.until.map(|at| format!("until {}: ", style.moment(at))).unwrap_or_default();
        wrapped("        held: ", &format!("{until}{}", stopped.why), style.width)
    }));
    lines
}

/// One hold: how many wait under it, what it covers, until when and why.
fn held_by(hold: &HeldBy, style: &Style) -> Vec<String> {
    let what = if hold.cold_only { "who have not reacted for long" } else { "" };
    let toward = hold.provider.iter().chain(&hold.domain).map(|name| format!("to {name}"));
    let what: Vec<String> = toward.chain((!what.is_empty()).then(|| what.to_owned())).collect();
    let what = if what.is_empty() { "all of it".to_owned() } else { what.join(" ") };
    let until = hold.until.map_or_else(|| "until it is lifted".to_owned(), |at| format!("until {}", style.moment(at)));
    // What the engine holds tells so by its reason.
    let by = if hold.by == "engine" { String::new() } else { format!(" by {}", hold.by) };
    let told = format!("{} {what}{by}, {until}: {} ({})", thousands(hold.covers), hold.why, hold.hold);
    wrapped("        held: ", &told, style.width)
}

fn put_off(report: &Report) -> Option<String> {
    let put_off = report.put_off_then_accepted.filter(|put_off| put_off.count > 0)?;
    let (people, were) = if put_off.count == 1 { ("person", "was") } else { ("people", "were") };
    let median = Some(put_off.median_s).filter(|seconds| *seconds > 0);
    let median = median.map(|seconds| format!(" (median {})", lapse(Duration::from_secs(seconds)))).unwrap_or_default();
    let count = thousands(put_off.count);
    Some(format!("{count} {people} {were} put off at first and accepted later{median}."))
}

/// Commands that follow from a report.
fn ask_next(report: &Report, is_running: bool) -> Vec<String> {
    let mut next = Vec::new();
    let number = report.campaign.as_ref().map(|campaign| campaign.number);
    if !report.is_settled() && !is_running {
        match &report.campaign {
            Some(campaign) if !campaign.state.is_over() => next.push(campaign.resume()),
            Some(_) => {}
            None => next.push("resume".to_owned()),
        }
    }
    let examples = report.causes.iter().filter(|cause| cause.class != DeliveryState::InDoubt);
    let examples = examples.filter_map(|cause| cause.example.as_deref()).take(EXAMPLES_SHOWN);
    next.extend(examples.map(|address| format!("why {}", quoted(address))));
    if let Some(number) = number {
        for (count, flag) in [(report.blocked, "--blocked"), (report.in_doubt, "--in-doubt")] {
            if count > 0 {
                next.push(format!("report {number} {flag}"));
            }
        }
    }
    next
}

/// A campaign in one line of a list.
pub(crate) fn line(report: &Report, style: &Style) -> String {
    let Some(campaign) = &report.campaign else { return String::new() };
    let mut terms = vec![format!("{} accepted", thousands(report.accepted))];
    let others = [
        (report.skipped, "skipped"),
        (report.in_progress, "in progress"),
        (report.soft, "soft"),
        (report.hard, "hard"),
        (report.blocked, "blocked"),
        (report.in_doubt, "in doubt"),
    ];
    terms.extend(others.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", thousands(*n))));
    let name = style.ink(Ink::Bold, &engine::one_line(&campaign.name));
    let people = thousands(report.recipients);
    format!("{:>4}  {name}  ·  {}  ·  {people} people = {}", campaign.number, campaign.state, terms.join(" + "))
}

#[cfg(test)]
mod tests;
