//! Programs of this machine: started with their words as they are, without a shell, and ended when they take too long.

use crate::BoxFuture;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two looks whether a program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Starts programs.
pub trait Programs: Send + Sync {
    /// Runs a program to its end, with `input` (a few kilobytes at most) on its standard input; its output is dropped.
    /// Fails, in words, when it cannot be started, says that it failed, or has not ended within `limit`.
    fn run<'a>(&'a self, argv: &'a [String], input: &'a [u8], limit: Duration) -> BoxFuture<'a, Result<(), String>>;
}

/// The programs of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemPrograms;

/// No programs: rehearsals and the simulator.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrograms;

impl Programs for NoPrograms {
    fn run<'a>(&'a self, _: &'a [String], _: &'a [u8], _: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("in a rehearsal no programs are started".to_owned()) })
    }
}

/// A program under way; it does not outlive whoever waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and that is well.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Programs for SystemPrograms {
    fn run<'a>(&'a self, argv: &'a [String], input: &'a [u8], limit: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (program, words) = argv.split_first().ok_or("there is no program")?;
            let mut command = Command::new(program);
            command.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let started = command.spawn().map_err(|error| format!("{program} could not be started: {error}"))?;
            let mut running = Running(started);
            if let Some(mut stdin) = running.0.stdin.take() {
                // A pipe takes what is this short at once; whoever does not read has not asked for it.
                stdin.write_all(input).ok();
            }
            let ended = async {
                loop {
                    match running.0.try_wait() {
                        Ok(None) => tokio::time::sleep(LOOK_EVERY).await,
                        Ok(Some(status)) if status.success() => return Ok(()),
                        Ok(Some(status)) => return Err(format!("{program} ended with {status}")),
                        Err(error) => return Err(format!("{program} was lost: {error}")),
                    }
                }
            };
            let in_time = tokio::time::timeout(limit, ended).await;
            in_time
                .unwrap_or_else(|_| Err(format!("{program} had not ended after {} s and was stopped", limit.as_secs())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(words: &[&str], input: &str, limit: Duration) -> Result<(), String> {
        let argv: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        SystemPrograms.run(&argv, input.as_bytes(), limit).await
    }

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn words_are_words_and_input_is_read() {
        let folder = std::env::temp_dir().join(format!("postroom-programs-{}", std::process::id()));
        let script = format!("cat > {}; test \"$0\" = 'a; false'", folder.display());
        run(&["/bin/sh", "-c", &script, "a; false"], "hello", SOON).await.unwrap();
        assert_eq!(std::fs::read_to_string(&folder).unwrap(), "hello");
        std::fs::remove_file(&folder).unwrap();
    }

    #[tokio::test]
    async fn failure_is_told_and_slowness_is_ended() {
        assert!(run(&["/bin/sh", "-c", "exit 3"], "", SOON).await.unwrap_err().contains("exit status: 3"));
        assert!(run(&["/no/such/program"], "", SOON).await.unwrap_err().contains("could not be started"));
        let slow = run(&["/bin/sh", "-c", "exec sleep 600"], "", Duration::from_millis(200)).await;
        assert!(slow.unwrap_err().contains("had not ended"));
        assert_eq!(run(&[], "", SOON).await, Err("there is no program".to_owned()));
    }
}
