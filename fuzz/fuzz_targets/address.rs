//! Addresses as people type them: what is accepted must be safe to put into a command and stable.

#![cfg_attr(feature = "libfuzzer", no_main)]

use model::{EmailAddress, MailDomain};

fuzz::target!(|text: &str| {
    if let Ok(domain) = MailDomain::parse(text) {
        assert!(domain.as_str().is_ascii(), "domains are kept as A-labels");
        assert_eq!(MailDomain::parse(domain.as_str()).as_ref(), Ok(&domain));
    }
    if let Ok(address) = EmailAddress::parse(text) {
        let written = address.to_string();
        assert!(!written.chars().any(|c| c.is_control()), "{written:?}");
        let again = EmailAddress::parse(&written).expect("what we write can be read");
        assert_eq!(again.key(), address.key());
    }
});
