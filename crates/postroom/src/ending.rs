//! The end of a command that sends: the object or its picture, what to do next, and the exit code.
//!
//! What is shown is read from the ledger after the last outcome was recorded, never from what the run remembers.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::output::{Output, counted, thousands};
use crate::shift::ShiftEnd;
use crate::show::forecast::beside_report;
use crate::show::report::{Remarks, end_of_campaign, skip_word};
use crate::show::{Style, wrapped};
use engine::RunEnd;
use engine::report::{Report, report};
use model::{CampaignId, CampaignState, SkipReason};

/// Ends a command about one campaign.
pub(crate) async fn of_campaign(
    ledger: &Ledger,
    id: CampaignId,
    end: &ShiftEnd,
    output: &Output,
) -> Result<Exit, Failure> {
    let report = report(&ledger.store, id, ledger.now()).await?;
    let foreseen = foreseen(ledger, id, &report, output).await?;
    show(ledger, &report, end, foreseen, output);
    Ok(exit(&report, end))
}

/// Ends a command about every campaign that was interrupted: their sum.
pub(crate) async fn of_campaigns(
    ledger: &Ledger,
    ids: &[CampaignId],
    end: &ShiftEnd,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut reports = Vec::with_capacity(ids.len());
    for id in ids {
        reports.push(report(&ledger.store, *id, ledger.now()).await?);
    }
    let sum = Report::sum(reports);
    match (sum.campaigns.as_slice(), ids) {
        ([one], [id]) if !output.is_json() => {
            let foreseen = foreseen(ledger, *id, one, output).await?;
            show(ledger, one, end, foreseen, output);
        }
        _ => show(ledger, &sum, end, None, output),
    }
    Ok(exit(&sum, end))
}

/// When those go who still wait, if that is known.
async fn foreseen(
    ledger: &Ledger,
    id: CampaignId,
    report: &Report,
    output: &Output,
) -> Result<Option<String>, Failure> {
    let Some(campaign) = ledger.store.campaign(id).await?.filter(|_| !output.is_json()) else { return Ok(None) };
    let style = Style::of_this_process(output, &ledger.dir, ledger.now());
    Ok(beside_report(ledger, &campaign, report.in_progress, &style).await?)
}

fn show(ledger: &Ledger, report: &Report, end: &ShiftEnd, foreseen: Option<String>, output: &Output) {
    if *end == ShiftEnd::Interrupted {
        output.note("interrupted: nothing more is started");
    }
    output.answer(report, || {
        let style = Style::of_this_process(output, &ledger.dir, ledger.now());
        let remarks = Remarks { foreseen, ..Remarks::default() };
        let mut lines = end_of_campaign(report, &style, &remarks);
        lines.push(String::new());
        lines.extend(aftermath(report, &style));
        lines
    });
}

/// What happens to those who wait, and to mail that is refused after it was accepted.
fn aftermath(report: &Report, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(out) = &report.sample {
        let (rest, until) = (counted(out.rest, "person was", "people were"), style.moment(out.until));
        let told = format!("{rest} not tried yet: {}. They may go from {until} on, while postroom runs.", out.why);
        lines.extend(wrapped("", &told, style.width));
    }
    if report.in_progress > 0 {
        lines.push(
            "Whoever waits is tried again only while postroom runs; each until the end of its own window.".to_owned(),
        );
    }
    if report.accepted > 0 {
        lines.push("A server that accepted may still send mail back: such late bounces are not read yet.".to_owned());
    }
    lines
}

fn exit(report: &Report, end: &ShiftEnd) -> Exit {
    let is_paused = |one: &Report| one.campaign.as_ref().is_some_and(|line| line.state == CampaignState::Paused);
    match end {
        ShiftEnd::Interrupted | ShiftEnd::Ran(RunEnd::Braked(_) | RunEnd::Stopped) => Exit::Refused,
        ShiftEnd::Ran(RunEnd::Done | RunEnd::RetriesRemain) => match () {
            () if report.is_settled() => Exit::Done,
            () if is_paused(report) || report.campaigns.iter().any(is_paused) => Exit::Refused,
            () => Exit::RetriesRemain,
        },
    }
}

/// What a campaign would come to: the equation before anything is sent, by reasons.
pub(crate) fn forecast(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{} people = {} skipped + {} to be attempted",
            thousands(report.recipients),
            thousands(report.skipped),
            thousands(report.attempted)
        ),
        String::new(),
    ];
    let mut reasons: Vec<(SkipReason, u64)> = report.skipped_by_reason.iter().map(|(r, n)| (*r, *n)).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    lines.extend(reasons.iter().map(|(reason, count)| format!("    {:>7} {}", thousands(*count), skip_word(*reason))));
    lines.push("Nothing was sent, and no campaign was kept.".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::doubt::Ahead;
    use engine::report::CampaignLine;
    use model::Timestamp;

    #[test]
    fn the_exit_code_tells_a_script_whether_to_come_again() {
        let line = |state| {
            Some(CampaignLine {
                number: 1,
                name: "x".into(),
                state,
                why: None,
                needs_reason: false,
                takes_out: String::new(),
            })
        };
        let waiting = Report { in_progress: 3, campaign: line(CampaignState::Retrying), ..Report::default() };
        let paused = Report { in_progress: 3, campaign: line(CampaignState::Paused), ..Report::default() };
        let ran = |end| ShiftEnd::Ran(end);
        assert_eq!(exit(&Report::default(), &ran(RunEnd::Done)), Exit::Done);
        assert_eq!(exit(&waiting, &ran(RunEnd::RetriesRemain)), Exit::RetriesRemain);
        let again = Ahead { people: 2, next_at: Timestamp::from_millis(0) };
        let doubted = Report { in_doubt: 3, once_more: Some(again), ..Report::default() };
        assert_eq!(exit(&doubted, &ran(RunEnd::RetriesRemain)), Exit::RetriesRemain, "some are sent to once more");
        assert_eq!(exit(&paused, &ran(RunEnd::Done)), Exit::Refused);
        assert_eq!(exit(&Report::sum(vec![paused]), &ran(RunEnd::Done)), Exit::Refused);
        assert_eq!(exit(&waiting, &ShiftEnd::Interrupted), Exit::Refused);
        assert_eq!(exit(&waiting, &ran(RunEnd::Braked("port 25".into()))), Exit::Refused);
    }
}
