//! The secrets that contracts name. Their values are handed in beside the contracts and never leave this module but
//! as a keyed HMAC.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

use crate::contract::SecretName;

/// Shorter keys are guessed.
const BYTES_MIN: usize = 16;

/// Secrets by their names.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<SecretName, Hmac<Sha256>>);

/// A secret that protects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret {name} has {bytes} bytes, the least is {BYTES_MIN}; make one of 32 random bytes")]
pub struct SecretError {
    /// Which secret.
    pub name: SecretName,
    /// Its size.
    pub bytes: usize,
}

impl Secrets {
    /// No secrets.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a secret, in place of one of the same name.
    ///
    /// # Errors
    /// Where it is shorter than 16 bytes.
    pub fn insert(&mut self, name: SecretName, bytes: &[u8]) -> Result<(), SecretError> {
        match Hmac::new_from_slice(bytes) {
            Ok(keyed) if bytes.len() >= BYTES_MIN => {
                self.0.insert(name, keyed);
                Ok(())
            }
            _ => Err(SecretError { name, bytes: bytes.len() }),
        }
    }

    /// Whether there is a secret of this name.
    #[must_use]
    pub fn contains(&self, name: &SecretName) -> bool {
        self.0.contains_key(name)
    }

    /// The HMAC under a secret, before any text.
    pub(super) fn keyed(&self, name: &SecretName) -> Option<&Hmac<Sha256>> {
        self.0.get(name)
    }
}

/// The names alone.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(SecretName::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        let name = || "pepper".parse::<SecretName>().unwrap();
        let mut secrets = Secrets::new();
        let refused = secrets.insert(name(), b"fifteen bytes..").unwrap_err();
        assert_eq!(refused.bytes, 15);
        assert!(!secrets.contains(&name()));
        assert_eq!(secrets.insert(name(), b"sixteen bytes..."), Ok(()));
        assert!(secrets.contains(&name()));
        assert_eq!(format!("{secrets:?}"), "{\"pepper\"}");
    }
}
