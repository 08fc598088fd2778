//! Orders about what moves in from another platform besides people: lists with who is on them, and templates.
//!
//! Invariants: the same again changes nothing, and what somebody changed here since stays as it is.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use engine::migrate::{MoveError, MovedList, MovedTemplate, TemplateContent, move_list};
use model::Actor;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Template;

/// Templates read from the ledger at a time.
const PAGE: usize = 500;

/// Something that moves in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MoveIn {
    /// A list and who is on it.
    List { list: MovedList, platform: String, dry_run: bool },
    /// A template.
    Template { template: Box<MovedTemplate>, dry_run: bool },
}

/// Carries it out on a ledger this process owns.
pub(crate) async fn carry_out(ledger: &Ledger, actor: &Actor, order: &MoveIn) -> Answer {
    match order {
        MoveIn::List { list, platform, dry_run } => {
            let (store, workspace) = (&ledger.store, ledger.workspace);
            let how = (platform.as_str(), *dry_run);
            let moved = move_list(store, workspace, list, how, actor, &|| ledger.now()).await;
            let report = moved.map_err(|error| match error {
                MoveError::Store(error) => Failure::from(error).about(&list.name),
                MoveError::Read(error) => Failure::own("an export cannot be read", error),
            })?;
            Ok(json!(report))
        }
        MoveIn::Template { template, dry_run } => move_template(ledger, actor, template, *dry_run).await,
    }
}

/// Keeps a template under its name, unless there is one by that name: that one may have been worked on since.
async fn move_template(ledger: &Ledger, actor: &Actor, template: &MovedTemplate, dry_run: bool) -> Answer {
    let refused = |why: &str| Ok(json!({ "fate": "refused", "why": why }));
    let TemplateContent { format, source, subject, text } = match &template.content {
        Ok(content) => content,
        Err(why) => return refused(why),
    };
    let parts = json!({ "format": format, "source": source, "subject": subject, "text": text });
    let parts = match web::kept_parts(parts) {
        Ok(parts) => parts,
        Err(why) => return refused(&why),
    };
    if let Some(known) = template_named(ledger, &template.name).await? {
        return Ok(json!({ "fate": "unchanged", "template": known.id.to_string() }));
    }
    if dry_run {
        return Ok(json!({ "fate": "added" }));
    }
    let (store, now) = (&ledger.store, ledger.now());
    let made = store.make_template(ledger.workspace, &template.name, parts, actor, now).await?;
    Ok(json!({ "fate": "added", "template": made.id.to_string() }))
}

async fn template_named(ledger: &Ledger, name: &str) -> Result<Option<Template>, Failure> {
    let mut after = None;
    loop {
        let page = ledger.store.templates(ledger.workspace, after, PAGE).await?;
        if let Some(found) = page.iter().find(|known| known.name == name) {
            return Ok(Some(found.clone()));
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(None),
        }
    }
}
