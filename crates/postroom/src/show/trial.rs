//! How variants of a message compare, on a terminal.

use super::{Style, columns, cut, wrapped};
use crate::output::{Ink, thousands};
use engine::options::TrackingMode;
use engine::trial::{Stage, Told, VariantTold};

/// The narrowest column for a subject.
const SUBJECT_MIN: usize = 12;

/// The variants with their figures, what these show, and what follows.
pub(super) fn trial(told: &Told, style: &Style) -> Vec<String> {
    let counts = "sample  accepted  opened  clicked";
    let reached = told.variants.iter().any(|one| one.reached.is_some());
    let goal = if reached { format!("  {}", told.measure) } else { String::new() };
    let subject = |one: &VariantTold| format!("{}  {}", one.variant, one.subject.as_deref().unwrap_or_default());
    let room = style.width.saturating_sub(6 + counts.len() + columns(&goal)).max(SUBJECT_MIN);
    let width = told.variants.iter().map(|one| columns(&subject(one))).max().unwrap_or(0).clamp(SUBJECT_MIN, room);
    let title = format!("{:gap$}", "VARIANTS", gap = width + 4);
    let mut lines = vec![format!("{}  {counts}{goal}", style.ink(Ink::Bold, &title))];
    let of_people = |n: u64| if told.counted == TrackingMode::Full { thousands(n) } else { "–".to_owned() };
    for one in &told.variants {
        let goal = one.reached.map(|n| format!("  {:>gap$}", thousands(n), gap = columns(&told.measure)));
        lines.push(format!(
            "    {:width$}  {:>6}  {:>8}  {:>6}  {:>7}{}",
            cut(&subject(one), width),
            thousands(one.people),
            thousands(one.accepted),
            of_people(one.opened),
            of_people(one.clicked),
            goal.unwrap_or_default()
        ));
    }
    if !told.is_everybody {
        let (people, accepted) = (thousands(told.rest.people), thousands(told.rest.accepted));
        lines.push(format!("    {:width$}  {people:>6}  {accepted:>8}", cut("Everybody else", width)));
    }
    let so_far = if told.is_judged || told.winner.is_some() { "" } else { "So far: " };
    lines.extend(wrapped("    ", &format!("{so_far}{}", told.says), style.width));
    lines.extend(wrapped("    ", &follows(told, style), style.width));
    lines
}

/// What becomes of everybody else.
fn follows(told: &Told, style: &Style) -> String {
    match (told.stage, told.winner, told.due_at) {
        (Stage::Chosen, Some(winner), _) => format!("Everybody else gets {winner}."),
        (Stage::Waiting, _, Some(due)) => format!("Judged {}; until then everybody else waits.", style.moment(due)),
        (Stage::Asking, ..) => {
            "Everybody else waits until somebody chooses: postroom choose CAMPAIGN VARIANT.".to_owned()
        }
        _ => "The sample is being sent; everybody else waits.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample::{at, style};
    use dispatch::trial::Finding;
    use engine::trial::RestTold;

    #[test]
    fn variants_are_told_with_what_follows() {
        let variant = |variant, subject: &str, clicked| VariantTold {
            variant,
            subject: Some(subject.to_owned()),
            preheader: None,
            from_name: None,
            is_own_message: false,
            people: 1_010,
            accepted: 1_000,
            opened: 400,
            clicked,
            clicked_unknown: 3,
            reached: None,
            unsubscribed: 0,
            complained: 0,
        };
        let told = Told {
            stage: Stage::Waiting,
            measure: "clicks".to_owned(),
            counted: TrackingMode::Full,
            variants: vec![variant('A', "Spring is here", 31), variant('B', "New: everything", 52)],
            rest: RestTold { people: 8_080, accepted: 0 },
            out_at: Some(at(0)),
            due_at: Some(at(14_400)),
            finding: Finding::Better,
            is_judged: false,
            leader: Some('B'),
            p: Some(0.019),
            difference: None,
            says: "B did better: chance alone seldom makes such a difference (p = 0.019).".to_owned(),
            winner: None,
            is_by_hand: false,
            by_hand: None,
            is_everybody: false,
            chosen_at: None,
        };
        let lines = trial(&told, &style(at(0), 100));
        assert_eq!(lines[1], "    A  Spring is here    1,010     1,000     400       31");
        assert_eq!(lines[3], "    Everybody else       8,080         0");
        assert_eq!(lines[4], "    So far: B did better: chance alone seldom makes such a difference (p = 0.019).");
        assert!(lines[5].contains("until then everybody else waits"), "{}", lines[5]);
        let uncounted = Told { counted: TrackingMode::Off, ..told.clone() };
        assert_eq!(
            trial(&uncounted, &style(at(0), 100))[1],
            "    A  Spring is here    1,010     1,000       –        –"
        );
        let chosen = Told { stage: Stage::Chosen, winner: Some('B'), is_judged: true, ..told };
        assert_eq!(trial(&chosen, &style(at(0), 100))[5], "    Everybody else gets B.");
    }
}
