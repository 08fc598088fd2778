//! The sample sender and the sample people, as the demo and the sandbox have them.

use crate::failure::Failure;
use engine::import::{ImportRequest, Mapping, Pace, import_file};
use engine::launch;
use engine::options::{SMTP_PORT, Transport};
use mail::sign::SigningKey;
use model::{Actor, MailDomain, WorkspaceId};
use sim::people::{MESSAGE, MESSAGE_FILE, SENDER_DOMAIN};
use sim::world::SimWorld;
use std::fs;
use std::path::{Path, PathBuf};
use store::{Import, Store, Target};

/// The selector of the sender's key.
pub(crate) const SELECTOR: &str = "s1";
/// The file with the people.
pub(crate) const PEOPLE_FILE: &str = "people.csv";
/// The file with those of them who could not be taken in.
pub(crate) const REJECTS_FILE: &str = "people.rejects.csv";

/// Whoever resumes or resends a campaign of the sample later reaches `postroom simulate`, never the world.
pub(crate) fn transport() -> Transport {
    Transport::Direct { port: SMTP_PORT, dns: Some(([127, 0, 0, 1], 5353).into()) }
}

/// The sample sender's key: the same each time. The world shows it.
pub(crate) fn publish_key(sim: &SimWorld) -> Result<SigningKey, Failure> {
    let own = |error: &dyn std::fmt::Display| Failure::own("the sample's key could not be made", error);
    let key = SigningKey::ed25519_from_seed([7; 32]).map_err(|error| own(&error))?;
    let domain = MailDomain::parse(SENDER_DOMAIN).map_err(|error| own(&error))?;
    let record = key.dns_record(&domain, SELECTOR).map_err(|error| own(&error))?;
    sim.publish_sender(SENDER_DOMAIN, &[(record.name, record.value)]);
    Ok(key)
}

/// Keeps the key in a ledger.
pub(crate) async fn keep_key(store: &Store, sim: &SimWorld, key: &SigningKey, actor: &Actor) -> Result<(), Failure> {
    let (entropy, now) = (sim.world.entropy.as_ref(), sim.world.clock.now());
    launch::keep_key(store, SENDER_DOMAIN, SELECTOR, key, entropy, actor, now).await?;
    Ok(())
}

/// Imports so many sample people, and what earlier mailings have taught about some of them.
pub(crate) async fn people_in(
    store: &Store,
    sim: &SimWorld,
    dir: &Path,
    (people, seed): (usize, u64),
    actor: &Actor,
) -> Result<Import, Failure> {
    let sample = sim::people::sample(people, seed);
    let cannot = |error: std::io::Error| Failure::own("the sample people could not be written down", error);
    let file: PathBuf = dir.join(PEOPLE_FILE);
    fs::write(&file, &sample.csv).map_err(cannot)?;
    fs::write(dir.join(MESSAGE_FILE), MESSAGE).map_err(cannot)?;
    let (workspace, clock) = (WorkspaceId::FIRST, sim.world.clock.clone());
    let rejects = dir.join(REJECTS_FILE);
    let (mapping, name, encoding, delimiter) = (Mapping::new(), None, None, None);
    let typed = Default::default();
    let request = ImportRequest { workspace, file, name, mapping, typed, encoding, delimiter, rejects, dry_run: false };
    let now = || clock.now();
    let imported = import_file(store, &request, actor, &now, &mut |_| Pace::Full).await?;
    for (address, reason) in &sample.suppressed {
        let note = Some("from earlier mailings".to_owned());
        store.suppress(workspace, Target::Address(address.clone()), *reason, note, actor, clock.now()).await?;
    }
    let imports = store.list_imports(workspace).await?;
    let found = imports.into_iter().find(|import| import.id == imported.import);
    found.ok_or_else(|| Failure::own("the sample people cannot be found", "the import is gone"))
}
