//! `postroom events`: the event log as JSON lines, to its end or as it happens.
//!
//! The same lines and cursors as the API's (`GET /events`), read from the ledger beside whoever writes it.

use crate::allot;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::output::Output;
use model::EventKind;
use std::path::Path;
use std::time::Duration;
use store::{Cursor, EventFilter};

/// Events read at a time.
const PAGE: usize = 500;
/// How often the log is looked at for what is new.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Go on with what happens, until interrupted; from now on, unless --after says otherwise
    #[arg(long)]
    follow: bool,
    /// Only what came after the line with this "cursor" [default: from the beginning]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Only of these kinds: accepted, clicked, suppressed, …
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Of which workspace, by its name or id (w_…) [default: the first]
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let kinds = args.kinds.iter().map(|word| kind(word)).collect::<Result<Vec<_>, _>>()?;
    let ledger = Ledger::read(dir)?;
    let workspace = allot::workspace_or_first(&ledger, args.workspace.as_deref()).await?;
    let mut after = match &args.after {
        Some(text) => web::event_cursor(text).ok_or_else(|| {
            Failure::bad_input(format!("{text:?} is no cursor: take that of a line, as it stands there"))
        })?,
        None if args.follow => ledger.store.events_end().await?,
        None => Cursor::START,
    };
    let filter = EventFilter { kinds, ..EventFilter::default() };
    loop {
        let page = ledger.store.events_in(workspace, filter.clone(), Some(after), PAGE).await?;
        after = page.next;
        for event in page.events {
            output.record(&web::event_line(event));
        }
        if output.is_unheard() || (page.at_end && !args.follow) {
            return Ok(Exit::Done);
        }
        if page.at_end {
            tokio::select! { biased;
                // Whoever follows ends it so: everything up to here was told.
                _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

fn kind(word: &str) -> Result<EventKind, Failure> {
    EventKind::from_word(word).filter(|kind| kind.is_logged()).ok_or_else(|| {
        let near = model::nearest(word, EventKind::ALL.iter().filter(|kind| kind.is_logged()).map(|kind| kind.word()));
        Failure::bad_input(format!("there is no kind of event {word:?}")).suggest(&near)
    })
}
