//! Tokens from links and return paths: nothing that was not sealed opens.

#![cfg_attr(feature = "libfuzzer", no_main)]

use mail::token::KeyRing;

fuzz::target!(|text: &str| {
    let ring = KeyRing::new([7; 32]);
    assert!(ring.open(text).is_err());
});
