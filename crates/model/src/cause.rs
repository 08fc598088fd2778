//! What tells a cause of a campaign from its other causes, as a word that can be written down: in addresses of pages, in
//! requests, in the rules of segments.
//!
//! Invariant: people whose mark is the same are counted together, in the report as in a rule, and a mark that was written
//! is read back as the same mark.

use crate::{Category, DeliveryState, EnhancedCode, Stage};
use std::fmt;
use std::str::FromStr;

/// What people have in common who stand where they stand for the same cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CauseMark {
    /// Where they stand.
    pub class: DeliveryState,
    /// The category of the last verdict.
    pub category: Category,
    /// The provider key of the site, if it is a known one.
    pub provider: Option<String>,
    /// The reply code, if there was a reply.
    pub code: Option<u16>,
    /// The enhanced code, of the reply or of what DNS said ([`EnhancedCode::of_dns`]).
    pub enhanced: Option<EnhancedCode>,
    /// The rule that judged it, where no server said a word: a name server that is silent is no mail server that is.
    pub rule: Option<String>,
}

/// Why a text is no mark.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no cause: one is written like \"blocked:ip_reputation:gmail:550:5.7.1:\"")]
pub struct CauseMarkError(String);

impl CauseMark {
    /// The mark of a verdict. `rule` counts only where no server said a word.
    pub fn new(
        class: DeliveryState,
        category: Category,
        provider: Option<&str>,
        (code, enhanced): (Option<u16>, Option<EnhancedCode>),
        rule: &str,
    ) -> CauseMark {
        let rule = Some(rule.to_owned()).filter(|rule| code.is_none() && !rule.is_empty());
        CauseMark { class, category, provider: provider.map(str::to_owned), code, enhanced, rule }
    }
}

impl EnhancedCode {
    /// What DNS told us has an enhanced code as well, though no server said it (RFC 3463 section 3.2, RFC 7505 section 4.2).
    pub const fn of_dns(stage: Stage, category: Category) -> Option<EnhancedCode> {
        let (class, subject, detail) = match (stage, category) {
            (Stage::Dns, Category::UnknownDomain) => (5, 1, 2),
            (Stage::Dns, Category::DomainRefusesMail) => (5, 1, 10),
            (Stage::Dns, Category::NetworkFailure) => (4, 4, 3),
            _ => return None,
        };
        Some(EnhancedCode { class, subject, detail })
    }
}

impl fmt::Display for CauseMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CauseMark { class, category, provider, code, enhanced, rule } = self;
        write!(f, "{class}:{category}:{}:", provider.as_deref().unwrap_or_default())?;
        if let Some(code) = code {
            write!(f, "{code}")?;
        }
        f.write_str(":")?;
        if let Some(enhanced) = enhanced {
            write!(f, "{enhanced}")?;
        }
        write!(f, ":{}", rule.as_deref().unwrap_or_default())
    }
}

impl FromStr for CauseMark {
    type Err = CauseMarkError;

    fn from_str(text: &str) -> Result<CauseMark, CauseMarkError> {
        read(text).filter(|mark| mark.to_string() == text).ok_or_else(|| CauseMarkError(text.to_owned()))
    }
}

/// The name of a rule may have colons in it: it is what is left.
fn read(text: &str) -> Option<CauseMark> {
    let mut parts = text.splitn(6, ':');
    let class = DeliveryState::from_word(parts.next()?)?;
    let category = Category::from_word(parts.next()?)?;
    let provider = parts.next()?;
    let code = match parts.next()? {
        "" => None,
        code => Some(code.parse().ok()?),
    };
    let enhanced = match parts.next()? {
        "" => None,
        enhanced => Some(enhanced.parse().ok()?),
    };
    let provider = Some(provider).filter(|key| !key.is_empty());
    Some(CauseMark::new(class, category, provider, (code, enhanced), parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_as_it_was_written_and_nothing_else_is_one() {
        for text in [
            "blocked:ip_reputation:gmail:550:5.7.1:",
            "soft:mailbox_full::452::",
            "deferred:network_failure::::no-answer",
            "hard:unknown_domain:::5.1.2:dns: no such name",
        ] {
            assert_eq!(text.parse::<CauseMark>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "blocked",
            "blocked:ip_reputation:gmail:550:5.7.1",
            "refused:ip_reputation:gmail:550:5.7.1:",
            "blocked:bad_luck:gmail:550:5.7.1:",
            "blocked:ip_reputation:gmail:0550:5.7.1:",
            "blocked:ip_reputation:gmail:550:5.7:",
            "blocked:ip_reputation:gmail:550:5.7.1:its-own-rule",
        ] {
            assert!(text.parse::<CauseMark>().is_err(), "{text}");
        }
    }
}
