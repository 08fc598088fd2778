//! The daily report on encryption that a sender owes the domains it sends to (RFC 8460): as JSON, packed, as a message.
//!
//! Pure: what is told and when it was is handed in. The reader's side belongs elsewhere. Invariant: equal facts give
//! equal bytes, so a report that is sent twice is recognised by its id.

use crate::qp::base64_lines;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// The media type of a packed report (RFC 8460 section 6.4).
pub const MEDIA_TYPE: &str = "application/tlsrpt+gzip";
/// The mark between the parts.
const BOUNDARY: &str = "=_tls-report";

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TlsReport {
    /// Who reports.
    pub organization_name: String,
    /// About which time.
    pub date_range: DateRange,
    /// Whom to ask.
    pub contact_info: String,
    /// The report's own name.
    pub report_id: String,
    /// What came of each policy.
    pub policies: Vec<PolicyResult>,
}

/// The time a report is about, in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DateRange {
    /// Its first second.
    pub start_datetime: String,
    /// Its last second.
    pub end_datetime: String,
}

/// What came of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyResult {
    /// Which.
    pub policy: Policy,
    /// In sum.
    pub summary: Summary,
    /// What failed, and where.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failure_details: Vec<FailureDetail>,
}

/// A policy as it was applied (RFC 8460 section 4.4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Policy {
    /// `sts`, `tlsa` or `no-policy-found`.
    pub policy_type: String,
    /// Its lines, or its records.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub policy_string: Vec<String>,
    /// Whose it is.
    pub policy_domain: String,
    /// The servers, or patterns of servers, that it is for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub mx_host: Vec<String>,
}

/// Sessions in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Encrypted as the policy wants it.
    pub total_successful_session_count: u64,
    /// Not.
    pub total_failure_session_count: u64,
}

/// One kind of failure at one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureDetail {
    /// In the words of RFC 8460 section 4.3.
    pub result_type: String,
    /// The server.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub receiving_mx_hostname: String,
    /// Its address.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub receiving_ip: String,
    /// How often.
    pub failed_session_count: u64,
    /// What it was, in the words of whoever found it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub failure_reason_code: String,
}

/// What surrounds a report that goes by mail.
#[derive(Clone, Debug)]
pub struct Cover<'a> {
    /// Who sends it: an address of the submitter.
    pub from: &'a str,
    /// Where it goes.
    pub to: &'a str,
    /// The domain it is about.
    pub domain: &'a str,
    /// The reporting organisation's domain.
    pub submitter: &'a str,
    /// When it is sent.
    pub date: Timestamp,
}

impl TlsReport {
    /// The report as JSON (RFC 8460 section 4.4).
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has string keys and finite numbers")
    }

    /// The same, packed.
    pub fn gzip(&self) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        let packed = packer.write_all(self.json().as_bytes()).and_then(|()| packer.finish());
        packed.expect("writing into memory does not fail")
    }

    /// The name of the packed file (RFC 8460 section 5.1).
    pub fn file_name(&self, cover: &Cover<'_>, from: Timestamp, to: Timestamp) -> String {
        let (begin, end) = (from.as_secs(), to.as_secs());
        format!("{}!{}!{begin}!{end}!001.json.gz", cover.submitter, cover.domain)
    }

    /// The report as a message, not yet signed (RFC 8460 section 5.3).
    pub fn message(&self, cover: &Cover<'_>, from: Timestamp, to: Timestamp) -> Vec<u8> {
        let Cover { from: sender, to: receiver, domain, submitter, date } = cover;
        let (id, name) = (&self.report_id, self.file_name(cover, from, to));
        let date = crate::headers::date_text(*date);
        let sums = self.policies.iter().fold(Summary::default(), |sums, policy| Summary {
            total_successful_session_count: sums.total_successful_session_count
                + policy.summary.total_successful_session_count,
            total_failure_session_count: sums.total_failure_session_count + policy.summary.total_failure_session_count,
        });
        let Summary { total_successful_session_count: good, total_failure_session_count: bad } = sums;
        let day = &self.date_range.start_datetime;
        let mut message = format!(
            "From: {sender}\r\nTo: {receiver}\r\nDate: {date}\r\nMessage-ID: <{id}>\r\n\
             Subject: Report Domain: {domain}\r\n Submitter: {submitter}\r\n Report-ID: <{id}>\r\n\
             TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\nAuto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"{BOUNDARY}\"\r\n\
             \r\n--{BOUNDARY}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
             This is a report on the encryption of mail to {domain} for the day that\r\nbegan at {day}: {good} sessions as your policy wants them,\r\n\
             {bad} not. The details are attached (RFC 8460).\r\n\
             \r\n--{BOUNDARY}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment;\r\n filename=\"{name}\"\r\n\r\n"
        )
        .into_bytes();
        base64_lines(&mut message, &BASE64.encode(self.gzip()));
        message.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::io::Read;

    fn report() -> TlsReport {
        let policy = Policy {
            policy_type: "sts".to_owned(),
            policy_string: vec!["version: STSv1".to_owned(), "mode: testing".to_owned()],
            policy_domain: "example.com".to_owned(),
            mx_host: vec!["*.mail.example.com".to_owned()],
        };
        let detail = FailureDetail {
            result_type: "certificate-expired".to_owned(),
            receiving_mx_hostname: "mx1.mail.example.com".to_owned(),
            receiving_ip: "192.0.2.7".to_owned(),
            failed_session_count: 100,
            failure_reason_code: String::new(),
        };
        let summary = Summary { total_successful_session_count: 5_326, total_failure_session_count: 100 };
        TlsReport {
            organization_name: "letters.example".to_owned(),
            date_range: DateRange {
                start_datetime: "2026-03-02T00:00:00Z".to_owned(),
                end_datetime: "2026-03-02T23:59:59Z".to_owned(),
            },
            contact_info: "postmaster@letters.example".to_owned(),
            report_id: "2026-03-02.example.com@letters.example".to_owned(),
            policies: vec![PolicyResult { policy, summary, failure_details: vec![detail] }],
        }
    }

    #[test]
    fn the_json_has_the_fields_of_the_rfc() {
        expect![[r#"
            {
              "organization-name": "letters.example",
              "date-range": {
                "start-datetime": "2026-03-02T00:00:00Z",
                "end-datetime": "2026-03-02T23:59:59Z"
              },
              "contact-info": "postmaster@letters.example",
              "report-id": "2026-03-02.example.com@letters.example",
              "policies": [
                {
                  "policy": {
                    "policy-type": "sts",
                    "policy-string": [
                      "version: STSv1",
                      "mode: testing"
                    ],
                    "policy-domain": "example.com",
                    "mx-host": [
                      "*.mail.example.com"
                    ]
                  },
                  "summary": {
                    "total-successful-session-count": 5326,
                    "total-failure-session-count": 100
                  },
                  "failure-details": [
                    {
                      "result-type": "certificate-expired",
                      "receiving-mx-hostname": "mx1.mail.example.com",
                      "receiving-ip": "192.0.2.7",
                      "failed-session-count": 100
                    }
                  ]
                }
              ]
            }"#]]
        .assert_eq(&report().json());
    }

    #[test]
    fn a_reader_that_is_not_ours_finds_the_report_in_the_message() {
        let (from, to) = (Timestamp::from_millis(1_772_409_600_000), Timestamp::from_millis(1_772_495_999_000));
        let cover = Cover {
            from: "postmaster@letters.example",
            to: "reports@example.com",
            domain: "example.com",
            submitter: "letters.example",
            date: to,
        };
        let bytes = report().message(&cover, from, to);
        let message = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        let header = |name: &str| message.header_raw(name).unwrap_or_default().trim().to_owned();
        assert_eq!(header("TLS-Report-Domain"), "example.com");
        assert_eq!(header("TLS-Report-Submitter"), "letters.example");
        let subject = "Report Domain: example.com Submitter: letters.example \
                       Report-ID: <2026-03-02.example.com@letters.example>";
        assert_eq!(message.subject(), Some(subject));
        let kind = message.header("Content-Type").unwrap().as_content_type().unwrap();
        assert_eq!((kind.c_subtype.as_deref(), kind.attribute("report-type")), (Some("report"), Some("tlsrpt")));
        let attached = message.attachment(0).unwrap();
        let mut json = String::new();
        flate2::read::GzDecoder::new(attached.contents()).read_to_string(&mut json).unwrap();
        assert_eq!(serde_json::from_str::<TlsReport>(&json).unwrap(), report());
        assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
    }
}
