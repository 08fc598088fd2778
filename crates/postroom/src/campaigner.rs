//! What commands that send share: people in, a campaign out of the ledger again.

use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::output::{Output, counted, thousands};
use engine::import::{ImportReport, ImportRequest, Mapping, Pace, Progress, import_file, preview};
use engine::{Mailing, launch};
use model::CampaignId;
use net::SystemEntropy;
use std::path::Path;
use store::Import;

/// A file of people as it is to be read.
pub(crate) fn people(file: &Path, mapping: Mapping, ledger: &Ledger) -> ImportRequest {
    let stem = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    ImportRequest {
        workspace: ledger.workspace,
        file: file.to_owned(),
        name: None,
        typed: Default::default(),
        mapping,
        encoding: None,
        delimiter: None,
        rejects: ledger.dir.join("rejects").join(format!("{stem}.rejects.csv")),
        dry_run: false,
    }
}

/// What a message may call the columns of a file, before anything of it is imported.
pub(crate) fn columns(request: &ImportRequest) -> Result<Vec<String>, Failure> {
    let preview = preview(request).map_err(|error| Failure::from(error).about(request.file.display()))?;
    Ok(preview.columns.into_iter().flat_map(|column| [column.tag, column.alias]).flatten().collect())
}

/// Imports a file of people, or finds that it was imported before. Ctrl-C leaves what was written for the next run.
pub(crate) async fn import(request: &ImportRequest, ledger: &Ledger, output: &Output) -> Result<Import, Failure> {
    let file = &request.file;
    let bar = output.bytes_bar("importing");
    let mut show = |progress: Progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done.min(progress.bytes_total));
        bar.set_message(format!("{} rows", thousands(progress.rows)));
        Pace::Full
    };
    let clock = || ledger.now();
    let importing = import_file(&ledger.store, request, &ledger.actor, &clock, &mut show);
    let report = tokio::select! { biased;
        report = importing => report.map_err(|error| Failure::from(error).about(file.display())),
        _ = tokio::signal::ctrl_c() => Err(Failure::refused("interrupted during the import; nothing was sent")
            .advise("run the same command again: the import continues where it stopped")),
    };
    bar.finish_and_clear();
    let report = report?;
    tell(file, &report, output);
    let imports = ledger.store.list_imports(ledger.workspace).await?;
    imports.into_iter().find(|import| import.id == report.import).ok_or_else(|| {
        Failure::own("the import cannot be found", "it was removed meanwhile").advise("run the same command again")
    })
}

fn tell(file: &Path, report: &ImportReport, output: &Output) {
    if report.already_done {
        return;
    }
    output.note(format!("imported {} from {}", counted(report.rows, "row", "rows"), file.display()));
    if report.forgotten > 0 {
        output.note(format!(
            "  {} left out: forgotten at their own wish, and not taken in again",
            counted(report.forgotten, "row is", "rows are")
        ));
    }
    if let Some(rejects) = &report.rejects_file {
        output.note(format!(
            "  {} could not be used; why, line by line: {}",
            counted(report.listed, "row", "rows"),
            rejects.display()
        ));
    }
}

/// A campaign ready to be sent.
pub(crate) async fn mailing(ledger: &Ledger, id: CampaignId) -> Result<Mailing, Failure> {
    let campaign = ledger.store.campaign(id).await?;
    let campaign = campaign.ok_or_else(|| store::StoreError::NotFound { what: "campaign", name: id.to_string() })?;
    Ok(launch::mailing(&ledger.store, &campaign, &SystemEntropy::new()).await?)
}

/// The id behind a number.
pub(crate) async fn by_number(ledger: &Ledger, number: u32) -> Result<CampaignId, Failure> {
    let campaign = ledger.store.campaign_by_number(ledger.workspace, number).await?;
    let missing = || store::StoreError::NotFound { what: "campaign", name: number.to_string() };
    Ok(campaign.ok_or_else(missing)?.id)
}
