//! The options of a benchmark: pairs of `--name value`.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

/// What was given; the defaults stand where they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    given: BTreeMap<String, String>,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Result<Options> {
        let mut given = BTreeMap::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(name) = argument.strip_prefix("--") else { bail!("`{argument}` is not an option") };
            let value = rest.next().with_context(|| format!("--{name} needs a value"))?;
            given.insert(name.to_owned(), value.clone());
        }
        Ok(Options { given })
    }

    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64> {
        match self.given.get(name) {
            Some(text) => text.replace('_', "").parse().with_context(|| format!("--{name}: `{text}` is not a number")),
            None => Ok(default),
        }
    }

    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.given.get(name).map_or(default, String::as_str)
    }
}
