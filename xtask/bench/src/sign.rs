//! The bare cost of an RSA-2048 signature on this machine, with as many threads as cores.
//!
//! It is the physical limit a signed campaign is measured against, so it is taken in the same run, alternating with
//! the campaigns: on a shared machine the ratio is worth more than either figure.

use crate::options::Options;
use crate::process::cpu_seconds;
use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What is signed: about the size of a DKIM header block.
const SIGNED_BYTES: usize = 1_024;

/// CPU seconds of one signature.
pub(crate) fn cpu_per_signature(duration: Duration) -> Result<f64> {
    let key = Arc::new(KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot make a key"))?);
    let before = cpu_seconds("self")?;
    let workers: Vec<_> = (0..cores())
        .map(|_| {
            let key = Arc::clone(&key);
            thread::spawn(move || sign_for(&key, duration))
        })
        .collect();
    let mut signatures = 0_u64;
    for worker in workers {
        signatures += worker.join().map_err(|_| anyhow!("a signing thread died"))??;
    }
    let spent = cpu_seconds("self")? - before;
    Ok(spent / signatures.max(1) as f64)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let seconds = options.number("seconds", 3)?;
    let cost = cpu_per_signature(Duration::from_secs(seconds))?;
    println!("bench sign: {:.3} CPU ms per RSA-2048 signature, {} thread(s)", cost * 1e3, cores());
    Ok(())
}

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn sign_for(key: &KeyPair, duration: Duration) -> Result<u64> {
    let (message, random) = (vec![b'x'; SIGNED_BYTES], SystemRandom::new());
    let mut signature = vec![0_u8; key.public_modulus_len()];
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < duration {
        key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).ok().context("signing failed")?;
        count += 1;
    }
    Ok(count)
}
