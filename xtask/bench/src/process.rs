//! What a child process cost, as the kernel counts it: CPU, bytes to the device, peak memory.
//!
//! The child is left unreaped until its last counters have been read: a zombie still has its CPU time and its I/O
//! account, so nothing between the last look and the end is lost. Peak memory is read while it lives, a few times a
//! second. Clock ticks are a hundredth of a second: fine for runs of seconds.

use anyhow::{Context, Result, bail};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux counts process time in hundredths of a second on every platform we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Pause between two looks at the child.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Nothing measured here takes longer.
const LIMIT: Duration = Duration::from_secs(3_600);

/// What one run of a program came to.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    /// Bytes the process caused to be written to the device.
    pub(crate) device_bytes: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
}

/// Runs `command` to its end. Its standard error goes to ours.
pub(crate) fn measure(mut command: Command) -> Result<Run> {
    let started = Instant::now();
    let spoken = format!("{command:?}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| spoken.clone())?;
    let stdout = child.stdout.take().context("the child has no standard output")?;
    let reading = std::thread::spawn(move || std::io::read_to_string(stdout));
    let mut run = Run::default();
    while !is_over(&child)? {
        run.peak_bytes = run.peak_bytes.max(peak_bytes(child.id()).unwrap_or(0));
        if started.elapsed() > LIMIT {
            child.kill()?;
            bail!("{spoken}: still running after {} s", LIMIT.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    run.wall_s = started.elapsed().as_secs_f64();
    run.cpu_s = cpu_seconds(&child.id().to_string())?;
    run.device_bytes = device_bytes(child.id())?;
    run.exit_code = child.wait()?.code().unwrap_or(-1);
    let Ok(text) = reading.join() else { bail!("reading the output of {spoken} failed") };
    run.stdout = text?;
    Ok(run)
}

/// CPU seconds, user and system, of a process (`self` for our own) with all its threads, ended ones included.
pub(crate) fn cpu_seconds(process: &str) -> Result<f64> {
    let fields = stat_fields(process)?;
    let tick = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of proc(5), counted here from the third.
    Ok((tick(11) + tick(12)) / TICKS_PER_SECOND)
}

fn is_over(child: &Child) -> Result<bool> {
    Ok(stat_fields(&child.id().to_string())?.first().is_some_and(|state| state == "Z"))
}

/// The fields of `/proc/PID/stat` after the program's name, which may contain anything.
fn stat_fields(process: &str) -> Result<Vec<String>> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

fn device_bytes(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/io")).context("cannot read the I/O account")?;
    Ok(number_after(&text, "write_bytes:").unwrap_or(0))
}

fn peak_bytes(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(number_after(&text, "VmHWM:")? * 1024)
}

fn number_after(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(label))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_childs_cost_is_read_after_its_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exit 5"]);
        let run = measure(command).expect("sh runs");
        assert_eq!((run.stdout.as_str(), run.exit_code), ("done\n", 5));
        assert!(run.cpu_s > 0.0, "a busy loop costs something: {run:?}");
    }
}
