//! The licences of everything we build on, and the crates we do without.
//!
//! Reads SPDX expressions from `cargo metadata`; what a licence file says beyond that is not looked at. Everything
//! allowed here can be linked into a program offered under MIT or Apache-2.0.

use crate::metadata::{built_packages, packages};
use anyhow::Result;
use std::path::Path;

/// Licences anything may have.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Licences a single crate may have, with the reason.
const ALLOWED_FOR: &[(&str, &str)] = &[
    // The cryptography kit carries files under the licence of its ancestor.
    ("aws-lc-sys", "OpenSSL"),
    ("aws-lc-fips-sys", "OpenSSL"),
    // Of LLVM's libFuzzer, which no program of ours has in it.
    ("libfuzzer-sys", "NCSA"),
];

/// Crates kept out, with the reason shown to whoever brings one in.
const BANNED: &[(&str, &str)] = &[
    ("chrono", "one library for time: jiff, and only where a person reads a time"),
    ("native-tls", "one TLS library: rustls"),
    ("openssl-sys", "one binary without system libraries; cryptography is aws-lc-rs"),
    ("ring", "one cryptography library: aws-lc-rs, faster at RSA and kept up"),
    ("rsa", "timing leak without a fixed release (RUSTSEC-2023-0071)"),
    ("sqlx", "several times the CPU of rusqlite per row; the two cannot be linked together"),
];

/// Every licence or crate that must not be in the tree, in words.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let built = built_packages(root)?;
    let banned = BANNED.iter().filter(|(name, _)| built.contains(*name));
    let mut findings: Vec<String> = banned.map(|(name, reason)| format!("{name} is kept out: {reason}")).collect();
    for package in packages(root)? {
        let name = package.name.as_str();
        match package.licence.as_deref() {
            None => findings.push(format!("{name} {}: names no licence", package.version)),
            Some(expression) if !allows(expression, name) => {
                findings.push(format!("{name} {}: licence `{expression}` is not on the list", package.version));
            }
            Some(_) => {}
        }
    }
    Ok(findings)
}

/// Can a choice of licences on the list satisfy the SPDX `expression`?
fn allows(expression: &str, crate_name: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { tokens: &tokens, at: 0, crate_name };
    reader.any() && reader.at == tokens.len()
}

/// Reads `A AND (B OR C WITH D)`: OR binds loosest, then AND, then WITH.
struct Reader<'a> {
    tokens: &'a [&'a str],
    at: usize,
    crate_name: &'a str,
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> bool {
        let mut allowed = self.all();
        while self.take("OR") {
            allowed |= self.all();
        }
        allowed
    }

    fn all(&mut self) -> bool {
        let mut allowed = self.one();
        while self.take("AND") {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let allowed = self.any();
            return self.take(")") && allowed;
        }
        let Some(mut licence) = self.next().map(str::to_owned) else { return false };
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.next().unwrap_or_default());
        }
        ALLOWED.contains(&licence.as_str()) || ALLOWED_FOR.contains(&(self.crate_name, licence.as_str()))
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(is_next);
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_needs_one_and_a_sum_needs_all() {
        assert!(allows("MIT OR GPL-3.0-only", "x"));
        assert!(allows("MIT/Apache-2.0", "x"));
        assert!(!allows("MIT AND AGPL-3.0-only", "x"));
        assert!(allows("(GPL-2.0-only OR Apache-2.0 WITH LLVM-exception) AND ISC", "x"));
        assert!(!allows("SSPL-1.0", "x") && !allows("", "x") && !allows("(MIT", "x"));
    }

    #[test]
    fn an_exception_is_for_one_crate() {
        assert!(allows("ISC AND OpenSSL", "aws-lc-sys"));
        assert!(!allows("ISC AND OpenSSL", "other"));
    }
}
