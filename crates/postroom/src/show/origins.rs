//! Where people came from, on a terminal: a line for each origin, worst first.

use super::{Style, columns, cut, wrapped};
use crate::output::{Ink, thousands};
use dispatch::origin::Harm;
use engine::origins::{OriginLine, Origins};

/// The widest column for the name of an origin.
const ORIGIN_MAX: usize = 48;

/// The origins, in lines.
pub(crate) fn list(told: &Origins, style: &Style) -> Vec<String> {
    if told.origins.is_empty() {
        return vec!["Nobody is here yet. Bring people in: postroom import --help".to_owned()];
    }
    let named = |line: &OriginLine| match line.origin.ends_with(&line.name) {
        true => line.origin.clone(),
        false => format!("{} ({})", line.origin, line.name),
    };
    let width = told.origins.iter().map(|line| columns(&named(line))).max().unwrap_or(0).clamp(6, ORIGIN_MAX);
    let title = format!(
        "{:width$}  {:>9}  {:>9}  {:>8}  {:>10}  {:>8}  {:>8}",
        "ORIGIN", "people", "mailed", "bounced", "complained", "left", "clicked"
    );
    let mut lines = vec![style.ink(Ink::Bold, &title)];
    for line in &told.origins {
        let share = |count: u64| share(count, line.mailed);
        let numbers = format!(
            "{:width$}  {:>9}  {:>9}  {:>8}  {:>10}  {:>8}  {:>8}",
            cut(&named(line), width),
            thousands(line.people),
            thousands(line.mailed),
            share(line.bounced),
            share(line.complained),
            share(line.unsubscribed),
            share(line.clicked),
        );
        lines.extend(row(numbers, &verdict(line), style));
    }
    if told.more > 0 {
        lines.push(format!("{} more are not shown.", thousands(told.more)));
    }
    lines.push(
        "Of those mailed; clicks are people's own. A limit is what the brakes bear: bounces 5 %, complaints".to_owned(),
    );
    lines.push("0.3 %; unsubscribes 2 %.".to_owned());
    lines
}

/// The numbers of an origin and what follows from them: beside them, or below where that is too long for a line.
fn row(numbers: String, verdict: &str, style: &Style) -> Vec<String> {
    let whole = format!("{numbers}  {verdict}");
    if columns(&whole) <= style.width || verdict.is_empty() {
        return vec![whole.trim_end().to_owned()];
    }
    std::iter::once(numbers).chain(wrapped("    ", verdict, style.width)).collect()
}

/// Hundredths of a percent, as a person writes them.
fn share(count: u64, of: u64) -> String {
    match (count * 10_000).checked_div(of) {
        None => "-".to_owned(),
        Some(share) => format!("{}.{:02} %", share / 100, share % 100),
    }
}

fn verdict(line: &OriginLine) -> String {
    if let Some(stopped) = &line.stopped {
        return format!("stopped: {}", stopped.why);
    }
    match line.harm {
        None => "too few to tell".to_owned(),
        Some(Harm { of_limit_percent, worst }) if of_limit_percent >= 100 => {
            let times = of_limit_percent / 10;
            format!("{}.{} × the limit: {}", times / 10, times % 10, worst.word())
        }
        Some(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample::{at, style};
    use dispatch::origin::Worst;
    use engine::origins::Stopped;
    use expect_test::expect;
    use model::origin::OriginKind;

    fn line(origin: &str, kind: OriginKind, name: &str) -> OriginLine {
        OriginLine {
            origin: origin.to_owned(),
            kind,
            name: name.to_owned(),
            people: 1_200,
            mailed: 1_000,
            bounced: 10,
            complained: 0,
            unsubscribed: 4,
            clicked: 31,
            harm: Some(Harm { of_limit_percent: 20, worst: Worst::Unsubscribes }),
            stopped: None,
        }
    }

    #[test]
    fn the_worst_stand_first_with_what_is_worst_about_them() {
        let harm = Some(Harm { of_limit_percent: 417, worst: Worst::Complaints });
        let fair = line("lead_source:fair", OriginKind::LeadSource, "fair");
        let stopped = Stopped { why: "bought".to_owned(), at: at(5), actor: "cli:mira".to_owned() };
        let import = line("import:i_7f2", OriginKind::Import, "members.csv");
        let few = line("key:k_9", OriginKind::Key, "shop");
        let told = Origins {
            origins: vec![
                OriginLine { complained: 12, harm, ..fair },
                OriginLine { stopped: Some(stopped), ..import },
                OriginLine { people: 12, mailed: 0, bounced: 0, unsubscribed: 0, clicked: 0, harm: None, ..few },
            ],
            more: 2,
        };
        expect![[r#"
            ORIGIN                         people     mailed   bounced  complained      left   clicked
            lead_source:fair                1,200      1,000    1.00 %      1.20 %    0.40 %    3.10 %  4.1 × the limit: complaints
            import:i_7f2 (members.csv)      1,200      1,000    1.00 %      0.00 %    0.40 %    3.10 %  stopped: bought
            key:k_9 (shop)                     12          0         -           -         -         -  too few to tell
            2 more are not shown.
            Of those mailed; clicks are people's own. A limit is what the brakes bear: bounces 5 %, complaints
            0.3 %; unsubscribes 2 %.
        "#]]
        .assert_eq(&(list(&told, &style(at(0), 120)).join("\n") + "\n"));
    }
}
