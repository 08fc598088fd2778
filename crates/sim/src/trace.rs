//! The trace of a run: what happened, in order, as a hash that two runs of one seed must share.
//!
//! A line is virtual time, who, and what. Nothing enters that differs between machines or runs: no wall time, no path,
//! no key, token, signature or ciphertext. Lines are kept only up to a bound, for showing where two runs part; the
//! hash (SHA-256, FIPS 180-4) covers all of them.

use aws_lc_rs::digest;
use model::Timestamp;
use std::fmt::Write as _;

/// Lines kept for comparing; the hash goes on beyond them.
const LINES_KEPT_MAX: usize = 50_000;

/// A growing trace.
pub struct Trace {
    hash: digest::Context,
    epoch: Timestamp,
    lines: Vec<String>,
    count: u64,
}

impl Trace {
    /// An empty trace whose times count from `epoch`.
    pub fn new(epoch: Timestamp) -> Trace {
        Trace { hash: digest::Context::new(&digest::SHA256), epoch, lines: Vec::new(), count: 0 }
    }

    /// Adds a line. `what` must hold nothing that two runs of one seed do not share.
    pub fn record(&mut self, now: Timestamp, who: &str, what: &str) {
        let line = format!("{} {who} {what}\n", now.as_millis() - self.epoch.as_millis());
        self.hash.update(line.as_bytes());
        self.count += 1;
        if self.lines.len() < LINES_KEPT_MAX {
            self.lines.push(line.trim_end().to_owned());
        }
    }

    /// The hash of everything recorded so far, as 64 hex digits.
    pub fn hash(&self) -> String {
        let digest = self.hash.clone().finish();
        digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String");
            hex
        })
    }

    /// How many lines were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first lines, up to a bound.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Where two traces part: the number of the line and both lines; `None` when they agree as far as they are kept.
    pub(crate) fn parting(&self, other: &Trace) -> Option<(usize, String, String)> {
        let longest = self.lines.len().max(other.lines.len());
        let line = |trace: &Trace, at: usize| trace.lines.get(at).cloned().unwrap_or_else(|| "(ended)".to_owned());
        (0..longest).map(|at| (at + 1, line(self, at), line(other, at))).find(|(_, a, b)| a != b)
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("count", &self.count).field("hash", &self.hash()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(lines: &[(i64, &str)]) -> Trace {
        let mut trace = Trace::new(Timestamp::from_millis(1_000));
        for (ms, what) in lines {
            trace.record(Timestamp::from_millis(*ms), "mx1", what);
        }
        trace
    }

    #[test]
    fn equal_runs_hash_alike_and_the_first_difference_is_found() {
        let a = trace(&[(1_000, "connect"), (1_040, "rcpt 250")]);
        assert_eq!(a.hash(), trace(&[(1_000, "connect"), (1_040, "rcpt 250")]).hash());
        let b = trace(&[(1_000, "connect"), (1_041, "rcpt 250")]);
        assert_ne!(a.hash(), b.hash());
        let parting = a.parting(&b).map(|(line, ..)| line);
        assert_eq!((parting, a.parting(&a)), (Some(2), None));
    }
}
