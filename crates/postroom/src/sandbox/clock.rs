//! What time it is in a sandbox, over restarts: time that was shown once is never shown again.
//!
//! A file has a time that was not reached yet. Before the clock goes beyond it, a later one is written; a new process begins
//! there.

use model::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file.
const FILE: &str = "clock";
/// How far ahead of the clock the written time is.
const AHEAD: Duration = Duration::from_secs(900);

/// The written time.
pub(super) struct Written {
    path: PathBuf,
    at: Timestamp,
}

impl Written {
    /// That of a sandbox's directory: the clock begins there, and never before `now`.
    pub(super) fn read(dir: &Path, now: Timestamp) -> Written {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let at = text.trim().parse().map_or(now, Timestamp::from_millis).max(now);
        Written { path, at }
    }

    /// Where the clock begins.
    pub(super) const fn begins(&self) -> Timestamp {
        self.at
    }

    /// The clock may go on to `until`.
    pub(super) fn allow(&mut self, until: Timestamp) -> io::Result<()> {
        if until <= self.at {
            return Ok(());
        }
        let at = until + AHEAD;
        fs::write(&self.path, format!("{}\n", at.as_millis()))?;
        self.at = at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_process_begins_where_no_time_was_shown_before() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(1_000_000);
        let mut written = Written::read(dir.path(), now);
        assert_eq!(written.begins(), now);
        let shown = now + Duration::from_secs(30 * 3_600);
        written.allow(shown).unwrap();
        let again = Written::read(dir.path(), now + Duration::from_secs(60));
        assert!(again.begins() > shown && again.begins().since(shown) <= AHEAD);
        let much_later = shown + Duration::from_secs(1_000_000);
        assert_eq!(Written::read(dir.path(), much_later).begins(), much_later);
    }
}
