//! The secret that the hosts of a run share, and proofs of knowing it that reveal nothing of it.

use std::fmt;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::ShardError;

/// Bytes of a proof.
pub(crate) const PROOF_BYTES: usize = 32;
/// Bytes of a challenge.
pub(crate) const CHALLENGE_BYTES: usize = 32;

/// What a host says only once, so that no proof can be used again.
pub(crate) type Challenge = [u8; CHALLENGE_BYTES];
/// Shows that its maker knows the secret.
pub(crate) type Proof = [u8; PROOF_BYTES];

/// A secret of all hosts of a run.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// From any bytes; without any, hosts only protect themselves against mistakes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Shows knowledge of the secret for these words.
    pub(crate) fn prove(&self, words: &[&[u8]]) -> Proof {
        let mut proof = Proof::default();
        proof.copy_from_slice(hmac::sign(&self.0, &joined(words)).as_ref());
        proof
    }

    /// Whether the proof is one for these words, in a time that does not depend on where it differs.
    pub(crate) fn accepts(&self, words: &[&[u8]], proof: &Proof) -> bool {
        hmac::verify(&self.0, &joined(words), proof).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Each word behind its length, so that no two lists look alike.
fn joined(words: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::with_capacity(words.iter().map(|word| word.len() + 8).sum());
    for word in words {
        all.extend_from_slice(&(word.len() as u64).to_le_bytes());
        all.extend_from_slice(word);
    }
    all
}

/// A challenge that nobody can foresee.
///
/// # Errors
/// Where the system has no randomness.
pub(crate) fn challenge() -> Result<Challenge, ShardError> {
    let mut challenge = Challenge::default();
    let filled = SystemRandom::new().fill(&mut challenge);
    filled.map_err(|_| ShardError::Thread(std::io::Error::other("no random numbers")))?;
    Ok(challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_hold_for_one_secret_and_one_list_of_words() {
        let (secret, other) = (Secret::new(b"one"), Secret::new(b"two"));
        let proof = secret.prove(&[b"ab", b"c"]);
        assert!(secret.accepts(&[b"ab", b"c"], &proof));
        assert!(!secret.accepts(&[b"a", b"bc"], &proof));
        assert!(!other.accepts(&[b"ab", b"c"], &proof));
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn challenges_differ() {
        assert_ne!(challenge().unwrap(), challenge().unwrap());
    }
}
