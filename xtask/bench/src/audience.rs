//! What the benchmarks send: people, and a message of about ten kilobytes.
//!
//! Names and domains are reserved ones (RFC 2606). The message is personal in several places and has links, as
//! newsletters do; the values make it a little different in length for everybody.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The zone every receiving domain of a benchmark lives in; the sink's DNS answers for it.
pub(crate) const ZONE: &str = "bench.test";

const FIRST_NAMES: &[&str] = &["Ada", "Bo", "Cleo", "Dmitri", "Élodie", "Farid", "Greta", "Hana", "Ilse", "Jørgen"];
const PLACES: &[&str] = &["Aarhus", "Bologna", "Cork", "Dresden", "Evora", "Fès", "Ghent", "Haarlem"];

/// Paragraphs of the message; together with the frame they make about ten kilobytes of HTML and text.
const PARAGRAPHS: usize = 9;

/// Writes `people` rows whose addresses begin with `who` and are spread over `domains` domains in turn.
pub(crate) fn write_contacts(path: &Path, who: &str, people: u64, domains: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut csv = BufWriter::new(file);
    writeln!(csv, "email,first_name,place,points")?;
    for number in 0..people {
        let first = pick(FIRST_NAMES, number);
        let place = pick(PLACES, number / 7);
        let points = number * 37 % 9_973;
        writeln!(csv, "{who}{number}@d{}.{ZONE},{first},{place},{points}", number % domains.max(1))?;
    }
    Ok(csv.flush()?)
}

/// Writes the message as HTML with merge tags. `issue` tells one from another.
pub(crate) fn write_message(path: &Path, issue: &str) -> Result<()> {
    let mut body = format!(
        "<html><head><title>News for {{{{ first_name }}}}</title></head>\n\
         <body style=\"font-family: sans-serif; color: #222222\">\n<h1>Good morning, {{{{ first_name }}}}</h1>\n\
         <!-- {issue} -->\n",
    );
    for number in 0..PARAGRAPHS {
        body.push_str(&format!(
            "<p style=\"margin: 16px 0; line-height: 1.5\">Part {number}: in {{{{ place }}}} the season has begun, and the \
             harbour market opens an hour earlier than last year. You have {{{{ points }}}} points, enough for the \
             walking tour, the evening concert or a basket of apples. Whoever comes by bicycle may leave it in the \
             yard behind the old customs house, where somebody keeps an eye on it until the lamps are lit. \
             <a href=\"https://www.{ZONE}/part-{number}?points={{{{ points }}}}\">Read on about part \
             {number}</a>, or look at the pictures of the day before.</p>\n"
        ));
    }
    body.push_str("<p>{{ postal_address }}<br><a href=\"{{ unsubscribe_url }}\">Unsubscribe</a></p>\n</body></html>\n");
    std::fs::write(path, body).with_context(|| format!("cannot write {}", path.display()))
}

fn pick<'a>(from: &[&'a str], number: u64) -> &'a str {
    usize::try_from(number).ok().and_then(|n| from.get(n % from.len())).copied().unwrap_or_default()
}
