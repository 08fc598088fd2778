//! Double opt-in: asks people by mail whether they want to be on a list.
//!
//! Each question is a message like any other ([`engine::Handle::post`]): durable, signed, with all its guards, ahead of mailings
//! that wait. What it says is a template of the list's own or words of the catalogue, in the workspace's language. Who may be
//! asked, and how often, is the ledger's to say. Invariant: whatever goes wrong, nobody is asked twice for it: a question has a
//! key of its own until it is written down that it was asked.

use crate::App;
use crate::api::{house_options, template_file};
use crate::words::Words;
use engine::SendError;
use engine::brand::{Brand, SENDER};
use engine::drafts::POSTAL_ADDRESS;
use engine::launch::{self, MessageFile, token_ring};
use engine::messages::{Content, Look, Outgoing};
use mail::token::Purpose;
use model::{Actor, DeliveryId, EmailAddress, ListId, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use store::confirmation::ToAsk;
use store::{AnswerKey, Once, StoreError};

/// The stream of these messages.
const STREAM: &str = "confirmation";
/// People asked before the ledger is asked for more.
const BATCH: usize = 50;
/// What could not be asked is tried again after this …
const TRY_AGAIN: Duration = Duration::from_secs(3_600);
/// … and a ledger that did not answer after this.
const ASK_AGAIN: Duration = Duration::from_secs(30);
const NO_SENDER: &str = "who asks is not known: give the list a `sender`, or the workspace the setting `sender`";
/// Stands in for a time when nobody is due.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// Asks whoever is due, until it is dropped. Waits for the next time or for the bell; nothing polls.
pub async fn run(app: App) {
    loop {
        let wait = match ask_due(&app).await {
            Ok(next) => next.map_or(NEVER, |at| at.since(app.now())),
            Err(why) => {
                tracing::warn!(%why, "nobody could be asked to confirm just now");
                ASK_AGAIN
            }
        };
        tokio::select! {
            biased;
            () = app.desk.joined.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Asks everybody who is due now; answers when somebody is due next.
pub(crate) async fn ask_due(app: &App) -> Result<Option<Timestamp>, StoreError> {
    loop {
        let due = app.store.due_confirmations(app.now(), BATCH).await?;
        if due.is_empty() {
            return app.store.next_confirmation().await;
        }
        // Lists that cannot ask anybody just now.
        let mut broken: BTreeMap<ListId, String> = BTreeMap::new();
        for one in due {
            let (id, list) = (one.id, one.list.id);
            if let Some(until) = one.not_before {
                app.store.put_off_asking(id, "they had as many of these messages today as anybody gets", until).await?;
                continue;
            }
            if let Some(why) = broken.get(&list) {
                app.store.put_off_asking(id, why, app.now() + TRY_AGAIN).await?;
                continue;
            }
            match ask(app, &one).await {
                Ok(delivery) => app.store.note_asked(id, delivery, app.now()).await?,
                Err(SendError::Store(why)) if why.is_transient() => return Err(why),
                Err(why) => {
                    tracing::warn!(%list, %why, "nobody could be asked to confirm");
                    app.store.put_off_asking(id, &why.to_string(), app.now() + TRY_AGAIN).await?;
                    // One person's values may not fit the template; anything else would stop all.
                    if !matches!(why, SendError::Message { .. }) {
                        broken.insert(list, why.to_string());
                    }
                }
            }
        }
    }
}

/// Asks somebody. One that was written down and, before a crash, not noted is found again by its key.
async fn ask(app: &App, one: &ToAsk) -> Result<DeliveryId, SendError> {
    let outgoing = question(app, one).await?;
    let name = format!("{STREAM} {} {}", one.id.0, one.due.as_millis());
    let key = crate::auth::hash(&name);
    let workspace = one.list.workspace;
    let once = Once { key: AnswerKey { workspace, actor: STREAM.to_owned(), key }, request: key };
    let house = house_options(app, app.config.public_url.clone());
    let posted = app.engine.post(&app.world, &house, workspace, vec![outgoing], Some(once), &Actor::Engine).await;
    let posted = posted.map_err(|refusal| refusal.why)?;
    // One that is skipped (a dead address, a complaint) has its reason in their timeline and counts as asked.
    posted.first().map(|one| one.delivery).ok_or_else(|| SendError::Input("nothing was written down".to_owned()))
}

/// The message that asks.
async fn question(app: &App, one: &ToAsk) -> Result<Outgoing, SendError> {
    let workspace = one.list.workspace;
    let brand = Brand::of(&app.store, workspace).await?;
    let template = match one.list.list.asking.template {
        Some(id) => Some(template_file(app, workspace, id).await?),
        None => None,
    };
    let (template, of_template) = template.unzip();
    let of_template = of_template.unwrap_or_default();
    let sender = one.list.list.asking.sender.clone().or(of_template.from);
    let sender = match sender {
        Some(sender) => Some(sender),
        None => app.store.setting(workspace, SENDER).await?,
    };
    let from = sender.ok_or_else(|| SendError::Input(NO_SENDER.to_owned()))?;
    let domain = launch::parse_mailbox(&from)?.address.domain().clone();
    let links_at = app.links_at(workspace, &domain).await?;
    let words = Words::of(brand.language);
    let token = token_ring(&app.store, app.world.entropy.as_ref())?.seal(Purpose::Confirm, DeliveryId(one.id.0));
    let confirm_url = format!("{links_at}/confirm/{token}");
    let aliases = app.store.aliases(workspace).await?;
    let mut data = mail::values::of_person(&one.attributes, Some(&one.email), &aliases);
    for (name, text) in [
        ("list", one.list.list.name.clone()),
        ("sender", brand.name.unwrap_or_else(|| domain.to_string())),
        ("confirm_url", confirm_url),
    ] {
        data.insert(name.to_owned(), Value::String(text));
    }
    let mut columns: Vec<String> = data.keys().cloned().chain(of_template.tags).collect();
    columns.sort_unstable();
    columns.dedup();
    let content = Content {
        file: template.unwrap_or_else(|| built_in(words)),
        from,
        subject: of_template.subject,
        headers: Vec::new(),
        files: Vec::new(),
        columns,
        look: Look::Transactional,
        postal_address: app.store.setting(workspace, POSTAL_ADDRESS).await?,
        no_resend: false,
        tried: None,
    };
    let to = EmailAddress::parse(&one.email).map_err(|why| SendError::Input(why.to_string()))?;
    let data = Value::Object(data).to_string();
    Ok(Outgoing { to, to_name: None, content, data, tags: None, stream: STREAM.to_owned() })
}

/// The message of a list that has no template.
fn built_in(words: Words) -> MessageFile {
    let tags = [("list", "{{ list }}".into()), ("sender", "{{ sender }}".into())];
    let source = format!(
        "---\nsubject: {}\n---\n{}\n\n[{}]({{{{ confirm_url }}}})\n\n{}\n\n{{{{ postal_address }}}}\n",
        words.fill("question-subject", &tags),
        words.fill("question-what", &tags),
        words.say("question-yes"),
        words.say("question-no"),
    );
    MessageFile::new("question.md".to_owned(), source)
}
