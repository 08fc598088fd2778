//! `postroom send`: a message file and a CSV of people, from the first check to the last verdict that can be had now.
//!
//! Everything that would stop the campaign half-way is checked before anything goes out; what protects strangers (a
//! published key, a way to unsubscribe, a postal address, a person's word) is asked for unless the way out cannot
//! leave this machine. The campaign is durably `sending` before its first conversation, so from then on a kill costs
//! nothing but time: `postroom resume` goes on.

use super::compare::Compare;
use super::guard;
use crate::ending;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::output::{Output, counted};
use crate::shift::{self, Work};
use crate::show::forecast::in_words;
use crate::show::{self, Style};
use crate::transport::Signatures;
use crate::{campaigner, moment, transport};
use dispatch::brakes::canary::CANARY_WAIT;
use dispatch::share::WEIGHT_MAX;
use dispatch::windows::Windows;
use engine::forecast::{Bound, Forecast, forecast};
use engine::launch::{self, Draft, Launched, MessageFile, Snapshot};
use engine::options::{
    Dkim, InDoubt, RelayUrl, RetryOverride, SMTP_PORT, SendOptions, Timing, Tracking, TrackingMode, Transport,
};
use engine::sample::sample_out;
use engine::{CONNECTIONS_MAX, Until};
use model::{CampaignKind, CampaignState, Timestamp, in_quotes};
use net::World;
use net::clock::{Clock, SystemClock};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Durability;

/// The selector of a key made for loopback mode.
const LOOPBACK_SELECTOR: &str = "postroom1";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who it is from: an address, or "Name <address>"
    #[arg(long, value_name = "ADDR")]
    from: String,
    /// The message: .mjml, .md, .html or .txt
    #[arg(long, value_name = "FILE")]
    message: PathBuf,
    /// The people: a CSV file whose first line names the columns
    #[arg(long, value_name = "FILE.csv")]
    contacts: PathBuf,
    /// Say which column holds what, as in `import`: email="Mail (private)" or external_id=#3; "-" for none
    #[arg(long = "map", value_name = "ROLE=COLUMN")]
    map: Vec<String>,
    /// What the campaign is called [default: the message file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The subject, if the message does not say it
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// What it is about: whoever declined that is skipped. Topics are those of lists
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Return when everybody was tried once, or when everybody has a verdict (up to 30 hours; with --in-doubt once-more two days longer)
    #[arg(long, value_name = "WHEN", value_enum, default_value = "first")]
    wait: Wait,
    /// What a recorded outcome must survive
    #[arg(long, value_name = "WHAT", value_enum, default_value = "power")]
    durability: Survives,
    /// Go on in the background; return when the campaign is recorded as started
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
    /// Say who would be sent to and who would be skipped; send nothing, keep no campaign
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    counting: Counting,
    #[command(flatten)]
    compare: Compare,
    #[command(flatten)]
    way: WayOut,
    /// Do not ask; needed where no terminal is
    #[arg(long)]
    yes: bool,
}

/// When it is sent, and how large its share is.
#[derive(Debug, clap::Args)]
struct Terms {
    /// Only in these hours, on the recipient's clock where the file has a column timezone: "Mon-Fri 09:00-17:00 Europe/Berlin"
    #[arg(long, value_name = "HOURS")]
    window: Option<String>,
    /// Whoever was not reached by then is skipped as stale: "2026-11-24 18:00", 36h, 3d
    #[arg(long, value_name = "TIME|SPAN")]
    expires: Option<String>,
    /// Its share among the campaigns of this workspace [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(WEIGHT_MAX)))]
    weight: Option<u32>,
    /// For whom the server's last reply is lost: nothing by itself, or, a day later and without a sign that it arrived, the message once more, at the risk of a second copy (by whatever is at work on it then: `serve`, `resume`, `send --wait done`)
    #[arg(long, value_name = "WHAT", value_enum, default_value = "leave")]
    in_doubt: Doubted,
}

/// What is done by itself for people in doubt.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Doubted {
    Leave,
    OnceMore,
}

/// Who vouches for the mail.
#[derive(Debug, clap::Args)]
struct Identity {
    /// Sign with the key in this file (PEM) instead of one in the data directory
    #[arg(long, value_name = "FILE", requires = "selector")]
    dkim_key: Option<PathBuf>,
    /// The name of the signing key under its domain
    #[arg(long, value_name = "NAME")]
    selector: Option<String>,
    /// The domain that signs [default: that of --from]
    #[arg(long, value_name = "DOMAIN")]
    dkim_domain: Option<String>,
    /// The domain that bounces return to [default: that of --from]
    #[arg(long, value_name = "DOMAIN")]
    return_path: Option<String>,
    /// Where `postroom serve` answers unsubscribe links, URL/u/TOKEN: https://mail.example.org
    #[arg(long, value_name = "URL", conflicts_with = "unsubscribe")]
    public_url: Option<String>,
    /// Where unsubscribe requests go otherwise: an https:// page or a mailto: address
    #[arg(long, value_name = "URL|mailto:ADDR")]
    unsubscribe: Option<String>,
    /// The sender's legal name and postal address [default: the setting postal_address]
    #[arg(long, value_name = "TEXT")]
    postal_address: Option<String>,
}

/// What is counted.
#[derive(Debug, clap::Args)]
struct Counting {
    /// Count opens and clicks: of each recipient, or of the campaign alone
    #[arg(long, value_enum, default_value_t = Count::Off)]
    tracking: Count,
    /// The server that counts [default: that of --public-url]
    #[arg(long, value_name = "URL", requires = "tracking")]
    tracking_url: Option<String>,
    /// Count the links of the text part as well
    #[arg(long, requires = "tracking")]
    tracking_text: bool,
    /// Added to every link that has no such parameter: utm_source=spring. Can be repeated
    #[arg(long = "link-parameter", value_name = "NAME=VALUE", value_parser = link_parameter)]
    link_parameters: Vec<(String, String)>,
}

/// Whose opens and clicks are counted.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Count {
    Off,
    Anonymous,
    Full,
}

fn link_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected, such as utm_source=spring")?;
    let is_plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let pair = is_plain.then(|| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| format!("{name:?} is no name of a parameter: letters, digits, '-', '_' and '.' are"))
}

fn tracking(args: &Counting) -> Tracking {
    let mode = match args.tracking {
        Count::Off => TrackingMode::Off,
        Count::Anonymous => TrackingMode::Anonymous,
        Count::Full => TrackingMode::Full,
    };
    Tracking {
        mode,
        url: args.tracking_url.clone(),
        text_links: args.tracking_text,
        parameters: args.link_parameters.clone(),
    }
}

/// The way out.
#[derive(Debug, clap::Args)]
pub(crate) struct WayOut {
    /// Send everything through this server, smtp(s)://[user@]host[:port]; one of this machine at no mail port (25, 465, 587) makes a rehearsal
    #[arg(long, value_name = "URL", conflicts_with_all = ["dns", "port"])]
    relay: Option<String>,
    /// Read the relay's password from this file instead of POSTROOM_RELAY_PASSWORD
    #[arg(long, value_name = "FILE", requires = "relay")]
    relay_password_file: Option<PathBuf>,
    /// Ask this name server; one at a loopback address makes a rehearsal that cannot leave this machine
    #[arg(long, value_name = "IP:PORT")]
    dns: Option<SocketAddr>,
    /// Who checks the signatures in DNS that DANE rests on
    #[arg(long, value_name = "WHO", value_enum, default_value = "validate", env = "POSTROOM_DNSSEC")]
    pub(crate) dnssec: Signatures,
    /// The port mail servers listen on; other than 25 only in a rehearsal
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Conversations at once [default: 20 in a rehearsal or through a relay, else what providers allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    connections: Option<u32>,
    /// Only where the server proves who it is and promises to keep the message encrypted (REQUIRETLS, RFC 8689)
    #[arg(long, conflicts_with = "relay")]
    require_tls: bool,
    /// Gaps between tries, such as 2s,4s,8s; only in a rehearsal
    #[arg(long, value_name = "GAPS", requires = "give_up")]
    retry: Option<String>,
    /// How long somebody is tried, such as 60s; only in a rehearsal
    #[arg(long, value_name = "SPAN", requires = "retry")]
    give_up: Option<String>,
}

impl WayOut {
    /// Where to. Refuses what is for rehearsals where mail can leave this machine.
    pub(crate) fn transport(&self) -> Result<Transport, Failure> {
        let transport = match &self.relay {
            Some(url) => {
                RelayUrl::parse(url)?;
                Transport::Relay { url: url.clone() }
            }
            None => Transport::Direct { port: self.port.unwrap_or(SMTP_PORT), dns: self.dns },
        };
        let only_there = |what: &str| {
            Failure::bad_input(format!("{what} is for rehearsals only"))
                .advise("a rehearsal sends to this machine: --dns 127.0.0.1:5353 or --relay smtp://127.0.0.1:2525")
        };
        if transport.is_rehearsal() {
            return Ok(transport);
        }
        if self.port.is_some_and(|port| port != SMTP_PORT) {
            return Err(only_there("--port"));
        }
        if self.retry.is_some() {
            return Err(only_there("--retry"));
        }
        Ok(transport)
    }

    /// When to try again, where it differs.
    pub(crate) fn retry(&self) -> Option<RetryOverride> {
        let both = self.retry.clone().zip(self.give_up.clone());
        both.map(|(gaps, give_up)| RetryOverride { gaps, give_up })
    }

    /// Where a relay's password is read, and how many conversations there may be.
    pub(crate) fn limits(&self) -> (Option<&Path>, Option<u32>) {
        (self.relay_password_file.as_deref(), self.connections)
    }
}

/// What an outcome survives, as the command line takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Survives {
    /// Loss of power: every commit is synced to the disk.
    Power,
    /// The death of the process only.
    Process,
}

impl Survives {
    /// As the ledger takes it.
    pub(crate) fn durability(self) -> Durability {
        match self {
            Survives::Power => Durability::Power,
            Survives::Process => Durability::Process,
        }
    }

    /// As the command line takes it.
    fn word(self) -> &'static str {
        match self {
            Survives::Power => "power",
            Survives::Process => "process",
        }
    }
}

/// When a command that sends returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wait {
    /// Everybody was tried once.
    First,
    /// Everybody has a verdict.
    Done,
}

impl Wait {
    /// As the engine takes it.
    pub(crate) fn until(self) -> Until {
        match self {
            Wait::First => Until::FirstTries,
            Wait::Done => Until::Settled,
        }
    }

    /// As the command line takes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Wait::First => "first",
            Wait::Done => "done",
        }
    }
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let mut options = read_options(&args, SystemClock::new().now())?;
    let mapping = super::import::read_mapping(&args.map)?;
    let file = MessageFile::read(&args.message)?;
    let trial = args.compare.read()?;
    let ledger = Arc::new(Ledger::own_soon(dir, args.durability.durability()).await?);
    if ledger.store.held().is_some() && !args.dry_run {
        ledger.tell_if_held(output);
        return Err(store::StoreError::Held.into());
    }
    if options.postal_address.is_none() {
        options.postal_address = ledger.store.setting(ledger.workspace, engine::drafts::POSTAL_ADDRESS).await?;
    }
    let world = transport::world(&options.transport, args.way.dnssec)?;
    let described = transport::described(dir)?;
    let settings = transport::settings(&options, args.way.relay_password_file.as_deref(), described)?;
    options.dkim = signing_key(&args.identity, &options, &ledger, &world).await?;
    let objections = guard::objections(&options, &ledger, &world).await?;
    if !args.dry_run {
        guard::refuse(&objections)?;
    }
    let people = campaigner::people(&args.contacts, mapping, &ledger);
    // A message that cannot be sent leaves no people behind.
    let snapshot = Snapshot { file, options, columns: campaigner::columns(&people)?, never_mailed: false, trial };
    let name = name_of(&args)?;
    snapshot.check(&name)?;
    let import = campaigner::import(&people, &ledger, output).await?;
    let snapshot = Snapshot { columns: import.columns.clone(), ..snapshot };
    let stakes = snapshot.options.transport.stakes();
    let draft = Draft { name, snapshot, imports: vec![import], stakes, kind: CampaignKind::Broadcast };
    let launched = tokio::select! { biased;
        launched = launch::launch(&ledger.store, &draft, &ledger.actor, ledger.now()) => launched?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::refused("interrupted before anything was sent")
            .advise("run the same command again: it continues where it stopped")),
    };
    launched.warnings.iter().for_each(|warning| output.note(format!("note: {warning}")));
    if args.dry_run {
        return dry_run(&launched, &objections, &ledger, output).await;
    }
    if let Some(exit) = already_over(&launched, &draft, &ledger, output).await? {
        return Ok(exit);
    }
    let is_loopback = draft.snapshot.options.transport.is_rehearsal();
    if !launched.continued {
        foretell(&launched, &ledger, output).await?;
    }
    if !launched.continued && !args.yes && !is_loopback {
        confirm(&launched, &ledger, output).await?;
    }
    let id = launched.campaign.id;
    if launched.campaign.state == CampaignState::Building {
        let (to, now) = (CampaignState::Sending, ledger.now());
        ledger.store.set_campaign_state(id, to, None, &ledger.actor, now).await?;
    }
    if args.detach {
        let number = launched.campaign.number;
        return detach(number, &args, ledger, output).await;
    }
    let mailing = campaigner::mailing(&ledger, id).await?;
    let work = Work { mailings: vec![mailing], settings, world, until: args.wait.until() };
    let end = Box::pin(shift::work(&ledger, work, output)).await?;
    ending::of_campaign(&ledger, id, &end, output).await
}

// ── what was asked ───────────────────────────────────────────────────────────────────────────────────────────────

/// When it is sent; the hours are kept as they are read, so that they mean the same tomorrow.
fn timing(terms: &Terms, now: Timestamp) -> Result<Timing, Failure> {
    let windows = match &terms.window {
        Some(text) => Some(
            text.parse::<Windows>().map_err(|why| Failure::bad_input(format!("--window {text:?}: {why}")))?.to_string(),
        ),
        None => None,
    };
    let expires_at = terms.expires.as_deref().map(|text| moment::to_come(text, now)).transpose()?;
    let in_doubt = match terms.in_doubt {
        Doubted::Leave => InDoubt::Leave,
        Doubted::OnceMore => InDoubt::OnceMore,
    };
    Ok(Timing { windows, expires_at, weight: terms.weight, in_doubt })
}

fn read_options(args: &Args, now: Timestamp) -> Result<SendOptions, Failure> {
    let from = launch::parse_mailbox(&args.from)?;
    let domain = from.address.domain().as_str().to_owned();
    let transport = args.way.transport()?;
    let options = SendOptions {
        from: args.from.clone(),
        subject: args.subject.clone(),
        return_path: args.identity.return_path.clone().unwrap_or(domain),
        unsubscribe: guard::unsubscribe(args.identity.public_url.as_deref(), args.identity.unsubscribe.as_deref())?,
        postal_address: args.identity.postal_address.clone().filter(|text| !text.trim().is_empty()),
        dkim: None,
        transport,
        connections: args.way.connections,
        retry: args.way.retry(),
        timing: timing(&args.terms, now)?,
        require_tls: args.way.require_tls,
        tracking: tracking(&args.counting),
        topic: args.topic.clone(),
    };
    options.schedule()?;
    Ok(options)
}

fn name_of(args: &Args) -> Result<String, Failure> {
    let stem = args.message.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = args.name.clone().unwrap_or(stem).trim().to_owned();
    if name.is_empty() {
        return Err(Failure::bad_input("a campaign needs a name").advise("give it one: --name \"Spring news\""));
    }
    Ok(name)
}

/// The key that signs: from a file, from the ledger, or made here for a rehearsal.
async fn signing_key(
    identity: &Identity,
    options: &SendOptions,
    ledger: &Ledger,
    world: &World,
) -> Result<Option<Dkim>, Failure> {
    let from = launch::parse_mailbox(&options.from)?;
    let domain = identity.dkim_domain.clone().unwrap_or_else(|| from.address.domain().as_str().to_owned());
    let (store, entropy, now) = (&ledger.store, world.entropy.as_ref(), ledger.now());
    if let (Some(path), Some(selector)) = (&identity.dkim_key, &identity.selector) {
        let key = guard::key_of_file(path)?;
        launch::keep_key(store, &domain, selector, &key, entropy, &ledger.actor, now).await?;
        return Ok(Some(Dkim { domain, selector: selector.clone() }));
    }
    let known = store.load_keys(ledger.workspace, &domain).await?;
    let selector = match &identity.selector {
        Some(named) if known.iter().any(|(selector, _)| selector == named) => Some(named.clone()),
        Some(named) if !options.transport.is_rehearsal() => {
            return Err(Failure::bad_input(format!(
                "there is no signing key {named} for {domain} in {}",
                ledger.dir.display()
            ))
            .advise(format!(
                "make one: {}",
                show::command(&ledger.dir, &format!("domain keygen {domain} --selector {named}"))
            )));
        }
        named if options.transport.is_rehearsal() => {
            let wanted = named.as_deref().unwrap_or(LOOPBACK_SELECTOR);
            Some(launch::any_key(store, &domain, wanted, entropy, &ledger.actor, now).await?)
        }
        _ => known.into_iter().next_back().map(|(selector, _)| selector),
    };
    Ok(selector.map(|selector| Dkim { domain, selector }))
}

// ── before it goes out ───────────────────────────────────────────────────────────────────────────────────────────

/// The forecast: the equation as it would stand, and what a real send would be refused for.
async fn dry_run(
    launched: &Launched,
    objections: &[engine::guard::Objection],
    ledger: &Ledger,
    output: &Output,
) -> Result<Exit, Failure> {
    let report = engine::report::report(&ledger.store, launched.campaign.id, ledger.now()).await?;
    let foreseen = foretell(launched, ledger, output).await?;
    if !launched.continued {
        ledger.store.discard_campaign(launched.campaign.id, &ledger.actor, ledger.now()).await?;
    }
    let mut value = serde_json::to_value(&report).map_err(|error| Failure::own("the forecast", error))?;
    if let Some(object) = value.as_object_mut() {
        object.insert("forecast".to_owned(), serde_json::to_value(&foreseen).unwrap_or_default());
    }
    let is_spread = |foreseen: &Forecast| foreseen.because.is_some() && !foreseen.only_waits();
    if foreseen.is_some_and(|foreseen| !is_spread(&foreseen) && foreseen.unplaced.is_none()) {
        output.note("no day budget and no ceiling spreads it over several days");
    }
    output.answer(&value, || ending::forecast(&report));
    for objection in objections {
        output.note(format!("a real send would be refused: {objection}"));
    }
    Ok(Exit::Done)
}

/// A campaign of this name and these files that cannot go on by itself.
async fn already_over(
    launched: &Launched,
    draft: &Draft,
    ledger: &Ledger,
    output: &Output,
) -> Result<Option<Exit>, Failure> {
    let campaign = &launched.campaign;
    let number = campaign.number;
    if !launched.continued {
        return Ok(None);
    }
    let (before, name) = (launch::snapshot(campaign)?.options.transport, in_quotes(&campaign.name));
    if before.is_rehearsal() != draft.snapshot.options.transport.is_rehearsal() {
        return Err(Failure::refused(format!(
            "campaign {name} (number {number}) was begun {}; it cannot go on the other way",
            if before.is_rehearsal() { "as a rehearsal on this machine" } else { "toward the world" }
        ))
        .advise("give it another name: --name"));
    }
    match campaign.state {
        CampaignState::Complete => {
            output.note(format!("campaign {name} (number {number}) is complete: nobody is mailed again"));
            let end = shift::ShiftEnd::Ran(engine::RunEnd::Done);
            ending::of_campaign(ledger, campaign.id, &end, output).await.map(Some)
        }
        CampaignState::Cancelled => {
            Err(Failure::refused(format!("campaign {name} (number {number}) was cancelled for good"))
                .advise("to send to those it did not reach, give it another name and their list: --name"))
        }
        CampaignState::Paused => Err(Failure::refused(format!(
            "campaign {name} (number {number}) is paused{}",
            campaign.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default()
        ))
        .advise(format!("to take it up: {}", show::command(&ledger.dir, &format!("resume {number}"))))
        .advise(format!("to end it: {}", show::command(&ledger.dir, &format!("cancel {number}"))))),
        CampaignState::Draft | CampaignState::Scheduled => Err(Failure::refused(format!(
            "campaign {name} (number {number}) is {} and belongs to the server",
            campaign.state
        ))
        .advise("choose another name: --name")),
        CampaignState::Building => Ok(None),
        CampaignState::Sending | CampaignState::Retrying => {
            output.note(format!("continuing campaign {name} (number {number})"));
            Ok(None)
        }
    }
}

/// Tells what a real send is bound by: the sample that goes first, the hours, the budgets.
async fn foretell(launched: &Launched, ledger: &Ledger, output: &Output) -> Result<Option<Forecast>, Failure> {
    let campaign = ledger.store.campaign(launched.campaign.id).await?;
    let Some(campaign) = campaign else { return Ok(None) };
    let waiting = ledger.store.tally(campaign.id).await?.in_progress();
    let style = Style::of_this_process(output, &ledger.dir, ledger.now());
    if campaign.canary > 0 {
        let first = counted(u64::from(campaign.canary), "person", "people");
        let out = sample_out(&ledger.store, &campaign, ledger.now()).await?;
        let rest = match out.filter(|out| out.until.since(ledger.now()) > CANARY_WAIT) {
            Some(out) => format!(
                "the rest waits until about {} for their complaints, because some of these people were never mailed before",
                style.moment(out.until)
            ),
            None => "the rest follows when these have answers".to_owned(),
        };
        output.note(format!("{first} of them go first, drawn at random; {rest}"));
    }
    let arms = ledger.store.trial_arms(campaign.workspace, campaign.id).await?;
    if !arms.is_empty() {
        let sample = arms.iter().map(|arm| arm.tally.attempted()).sum();
        output.note(format!(
            "{} variants are compared on {} of them; everybody else waits for what that shows",
            arms.len(),
            counted(sample, "person", "people")
        ));
    }
    if let Some(windows) = launch::snapshot(&campaign)?.options.timing.windows {
        let opens = windows.parse::<Windows>().map(|read| read.next_open(ledger.now(), None));
        let opens = opens.ok().filter(|at| *at > ledger.now());
        let opens = opens.map(|at| format!("; they open {}", style.moment(at))).unwrap_or_default();
        output.note(format!("sent in these hours only: {windows}{opens}"));
    }
    let foreseen = forecast(&ledger.store, &campaign, waiting, ledger.now()).await?;
    // The sample was told of already.
    let only_sample = foreseen.bound == Some(Bound::Sample) && foreseen.only_waits();
    if (foreseen.because.is_some() && !only_sample) || foreseen.too_late.is_some() {
        output.note(in_words(&foreseen, &style));
    }
    if let Some(people) = foreseen.unplaced {
        output.note(format!(
            "the servers of {} are looked up while it is sent; what the sources may send to them in a day may spread it over \
             several days: `postroom status` foretells that then",
            counted(people, "person", "people")
        ));
    }
    Ok(Some(foreseen))
}

/// Asks the person to type how many will be mailed. Whoever does not is left without a campaign.
async fn confirm(launched: &Launched, ledger: &Ledger, output: &Output) -> Result<(), Failure> {
    let tally = ledger.store.tally(launched.campaign.id).await?;
    let count = tally.attempted();
    let question = format!(
        "{} will be mailed ({} of the list left out). Type the number of people to send: ",
        counted(count, "person", "people"),
        tally.recipients() - count
    );
    let answer = output.confirm(&question, &count.to_string());
    if answer.is_err() {
        ledger.store.discard_campaign(launched.campaign.id, &ledger.actor, ledger.now()).await?;
    }
    answer
}

// ── in the background ────────────────────────────────────────────────────────────────────────────────────────────

/// Hands the campaign, durably `sending`, to a process of its own.
async fn detach(number: u32, args: &Args, ledger: Arc<Ledger>, output: &Output) -> Result<Exit, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::os::unix::process::CommandExt;
    let dir = super::absolute(&ledger.dir)?;
    let log = dir.join(format!("campaign-{number}.log"));
    let cannot = |error: std::io::Error| {
        Failure::own("the campaign is started, but no process could be sent to the background", error)
            .advise(format!("go on here: {}", show::command(&dir, &format!("resume {number}"))))
    };
    // It names people, like everything in this directory.
    let file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&log).map_err(cannot)?;
    let errors = file.try_clone().map_err(cannot)?;
    let report =
        engine::report::report(&ledger.store, campaigner::by_number(&ledger, number).await?, ledger.now()).await?;
    // The lock is free for the other process only when this handle is gone.
    drop(ledger);
    let mut command = std::process::Command::new(std::env::current_exe().map_err(cannot)?);
    command.arg("resume").arg(number.to_string()).args(["--wait", Wait::Done.word()]).arg("--data").arg(&dir);
    command.args(["--durability", args.durability.word(), "--dnssec", args.way.dnssec.word()]);
    if let Some(file) = &args.way.relay_password_file {
        command.arg("--relay-password-file").arg(super::absolute(file)?);
    }
    command.stdin(std::process::Stdio::null()).stdout(file).stderr(errors).process_group(0);
    let child = command.spawn().map_err(cannot)?;
    output.answer(&report, || {
        vec![
            format!("Campaign {number} goes on in the background (process {}).", child.id()),
            format!("  what it says   {}", log.display()),
            format!("  how it stands  {}", show::command(&dir, "status")),
            format!("  to stop it     {}", show::command(&dir, &format!("pause {number}"))),
        ]
    });
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(more: &[&str]) -> Result<SendOptions, Failure> {
        let given = ["send", "--from", "Mira <mira@letters.example>", "--message", "m.md", "--contacts", "c.csv"];
        let line = Line::try_parse_from(given.iter().chain(more)).unwrap();
        read_options(&line.args, Timestamp::from_millis(1_795_351_920_000))
    }

    #[test]
    fn bounces_return_to_the_senders_domain_unless_told_otherwise() {
        assert_eq!(options(&[]).unwrap().return_path, "letters.example");
        assert_eq!(options(&["--return-path", "b.letters.example"]).unwrap().return_path, "b.letters.example");
    }

    #[test]
    fn what_is_for_rehearsals_is_refused_toward_the_world() {
        for given in
            [&["--port", "2525"][..], &["--retry", "2s", "--give-up", "9s"], &["--dns", "192.0.2.1:53", "--port", "26"]]
        {
            assert_eq!(options(given).unwrap_err().exit, Exit::BadInput, "{given:?}");
        }
        assert!(
            options(&["--dns", "127.0.0.1:5353", "--port", "2525", "--retry", "2s,4s", "--give-up", "60s"]).is_ok()
        );
        assert!(options(&["--relay", "smtp://127.0.0.1:2525", "--retry", "2s", "--give-up", "60s"]).is_ok());
        assert!(options(&["--relay", "smtp://127.0.0.1:2525", "--retry", "9s", "--give-up", "2s"]).is_err());
    }
}
