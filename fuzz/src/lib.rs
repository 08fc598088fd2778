//! What every target is made of: with the feature `libfuzzer` a fuzzer, without it a program that tries the inputs it is given.

use std::path::PathBuf;
use std::process::ExitCode;

/// For [`target!`], so that a target names no library of its own.
pub use libfuzzer_sys;

/// One target: `fuzz::target!(|input: TYPE| { … })`, where a panic is a finding. The type is read from the octets as libFuzzer's
/// targets read it (`arbitrary`), so an input that was found says the same to both programs.
#[macro_export]
macro_rules! target {
    (|$input:ident: $type:ty| $body:block) => {
        #[cfg(feature = "libfuzzer")]
        $crate::libfuzzer_sys::fuzz_target!(|$input: $type| $body);

        #[cfg(not(feature = "libfuzzer"))]
        fn main() -> std::process::ExitCode {
            use $crate::libfuzzer_sys::arbitrary::{Arbitrary, Unstructured};
            $crate::replay(|octets| {
                if let Ok($input) = <$type>::arbitrary_take_rest(Unstructured::new(octets)) {
                    $body
                }
            })
        }
    };
}

/// Tries the files named on the command line, one after the other: an input that was found is seen again without libFuzzer.
///
/// # Panics
/// As the target does; the file that is being tried was named before. A file that cannot be read is told and ends it.
pub fn replay(attempt: impl Fn(&[u8])) -> ExitCode {
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        eprintln!("{}", path.display());
        match std::fs::read(&path) {
            Ok(octets) => attempt(&octets),
            Err(error) => {
                eprintln!("cannot be read: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
