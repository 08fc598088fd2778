//! The reader of MTA-STS policies against anything a policy host says.

#![no_main]

use dispatch::security::StsPolicy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    let Ok(policy) = StsPolicy::parse(body) else { return };
    assert_eq!(StsPolicy::parse(&policy.lines().join("\r\n")), Ok(policy));
});
