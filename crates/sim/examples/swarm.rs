//! Plays random worlds: `cargo xtask swarm --seeds N [--from S]`, or one of them aloud: `--seed S --verbose`.
//!
//! Prints a line for each failure with the command that plays that world again. Exits with 1 if there was one.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its standard streams")]
#![allow(clippy::disallowed_methods, reason = "it runs on several threads and reads its arguments")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Worlds are small; one that takes longer goes round in a circle.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

struct Order {
    from: u64,
    seeds: u64,
    verbose: bool,
}

fn main() -> ExitCode {
    let order = match read(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(order) => order,
        Err(why) => {
            eprintln!("swarm: {why}\nuse: --seeds N [--from S] | --seed S [--verbose]");
            return ExitCode::FAILURE;
        }
    };
    // What a world panics with is told in its line; the place of it only when asked for.
    if !order.verbose {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let (next, failures) = (AtomicU64::new(order.from), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= order.from + order.seeds {
                        return;
                    }
                    if !play(seed, order.verbose) {
                        failures.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failures.into_inner();
    println!("swarm: {} worlds in {} s, {failed} failed", order.seeds, began.elapsed().as_secs());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(arguments: &[String]) -> Result<Order, String> {
    let mut order = Order { from: 1, seeds: 100, verbose: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || -> Result<u64, String> {
            let value = rest.next().ok_or_else(|| format!("{argument} needs a number"))?;
            value.parse().map_err(|_| format!("{argument}: `{value}` is not a number"))
        };
        match argument.as_str() {
            "--seeds" => order.seeds = number()?,
            "--from" => order.from = number()?,
            "--seed" => (order.from, order.seeds) = (number()?, 1),
            "--verbose" => order.verbose = true,
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    Ok(order)
}

/// Plays one world; is everything well?
fn play(seed: u64, verbose: bool) -> bool {
    let directory = std::env::temp_dir().join(format!("postroom-swarm-{}-{seed}", std::process::id()));
    if verbose {
        println!("{}", sim::swarm::draw(seed, &directory).told());
    }
    // In a thread of its own: a world that never ends is left behind, and everything goes with the process.
    let (done, played) = mpsc::channel();
    let place = directory.clone();
    std::thread::spawn(move || done.send(sim::swarm::play(seed, &place)).ok());
    let never = || Err(format!("it did not end within {} s", ENDS_WITHIN.as_secs()));
    let played = played.recv_timeout(ENDS_WITHIN).unwrap_or_else(|_| never());
    // What is left behind is in the directory for temporary files, and goes with it.
    let _removed = std::fs::remove_dir_all(&directory);
    match played {
        Ok(ended) => {
            if verbose {
                ended.trace.lines().iter().for_each(|line| println!("{line}"));
                println!("{}", ended.story());
            }
            true
        }
        Err(why) => {
            let shown = if verbose { why.as_str() } else { why.split("\n\n").next().unwrap_or_default() };
            println!("seed {seed}: {shown}\n  play it again: cargo xtask swarm --seed {seed} --verbose");
            false
        }
    }
}
