//! What people did with a campaign's mail, on a terminal: people and machines apart, and clicks by link.

use super::{Style, columns, cut, wrapped};
use crate::output::{Ink, thousands};
use engine::options::TrackingMode;
use engine::report::curve::Curve;
use engine::report::reactions::{Deeds, LinkClicks, Reactions};

/// Links shown; the rest is summed up in a line.
const LINKS_SHOWN: usize = 12;
/// The narrowest column for a link.
const LINK_MIN: usize = 16;

/// What people did, and apart from it what machines did.
pub(super) fn reactions(told: &Reactions, accepted: u64, style: &Style) -> Vec<String> {
    let mut lines = vec![style.ink(Ink::Bold, "WHAT PEOPLE DID (an open is a direction, a click is intent)")];
    if told.counted == TrackingMode::Anonymous {
        lines.push("    Nobody is told apart in this campaign: only how often, not how many people.".to_owned());
    } else {
        let terms = [(told.opened, "opened"), (told.clicked, "clicked")];
        let number = terms.iter().map(|(deeds, _)| columns(&thousands(deeds.people))).max().unwrap_or(1);
        let shown = terms.iter().filter(|(deeds, _)| *deeds != Deeds::default());
        lines.extend(shown.flat_map(|(deeds, verb)| {
            let number = format!("    {:>number$} ", thousands(deeds.people));
            wrapped(&number, &deeds_told(deeds, verb, accepted), style.width)
        }));
    }
    let others = [(told.replied, "replied"), (told.unsubscribed, "unsubscribed"), (told.complained, "complained")];
    let others: Vec<String> =
        others.iter().filter(|(n, _)| *n > 0).map(|(n, verb)| format!("{} {verb}", thousands(*n))).collect();
    if !others.is_empty() {
        lines.push(format!("    {}", others.join(" · ")));
    }
    let (opens, clicks) = (told.opened.times, told.clicked.times);
    if told.opened != Deeds::default() || told.clicked != Deeds::default() {
        let by = |whom: &str, opens: u64, clicks: u64| {
            format!("{whom}: {} opens, {} clicks", thousands(opens), thousands(clicks))
        };
        let all = [
            by("by people", opens.person, clicks.person),
            by("by machines", opens.machine, clicks.machine),
            by("unsure", opens.unsure, clicks.unsure),
        ];
        lines.extend(wrapped("    ", &all.join("; "), style.width));
    }
    if told.clicked != Deeds::default() {
        lines.push(String::new());
        lines.extend(links(&told.links, style));
    }
    lines
}

fn deeds_told(deeds: &Deeds, verb: &str, accepted: u64) -> String {
    let people = if deeds.people == 1 { "person" } else { "people" };
    // Tenths of a percent of those whose servers took it.
    let share = (deeds.people * 1_000).checked_div(accepted).unwrap_or_default();
    let did = format!("{people} {verb} ({}.{} % of {} accepted)", share / 10, share % 10, thousands(accepted));
    if deeds.unknown == 0 {
        return did;
    }
    format!("{did}; of {} more no person was seen to: unknown", thousands(deeds.unknown))
}

/// How soon people came.
pub(super) fn curve(curve: &Curve, style: &Style) -> Vec<String> {
    let within = |hours: u32| match hours {
        0..=1 => "an hour".to_owned(),
        2..168 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    };
    let told = curve.within.iter().map(|one| {
        format!("within {}: {} opened, {} clicked", within(one.hours), thousands(one.opened), thousands(one.clicked))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { Vec::new() } else { wrapped("    ", &format!("people {}", told.join("; ")), style.width) }
}

/// The links, with how often people and machines followed them.
fn links(clicks: &[LinkClicks], style: &Style) -> Vec<String> {
    let (shown, rest) = clicks.split_at(clicks.len().min(LINKS_SHOWN));
    let name = |link: &LinkClicks| match &link.url {
        Some(url) => format!("{}  {url}", link.link),
        None if link.link == 0 => "0  (the one that nobody can see)".to_owned(),
        None => format!("{}  (another for each recipient)", link.link),
    };
    let counts = "by people  by machines  unsure";
    let room = style.width.saturating_sub(6 + counts.len()).max(LINK_MIN);
    let width = shown.iter().map(|link| columns(&name(link))).max().unwrap_or(0).clamp("CLICKS BY LINK".len(), room);
    let title = format!("CLICKS BY LINK{}", " ".repeat(width + 4 - "CLICKS BY LINK".len()));
    let mut lines = vec![format!("{}  {counts}", style.ink(Ink::Bold, &title))];
    for link in shown {
        let what = cut(&name(link), width);
        let times = link.times;
        lines.push(format!(
            "    {what:width$}  {:>9}  {:>11}  {:>6}",
            thousands(times.person),
            thousands(times.machine),
            thousands(times.unsure)
        ));
    }
    if !rest.is_empty() {
        let people: u64 = rest.iter().map(|link| link.times.person).sum();
        lines.push(format!("    {} clicks by people on {} other links (all: --json)", thousands(people), rest.len()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample::{at, style};
    use engine::report::reactions::Times;
    use expect_test::expect;

    fn told() -> Reactions {
        let link = |link, url: Option<&str>, person, machine| LinkClicks {
            link,
            url: url.map(str::to_owned),
            times: Times { person, unsure: 0, machine },
        };
        Reactions {
            counted: TrackingMode::Full,
            opened: Deeds {
                people: 412,
                unknown: 301,
                by_machine: 301,
                times: Times { person: 640, unsure: 3, machine: 512 },
            },
            clicked: Deeds {
                people: 58,
                unknown: 0,
                by_machine: 154,
                times: Times { person: 71, unsure: 2, machine: 1_201 },
            },
            replied: 2,
            complained: 1,
            unsubscribed: 3,
            links: vec![
                link(2, Some("https://shop.example/spring?utm_source=letter"), 66, 600),
                link(1, None, 5, 600),
                link(0, None, 0, 1),
            ],
        }
    }

    #[test]
    fn people_are_told_apart_from_machines() {
        let lines = reactions(&told(), 1_200, &style(at(0), 100));
        expect![[r#"
            WHAT PEOPLE DID (an open is a direction, a click is intent)
                412 people opened (34.3 % of 1,200 accepted); of 301 more no person was seen to: unknown
                 58 people clicked (4.8 % of 1,200 accepted)
                2 replied · 3 unsubscribed · 1 complained
                by people: 640 opens, 71 clicks; by machines: 512 opens, 1,201 clicks; unsure: 3 opens, 2 clicks

            CLICKS BY LINK                                        by people  by machines  unsure
                2  https://shop.example/spring?utm_source=letter         66          600       0
                1  (another for each recipient)                           5          600       0
                0  (the one that nobody can see)                          0            1       0
        "#]]
        .assert_eq(&(lines.join("\n") + "\n"));
    }

    #[test]
    fn where_nobody_is_told_apart_no_people_are_counted() {
        let nameless = Reactions { counted: TrackingMode::Anonymous, ..told() };
        let lines = reactions(&nameless, 1_200, &style(at(0), 100)).join("\n");
        assert!(lines.contains("Nobody is told apart") && !lines.contains("people opened"), "{lines}");
        assert!(lines.contains("by people: 640 opens"), "{lines}");
    }
}
