//! `cargo xtask bench pace`: how well the engine paces itself where limits are hidden.
//!
//! Ten worlds, each with one kind of hidden limit ([`sim::pacing`]), each played three times: by the engine that learns, by
//! the same engine told every limit the moment it changes, and by one with fixed limits that learns nothing. Prints lines for a person and a JSON line for each world, and
//! the sum at the end. Virtual time, so any machine will do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its standard streams")]
#![allow(clippy::disallowed_methods, reason = "it runs on several threads and reads its arguments")]

use serde_json::{Value, json};
use sim::pacing::{Came, Knowledge, Trial, play, trials};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

struct Order {
    people: usize,
    world: Option<usize>,
}

/// One world, played in every way.
struct Played {
    trial: Trial,
    learned: Came,
    told: Came,
    fixed: Came,
}

fn main() -> ExitCode {
    let order = match read(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(order) => order,
        Err(why) => {
            eprintln!("pace: {why}\nuse: [--people N (100000)] [--world 1…10]");
            return ExitCode::FAILURE;
        }
    };
    let trials: Vec<Trial> = trials();
    let chosen = |at: &usize| order.world.is_none_or(|world| world == *at + 1);
    let due: Vec<usize> = (0..trials.len()).filter(chosen).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(at) = due.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = play_all(&trials[*at], &order);
                    tell(&played, order.people);
                    if let Ok(mut done) = done.lock() {
                        done.push(played);
                    }
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_default();
    summarise(&done, order.people, began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

fn read(arguments: &[String]) -> Result<Order, String> {
    let mut order = Order { people: 100_000, world: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{argument} needs a value"))?;
        let number = || value.replace('_', "").parse::<usize>().map_err(|_| format!("`{value}` is not a number"));
        match argument.as_str() {
            "--people" => order.people = number()?,
            "--world" => order.world = Some(number()?),
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    Ok(order)
}

fn play_all(trial: &Trial, order: &Order) -> Played {
    let played = |knowledge| {
        let directory = std::env::temp_dir().join(format!("postroom-trial-{}-{}", std::process::id(), trial.seed));
        let came = play(trial, order.people, knowledge, &directory);
        // What is left behind is in the directory for temporary files, and goes with it.
        let _removed = std::fs::remove_dir_all(&directory);
        came
    };
    let [learned, told, fixed] = [Knowledge::Learns, Knowledge::Told, Knowledge::Fixed].map(played);
    Played { learned, told, fixed, trial: trial.clone() }
}

/// How fast it was compared with whoever knew everything: 1 is as fast.
fn pace_of(came: &Came, told: &Came) -> f64 {
    told.nearly_all_s / came.nearly_all_s
}

fn share(came: &Came) -> f64 {
    came.refused() as f64 / came.begun.max(1) as f64
}

fn figures(came: &Came, told: &Came, hidden: u64) -> Value {
    json!({
        "of_oracle": rounded(pace_of(came, told)), "hours_to_99_percent": rounded(came.nearly_all_s / 3_600.0),
        "hours_to_last": rounded(came.last_s / 3_600.0), "accepted": came.accepted, "refusals": came.refused(),
        "refused_share": rounded(share(came)), "refusals_per_limit": came.refused() / hidden.max(1),
        "put_off_by_engine": came.put_off, "long_blocks": came.blocks, "refusals_by_provider": came.refusals,
    })
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

fn tell(played: &Played, people: usize) {
    let Played { trial, learned, told, fixed } = played;
    let shown = |word: &str, came: &Came| {
        println!(
            "  {word:<8} {:>5.1} % of the oracle, {:>7} refusals ({:.2} %), {} long blocks, {} of {people} accepted",
            100.0 * pace_of(came, told),
            came.refused(),
            100.0 * share(came),
            came.blocks,
            came.accepted,
        );
    };
    let hours = told.nearly_all_s / 3_600.0;
    println!("bench pace: {}: {} hidden limits; the oracle needs {hours:.2} h", trial.name, trial.hidden);
    shown("learned", learned);
    shown("told", told);
    shown("fixed", fixed);
    let line = json!({
        "bench": "pace", "world": trial.name, "people": people, "hidden_limits": trial.hidden,
        "learned": figures(learned, told, trial.hidden), "told": figures(told, told, trial.hidden),
        "fixed": figures(fixed, told, trial.hidden),
    });
    println!("{line}");
}

fn summarise(done: &[Played], people: usize, took_s: f64) {
    // The oracle spreads what an hour allows over the hour; who does not know may be faster. That is no merit.
    let ratios: Vec<f64> = done.iter().map(|played| pace_of(&played.learned, &played.told).min(1.0)).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len().max(1) as f64;
    let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let refused: u64 = done.iter().map(|played| played.learned.refused()).sum();
    let begun: u64 = done.iter().map(|played| played.learned.begun).sum();
    let hidden: u64 = done.iter().map(|played| played.trial.hidden).sum();
    let blocks: u64 = done.iter().map(|played| played.learned.blocks).sum();
    println!(
        "{}",
        json!({
            "bench": "pace", "world": "all", "worlds": done.len(), "people": people, "of_oracle_mean": rounded(mean),
            "of_oracle_worst": rounded(worst), "refusals": refused, "hidden_limits": hidden, "long_blocks": blocks,
            "refused_share": rounded(refused as f64 / begun.max(1) as f64), "wall_s": rounded(took_s),
        })
    );
}
