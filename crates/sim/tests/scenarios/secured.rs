//! The world of the stories about transport security: northmail.test and atelier-noor.test share three servers.

use mail::tls_report::TlsReport;
use sim::certificates::{Shows, identity};
use sim::internet::Internet;
use sim::scenario::{Ended, Scenario};
use sim::web::{Document, WebServer};
use std::collections::BTreeMap;
use std::io::Read;

pub(crate) const SERVERS: [&str; 3] = ["mx1.northmail.test", "mx2.northmail.test", "mx3.northmail.test"];

/// These people; the provider has none of its moods.
pub(crate) fn people(people: &[&str]) -> Scenario {
    Scenario::of(people).provider("northmail", |profile| {
        (profile.manners.trouble_share, profile.manners.spam_share) = (0.0, 0.0);
        profile.tls.required = false;
    })
}

/// A policy for a week.
pub(crate) fn policy(mode: &str, patterns: &[&str]) -> Document {
    let mx: String = patterns.iter().map(|pattern| format!("mx: {pattern}\n")).collect();
    Document::text(&format!("version: STSv1\nmode: {mode}\n{mx}max_age: 604800\n"))
}

/// All servers show the same kind of certificate, for these names.
pub(crate) fn all_show(internet: &Internet, names: &[&str], shows: Shows) {
    for server in SERVERS {
        internet.set_identity(server, identity(names, shows).server);
    }
}

/// The domain's own records are signed.
pub(crate) fn sign(internet: &Internet, domain: &str) {
    internet.zone().set_secure(domain, true);
}

/// The domain takes its reports at a web server.
pub(crate) fn receive_reports(internet: &Internet, domain: &str) {
    internet.zone().add_txt(&format!("_smtp._tls.{domain}"), "v=TLSRPTv1; rua=https://reports.test/tls");
    let documents = BTreeMap::from([("/tls".to_owned(), Document::text("thank you\n"))]);
    let identity = identity(&["reports.test"], Shows::Valid).server;
    internet.open_web_server("reports.test", WebServer { identity, documents, silent: false });
}

/// The reports that came there.
pub(crate) fn reports(ended: &Ended) -> Vec<TlsReport> {
    let unpack = |packed: &[u8]| {
        let mut json = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut json).unwrap();
        serde_json::from_str(&json).unwrap()
    };
    assert!(ended.delivered.iter().all(|one| one.content_type == "application/tlsrpt+gzip"));
    ended.delivered.iter().map(|one| unpack(&one.body)).collect()
}
