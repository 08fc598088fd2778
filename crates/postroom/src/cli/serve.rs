//! `postroom serve`: the HTTP API and the engine, as a service over one directory.

use super::send::{Survives, WayOut};
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::listen::{self, Certificate};
use crate::output::Output;
use crate::people;
use crate::service::{self, Plan};
use crate::transport::{self, Chosen};
use dispatch::retry::Schedule;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing_subscriber::filter::LevelFilter;
use web::{Config, IdentityProvider, Sending};

/// Where the server listens when nothing is said: nobody else reaches it there.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);
/// The longest time, in seconds, that every campaign of a server waits to be taken back: beyond, one schedules it.
const CANCEL_WINDOW_SECS_MAX: i64 = 600;
/// What the log has when nothing is said.
const LOG_LEVEL: &str = "info";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the HTTP server listens; may be given several times [default: 127.0.0.1:8025]
    #[arg(long, value_name = "IP:PORT", env = "POSTROOM_LISTEN", value_delimiter = ',')]
    listen: Vec<SocketAddr>,
    /// Where people reach it: https://mail.example.org [default: http(s)://LISTEN]
    #[arg(long, value_name = "URL", env = "POSTROOM_PUBLIC_URL")]
    public_url: Option<String>,
    /// The certificate chain (PEM); read again on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy whose X-Forwarded-For is believed; may be given several times
    #[arg(long, value_name = "IP")]
    trust_proxy: Vec<IpAddr>,
    /// A name under which links of messages are answered; may be given several times [default: any]
    #[arg(long, value_name = "HOST")]
    tracking_host: Vec<String>,
    /// Show /metrics to whoever reaches the server; without it a key is needed
    #[arg(long)]
    open_metrics: bool,
    /// Requests a minute of one key or person
    #[arg(long, value_name = "N", default_value_t = 1_200, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_minute: u32,
    /// For so many seconds a campaign that was started can be taken back, where its sender asks for nothing else
    #[arg(long, value_name = "SECONDS", default_value_t = web::CANCEL_WINDOW_SECS,
        value_parser = clap::value_parser!(u16).range(..=CANCEL_WINDOW_SECS_MAX))]
    cancel_window: u16,
    /// Make this person the owner, if nobody is yet; without it a link for that is printed
    #[arg(long, value_name = "EMAIL", requires = "owner_password_file")]
    owner: Option<String>,
    /// Their password, on the first line of this file
    #[arg(long, value_name = "FILE", requires = "owner")]
    owner_password_file: Option<PathBuf>,
    /// An identity provider by which people may sign in: its issuer (OpenID Connect)
    #[arg(long, value_name = "URL", env = "POSTROOM_OIDC_ISSUER", requires = "oidc_client")]
    oidc_issuer: Option<String>,
    /// Who this server is there; its redirect URI is PUBLIC_URL/sign-in/provider/back
    #[arg(long, value_name = "ID", env = "POSTROOM_OIDC_CLIENT", requires = "oidc_issuer")]
    oidc_client: Option<String>,
    /// Its secret there, on the first line of this file
    #[arg(long, value_name = "FILE", env = "POSTROOM_OIDC_SECRET_FILE", requires = "oidc_issuer")]
    oidc_secret_file: Option<PathBuf>,
    /// What the button for it says
    #[arg(long, value_name = "NAME", env = "POSTROOM_OIDC_NAME", requires = "oidc_issuer")]
    oidc_name: Option<String>,
    /// Believe its addresses also where it does not say that they are proved
    #[arg(long, requires = "oidc_issuer")]
    oidc_trust_email: bool,
    /// The log as lines of text or of JSON
    #[arg(long, value_name = "FORM", value_enum, default_value = "text")]
    log: Form,
    /// What the log has: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = LOG_LEVEL, env = "POSTROOM_LOG")]
    log_level: String,
    /// What a recorded outcome must survive
    #[arg(long, value_name = "WHAT", value_enum, default_value = "power")]
    durability: Survives,
    #[command(flatten)]
    way: WayOut,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    log(&args)?;
    let transport = args.way.transport()?;
    let retry = args.way.retry();
    let schedule = match &retry {
        None => Schedule::shipped(),
        Some(retry) => Schedule::parse(&retry.gaps, &retry.give_up).map_err(|e| Failure::bad_input(e.to_string()))?,
    };
    let (password_file, connections) = args.way.limits();
    let listen = if args.listen.is_empty() { vec![LISTEN] } else { args.listen.clone() };
    let public_url = public_url(&args, listen.first().copied().unwrap_or(LISTEN))?;
    let described = transport::described(dir)?;
    let chosen = Chosen { transport: &transport, connections, schedule };
    let host = public_url.split("://").last().unwrap_or_default().split([':', '/']).next().unwrap_or_default();
    let settings = transport::settings_of(chosen, host, password_file, described)?;
    let world = transport::world(&transport, args.way.dnssec)?;
    let certificate = args
        .tls_cert
        .clone()
        .zip(args.tls_key.clone())
        .map(|(chain, key)| Certificate::read(chain, key))
        .transpose()?;
    let config = Config {
        public_url,
        trusted_proxies: args.trust_proxy.clone(),
        tracking_hosts: args.tracking_host.clone(),
        requests_per_minute: args.requests_per_minute,
        cancel_window_secs: args.cancel_window,
        open_metrics: args.open_metrics,
        shows_certificate: certificate.is_some(),
        identity_provider: identity_provider(&args)?,
        uploads: dir.join("uploads"),
        sending: Sending { transport, connections, retry },
    };
    let ledger = Arc::new(Ledger::own_soon(dir, args.durability.durability()).await?);
    ledger.tell_if_held(output);
    let mut doors = Vec::new();
    for address in listen {
        doors.push(listen::open(address).await?);
    }
    first_owner(&args, &ledger, &config, output).await?;
    output.note(format!("serving at {} (stop with Ctrl-C or SIGTERM)", config.public_url));
    Box::pin(service::serve(ledger, Plan { settings, world, doors, certificate, config })).await?;
    Ok(Exit::Done)
}

/// Where people reach the server; without a final slash.
fn public_url(args: &Args, listen: SocketAddr) -> Result<String, Failure> {
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let url = args.public_url.clone().unwrap_or_else(|| format!("{scheme}://{listen}"));
    let url = url.trim_end_matches('/').to_owned();
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@', ' '])) {
        return Err(Failure::bad_input(format!("{url:?} is no address people could reach"))
            .advise("name it as in --public-url https://mail.example.org"));
    }
    Ok(url)
}

/// By whom people may sign in, besides their passwords.
fn identity_provider(args: &Args) -> Result<Option<IdentityProvider>, Failure> {
    let Some((issuer, client)) = args.oidc_issuer.clone().zip(args.oidc_client.clone()) else { return Ok(None) };
    let host = issuer.split("://").last().unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    Ok(Some(IdentityProvider {
        name: args.oidc_name.clone().unwrap_or_else(|| host.to_owned()),
        client_id: client,
        client_secret: args.oidc_secret_file.as_deref().map(people::password_in).transpose()?,
        trusts_email: args.oidc_trust_email,
        issuer,
    }))
}

/// The first start: somebody becomes the owner.
async fn first_owner(args: &Args, ledger: &Ledger, config: &Config, output: &Output) -> Result<(), Failure> {
    if ledger.store.has_owner(ledger.workspace).await? {
        return Ok(());
    }
    if let (Some(email), Some(file)) = (&args.owner, &args.owner_password_file) {
        people::make_owner(ledger, email, &people::password_in(file)?).await?;
        output.note(format!("{email} is the owner"));
        return Ok(());
    }
    let token = people::welcome(ledger).await?;
    output.note("nobody owns this installation yet. Open this link, once, within a day, to become its owner:");
    output.note(format!("  {}/welcome/{token}", config.public_url));
    Ok(())
}

/// Logs go to standard error: standard output is for answers.
fn log(args: &Args) -> Result<(), Failure> {
    let level: LevelFilter = args
        .log_level
        .parse()
        .map_err(|error| Failure::bad_input(format!("--log-level {:?}: {error}", args.log_level)))?;
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let begun = match args.log {
        Form::Text => lines.with_ansi(false).try_init(),
        Form::Json => lines.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| Failure::own("the log could not be begun", error))
}
