//! The reader of MTA-STS policies against anything a policy host says.

#![cfg_attr(feature = "libfuzzer", no_main)]

use dispatch::security::StsPolicy;

fuzz::target!(|body: &str| {
    let Ok(policy) = StsPolicy::parse(body) else { return };
    assert_eq!(StsPolicy::parse(&policy.lines().join("\r\n")), Ok(policy));
});
