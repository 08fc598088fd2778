//! `postroom reload`: the process that is at work reads again what may change.

use crate::failure::{Exit, Failure};
use crate::order::{self, Order};
use crate::output::Output;
use serde_json::Value;
use std::path::Path;

pub(crate) async fn run(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let answer = order::place(dir, Order::Reload, &mut |_| {}).await?;
    output.answer(&answer, || {
        let read = answer.get("in_force").and_then(Value::as_array).into_iter().flatten();
        vec![format!("In force as they are now: {}.", read.filter_map(Value::as_str).collect::<Vec<_>>().join(", "))]
    });
    Ok(Exit::Done)
}
