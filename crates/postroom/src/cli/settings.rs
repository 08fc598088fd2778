//! `postroom settings`: what holds for every campaign and every page of the workspace.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order};
use crate::output::Output;
use engine::brand::read_setting;
use engine::options::SETTINGS;
use serde_json::json;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which setting; without it all are shown
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Its new value; without it the present one is shown
    #[arg(value_name = "VALUE", requires = "name")]
    value: Option<String>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let names = || SETTINGS.iter().map(|(name, _)| *name);
    if let Some(name) = args.name.as_deref().filter(|name| !names().any(|known| known == *name)) {
        return Err(Failure::bad_input(format!("there is no setting {name:?}"))
            .advise(format!("settings are: {}", names().collect::<Vec<_>>().join(", ")))
            .suggest(&model::nearest(name, names())));
    }
    if let (Some(name), Some(value)) = (&args.name, &args.value) {
        let value = read_setting(name, value)
            .map_err(|expected| Failure::bad_input(format!("{name} cannot be that; expected: {expected}")))?;
        let order = Order::Set { name: name.clone(), value: value.clone() };
        let answer = order::place(dir, order, &mut |_| {}).await?;
        output.answer(&answer, || vec![format!("{name} is now: {value}")]);
        return Ok(Exit::Done);
    }
    let ledger = Ledger::read(dir)?;
    for (name, about) in SETTINGS.iter().filter(|(name, _)| args.name.as_deref().is_none_or(|asked| asked == *name)) {
        let value = ledger.store.setting(ledger.workspace, name).await?;
        output.answer(&json!({ "setting": name, "value": value }), || {
            vec![format!("{name} ({about}): {}", value.as_deref().unwrap_or("not set"))]
        });
    }
    Ok(Exit::Done)
}
