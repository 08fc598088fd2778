//! What transport security a domain is owed: MTA-STS (RFC 8461) and DANE (RFC 7672), and where its reports go (RFC 8460).
//!
//! Apart from `route` because a policy is the domain's while servers are shared: it is evaluated for each domain
//! before domains are grouped into sites, and only domains that demand the same of the same servers share connections
//! ([`Security::key`]). Invariants: a policy in force is never traded for clear text or an unknown certificate; a
//! server that cannot satisfy it is passed over; and what cannot be read is no policy, never a stricter or laxer one.

use std::fmt;
use std::time::Duration;

/// Octets of a policy file that are read (RFC 8461 section 3.3 suggests 64 kB).
pub const POLICY_BYTES_MAX: usize = 64 * 1024;
/// Longest life of a policy (RFC 8461 section 3.2): one year.
pub const MAX_AGE_MAX: Duration = Duration::from_secs(31_557_600);
/// Patterns of a policy that count.
const PATTERNS_MAX: usize = 256;
/// Characters of a policy's id (RFC 8461 section 3.1).
const ID_CHARS_MAX: usize = 32;
/// Addresses of a reporting record that count.
const REPORT_TARGETS_MAX: usize = 5;

/// The id in a domain's `_mta-sts` texts (RFC 8461 section 3.1); `None` without exactly one readable record.
pub fn sts_id(texts: &[String]) -> Option<String> {
    let fields = the_record(texts, "STSv1")?;
    let (_, id) = fields.iter().find(|(key, _)| *key == "id")?;
    let well_formed = !id.is_empty() && id.len() <= ID_CHARS_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    well_formed.then(|| (*id).to_owned())
}

/// The fields after the version of the only record of that version. More than one record of it is none.
fn the_record<'t>(texts: &'t [String], version: &str) -> Option<Vec<(&'t str, &'t str)>> {
    let is_ours = |text: &&String| {
        let first = text.split(';').next().unwrap_or_default();
        first.split_once('=').is_some_and(|(key, value)| key.trim() == "v" && value.trim() == version)
    };
    let mut ours = texts.iter().filter(is_ours);
    let (record, another) = (ours.next()?, ours.next());
    let fields = record.split(';').skip(1).filter_map(|field| field.split_once('='));
    another.is_none().then(|| fields.map(|(key, value)| (key.trim(), value.trim())).collect())
}

/// Where a domain wants its reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportTarget {
    /// By mail to this address.
    Mail(String),
    /// By HTTPS to this URL.
    Https(String),
}

/// The targets in a domain's `_smtp._tls` texts (RFC 8460 section 3), unreadable ones passed over.
pub fn report_targets(texts: &[String]) -> Vec<ReportTarget> {
    let Some(fields) = the_record(texts, "TLSRPTv1") else { return Vec::new() };
    let listed = fields.iter().filter(|(key, _)| *key == "rua").flat_map(|(_, value)| value.split(','));
    listed.filter_map(|uri| report_target(uri.trim())).take(REPORT_TARGETS_MAX).collect()
}

fn report_target(uri: &str) -> Option<ReportTarget> {
    let (scheme, rest) = uri.split_once(':')?;
    if scheme.eq_ignore_ascii_case("mailto") {
        let address = rest.split('?').next().unwrap_or_default();
        let decoded = percent_decoded(address)?;
        return decoded.contains('@').then_some(ReportTarget::Mail(decoded));
    }
    let is_url = rest.starts_with("//") && !rest.chars().any(char::is_control);
    (scheme.eq_ignore_ascii_case("https") && is_url).then(|| ReportTarget::Https(uri.to_owned()))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                // A sign would be taken for a digit.
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

/// How far an MTA-STS policy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StsMode {
    /// No delivery without it.
    Enforce,
    /// Delivery in any case; what would have failed is reported.
    Testing,
    /// The domain takes its policy back.
    None,
}

impl StsMode {
    fn word(self) -> &'static str {
        match self {
            StsMode::Enforce => "enforce",
            StsMode::Testing => "testing",
            StsMode::None => "none",
        }
    }
}

/// An MTA-STS policy (RFC 8461 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StsPolicy {
    /// How far it goes.
    pub mode: StsMode,
    /// Patterns of the servers it allows, lower-case; at least one unless the mode is `none`.
    pub mx: Vec<String>,
    /// How long it may be kept.
    pub max_age: Duration,
}

impl StsPolicy {
    /// Reads a policy file. The error says what is wrong, for the report and for a person.
    ///
    /// Unknown keys are passed over, and of a key that may stand once the first counts (section 3.2).
    pub fn parse(body: &str) -> Result<StsPolicy, String> {
        let mut version = None;
        let (mut mode, mut max_age, mut mx) = (None, None, Vec::new());
        for line in body.lines().filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.split_once(':').ok_or_else(|| format!("a line without a colon: {line:.80}"))?;
            let value = value.trim();
            match key.trim() {
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or(Some(value)),
                "mx" if mx.len() < PATTERNS_MAX => mx.push(pattern(value)?),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("it does not say \"version: STSv1\"".to_owned());
        }
        let mode = match mode {
            Some("enforce") => StsMode::Enforce,
            Some("testing") => StsMode::Testing,
            Some("none") => StsMode::None,
            other => return Err(format!("its mode is {}", other.unwrap_or("missing"))),
        };
        let secs = max_age.filter(|text| text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit()));
        let secs: u64 = secs.and_then(|text| text.parse().ok()).ok_or("its max_age is missing or no number")?;
        if mx.is_empty() && mode != StsMode::None {
            return Err("it names no mx".to_owned());
        }
        Ok(StsPolicy { mode, mx, max_age: Duration::from_secs(secs).min(MAX_AGE_MAX) })
    }

    /// Does the policy allow this server? A leading `*` stands for one label (RFC 8461 section 4.1).
    pub fn allows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => *pattern == host,
        })
    }

    /// Its lines as reports quote them (RFC 8460 section 4.4).
    pub fn lines(&self) -> Vec<String> {
        let head = ["version: STSv1".to_owned(), format!("mode: {}", self.mode.word())];
        let tail = [format!("max_age: {}", self.max_age.as_secs())];
        head.into_iter().chain(self.mx.iter().map(|mx| format!("mx: {mx}"))).chain(tail).collect()
    }
}

fn pattern(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err("mx names no server".to_owned());
    }
    let name = value.trim_end_matches('.').to_ascii_lowercase();
    let plain = name.strip_prefix("*.").unwrap_or(&name);
    let fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if plain.len() > 253 || !plain.split('.').all(fits) {
        return Err(format!("{value:.80} is no pattern of a server name"));
    }
    Ok(name)
}

/// What a domain demands of the servers that take its mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Its MX records are proved by DNSSEC and a server has TLSA records: they bind (RFC 7672). They are looked up
    /// again for each connection, since they are the server's and change on their own.
    pub dane: bool,
    /// Its MTA-STS policy, to be enforced or tested.
    pub sts: Option<StsPolicy>,
}

/// What is known about a server's TLSA records, where they can bind at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRecords {
    /// There are none, proved; or the server's zone is not signed.
    Absent,
    /// There are some that can be used.
    Usable,
    /// There are some, but none that means anything for SMTP: encryption is owed, without a check (section 2.2).
    Unusable,
    /// DNS could not say, or contradicts its own signatures: such a server is not used (section 2.1.2).
    Doubtful,
}

/// What is demanded of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: encrypted if it can be.
    Opportunistic,
    /// The same, but it is watched whether the policy would have held; whether it allows the server at all is known.
    Watched {
        /// Does the policy in testing name this server?
        allowed: bool,
        /// Is encryption expected in any case?
        encrypted: bool,
    },
    /// Encryption, whatever the certificate.
    Encrypted,
    /// A valid certificate for the server's name.
    Named,
    /// A certificate that matches the server's TLSA records.
    Records,
    /// The server is not used.
    Refused(Refusal),
}

/// Why a server is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The domain's MTA-STS policy does not name it.
    NotInPolicy,
    /// Its TLSA records cannot be had or are contradicted by their signatures.
    RecordsDoubtful,
    /// What the domain demands has to be looked up again first.
    PolicyNotAtHand,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotInPolicy => "the domain's MTA-STS policy does not allow this server",
            Refusal::RecordsDoubtful => "DNSSEC does not vouch for this server's TLSA records",
            Refusal::PolicyNotAtHand => "the domain's policy has to be looked up again",
        })
    }
}

impl Demand {
    /// What the domain's own policy demands of the encryption, in words; `None`: nothing that fails for more than us.
    pub const fn policy(self) -> Option<&'static str> {
        match self {
            Demand::Named => Some("the domain's MTA-STS policy demands a valid certificate"),
            Demand::Records => Some("the server's TLSA records (DANE) demand a certificate that matches them"),
            Demand::Opportunistic | Demand::Watched { .. } | Demand::Encrypted | Demand::Refused(_) => None,
        }
    }

    /// May the message go in clear when encryption fails?
    pub fn allows_clear(self) -> bool {
        matches!(self, Demand::Opportunistic | Demand::Watched { encrypted: false, .. })
    }
}

impl Security {
    /// Is anything demanded, or watched?
    pub fn is_opportunistic(&self) -> bool {
        !self.dane && self.sts.is_none()
    }

    /// What tells domains on the same servers apart: equal keys demand the same of each of `hosts`. Empty without a
    /// policy; otherwise short and the same for ever. Patterns that come to the same thing give the same key.
    pub fn key(&self, hosts: &[&str]) -> String {
        let mut key = String::new();
        if self.dane {
            key.push_str("+dane");
        }
        if let Some(policy) = &self.sts {
            key.push_str(if policy.mode == StsMode::Enforce { "+sts" } else { "+sts-testing" });
            let mut allowed: Vec<&str> = hosts.iter().copied().filter(|host| policy.allows(host)).collect();
            if allowed.len() < hosts.len() {
                allowed.sort_unstable();
                key.push(':');
                key.push_str(&crate::route::site_fingerprint(&allowed));
            }
        }
        key
    }

    /// What is demanded of a server. DANE comes before MTA-STS (RFC 8461 section 2): where its records bind, they alone
    /// count. `encrypted` asks for encryption even where no policy does, as some providers expect it.
    pub fn demand(&self, host: &str, records: HostRecords, encrypted: bool) -> Demand {
        let least = if encrypted { Demand::Encrypted } else { Demand::Opportunistic };
        match (if self.dane { records } else { HostRecords::Absent }, &self.sts) {
            (HostRecords::Usable, _) => Demand::Records,
            (HostRecords::Doubtful, _) => Demand::Refused(Refusal::RecordsDoubtful),
            (_, Some(policy)) if policy.mode == StsMode::Enforce => match policy.allows(host) {
                true => Demand::Named,
                false => Demand::Refused(Refusal::NotInPolicy),
            },
            (HostRecords::Unusable, _) => Demand::Encrypted,
            (HostRecords::Absent, Some(policy)) => Demand::Watched { allowed: policy.allows(host), encrypted },
            (HostRecords::Absent, None) => least,
        }
    }
}

#[cfg(test)]
mod tests;
