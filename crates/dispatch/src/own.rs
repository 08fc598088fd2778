//! What an operator adds: `providers.toml` and `rules.toml` in the data directory, on top of the shipped ones.
//!
//! Apart because both files are read together, at the start and when somebody changed them: own rules may name own
//! providers. Invariant: a file
//! that is wrong in any way does not load at all, and what loads is nowhere looser than what is shipped.

use crate::file_error::FileError;
use crate::providers::Providers;
use crate::rules::RulePack;

/// Names an operator's file and gives its text.
#[derive(Clone, Copy, Debug)]
pub struct OwnFile<'a> {
    /// How messages call it: its path.
    pub path: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Providers and rules as they are used from now on. They live as long as the program.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Who runs which servers, and the ceilings.
    pub providers: &'static Providers,
    /// What replies mean.
    pub rules: &'static RulePack,
}

impl Described {
    /// What comes with the program.
    pub fn shipped() -> Described {
        Described { providers: Providers::shipped(), rules: RulePack::shipped() }
    }

    /// What comes with the program, and an operator's files on top. `None`: there is no such file. To be called
    /// where a file changed only: what is read is kept for good. `Err`: the first file that does
    /// not load; nothing of either is taken.
    pub fn with(providers: Option<OwnFile<'_>>, rules: Option<OwnFile<'_>>) -> Result<Described, FileError> {
        let mut described = Described::shipped();
        if let Some(OwnFile { path, text }) = providers {
            let merged = Providers::parse(path, text)?.over(described.providers)?;
            described.providers = Box::leak(Box::new(merged));
        }
        if let Some(OwnFile { path, text }) = rules {
            let pack = RulePack::parse_with(path, text, described.providers)?;
            described.rules = Box::leak(Box::new(pack));
        }
        Ok(described)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDERS: &str = "[[provider]]\nkey = 'acme'\nname = 'Acme'\nmx = ['.acme.test']\nsource = 'asked them'\n\
                             hits = [['mx1.acme.test']]\nmisses = [['mx.notacme.test']]\n";
    const RULES: &str = "[[rule]]\nname = 'acme-slow'\nprovider = 'acme'\nany = ['\\bslow please']\n\
                         category = 'rate_limited'\nsource = 'seen'\nhits = ['450 slow please']\nmisses = ['450 no']\n";

    #[test]
    fn own_rules_may_name_own_providers() {
        let providers = OwnFile { path: "providers.toml", text: PROVIDERS };
        let rules = OwnFile { path: "rules.toml", text: RULES };
        let described = Described::with(Some(providers), Some(rules)).unwrap();
        assert!(described.providers.by_key("acme").is_some() && described.rules.rule("acme-slow").is_some());
        let error = Described::with(None, Some(rules)).unwrap_err().to_string();
        assert!(error.starts_with("rules.toml, line 1: rule acme-slow: provider acme is described nowhere"), "{error}");
        let none = Described::with(None, None).unwrap();
        assert!(none.rules.rule("acme-slow").is_none());
    }
}
