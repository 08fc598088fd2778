//! The independent DKIM verifier (dkimpy), one call per message.

use super::{kit_file, one_character_per_octet, skipped};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A Python that has dkimpy, as `cargo xtask test` hands it to the tests.
pub struct DkimVerifier {
    python: PathBuf,
}

/// What it says about one signature.
#[derive(Debug)]
pub struct Signature {
    pub domain: String,
    pub selector: String,
    /// `rsa-sha256` or `ed25519-sha256`.
    pub algorithm: String,
    pub valid: bool,
    /// Why not, if it said why.
    pub why: Option<String>,
}

impl DkimVerifier {
    /// `None`, with the reason said, when `POSTROOM_TEST_PYTHON` names none.
    pub fn find() -> Option<DkimVerifier> {
        match std::env::var_os("POSTROOM_TEST_PYTHON") {
            Some(python) => Some(DkimVerifier { python: PathBuf::from(python) }),
            None => {
                skipped("dkimpy (cargo xtask test sets POSTROOM_TEST_PYTHON)");
                None
            }
        }
    }

    /// Verifies every signature of `message` against `records` (name → TXT content), in the order of the headers.
    pub fn verify(&self, message: &[u8], records: &BTreeMap<String, String>) -> Vec<Signature> {
        let request = json!({ "message": one_character_per_octet(message), "records": records });
        let mut child = Command::new(&self.python)
            .arg(kit_file("verify_dkim.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the verifier crashed");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["signatures"].as_array().unwrap().iter().map(signature).collect()
    }
}

fn signature(value: &Value) -> Signature {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Signature {
        domain: text("domain"),
        selector: text("selector"),
        algorithm: text("algorithm"),
        valid: value["valid"].as_bool().unwrap(),
        why: value["why"].as_str().map(str::to_owned),
    }
}
