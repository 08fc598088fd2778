//! Forms that make something that is shown once are taken once, however often they are sent.

use super::forms::{Field, Typed};
use crate::App;
use crate::problem::{Code, Problem};
use model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long it is remembered that a form was sent.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// Forms that are remembered at once; beyond that the oldest are forgotten.
const FORMS_MAX: usize = 10_000;
/// The field that tells one drawing of a form from another.
const NAME: &str = "once";

/// The forms that were sent.
#[derive(Default)]
pub(crate) struct Once(Mutex<BTreeMap<String, Timestamp>>);

/// The field that makes a form one that is taken once.
pub(super) fn field(app: &App) -> Field {
    Field::hidden(NAME, format!("{:016x}", app.world.entropy.u64("form")))
}

/// Takes a form. Refused: one that was taken before.
pub(super) fn take(app: &App, typed: &Typed) -> Result<(), Problem> {
    let once = typed.get(NAME);
    let mut known = app.desk.once.0.lock().unwrap_or_else(PoisonError::into_inner);
    let now = app.now();
    known.retain(|_, at| now.since(*at) < REMEMBERED);
    if once.is_empty() || once.len() > 16 {
        return Err(Problem::from(Code::InvalidField));
    }
    if known.contains_key(once) {
        return Err(Problem::from(Code::ShownOnce));
    }
    if known.len() >= FORMS_MAX
        && let Some(oldest) = known.iter().min_by_key(|(_, at)| **at).map(|(once, _)| once.clone())
    {
        known.remove(&oldest);
    }
    known.insert(once.to_owned(), now);
    Ok(())
}

/// Nothing came of it: it may be sent again.
pub(super) fn give_back(app: &App, typed: &Typed) {
    app.desk.once.0.lock().unwrap_or_else(PoisonError::into_inner).remove(typed.get(NAME));
}
