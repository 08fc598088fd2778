//! Backups, restores and copies (signatures; filled in next).

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Size of the ledger file in bytes.
    pub bytes: u64,
    /// Was it opened and checked?
    pub verified: bool,
}
