//! Random numbers, asked for by purpose.
//!
//! A purpose is a short literal ("retry jitter", "mx order"). In the simulator every purpose has its own stream from
//! the seed, so that a new question somewhere does not shift the numbers everywhere else. Production draws from the
//! cryptographic generator for every purpose but fractions, which protect nothing and are drawn for every verdict.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A source of random numbers.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`; good enough for keys in production.
    fn fill(&self, purpose: &str, bytes: &mut [u8]);

    /// A number of 64 random bits.
    fn u64(&self, purpose: &str) -> u64 {
        let mut bytes = [0; 8];
        self.fill(purpose, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number from 0 up to, not including, 1. For spreading things in time, never for what has to be a secret.
    fn fraction(&self, purpose: &str) -> f64 {
        fraction_of(self.u64(purpose))
    }
}

fn fraction_of(bits: u64) -> f64 {
    const MANTISSA_BITS: u32 = 53;
    (bits >> (u64::BITS - MANTISSA_BITS)) as f64 / (1_u64 << MANTISSA_BITS) as f64
}

/// The cryptographic generator, seeded by the operating system.
#[derive(Debug)]
pub struct SystemEntropy {
    source: aws_lc_rs::rand::SystemRandom,
    /// For fractions: seeded once from the other.
    quick: Mutex<fastrand::Rng>,
}

impl SystemEntropy {
    /// The generator.
    pub fn new() -> SystemEntropy {
        let source = aws_lc_rs::rand::SystemRandom::new();
        let mut seed = [0; 8];
        fill_from(&source, &mut seed);
        SystemEntropy { source, quick: Mutex::new(fastrand::Rng::with_seed(u64::from_le_bytes(seed))) }
    }
}

impl Default for SystemEntropy {
    fn default() -> SystemEntropy {
        SystemEntropy::new()
    }
}

fn fill_from(source: &aws_lc_rs::rand::SystemRandom, bytes: &mut [u8]) {
    use aws_lc_rs::rand::SecureRandom;
    source.fill(bytes).expect("the operating system gives random bytes");
}

impl Entropy for SystemEntropy {
    fn fill(&self, _purpose: &str, bytes: &mut [u8]) {
        fill_from(&self.source, bytes);
    }

    fn fraction(&self, _purpose: &str) -> f64 {
        fraction_of(self.quick.lock().unwrap_or_else(PoisonError::into_inner).u64(..))
    }
}

/// Repeatable streams, one per purpose, for the simulator and for tests. Never for keys that protect anything.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    streams: Mutex<BTreeMap<String, fastrand::Rng>>,
}

impl SeededEntropy {
    /// Streams that depend on nothing but `seed` and the names of the purposes.
    pub fn new(seed: u64) -> SeededEntropy {
        SeededEntropy { seed, streams: Mutex::new(BTreeMap::new()) }
    }

    /// Draws from the stream of a purpose, which is opened at its first use.
    fn draw<T>(&self, purpose: &str, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match streams.get_mut(purpose) {
            Some(stream) => draw(stream),
            None => {
                let stream = fastrand::Rng::with_seed(stream_seed(self.seed, purpose));
                draw(streams.entry(purpose.to_owned()).or_insert(stream))
            }
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, purpose: &str, bytes: &mut [u8]) {
        self.draw(purpose, |stream| stream.fill(bytes));
    }

    fn u64(&self, purpose: &str) -> u64 {
        self.draw(purpose, |stream| stream.u64(..))
    }
}

/// FNV-1a over the seed and the purpose: fixed for ever, unlike the standard library's hasher.
fn stream_seed(seed: u64, purpose: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = seed.to_le_bytes().into_iter().chain(purpose.bytes());
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(entropy: &dyn Entropy, purpose: &str) -> Vec<u64> {
        (0..4).map(|_| entropy.u64(purpose)).collect()
    }

    #[test]
    fn one_purpose_does_not_shift_another() {
        let alone = numbers(&SeededEntropy::new(7), "jitter");
        let beside = SeededEntropy::new(7);
        beside.u64("mx order");
        assert_eq!(alone, numbers(&beside, "jitter"));
        assert_ne!(alone, numbers(&SeededEntropy::new(7), "mx order"));
        assert_ne!(alone, numbers(&SeededEntropy::new(8), "jitter"));
    }

    #[test]
    fn fractions_stay_below_one_and_spread() {
        let entropy = SeededEntropy::new(1);
        let drawn: Vec<f64> = (0..1_000).map(|_| entropy.fraction("jitter")).collect();
        assert!(drawn.iter().all(|f| (0.0..1.0).contains(f)));
        assert!(drawn.iter().any(|f| *f < 0.1) && drawn.iter().any(|f| *f > 0.9));
        let (system, other) = (SystemEntropy::new(), SystemEntropy::new());
        let drawn: Vec<f64> = (0..1_000).map(|_| system.fraction("jitter")).collect();
        assert!(drawn.iter().all(|f| (0.0..1.0).contains(f)));
        assert!(drawn.iter().any(|f| *f < 0.1) && drawn.iter().any(|f| *f > 0.9));
        assert!(drawn.iter().any(|f| *f != other.fraction("jitter")), "each process has its own");
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        let entropy = SystemEntropy::new();
        let (mut one, mut other) = ([0; 32], [0; 32]);
        entropy.fill("key", &mut one);
        entropy.fill("key", &mut other);
        assert_ne!(one, other);
    }
}
