//! What the events of other systems are worth to a campaign, on a terminal.

use super::{Style, columns, wrapped};
use crate::output::{Ink, thousands};
use engine::report::revenue::{Revenue, Worth};

/// Lines shown after a click, and likewise after the mail.
const LINES_SHOWN: usize = 8;

/// The rule, then what came after a click, and apart from it what came after the mail.
pub(super) fn revenue(told: &Revenue, style: &Style) -> Vec<String> {
    let mut lines = vec![style.ink(Ink::Bold, "WHAT IT BROUGHT (events with a value, told by other systems)")];
    for (all, after) in [(&told.after_click, "a click of their own"), (&told.after_mail, "the mail, clicked or not")] {
        if all.is_empty() {
            continue;
        }
        lines.push(format!("    within {} days after {after}", told.within_days));
        let amounts: Vec<String> = all.iter().map(amount).collect();
        let widest = amounts.iter().map(|amount| columns(amount)).max().unwrap_or(0);
        lines.extend(all.iter().zip(&amounts).take(LINES_SHOWN).map(|(worth, amount)| {
            let each = worth.per_recipient.as_ref().map(|each| format!(" · {each} for each recipient"));
            let people = if worth.people == 1 { "person" } else { "people" };
            let (events, people) = (thousands(worth.events), format!("{} {people}", thousands(worth.people)));
            format!("    {amount:>widest$}  {} ×{events} of {people}{}", worth.name, each.unwrap_or_default())
        }));
        if all.len() > LINES_SHOWN {
            lines.push(format!("    … and {} more: `report --json` has all of them", all.len() - LINES_SHOWN));
        }
    }
    let rule = "An event counts for every campaign it came after, when it is told: sums of campaigns are not to be added, nor \
        those after a click and after the mail.";
    lines.extend(wrapped("    ", rule, style.width));
    lines
}

fn amount(worth: &Worth) -> String {
    match &worth.currency {
        Some(currency) => format!("{currency} {}", worth.value),
        None => worth.value.clone(),
    }
}
