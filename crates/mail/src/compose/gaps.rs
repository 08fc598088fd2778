//! Which values leave a gap where they are missing: those that stand somewhere as nothing but their name, without a
//! condition around them that keeps the place away as well.
//!
//! What a condition does is not read from its text: the template engine evaluates it, with the value missing and with it
//! there. Invariant: where that depends on anything else, it may be a gap and is told as one.

use super::dialect::FUNCTIONS;
use super::tags::Tag;
use minijinja::value::Object;
use minijinja::{Environment, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Blocks around a tag that are looked at, the innermost first.
const BLOCKS_MAX: usize = 8;
/// Branches of a block that are looked at; behind them nothing is known.
const BRANCHES_MAX: usize = 8;

/// A block that is open.
struct Block<'s> {
    /// The conditions of its branches so far; none of a loop.
    conditions: Vec<&'s str>,
    /// Is it in its last branch, where none of them holds?
    is_else: bool,
}

impl Block<'_> {
    /// What holds in the branch it is in; `None`: nothing is known.
    fn holds(&self) -> Option<String> {
        if self.conditions.is_empty() || self.conditions.len() > BRANCHES_MAX {
            return None;
        }
        let (last, before) = self.conditions.split_last()?;
        let not = |condition: &&str| format!("not ({condition})");
        let mut all: Vec<String> = before.iter().map(not).collect();
        all.push(if self.is_else { not(last) } else { format!("({last})") });
        Some(all.join(" and "))
    }
}

/// The values that leave a gap where they are missing. `found`: the tags of `source`, of which every block is closed.
pub(super) fn gaps<'s>(env: &Environment<'_>, source: &'s str, found: &[Tag]) -> BTreeSet<&'s str> {
    let mut open: Vec<Block<'s>> = Vec::new();
    let mut gaps = BTreeSet::new();
    let mut known: BTreeMap<(String, &str), bool> = BTreeMap::new();
    for tag in found {
        match (tag.block_word(source), open.last_mut()) {
            (Some("if"), _) => {
                open.push(Block { conditions: tag.condition(source).into_iter().collect(), is_else: false });
            }
            (Some("for"), _) => open.push(Block { conditions: Vec::new(), is_else: false }),
            (Some("elif"), Some(block)) => block.conditions.extend(tag.condition(source)),
            (Some("else"), Some(block)) => block.is_else = true,
            (Some("endif" | "endfor"), Some(_)) => drop(open.pop()),
            _ => {}
        }
        let Some(name) = tag.plain_name(source).filter(|name| !gaps.contains(name)) else { continue };
        let mut around = open.iter().rev().take(BLOCKS_MAX).filter_map(Block::holds);
        let is_kept_away = around.any(|condition| {
            *known.entry((condition.clone(), name)).or_insert_with(|| depends_on(env, &condition, name))
        });
        if !is_kept_away {
            gaps.insert(name);
        }
    }
    gaps
}

/// Does a condition hold only where a value is there?
fn depends_on(env: &Environment<'_>, condition: &str, name: &str) -> bool {
    let Ok(expression) = env.compile_expression_owned(condition.to_owned()) else { return false };
    let holds = |value: Value| {
        let people = Value::from_dyn_object(Arc::new(OnePerson { name: name.to_owned(), value }));
        expression.eval(people).ok().map(|value| value.is_true())
    };
    let missing = [Value::UNDEFINED, Value::from(()), Value::from("")];
    missing.into_iter().all(|value| holds(value) == Some(false)) && holds(Value::from(PRESENT)) == Some(true)
}

/// What a value is that is there.
const PRESENT: &str = "x";

/// Somebody of whom one value is known, and who has all others.
#[derive(Debug)]
struct OnePerson {
    name: String,
    value: Value,
}

impl Object for OnePerson {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        match key == self.name {
            true => Some(self.value.clone()),
            false => (!FUNCTIONS.contains(&key)).then(|| Value::from(PRESENT)),
        }
    }
}
