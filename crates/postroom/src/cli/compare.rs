//! What `postroom send` compares with its message: other subjects or messages, on a sample of the people first.

use crate::failure::Failure;
use crate::moment;
use dispatch::trial::Undecided;
use engine::launch::MessageFile;
use engine::trial::{Comparison, Measure, Size, Variant};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// Compare the message with the same under another subject, on a sample first. Can be repeated, up to four variants in all
    #[arg(long = "or-subject", value_name = "TEXT")]
    or_subjects: Vec<String>,
    /// Compare it with another message. Can be repeated
    #[arg(long = "or-message", value_name = "FILE")]
    or_messages: Vec<PathBuf>,
    /// The sample: a share of the people, or so many
    #[arg(long, value_name = "N%|N", default_value = "20%")]
    sample: String,
    /// For how long people may act before the variants are judged, from when the sample is out
    #[arg(long, value_name = "SPAN", default_value = "4h")]
    judge_after: String,
    /// Count who reached this goal, an event that another system tells, and not who clicked
    #[arg(long, value_name = "EVENT")]
    goal: Option<String>,
    /// Who chooses for everybody else: the figures, the figures where they differ beyond chance, or a person (postroom choose)
    #[arg(long, value_name = "WHO", value_enum, default_value_t = ChosenBy::Figures)]
    chosen_by: ChosenBy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ChosenBy {
    Figures,
    ClearFigures,
    Person,
}

impl Compare {
    /// What is compared, if anything is.
    pub(crate) fn read(&self) -> Result<Option<Comparison>, Failure> {
        if self.or_subjects.is_empty() && self.or_messages.is_empty() {
            return Ok(None);
        }
        let subjects =
            self.or_subjects.iter().map(|subject| Ok(Variant { subject: Some(subject.clone()), ..Variant::default() }));
        let messages = self
            .or_messages
            .iter()
            .map(|path| Ok::<_, Failure>(Variant { file: Some(MessageFile::read(path)?), ..Variant::default() }));
        let wait = moment::span_of(&self.judge_after)?.as_secs().div_ceil(60);
        Ok(Some(Comparison {
            variants: subjects.chain(messages).collect::<Result<_, Failure>>()?,
            sample: size(&self.sample)?,
            wait_minutes: u32::try_from(wait).unwrap_or(u32::MAX),
            measure: self.goal.clone().map_or(Measure::Clicks, Measure::Goal),
            asks: self.chosen_by == ChosenBy::Person,
            undecided: match self.chosen_by {
                ChosenBy::ClearFigures => Undecided::Ask,
                ChosenBy::Figures | ChosenBy::Person => Undecided::Leader,
            },
        }))
    }
}

fn size(text: &str) -> Result<Size, Failure> {
    let read = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(Size::Percent),
        None => text.trim().parse().ok().map(Size::People),
    };
    read.ok_or_else(|| Failure::bad_input(format!("--sample {text:?} is neither a share (20%) nor a number of people")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_share_or_a_number() {
        assert_eq!(size("20%").unwrap(), Size::Percent(20));
        assert_eq!(size(" 500 ").unwrap(), Size::People(500));
        assert!(size("a few").is_err() && size("-1").is_err() && size("300%").is_err());
    }

    #[test]
    fn subjects_come_before_messages_and_without_any_nothing_is_compared() {
        let compare = Compare {
            or_subjects: vec!["Hello".to_owned()],
            or_messages: Vec::new(),
            sample: "50%".to_owned(),
            judge_after: "90m".to_owned(),
            goal: Some("booked".to_owned()),
            chosen_by: ChosenBy::ClearFigures,
        };
        let read = compare.read().unwrap().unwrap();
        assert_eq!((read.variants.len(), read.wait_minutes, read.asks), (1, 90, false));
        assert_eq!((read.undecided, read.measure), (Undecided::Ask, Measure::Goal("booked".to_owned())));
        assert_eq!(Compare { or_subjects: Vec::new(), ..compare }.read().unwrap(), None);
    }
}
