//! `postroom judge`: what the rules make of a server's words, without a ledger and without sending anything. The rules are
//! those that a run from the data directory would use: the shipped ones, and its `rules.toml` on top if there is one.
//!
//! Speaks JSON lines both ways, whether or not `--json` is given, so that it can stand in a pipe between a log and a
//! script. A line that cannot be read is named on standard error and the rest goes on; the exit code then says so.

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::transport;
use dispatch::judge::{class_of, disposition_of, judge_text, judge_text_of, leads_to_suppression};
use dispatch::rules::RulePack;
use model::{Category, Class, Disposition, Stage};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};
use std::path::Path;

/// The longest line of input.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read {"id", "text"} lines (and "provider", its key, if that is known) on standard input, write a verdict for each
    Replies,
}

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: serde_json::Value,
    text: String,
    /// The key of the provider whose words they are; without it, the one that they name themselves.
    #[serde(default)]
    provider: Option<String>,
}

#[derive(Serialize)]
struct Judgement<'a> {
    id: &'a serde_json::Value,
    class: Class,
    category: Category,
    disposition: Disposition,
    suppress: bool,
    stage: Stage,
}

pub(crate) fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let Command::Replies = command;
    judge_lines(transport::described(dir)?.rules, &mut io::stdin().lock(), output)
}

fn judge_lines(rules: &RulePack, input: &mut dyn BufRead, output: &Output) -> Result<Exit, Failure> {
    let (mut number, mut unread, mut line) = (0, 0_u64, Vec::new());
    loop {
        line.clear();
        number += 1;
        let count = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        match count.map_err(|error| Failure::own("standard input could not be read", error))? {
            0 if unread == 0 => return Ok(Exit::Done),
            0 => return Err(Failure::bad_input(format!("{unread} lines could not be judged; see above"))),
            _ if line.trim_ascii().is_empty() => {}
            _ => match serde_json::from_slice::<Question>(&line) {
                Ok(question) => output.record(&judgement(rules, &question)),
                Err(error) => {
                    unread += 1;
                    output.note(format!("line {number} is not {{\"id\": …, \"text\": \"…\"}}: {error}"));
                }
            },
        }
    }
}

fn judgement<'a>(rules: &RulePack, question: &'a Question) -> Judgement<'a> {
    let verdict = match &question.provider {
        Some(provider) => judge_text_of(rules, provider, &question.text),
        None => judge_text(rules, &question.text),
    };
    Judgement {
        id: &question.id,
        class: class_of(&verdict),
        category: verdict.category,
        disposition: disposition_of(&verdict),
        suppress: leads_to_suppression(&verdict),
        stage: verdict.stage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_judged_in_the_shape_that_scripts_read() {
        let text = "550 5.1.1 No such user here".to_owned();
        let question = Question { id: "r-1".into(), text, provider: None };
        assert_eq!(
            serde_json::to_string(&judgement(RulePack::shipped(), &question)).unwrap(),
            r#"{"id":"r-1","class":"hard","category":"unknown_recipient","disposition":"fail","suppress":true,"stage":"rcpt"}"#
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_spoils_only_itself() {
        let output = Output::of_this_process(true);
        let shipped = RulePack::shipped();
        let failure =
            judge_lines(shipped, &mut &b"{\"id\":1,\"text\":\"250 ok\"}\n\nnonsense\n"[..], &output).unwrap_err();
        assert_eq!(failure.exit, Exit::BadInput);
        assert_eq!(judge_lines(shipped, &mut &b"{\"id\":1,\"text\":\"250 ok\"}"[..], &output).unwrap(), Exit::Done);
    }
}
