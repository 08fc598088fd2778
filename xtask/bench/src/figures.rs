//! What a run came to, and what the middle one of several did.
//!
//! A shared machine wanders from run to run; the median is what is written down. Every run also prints its own line, so
//! that nobody has to take the median's word.

use serde_json::{Value, json};

/// Figures by name, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    figures: Vec<(&'static str, f64)>,
}

impl Figures {
    pub(crate) fn add(&mut self, name: &'static str, value: f64) {
        self.figures.push((name, value));
    }

    pub(crate) fn get(&self, name: &str) -> f64 {
        self.figures.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, value)| *value)
    }

    /// The median of each figure by itself. All runs have the same figures.
    pub(crate) fn medians(runs: &[Figures]) -> Figures {
        let names = runs.first().map(|run| run.figures.iter().map(|(name, _)| *name)).into_iter().flatten();
        let median = |name: &'static str| {
            let mut values: Vec<f64> = runs.iter().map(|run| run.get(name)).collect();
            values.sort_by(f64::total_cmp);
            (name, values.get(values.len() / 2).copied().unwrap_or(f64::NAN))
        };
        Figures { figures: names.map(median).collect() }
    }

    /// Prints the median of each figure of several runs.
    pub(crate) fn show_medians(runs: &[Figures], about: &Value) {
        println!("\nmedians of {} runs", runs.len());
        Figures::medians(runs).show(&with(about, "runs", &json!(runs.len())));
    }

    /// Prints them for a person, and as one JSON line that begins with what they are about.
    pub(crate) fn show(&self, about: &Value) {
        for (name, value) in &self.figures {
            println!("    {value:>14.3} {}", name.replace('_', " "));
        }
        let line = self.figures.iter().fold(about.clone(), |line, (name, value)| with(&line, name, &json!(value)));
        println!("{line}");
    }
}

/// A JSON object with one more member.
pub(crate) fn with(object: &Value, name: &str, value: &Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.clone());
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_each_figure_by_itself() {
        let run = |a: f64, b: f64| Figures { figures: vec![("a", a), ("b", b)] };
        let median = Figures::medians(&[run(3.0, 1.0), run(1.0, 2.0), run(2.0, 9.0)]);
        assert_eq!((median.get("a"), median.get("b")), (2.0, 2.0));
    }
}
