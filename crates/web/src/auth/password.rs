//! Passwords: argon2id (RFC 9106) with the parameters OWASP asks for (19 MiB, two passes).
//!
//! Stretching a password takes a tenth of a second and 19 MiB, so that a stranger could keep the server busy by guessing:
//! only two are stretched at once, and whoever fails too often is not heard for a while (`sign_in`).

use crate::App;
use crate::problem::{Code, Problem};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use net::Entropy;
use tokio::sync::Semaphore;

/// Characters of a password, at least (NIST SP 800-63B-4 section 3.1.1.2 asks for 8 beside a second factor, 15 alone).
pub(crate) const PASSWORD_CHARS_MIN: usize = 12;
/// Octets of a password, at most.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;
/// Passwords that are stretched at once.
pub(crate) const AT_ONCE: usize = 2;

/// How many passwords may be stretched at once.
pub(crate) struct Places(Semaphore);

impl Default for Places {
    fn default() -> Places {
        Places(Semaphore::new(AT_ONCE))
    }
}

/// Why a password may not be chosen; `None`: it may. `email`: the account's address, empty where it is not known.
pub fn objection(password: &str, email: &str) -> Option<String> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Some(format!("at most {PASSWORD_BYTES_MAX} bytes"));
    }
    let mut characters: Vec<char> = password.to_lowercase().chars().collect();
    if characters.len() < PASSWORD_CHARS_MIN {
        return Some(format!("at least {PASSWORD_CHARS_MIN} characters: a few words are easy to keep"));
    }
    if !email.is_empty() && password.to_lowercase().contains(&email.to_lowercase()) {
        return Some("it contains the address it belongs to".to_owned());
    }
    characters.sort_unstable();
    characters.dedup();
    (characters.len() < 5).then(|| "it repeats too few different characters".to_owned())
}

/// Stretches a password: a PHC string. For programs that wait; a server asks [`App`].
pub fn stretch(password: &str, entropy: &dyn Entropy) -> Result<String, String> {
    let mut salt = [0; 16];
    entropy.fill("password salt", &mut salt);
    let hash: argon2::password_hash::Result<argon2::password_hash::phc::PasswordHash> =
        argon2id().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Argon2id, version 19, 19 MiB, two passes, one lane.
fn argon2id() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn matches(password: &str, stretched: &str) -> bool {
    let parsed = PasswordHash::new(stretched);
    parsed.is_ok_and(|hash| argon2id().verify_password(password.as_bytes(), &hash).is_ok())
}

impl App {
    /// Stretches a password beside other work.
    pub(crate) async fn stretch(&self, password: &str) -> Result<String, Problem> {
        let (password, entropy) = (password.to_owned(), self.world.entropy.clone());
        let stretched = self.beside(move || stretch(&password, entropy.as_ref())).await?;
        stretched.map_err(|error| {
            tracing::error!(error, "a password was not stretched");
            Code::OwnFailure.into()
        })
    }

    /// Is it the password? Takes as long when there is none, so that nobody learns who has an account.
    pub(crate) async fn is_password(&self, password: &str, stretched: Option<String>) -> Result<bool, Problem> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let password = password.to_owned();
        match stretched {
            Some(stretched) => self.beside(move || matches(&password, &stretched)).await,
            None => self.stretch(&password).await.map(|_| false),
        }
    }

    /// Work that keeps a processor busy, off the threads that answer.
    pub(crate) async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = self.desk.passwords.0.acquire().await.map_err(|_| Problem::from(Code::Unavailable))?;
        #[expect(clippy::disallowed_methods, reason = "a tenth of a second of arithmetic; no simulated code signs in")]
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Code::OwnFailure.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_what_it_was_stretched_to_and_nothing_else() {
        let stretched = stretch("correct horse battery", &net::SystemEntropy::new()).unwrap();
        assert!(stretched.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stretched}");
        assert!(matches("correct horse battery", &stretched));
        assert!(!matches("correct horse batterz", &stretched) && !matches("", &stretched));
        assert!(!matches("correct horse battery", "no hash"));
    }

    #[test]
    fn weak_passwords_are_not_chosen() {
        let objects = |password: &str| objection(password, "anna@example.org").is_some();
        assert!(objects("short") && objects("aaaaaaaaaaaaaaaa") && objects("my anna@Example.org!"));
        assert!(objects(&"long ".repeat(1_000)));
        assert!(!objects("correct horse battery") && !objects("øæå ☂ пароль 漢字 ok"));
    }
}
