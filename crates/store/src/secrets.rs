//! Named secrets (signatures; filled in next).

use crate::error::Result;

/// Named byte strings in a file only the owner may read.
#[derive(Clone, Debug)]
pub struct Secrets {}

impl Secrets {
    /// The secret of that name.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let _ = name;
        todo!()
    }
    /// Writes a secret durably; a second writing replaces the first.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let _ = (name, bytes);
        todo!()
    }
    /// The names, sorted.
    pub fn names(&self) -> Vec<String> {
        todo!()
    }
}
