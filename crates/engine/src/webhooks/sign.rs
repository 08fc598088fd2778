//! Signatures of webhooks, as Standard Webhooks 1.0.0 has them: symmetric, `v1`.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use net::Entropy;
use store::FreshSecret;

/// Octets of a fresh secret; the standard wants 24 to 64.
const SECRET_BYTES: usize = 32;

/// A fresh secret.
pub fn fresh_secret(entropy: &dyn Entropy) -> FreshSecret {
    let mut secret = FreshSecret { bytes: vec![0; SECRET_BYTES], nonce: [0; 12] };
    entropy.fill("webhook secret", &mut secret.bytes);
    entropy.fill("webhook secret nonce", &mut secret.nonce);
    secret
}

/// A secret as its receiver wants it: `whsec_` and base64.
pub fn secret_text(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// The header `webhook-signature`: one signature for each secret.
pub(super) fn signatures(secrets: &[Vec<u8>], id: &str, at_secs: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{at_secs}.").as_bytes(), body].concat();
    let one = |secret: &Vec<u8>| format!("v1,{}", STANDARD.encode(hmac(&Key::new(HMAC_SHA256, secret), &signed)));
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_public_library_does() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(secret_text(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures(std::slice::from_ref(&secret), id, 1_614_265_330, body), expected);
        let both = signatures(&[vec![7; 32], secret], id, 1_614_265_330, body);
        assert_eq!(both.split(' ').nth(1), Some(expected), "while a secret is changed, both sign");
    }
}
