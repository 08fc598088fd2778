//! `postroom why` on a terminal: the verdict first, then whose problem it is, what happened, and what can be done.

use super::report::skip_word;
use super::{Style, columns, lapse, quoted, wrapped};
use crate::output::{Ink, thousands};
use dispatch::react::Policy;
use engine::why::{Kept, Neighbours, Other, Stands, Step, Told, Try, Why};
use model::{
    Category, ContactStatus, DeliveryState, EventKind, Outcome, SourceId, Stage, SuppressionReason, Timestamp,
    in_quotes,
};
use std::time::Duration;

/// Other mailings shown.
const OTHERS_SHOWN: usize = 10;
/// Columns before what happened: the time, and the word for what it was.
const WHAT: usize = 11;

/// Everything known, in lines. `transcript`: with the conversations.
pub(crate) fn why(why: &Why, transcript: bool, style: &Style) -> Vec<String> {
    let address = why.address.as_deref().unwrap_or("(no address)");
    let Some(told) = &why.mailing else { return without_mailing(why, address, style) };
    let campaign = format!("{} (campaign {})", in_quotes(&told.campaign.name), told.campaign.number);
    let mut lines = vec![format!("{}  ·  {campaign}", style.ink(Ink::Bold, address)), String::new()];
    lines.extend(verdict(why, told, style));
    for one in &told.waits_for {
        let until = one.until.map(|at| format!(" until {}", style.moment(at))).unwrap_or_default();
        lines.extend(wrapped("  ", &format!("Waits{until}: {}.", one.why.trim_end_matches('.')), style.width));
    }
    for one in &told.without {
        lines.extend(wrapped("  ", &format!("Their server: {}.", one.in_words(&|at| style.moment(at))), style.width));
    }
    lines.push(String::new());
    lines.extend(timeline(told, transcript, style));
    let kept: Vec<&Kept> = why.suppressions.iter().filter(|kept| !is_told(kept, told)).collect();
    if !kept.is_empty() {
        lines.push(String::new());
        lines.extend(kept.into_iter().flat_map(|kept| suppressed(kept, style)));
    }
    lines.push(String::new());
    lines.extend(what_you_can_do(told, style));
    lines.extend(others(&why.others, style));
    let was_tried = told.timeline.iter().any(|step| matches!(step, Step::Try(one) if one.outcome != Outcome::Accepted));
    if was_tried && !transcript {
        let rest = format!("why {} --campaign {} --transcript", quoted(address), told.campaign.number);
        lines.push(format!("  Full conversation: {}", style.command(&rest)));
    }
    lines
}

/// The answer in a paragraph: what it came to, what was done, whose problem it is.
fn verdict(why: &Why, told: &Told, style: &Style) -> Vec<String> {
    let word = style.ink(ink_of(&told.stands), told.stands.word());
    let suppressed = match why.suppressions.first() {
        Some(kept) if kept.whole_domain => "The whole domain is suppressed; nothing more will be tried.",
        Some(kept) if kept.provisional => {
            "Suppressed for now: their provider seemed to have an incident, so this is provisional."
        }
        Some(_) => "Suppressed; nothing more will be tried.",
        None if was_missing(told) => {
            "Not suppressed: a second look-up, hours later, has to agree first. Nothing more is tried in this campaign."
        }
        None => "It was suppressed for that, and is not any more: the next campaign mails it again.",
    };
    let text = match &told.stands {
        Stands::Skipped { .. } => format!("{}. Nothing was sent.", told.meaning),
        Stands::Queued { .. } | Stands::Waiting { .. } if told.skipped_then.is_some() => {
            let because = told.skipped_then.map_or("", engine::why::skip_meaning);
            format!("not to be tried any more. It is skipped when its turn comes: {because}. So far: {}.", told.meaning)
        }
        Stands::Queued { after_doubt: false } => "for the first try. Nothing was sent yet.".to_owned(),
        Stands::Queued { after_doubt: true } => {
            "to be sent to once more. It was in doubt: a copy may have arrived already.".to_owned()
        }
        Stands::Waiting { next_try_at, next_try, tries_max, gives_up_at } => {
            // What is past is no time to be told of: it is their turn, or they are held.
            let next = next_try_at
                .filter(|at| style.is_ahead(*at))
                .map(|at| format!("next try {} ({}), ", style.moment(at), style.until(at)));
            let end = gives_up_at.filter(|at| style.is_ahead(*at)).map(|at| format!(", gives up {}", style.moment(at)));
            let (next, end) = (next.unwrap_or_default(), end.unwrap_or_default());
            format!("{next}try {next_try} of {tries_max}{end}. So far: {}.", told.meaning)
        }
        Stands::Ended { ended, tries, lasted_s, at } => match ended {
            _ if told.settled.is_some() => found_out(told, style),
            DeliveryState::Accepted => {
                let at = at.map(|at| format!(" {}", style.moment(at))).unwrap_or_default();
                let tries = if *tries > 1 { format!(" at try {tries}") } else { String::new() };
                format!(
                    "by the server{at}{tries}. That is not the same as \"in the inbox\": nobody outside can see that."
                )
            }
            DeliveryState::Hard => format!("{}. {suppressed}", told.meaning),
            DeliveryState::Soft => {
                let long = if *lasted_s > 0 {
                    format!(" for {}", lapse(Duration::from_secs(*lasted_s)))
                } else {
                    String::new()
                };
                format!(
                    "{}{long} ({tries} {}). Not suppressed. {}",
                    told.meaning,
                    plural(*tries),
                    soft_count(why, told)
                )
            }
            DeliveryState::InDoubt => {
                let then = match told.once_more_at {
                    None => "it is not sent again by itself".to_owned(),
                    Some(at) if style.is_ahead(at) => format!(
                        "it is sent once more {}, under the same Message-ID, unless something shows before that it arrived",
                        style.moment(at)
                    ),
                    Some(_) => "it is sent once more as soon as it may be, under the same Message-ID".to_owned(),
                };
                format!("{}. It may have arrived or not; {then}.", told.meaning)
            }
            _ => format!("{}. Not suppressed; not tried again in this campaign.", told.meaning),
        },
    };
    let room = style.width;
    let mut lines = wrapped("  ", &format!("{}: {text}", told.stands.word()), room);
    // The word is coloured after the line was broken, so that colours take no columns.
    if let Some(first) = lines.first_mut() {
        *first = first.replacen(told.stands.word(), &word, 1);
    }
    if let Some(whose) = told.whose {
        let not_yours = match whose {
            "the address" | "the recipient" => " Not your content, not your reputation.",
            "their servers" => " Not the address, not your content.",
            _ => "",
        };
        lines.push(format!("  Whose problem: {whose}.{not_yours}"));
    }
    lines
}

/// Was it the domain that was missing? One look-up alone suppresses nobody.
fn was_missing(told: &Told) -> bool {
    let mut tries = told.timeline.iter().rev();
    tries.find_map(|step| if let Step::Try(one) = step { Some(one.category) } else { None })
        == Some(Category::UnknownDomain)
}

/// Who settled what nobody had known, when and because of what.
fn found_out(told: &Told, style: &Style) -> String {
    let Some(settled) = &told.settled else { return String::new() };
    let by = if settled.by == "engine" { "a sign of the recipient's" } else { &settled.by };
    let because = settled.because.trim_end_matches('.');
    let at = style.moment(settled.at);
    format!("it was in doubt, and settled by {by} {at}: {because}. Nothing more is tried in this campaign.")
}

fn plural(tries: u16) -> &'static str {
    if tries == 1 { "try" } else { "tries" }
}

/// Which of how many soft-bounced mailings in a row this is, if it counts.
fn soft_count(why: &Why, told: &Told) -> String {
    const ORDINALS: [&str; 4] = ["First", "Second", "Third", "Fourth"];
    let Some(person) = why.contact.as_ref().filter(|_| told.counts_as_soft) else {
        return "It does not count towards the soft-bounce limit; the next campaign tries again.".to_owned();
    };
    let limit = person.soft_limit;
    let is_in_error = person.status == ContactStatus::Error;
    let next = if is_in_error {
        "the contact is in error and is not mailed any more"
    } else {
        "the next campaign tries again"
    };
    let Some(count) = told.soft_nth else {
        return format!("It counts towards the soft-bounce limit ({limit} in a row); {next}.");
    };
    let nth = usize::from(count).checked_sub(1).and_then(|at| ORDINALS.get(at).copied());
    let nth = nth.map_or_else(|| format!("Number {count}"), str::to_owned);
    if count >= limit && !is_in_error {
        let days = Policy::default().soft_span_min.as_secs() / (24 * 3600);
        return format!("{nth} in a row; {limit} or more put a contact into error when they span {days} days; {next}.");
    }
    format!("{nth} of {limit} in a row; {next}.")
}

fn ink_of(stands: &Stands) -> Ink {
    match stands {
        Stands::Queued { .. } | Stands::Waiting { .. } | Stands::Skipped { .. } => Ink::Yellow,
        Stands::Ended { ended: DeliveryState::Accepted, .. } => Ink::Green,
        Stands::Ended { ended: DeliveryState::Soft | DeliveryState::InDoubt, .. } => Ink::Yellow,
        Stands::Ended { .. } => Ink::Red,
    }
}

fn timeline(told: &Told, transcript: bool, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    let mut before: Option<&Try> = None;
    let Some(first) = told.timeline.first().map(at_of) else { return lines };
    let indent = columns(&style.clock(first, first)) + 4;
    for step in &told.timeline {
        let time = style.clock(at_of(step), first);
        let head = |what: &str| format!("  {time}  {what}");
        match step {
            Step::Added { place, of, last_accepted_at, .. } => {
                let place = match place {
                    0 => "in the audience".to_owned(),
                    place => format!("place {} of {}", thousands((*place).into()), thousands(*of)),
                };
                let last = last_accepted_at.map(|at| format!("; last accepted {}", style.day(at))).unwrap_or_default();
                lines.push(head(&format!("{:WHAT$}{place}{last}", "added")));
            }
            Step::Try(one) => {
                lines.extend(tried(one, before, &time, style));
                before = Some(one);
                if transcript && one.number.is_some() {
                    lines.extend(conversation(one, indent, style));
                }
            }
            Step::Suppressed { reason, whole_domain, evidence_try, provisional, .. } => {
                let provisional = if *provisional { "; provisional" } else { "" };
                let reach = if *whole_domain { "the whole domain" } else { "all mail of this workspace" };
                let because = match reason {
                    SuppressionReason::HardBounced | SuppressionReason::DomainRefusesMail => String::new(),
                    other => format!(" ({})", other.word().replace('_', " ")),
                };
                lines.push(head(&format!("suppressed: {reach}{because}, evidence: try {evidence_try}{provisional}")));
            }
            Step::Event { event, by, detail, .. } => {
                lines.extend(event_told(*event, by, detail.as_deref(), &head(""), style))
            }
        }
    }
    lines.push(style.ink(Ink::Dim, &format!("  ({})", style.calendar(first))));
    lines
}

fn at_of(step: &Step) -> Timestamp {
    match step {
        Step::Added { at, .. } | Step::Suppressed { at, .. } | Step::Event { at, .. } => *at,
        Step::Try(one) => one.at,
    }
}

fn event_told(event: EventKind, by: &str, detail: Option<&str>, head: &str, style: &Style) -> Vec<String> {
    let detail = detail.map(|detail| detail.replace('_', " ")).unwrap_or_default();
    let by = if by == "engine" { String::new() } else { format!(", by {by}") };
    let text = match event {
        EventKind::StatusChanged => format!("contact:   now {detail}{by}"),
        EventKind::ContactEdited => format!("edited:    {detail}{by}"),
        _ => format!("{}: {detail}{by}", event.word().replace('_', " ")),
    };
    wrapped(head, &text, style.width)
}

/// One try: by whom, what they said, what it means, what was done.
fn tried(one: &Try, before: Option<&Try>, time: &str, style: &Style) -> Vec<String> {
    let what = one.number.map_or_else(|| "settled".to_owned(), |number| format!("try {number}"));
    let head = format!("  {time}  {what:WHAT$}");
    if one.number.is_none() {
        return settled(one, &head, style);
    }
    if before.is_some_and(|before| is_the_same_again(one, before)) {
        return wrapped(&head, &format!("the same again{}", after(one)), style.width);
    }
    let last_host = before.and_then(|before| before.host.as_deref());
    let ended = match one.outcome {
        Outcome::Accepted => "accepted by",
        Outcome::Deferred => "put off by",
        Outcome::Hard | Outcome::Blocked => "refused by",
        Outcome::InDoubt => "no final reply from",
    };
    let server = match (&one.host, one.ip) {
        (Some(host), _) if last_host == Some(host) => "the same server".to_owned(),
        (Some(host), Some(ip)) => format!("{host} ({ip})"),
        (Some(host), None) => host.clone(),
        (None, Some(ip)) => ip.to_string(),
        (None, None) => String::new(),
    };
    let by = if server.is_empty() { "nobody was reached".to_owned() } else { format!("{ended} {server}") };
    let tls = match (one.tls, &one.host) {
        (Some(version), _) => format!(", TLS {version}"),
        (None, Some(_)) if reaches(one.stage) => ", not encrypted".to_owned(),
        _ => String::new(),
    };
    let took = lapse(Duration::from_millis(one.duration_ms.into()));
    // Said only where there is something to tell apart, and not again where it is the same.
    let is_new = before.map_or(SourceId::THIS_MACHINE, |before| before.source) != one.source;
    let from = one.through.as_ref().filter(|_| is_new);
    let from = from.map(|through| format!(", from {}", through.name)).unwrap_or_default();
    let mut lines = style.row(format!("{head}{by}{tls}, {took}{from}"), columns(&head));
    let indent = " ".repeat(columns(time) + 4);
    let said = one.reply.as_ref().or(one.note.as_ref());
    if let Some(said) = said {
        lines.extend(wrapped(&format!("{indent}{} ", at_stage(one.stage)), said, style.width));
    }
    let rule = if one.category == Category::Delivered { String::new() } else { format!(" (rule {})", one.rule) };
    lines.extend(wrapped(&format!("{indent}= "), &format!("{}{rule}{}", one.meaning, after(one)), style.width));
    lines
}

/// Settled without a try: why, and as what.
fn settled(one: &Try, head: &str, style: &Style) -> Vec<String> {
    let why = one.note.as_deref().unwrap_or_default();
    let mut lines = wrapped(head, why, style.width);
    let indent = " ".repeat(columns(head).saturating_sub(WHAT));
    lines.extend(wrapped(&format!("{indent}= "), &format!("{} (rule {})", one.meaning, one.rule), style.width));
    lines
}

/// The same words from the same server at the same place in the conversation; the ids in them may differ.
fn is_the_same_again(one: &Try, before: &Try) -> bool {
    let words = |one: &Try| {
        let reply = one.reply.as_deref().or(one.note.as_deref()).unwrap_or_default().to_owned();
        let words = reply.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
        words.map(str::to_owned).collect::<Vec<String>>()
    };
    let place = |one: &Try| (one.outcome, one.stage, one.rule.clone(), one.host.clone(), one.source);
    place(one) == place(before) && words(one) == words(before)
}

/// What was done after a try, as the rest of a sentence.
fn after(one: &Try) -> String {
    match (one.became, one.next_try_at) {
        (DeliveryState::Deferred | DeliveryState::Queued, Some(at)) => {
            let gap = lapse(at.since(one.at));
            let charge = if one.charged { "" } else { " Not counted as a try of theirs." };
            format!(". Next try after {gap}.{charge}")
        }
        (DeliveryState::Soft, _) => ". The window is over.".to_owned(),
        _ => String::new(),
    }
}

/// Had the conversation come far enough to be encrypted?
fn reaches(stage: Stage) -> bool {
    matches!(stage, Stage::Auth | Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Final)
}

fn at_stage(stage: Stage) -> String {
    match stage {
        Stage::Dns => "looking up the domain:".to_owned(),
        Stage::Connect => "connecting:".to_owned(),
        Stage::Tls => "at TLS:".to_owned(),
        Stage::Greeting => "at the greeting:".to_owned(),
        Stage::Final => "after the message:".to_owned(),
        Stage::Queue => "in the queue:".to_owned(),
        Stage::PostDelivery => "later:".to_owned(),
        Stage::Any => "somewhere:".to_owned(),
        Stage::Ehlo | Stage::Auth | Stage::Mail | Stage::Rcpt | Stage::Data => {
            format!("at {}:", stage.word().to_uppercase())
        }
    }
}

fn conversation(one: &Try, indent: usize, style: &Style) -> Vec<String> {
    let blank = " ".repeat(indent);
    match &one.transcript {
        Some(text) => text.lines().map(|line| format!("{blank}{}", style.ink(Ink::Dim, line))).collect(),
        None => {
            let why = match (one.outcome, one.stage) {
                (Outcome::Accepted, _) => "(no conversation kept: only those of failures are, for a while)",
                (_, Stage::Queue | Stage::Dns | Stage::Connect) => "(nothing was said: no connection came about)",
                _ => "(no conversation kept any more: it is too long ago)",
            };
            vec![format!("{blank}{}", style.ink(Ink::Dim, why))]
        }
    }
}

/// Was the suppression already told in the timeline?
fn is_told(kept: &Kept, told: &Told) -> bool {
    let same = |step: &Step| matches!(step, Step::Suppressed { at, reason, .. } if *at == kept.since && *reason == kept.reason);
    told.timeline.iter().any(same)
}

fn suppressed(kept: &Kept, style: &Style) -> Vec<String> {
    let reach = if kept.whole_domain { "the whole domain" } else { "this address" };
    let mut text = format!("{reach}, {}, since {}", kept.reason.word().replace('_', " "), style.moment(kept.since));
    text += &match kept.by.as_str() {
        "engine" => ", by the engine".to_owned(),
        "recipient" => ", by the person themselves".to_owned(),
        by => format!(", by {by}"),
    };
    if let Some(evidence) = &kept.evidence {
        let reply = evidence.reply.as_ref().map(|reply| format!(": {reply}")).unwrap_or_default();
        text += &format!("; evidence: campaign {}, try {}{reply}", evidence.campaign, evidence.try_number);
    }
    if let Some(note) = &kept.note {
        text += &format!("; note: {note}");
    }
    if kept.provisional {
        text += "; provisional, made while their provider seemed to have an incident";
    }
    wrapped("  Suppressed: ", &text, style.width)
}

fn what_you_can_do(told: &Told, style: &Style) -> Vec<String> {
    let mut lines = vec![style.ink(Ink::Bold, "  What you can do")];
    for advice in &told.advice {
        lines.extend(wrapped("    - ", &advice.text, style.width));
        if let Some(command) = &advice.command {
            lines.push(format!("        {}", style.command(command)));
        }
    }
    if told.advice.is_empty() {
        lines.push("    - Nothing to do.".to_owned());
    }
    if let Some(neighbours) = told.neighbours.as_ref().filter(|_| asks_for_comparison(&told.stands)) {
        lines.extend(wrapped("    - ", &others_there(neighbours), style.width));
    }
    lines
}

/// Does it help to know how the others at the domain fared?
fn asks_for_comparison(stands: &Stands) -> bool {
    !matches!(
        stands,
        Stands::Skipped { .. } | Stands::Queued { .. } | Stands::Ended { ended: DeliveryState::Accepted, .. }
    )
}

fn others_there(neighbours: &Neighbours) -> String {
    let Neighbours { domain, attempted, accepted, refused, other, waiting, truncated } = neighbours;
    if *attempted <= 1 {
        return format!("Nobody else at {domain} was mailed in this campaign: nothing to compare with.");
    }
    let more = if *truncated { " or more" } else { "" };
    let parts: Vec<String> =
        [(refused, "refused"), (accepted, "accepted"), (other, "given up or in doubt"), (waiting, "waiting")]
            .iter()
            .filter(|(count, _)| **count > 0)
            .map(|(count, word)| format!("{} {word}", thousands(**count)))
            .collect();
    let (people, parts) = (if *attempted == 1 { "person" } else { "people" }, parts.join(", "));
    let attempted = thousands(*attempted);
    format!("Of {attempted}{more} {people} at {domain} in this campaign: {parts}: {}.", neighbours.hint())
}

fn others(others: &[Other], style: &Style) -> Vec<String> {
    if others.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), style.ink(Ink::Bold, "  Other mailings (tell one with --campaign N)")];
    for other in others.iter().take(OTHERS_SHOWN) {
        let what = match other.reason {
            Some(reason) => format!("skipped: {}", skip_word(reason)),
            None => other.state.word().replace('_', " "),
        };
        let day = other.at.map(|at| format!(", {}", style.day(at))).unwrap_or_default();
        lines.push(format!("    {:>4}  {}  ·  {what}{day}", other.campaign, engine::one_line(&other.name)));
    }
    if others.len() > OTHERS_SHOWN {
        lines.push(format!("          and {} more (all of them: --json)", others.len() - OTHERS_SHOWN));
    }
    lines.push(String::new());
    lines
}

/// Nobody was mailed in the campaign asked for, or at all: what is known anyway.
fn without_mailing(why: &Why, address: &str, style: &Style) -> Vec<String> {
    let mut lines = vec![style.ink(Ink::Bold, address), String::new()];
    let text = match (&why.contact, why.others.is_empty()) {
        (None, _) => "Nobody here has this address, but it must not be mailed:".to_owned(),
        (Some(person), true) => format!("No campaign was made for them yet. Status: {}.", person.status),
        (Some(person), false) => format!("They were not in the audience of that campaign. Status: {}.", person.status),
    };
    lines.push(format!("  {text}"));
    lines.extend(why.suppressions.iter().flat_map(|kept| suppressed(kept, style)));
    lines.extend(others(&why.others, style));
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests;
