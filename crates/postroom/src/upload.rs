//! Mail that is handed over: a file, or standard input where the name is `-`.

use crate::failure::Failure;
use std::io::Read;
use std::path::Path;

/// What a file holds, up to an octet more than `octets_max`: whoever reads it refuses what is too long.
pub(crate) fn read_file(file: &Path, octets_max: usize) -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(octets_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut octets = Vec::new();
    let got = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut octets)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(most).read_to_end(&mut octets))
    };
    got.map_err(|error| Failure::bad_input(format!("{}: {error}", file.display())))?;
    Ok(octets)
}
