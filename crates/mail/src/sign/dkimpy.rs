//! Our signatures before an independent judge: dkimpy, in the Python that `POSTROOM_TEST_PYTHON` names (`cargo xtask
//! test` does) or else in `python3`; where it has none the test says that it was skipped.

use super::{Signer, testkeys};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{MailDomain, Timestamp};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Reads JSON `{"records": {name: value}, "messages": [base64]}` and prints one verdict per signature and message.
const JUDGE: &str = r#"
import base64, json, sys
try:
    import dkim
except ImportError:
    print("absent"); sys.exit(0)
try:
    import nacl.signing
    signatures = 2
except ImportError:
    signatures = 1
work = json.load(sys.stdin)
def txt(name, timeout=5):
    return work["records"].get(name.decode().rstrip(".") if isinstance(name, bytes) else name.rstrip("."), "").encode()
for encoded in work["messages"]:
    message = base64.b64decode(encoded)
    for at in range(signatures):
        judge = dkim.DKIM(message)
        try:
            print(judge.verify(idx=at, dnsfunc=txt))
        except Exception as why:
            print(why)
"#;

fn judge(messages: &[Vec<u8>], records: &[(String, String)]) -> Option<Vec<String>> {
    let messages: Vec<String> = messages.iter().map(|m| STANDARD.encode(m)).collect();
    let records: std::collections::BTreeMap<_, _> = records.iter().cloned().collect();
    let work = serde_json::json!({ "records": records, "messages": messages }).to_string();
    let python = std::env::var_os("POSTROOM_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let python = Command::new(python).args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = python.ok()?;
    // A judge that is absent leaves without reading.
    drop(python.stdin.take()?.write_all(work.as_bytes()));
    let output = python.wait_with_output().ok()?;
    let verdicts: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (verdicts != ["absent"]).then_some(verdicts)
}

#[test]
fn dkimpy_accepts_what_we_sign() {
    let domain = MailDomain::parse("example.org").unwrap();
    let records: Vec<(String, String)> = [(testkeys::rsa(), "rsa1"), (testkeys::ed25519(), "ed1")]
        .iter()
        .map(|(key, selector)| key.dns_record(&domain, selector).unwrap())
        .map(|record| (record.name, record.value))
        .collect();
    let signer = Signer::new(domain, "rsa1", testkeys::rsa()).unwrap().and("ed1", testkeys::ed25519()).unwrap();
    let head = "From: Anna <anna@example.org>\r\nTo: kim@example.net\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n";
    let long = format!("{head}Subject: {}\r\n {}\r\n\r\nHello\r\n", "long ".repeat(90), "\t folded".repeat(60));
    let messages: Vec<Vec<u8>> = [
        format!("{head}Subject: plain\r\n\r\nHello,\r\n\r\nworld.\r\n"),
        format!("{head}Subject: white end\r\n\r\nHello\r\n \t \r\n\r\n\t\r\n   \r\n"),
        format!("{head}Subject: empty\r\n\r\n"),
        format!("{head}Subject: only white\r\n\r\n \r\n\t\r\n"),
        format!("{head}Subject: inner  \t blanks \r\n\r\na  b\t c \r\n  d\r\nno end"),
        format!("{head}Subject: utf\r\nTo: j\u{fc}rgen@example.net\r\n\r\nGr\u{fc}\u{df}e\r\n"),
        long,
    ]
    .iter()
    .map(|message| {
        let mut whole = signer.sign(message.as_bytes(), Timestamp::from_millis(1_764_000_000_000)).unwrap();
        whole.extend_from_slice(message.as_bytes());
        whole
    })
    .collect();
    match judge(&messages, &records) {
        // Past the harness, which keeps what passing tests print to itself.
        None => drop(writeln!(std::io::stderr(), "skipped: needs dkimpy")),
        Some(verdicts) => {
            assert!(verdicts.len() >= messages.len(), "{verdicts:?}");
            assert!(verdicts.iter().all(|v| v == "True"), "{verdicts:?}");
        }
    }
}
