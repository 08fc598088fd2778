//! `postroom alert`: what is wrong, who is told of it, and quiet for a while.

use crate::alarms::{Alarms, alert_json, channel_json};
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::moment;
use crate::order::{self, Order, text};
use crate::output::{Ink, Output};
use crate::owner::Owner;
use crate::people::password_in;
use crate::show::Style;
use engine::alerts::Way;
use model::alert::Severity;
use model::{AlertId, AlertKind, ChannelId};
use net::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Alert, Listing};

/// Alerts that are shown.
const SHOWN_MAX: usize = 200;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What is wrong, newest first
    List {
        /// Also what is over and closed
        #[arg(long)]
        all: bool,
    },
    /// Who is told, and how that went last
    Channels,
    /// Tell somebody from now on
    Add(Box<Add>),
    /// Tell them no longer
    Remove {
        /// Its id (ac_…), as `alert channels` shows it
        #[arg(value_name = "ID")]
        channel: ChannelId,
    },
    /// Send a test; the service must run
    Test {
        /// Its id (ac_…), as `alert channels` shows it
        #[arg(value_name = "ID")]
        channel: ChannelId,
    },
    /// Say nothing of an alert for a while
    Snooze {
        /// Its id (al_…), as `alert list` shows it
        #[arg(value_name = "ID")]
        alert: AlertId,
        /// For how long: 90m, 4h, 3d
        #[arg(long = "for", value_name = "SPAN", default_value = "4h", conflicts_with = "end")]
        span: String,
        /// Say what there is to say again
        #[arg(long)]
        end: bool,
    },
}

/// A channel to be: its name, and one way.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("way").required(true)))]
pub(crate) struct Add {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// JSON is posted there
    #[arg(long, value_name = "URL", group = "way")]
    webhook: Option<String>,
    /// Slack, or what imitates it
    #[arg(long, value_name = "URL", group = "way")]
    slack: Option<String>,
    /// A topic of ntfy
    #[arg(long, value_name = "URL", group = "way")]
    ntfy: Option<String>,
    /// The token that opens the topic, on the first line of this file
    #[arg(long, value_name = "FILE", requires = "ntfy")]
    token_file: Option<PathBuf>,
    /// Mail goes to this address, by a relay of its own
    #[arg(long, value_name = "ADDRESS", group = "way", requires = "relay", requires = "from")]
    mail: Option<String>,
    /// Its sender
    #[arg(long, value_name = "ADDRESS", requires = "mail")]
    from: Option<String>,
    /// Its relay, another way than the one campaigns go: smtps://user@host
    #[arg(long, value_name = "URL", requires = "mail")]
    relay: Option<String>,
    /// The password of the relay's user, on the first line of this file
    #[arg(long, value_name = "FILE", requires = "relay")]
    password_file: Option<PathBuf>,
    /// This address is asked while all is well; what hears it should alarm when it is not
    #[arg(long, value_name = "URL", group = "way")]
    ping: Option<String>,
    /// How often: 5m, 1h
    #[arg(long, value_name = "SPAN", requires = "ping", default_value = "5m")]
    every: String,
    /// A program and its arguments, at the end: JSON on its standard input, the text as its last argument
    #[arg(long, value_name = "PROGRAM", group = "way", num_args = 1.., allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Add {
    fn way(self) -> Result<Way, Failure> {
        let line = |file: &Option<PathBuf>| file.as_deref().map(password_in).transpose();
        if let Some(url) = self.webhook {
            return Ok(Way::Webhook { url });
        }
        if let Some(url) = self.slack {
            return Ok(Way::Slack { url });
        }
        if let Some(url) = self.ntfy {
            return Ok(Way::Ntfy { url, token: line(&self.token_file)? });
        }
        if let Some(url) = self.ping {
            let minutes = moment::span_of(&self.every)?.as_secs().div_ceil(60);
            return Ok(Way::Ping { url, every_minutes: u32::try_from(minutes).unwrap_or(u32::MAX) });
        }
        if let (Some(to), Some(from), Some(relay)) = (self.mail, self.from, self.relay) {
            return Ok(Way::Mail { to, from, relay, password: line(&self.password_file)? });
        }
        Ok(Way::Command { argv: self.command })
    }
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let place = async |order| order::place(dir, Order::Alarms(order), &mut |_| {}).await;
    let style = Style::of_this_process(output, dir, SystemClock::new().now());
    match command {
        Command::List { all } => list(all, dir, output, &style).await,
        Command::Channels => channels(dir, output, &style).await,
        Command::Add(add) => {
            let name = add.name.clone();
            let answer = place(Alarms::Add { name, way: add.way()? }).await?;
            output.answer(&answer, || vec![format!("{}  {}", text(&answer, "id"), text(&answer, "shown"))]);
            Ok(Exit::Done)
        }
        Command::Remove { channel } => {
            let answer = place(Alarms::Remove { channel }).await?;
            output.answer(&answer, || vec!["It is told nothing any more.".to_owned()]);
            Ok(Exit::Done)
        }
        Command::Test { channel } => {
            let answer = place(Alarms::Test { channel }).await?;
            let is_told = answer.get("told").and_then(Value::as_bool).unwrap_or_default();
            output.answer(&answer, || match is_told {
                true => vec!["The test was told.".to_owned()],
                false => vec![format!("The test was not told: {}", text(&answer, "failure"))],
            });
            Ok(if is_told { Exit::Done } else { Exit::Refused })
        }
        Command::Snooze { alert, span, end } => {
            let wait: Duration = moment::span_of(&span)?;
            let until = (!end).then(|| SystemClock::new().now() + wait);
            let answer = place(Alarms::Snooze { alert, until }).await?;
            output.answer(&answer, || match until {
                Some(until) => vec![format!("Nothing is said of it until {}.", style.moment(until))],
                None => vec!["It is told of again.".to_owned()],
            });
            Ok(Exit::Done)
        }
    }
}

async fn list(all: bool, dir: &Path, output: &Output, style: &Style) -> Result<Exit, Failure> {
    let ledger = Ledger::read(dir)?;
    let found = ledger.store.alerts(ledger.workspace, all, None, SHOWN_MAX).await?;
    // What keeps the ledger from being written cannot stand in it.
    let owner = Owner::ask(dir).await;
    owner.tell_if_silent(output);
    let trouble = owner.trouble;
    if let Some(trouble) = &trouble {
        let kind = AlertKind::LedgerUnwritable;
        let value = json!({
            "id": null,
            "kind": kind,
            "severity": kind.severity(),
            "title": kind.title(),
            "text": trouble.why,
            "since": trouble.since,
            "closed_at": null,
        });
        output.answer(&value, || trouble.told(style));
    }
    if found.is_empty() && trouble.is_none() && !output.is_json() {
        output.line("Nothing is wrong that we know of.");
    }
    for alert in &found {
        output.answer(&alert_json(alert), || lines_of(alert, style));
    }
    Ok(Exit::Done)
}

fn lines_of(alert: &Alert, style: &Style) -> Vec<String> {
    let standing = &alert.standing;
    let ink = match alert.kind.severity() {
        _ if alert.closed_at.is_some() => Ink::Dim,
        Severity::Critical => Ink::Red,
        Severity::Warning => Ink::Yellow,
    };
    let since = format!("since {}", style.moment(standing.first_at));
    let mut marks = vec![since];
    if standing.count > 1 {
        marks.push(format!("{} times", standing.count));
    }
    match (alert.closed_at, standing.over_at, standing.snoozed_until.filter(|until| style.now() < *until)) {
        (None, None, Some(until)) => marks.push(format!("snoozed until {}", style.moment(until))),
        (None, None, None) => {}
        (Some(_), _, _) | (_, Some(_), _) => marks.push("over".to_owned()),
    }
    let title = style.ink(ink, alert.kind.title());
    let mut lines = vec![format!("{}  {title}  ({})", alert.id, marks.join(", ")), format!("  {}", standing.text)];
    if let Some(Listing { source, site }) = alert.listing.as_ref().filter(|_| alert.closed_at.is_none()) {
        lines.push(format!("  {}", style.command(&engine::delisting_command(source, site))));
    }
    lines
}

async fn channels(dir: &Path, output: &Output, style: &Style) -> Result<Exit, Failure> {
    let ledger = Ledger::read(dir)?;
    let channels = ledger.store.alert_channels(Some(ledger.workspace)).await?;
    if channels.is_empty() {
        output.note("Nobody is told yet; postroom help alert add has the ways.");
    }
    for channel in &channels {
        output.answer(&channel_json(channel), || {
            let how = match (channel.failed_at, channel.told_at) {
                (Some(at), _) => {
                    format!("failed {}: {}", style.moment(at), channel.failure.as_deref().unwrap_or_default())
                }
                (None, Some(at)) => format!("told {}", style.moment(at)),
                (None, None) => "nothing told yet".to_owned(),
            };
            vec![format!("{}  {}  {} {}  ({how})", channel.id, channel.name, channel.kind, channel.shown)]
        });
    }
    Ok(Exit::Done)
}
