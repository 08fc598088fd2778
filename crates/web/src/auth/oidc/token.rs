//! Id tokens: signed JSON (RFC 7515, RFC 7519) of a provider, checked as OpenID Connect Core asks for (section 3.1.3.7).
//!
//! Pure. Invariants: the algorithm is one of three that are named here, and fits the key; a token without a signature, for
//! somebody else, of another attempt, or out of its time says nothing.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use serde::{Deserialize, Deserializer};

/// Octets of a token.
const TOKEN_BYTES_MAX: usize = 32 * 1024;
/// How far another clock may be from ours, in seconds.
const SKEW_S: i64 = 60;
/// Octets of a subject (OpenID Connect Core, section 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// A public key of the provider.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    kid: Option<String>,
    #[serde(flatten)]
    material: Material,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kty")]
enum Material {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What must be understood (RFC 7515, section 4.1.11): nothing of it is.
    crit: Option<serde_json::Value>,
}

/// What a token is to say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// What a token says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    /// Who, at the provider, for ever.
    pub(super) sub: String,
    #[serde(deserialize_with = "one_or_many")]
    aud: Vec<String>,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    /// Their address.
    #[serde(default)]
    pub(super) email: Option<String>,
    /// Is it proved to be theirs?
    #[serde(default, deserialize_with = "word_or_bool")]
    pub(super) email_verified: Option<bool>,
}

/// Why a token says nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// None of the keys that are known signed it.
    #[error("no key of the provider signed the token")]
    Key,
    /// Something else.
    #[error("the token {0}")]
    Token(&'static str),
}

/// Some providers say it once, some in a list.
fn one_or_many<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Said::deserialize(value)? {
        Said::One(one) => vec![one],
        Said::Many(many) => many,
    })
}

/// Some providers write `"true"`.
fn word_or_bool<'de, D: Deserializer<'de>>(value: D) -> Result<Option<bool>, D::Error> {
    let said = Option::<serde_json::Value>::deserialize(value)?;
    Ok(said.map(|said| said == true || said == "true"))
}

/// Reads a token.
pub(super) fn read(text: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Claims, Wrong> {
    let wrong = |why| Err(Wrong::Token(why));
    if text.len() > TOKEN_BYTES_MAX {
        return wrong("is too long");
    }
    let mut parts = text.split('.');
    let (Some(head), Some(body), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return wrong("has not three parts");
    };
    let (Some(header), Some(claims), Ok(signature)) =
        (decoded::<Header>(head), decoded::<Claims>(body), URL_SAFE_NO_PAD.decode(signature))
    else {
        return wrong("cannot be read");
    };
    if header.crit.is_some() {
        return wrong("asks for what is not understood");
    }
    let signed = text.get(..head.len() + 1 + body.len()).unwrap_or_default().as_bytes();
    let named = |key: &&Key| header.kid.is_none() || key.kid == header.kid;
    if !keys.iter().filter(named).any(|key| key.material.signed(&header.alg, signed, &signature)) {
        return Err(Wrong::Key);
    }
    check(claims, expected)
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn check(claims: Claims, expected: &Expected<'_>) -> Result<Claims, Wrong> {
    let now = expected.now.as_secs();
    let is_ours = claims.aud.iter().any(|aud| aud == expected.client_id);
    let of_us = claims.azp.as_ref().map_or(claims.aud.len() == 1, |azp| azp == expected.client_id);
    let why = match () {
        () if claims.iss != expected.issuer => "is of another issuer",
        () if !is_ours || !of_us => "is for somebody else",
        () if claims.nonce.as_deref() != Some(expected.nonce) => "is of another attempt",
        () if now - SKEW_S >= claims.exp => "is over",
        () if claims.iat.max(claims.nbf.unwrap_or(claims.iat)) > now + SKEW_S => "is not yet",
        () if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX => "names nobody",
        () => return Ok(claims),
    };
    Err(Wrong::Token(why))
}

impl Material {
    fn signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let octets = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        match (self, algorithm) {
            (Material::Rsa { n, e }, "RS256") => {
                let key = RsaPublicKeyComponents { n: octets(n), e: octets(e) };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            (Material::Ec { crv, x, y }, "ES256") if crv == "P-256" => {
                let point = [vec![4], octets(x), octets(y)].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            (Material::Okp { crv, x }, "EdDSA") if crv == "Ed25519" => {
                UnparsedPublicKey::new(&ED25519, octets(x)).verify(message, signature).is_ok()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    };
    use serde_json::{Value, json};

    const NOW_S: i64 = 1_800_000_000;

    fn encoded(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "sub": "7", "aud": "us", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n",
            "email": "anna@a.example", "email_verified": "true"
        })
    }

    fn expected<'a>() -> Expected<'a> {
        Expected {
            issuer: "https://id.example",
            client_id: "us",
            nonce: "n",
            now: Timestamp::from_millis(NOW_S * 1_000),
        }
    }

    fn signed(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let message = format!("{}.{}", encoded(head), encoded(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign(message.as_bytes())))
    }

    fn eddsa() -> (Ed25519KeyPair, Vec<Key>) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x, "use": "sig" });
        (pair, vec![serde_json::from_value(key).unwrap()])
    }

    #[test]
    fn three_kinds_of_signatures_are_read() {
        let (pair, keys) = eddsa();
        let token = signed(&json!({ "alg": "EdDSA", "kid": "k1" }), &claims(), |m| pair.sign(m).as_ref().to_vec());
        let read = read(&token, &keys, &expected()).unwrap();
        assert_eq!((read.sub.as_str(), read.email_verified), ("7", Some(true)));

        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = ec.public_key().as_ref().to_vec();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let keys = vec![serde_json::from_value(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })).unwrap()];
        let token = signed(&json!({ "alg": "ES256" }), &claims(), |m| ec.sign(&random, m).unwrap().as_ref().to_vec());
        assert!(super::read(&token, &keys, &expected()).is_ok());

        let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let of = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let public = rsa.public_key();
        let (n, e) = (
            public.modulus().big_endian_without_leading_zero().to_vec(),
            public.exponent().big_endian_without_leading_zero().to_vec(),
        );
        let keys: Vec<Key> = vec![serde_json::from_value(json!({ "kty": "RSA", "n": of(&n), "e": of(&e) })).unwrap()];
        let sign = |m: &[u8]| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(&RSA_PKCS1_SHA256, &random, m, &mut signature).unwrap();
            signature
        };
        let token = signed(&json!({ "alg": "RS256", "kid": "unnamed" }), &claims(), sign);
        assert_eq!(super::read(&token, &keys, &expected()).unwrap_err(), Wrong::Key, "the key has another name");
        let token = signed(&json!({ "alg": "RS256" }), &claims(), sign);
        assert!(super::read(&token, &keys, &expected()).is_ok());
    }

    #[test]
    fn what_is_not_signed_or_not_for_us_says_nothing() {
        let (pair, keys) = eddsa();
        let sign = |m: &[u8]| pair.sign(m).as_ref().to_vec();
        let head = json!({ "alg": "EdDSA", "kid": "k1" });
        let refused = |token: &str| read(token, &keys, &expected()).unwrap_err();
        let none = format!("{}.{}.", encoded(&json!({ "alg": "none" })), encoded(&claims()));
        assert_eq!(refused(&none), Wrong::Key);
        assert_eq!(refused(&signed(&json!({ "alg": "HS256", "kid": "k1" }), &claims(), sign)), Wrong::Key);
        assert_eq!(refused(&signed(&head, &claims(), |_| vec![0; 64])), Wrong::Key);
        let crit = json!({ "alg": "EdDSA", "kid": "k1", "crit": ["x"] });
        assert_eq!(refused(&signed(&crit, &claims(), sign)), Wrong::Token("asks for what is not understood"));
        for (field, value, why) in [
            ("iss", json!("https://other.example"), "is of another issuer"),
            ("aud", json!("them"), "is for somebody else"),
            ("aud", json!(["us", "them"]), "is for somebody else"),
            ("azp", json!("them"), "is for somebody else"),
            ("nonce", json!("m"), "is of another attempt"),
            ("nonce", Value::Null, "is of another attempt"),
            ("exp", json!(NOW_S - 60), "is over"),
            ("iat", json!(NOW_S + 61), "is not yet"),
            ("nbf", json!(NOW_S + 61), "is not yet"),
            ("sub", json!(""), "names nobody"),
            ("exp", json!("soon"), "cannot be read"),
        ] {
            let mut changed = claims();
            changed[field] = value;
            assert_eq!(refused(&signed(&head, &changed, sign)), Wrong::Token(why), "{field}");
        }
        let mut both = claims();
        (both["aud"], both["azp"]) = (json!(["us", "them"]), json!("us"));
        assert!(read(&signed(&head, &both, sign), &keys, &expected()).is_ok());
        for text in ["", "a.b", "a.b.c.d", "é.é.é", &"a".repeat(40_000)] {
            assert!(matches!(refused(text), Wrong::Token(_)), "{text:.9}");
        }
    }
}
