//! Keys that may sign a release.

use pgp::{
    composed::{CleartextSignedMessage, Deserializable, SignedPublicKey, SignedPublicSubKey},
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureType},
    types::{Duration, KeyDetails, VerifyingKey},
};

/// The keys of a keyring file.
pub(crate) struct Keyring {
    keys: Vec<SignedPublicKey>,
}

/// Why a keyring or a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The keyring holds something else than public keys, or nothing.
    #[error("the keyring cannot be read: {why}")]
    Keyring {
        /// What is wrong with it.
        why: String,
    },
    /// The text is not one signed text and nothing else.
    #[error("the release is not one signed text: {why}")]
    Form {
        /// What is wrong with it.
        why: String,
    },
    /// No key of the keyring made any of the signatures, or none may be trusted.
    #[error("no key of the keyring vouches for the release ({})", signatures.join("; "))]
    Untrusted {
        /// One line for each signature: whose it is and why it does not count.
        signatures: Vec<String>,
    },
}

const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

impl Keyring {
    /// Reads a keyring, binary or in ASCII armour; armoured blocks may follow each other.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let keys = if let Some(blocks) = armored_blocks(bytes) {
            blocks
                .iter()
                .map(|block| armored_keys(block))
                .collect::<Result<Vec<_>, _>>()
                .map(|keys| keys.concat())
        } else {
            SignedPublicKey::from_bytes_many(bytes).and_then(Iterator::collect)
        };
        let keys: Vec<_> = keys.map_err(|error| SignatureError::Keyring { why: error.to_string() })?;
        if keys.is_empty() {
            return Err(SignatureError::Keyring { why: "it holds no key".to_owned() });
        }
        Ok(Self { keys })
    }

    /// Checks a clear-signed text at the time `now` and gives the text that was signed, nothing else.
    pub(crate) fn verify(&self, signed: &[u8], now: u64) -> Result<String, SignatureError> {
        let form = |why: String| SignatureError::Form { why };
        let text = std::str::from_utf8(signed).map_err(|error| form(error.to_string()))?;
        let (message, _) =
            CleartextSignedMessage::from_string(text).map_err(|error| form(error.to_string()))?;
        // What the message calls its text is escaped; only this is what was hashed.
        let content = message.signed_text();
        let mut signatures = Vec::new();
        for signature in message.signatures() {
            match self.check(signature, content.as_bytes(), now) {
                Ok(()) => return Ok(content.replace("\r\n", "\n")),
                Err(why) => signatures.push(format!("{}: {why}", issuer(signature))),
            }
        }
        Err(SignatureError::Untrusted { signatures })
    }

    fn check(&self, signature: &Signature, content: &[u8], now: u64) -> Result<(), String> {
        check_form(signature, now)?;
        let mut why = "the keyring does not hold the key".to_owned();
        for key in &self.keys {
            match check_with(key, signature, content, now) {
                Some(Ok(())) => return Ok(()),
                Some(Err(fault)) => why = fault,
                None => {}
            }
        }
        Err(why)
    }
}

/// The armoured blocks of a text keyring; `None` if it is binary.
fn armored_blocks(bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let starts: Vec<usize> = text.match_indices(ARMOR).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    (!starts.is_empty())
        .then(|| starts.iter().zip(ends).map(|(start, end)| text[*start..end].to_owned()).collect())
}

fn armored_keys(block: &str) -> pgp::errors::Result<Vec<SignedPublicKey>> {
    SignedPublicKey::from_string_many(block)?.0.collect()
}

fn issuer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint().into_iter().map(|print| format!("key {print:x}"));
    let ids = signature.issuer_key_id().into_iter().map(|id| format!("key {id}"));
    fingerprints.chain(ids).next().unwrap_or_else(|| "an unnamed key".to_owned())
}

/// Refuses signatures of the wrong kind, with weak hashes, or past their time.
fn check_form(signature: &Signature, now: u64) -> Result<(), String> {
    if !matches!(signature.typ(), Some(SignatureType::Text | SignatureType::Binary)) {
        return Err("it is no signature over a text".to_owned());
    }
    let hash = signature.hash_alg();
    let strong = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
    if !hash.is_some_and(|hash| strong.contains(&hash)) {
        return Err("its hash is too weak".to_owned());
    }
    let created = signature.created().ok_or("it has no date")?.as_secs();
    let lifetime = signature.signature_expiration_time();
    if is_over(created, lifetime, now) { Err("it has expired".to_owned()) } else { Ok(()) }
}

/// Whether something made at `created` and good for `lifetime` seconds (0: for ever) is over at `now`.
fn is_over(created: u32, lifetime: Option<Duration>, now: u64) -> bool {
    let lifetime = lifetime.map_or(0, |lifetime| std::time::Duration::from(lifetime).as_secs());
    lifetime != 0 && now >= u64::from(created) + lifetime
}

/// Checks a signature with a key and its subkeys; `None` if none of them made it.
fn check_with(
    key: &SignedPublicKey,
    signature: &Signature,
    content: &[u8],
    now: u64,
) -> Option<Result<(), String>> {
    if is_by(signature, &key.primary_key) {
        let found =
            signature.verify(&key.primary_key, content).map_err(|_| "the text was changed".to_owned());
        return Some(found.and_then(|()| check_primary(key, now)));
    }
    let subkey = key.public_subkeys.iter().find(|subkey| is_by(signature, &subkey.key))?;
    let found = signature.verify(&subkey.key, content).map_err(|_| "the text was changed".to_owned());
    Some(found.and_then(|()| check_primary(key, now)).and_then(|()| check_subkey(key, subkey, now)))
}

fn is_by(signature: &Signature, key: &impl VerifyingKey) -> bool {
    signature.issuer_fingerprint().contains(&&key.fingerprint())
        || signature.issuer_key_id().contains(&&key.legacy_key_id())
}

/// Refuses a key that is revoked, or whose time is over by its newest own signature.
fn check_primary(key: &SignedPublicKey, now: u64) -> Result<(), String> {
    let revoked = |signature: &&Signature| signature.verify_key(&key.primary_key).is_ok();
    if key.details.revocation_signatures.iter().any(|signature| revoked(&signature)) {
        return Err("the key is revoked".to_owned());
    }
    let users = key.details.users.iter().flat_map(|user| &user.signatures);
    let own =
        users.chain(&key.details.direct_signatures).filter(|signature| is_by(signature, &key.primary_key));
    let newest = own.max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs));
    let lifetime = newest.and_then(Signature::key_expiration_time);
    let over = is_over(key.primary_key.created_at().as_secs(), lifetime, now);
    if over { Err("the key has expired".to_owned()) } else { Ok(()) }
}

/// Refuses a subkey that is not bound to its key for signing, is revoked, or is over.
fn check_subkey(key: &SignedPublicKey, subkey: &SignedPublicSubKey, now: u64) -> Result<(), String> {
    if subkey.signatures.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation)) {
        return Err("the subkey is revoked".to_owned());
    }
    subkey.verify_bindings(&key.primary_key).map_err(|_| "the subkey is not bound to its key".to_owned())?;
    let newest = subkey
        .signatures
        .iter()
        .max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs));
    if !newest.is_some_and(|binding| binding.key_flags().sign()) {
        return Err("the subkey is not for signing".to_owned());
    }
    let lifetime = newest.and_then(Signature::key_expiration_time);
    let over = is_over(subkey.key.created_at().as_secs(), lifetime, now);
    if over { Err("the subkey has expired".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_RELEASE: &str = include_str!("../fixtures/InRelease");
    const KEYRING: &str = include_str!("../fixtures/keyring.asc");
    const OTHER: &str = include_str!("../fixtures/other.asc");
    const SHORT: &str = include_str!("../fixtures/short.asc");

    /// 2026-09-13.
    const NOW: u64 = 1_789_257_600;
    const YEAR: u64 = 365 * 86_400;

    fn verify(keyring: &str, signed: &str, now: u64) -> Result<String, String> {
        let keyring = Keyring::parse(keyring.as_bytes()).expect("a keyring");
        keyring.verify(signed.as_bytes(), now).map_err(|error| match error {
            SignatureError::Untrusted { signatures } => signatures.join("; "),
            other => other.to_string(),
        })
    }

    #[test]
    fn a_signature_by_a_subkey_of_any_key_in_the_ring_is_accepted_and_only_its_text_comes_out() {
        let text = verify(KEYRING, IN_RELEASE, NOW).expect("signed");
        assert!(text.starts_with("Origin: Example\nSuite: stable\n"), "{text}");
        assert!(text.ends_with("main/binary-amd64/Packages.xz"), "{text}");
    }

    #[test]
    fn a_binary_keyring_is_read_as_well() {
        let keys = Keyring::parse(KEYRING.as_bytes()).expect("a keyring").keys;
        let binary: Vec<u8> =
            keys.iter().flat_map(|key| pgp::ser::Serialize::to_bytes(key).expect("memory")).collect();
        let keyring = Keyring::parse(&binary).expect("a keyring");
        assert_eq!(keyring.keys.len(), 2);
        assert!(keyring.verify(IN_RELEASE.as_bytes(), NOW).is_ok());
    }

    #[test]
    fn a_changed_text_is_refused() {
        let changed = IN_RELEASE.replace("Codename: trixie", "Codename: trixia");
        let error = verify(KEYRING, &changed, NOW).expect_err("changed");
        assert_eq!(error, "key 7d2d3ba4dd6d78f4c89fb19806626428f55abc76: the text was changed");
    }

    #[test]
    fn text_outside_the_signature_is_refused() {
        let signature = IN_RELEASE.find("-----BEGIN PGP SIGNATURE").expect("it is signed");
        for text in [
            format!("Suite: evil\n{IN_RELEASE}"),
            format!("{IN_RELEASE}Suite: evil\n"),
            format!("{IN_RELEASE}{IN_RELEASE}"),
            format!("{}Suite: evil\n{}", &IN_RELEASE[..signature], &IN_RELEASE[signature..]),
            IN_RELEASE.replacen("Hash: SHA256\n", "Hash: SHA256\nSuite: evil\n", 1),
            IN_RELEASE[..signature].to_owned(),
            "Suite: evil\n".to_owned(),
            String::new(),
        ] {
            assert!(verify(KEYRING, &text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn signatures_by_strangers_with_weak_hashes_or_by_keys_of_the_past_are_refused() {
        let short = include_str!("../fixtures/InRelease.short");
        let sha1 = include_str!("../fixtures/InRelease.sha1");
        for (keyring, signed, now, expected) in [
            (OTHER, IN_RELEASE, NOW, "the keyring does not hold the key"),
            (KEYRING, sha1, NOW, "its hash is too weak"),
            (SHORT, short, NOW + YEAR, "the key has expired"),
            (KEYRING, IN_RELEASE, NOW + 3 * YEAR, "the subkey has expired"),
        ] {
            let error = verify(keyring, signed, now).expect_err(expected);
            assert!(error.ends_with(expected), "{error}");
        }
        assert!(verify(SHORT, short, NOW).is_ok());
    }

    #[test]
    fn a_keyring_without_keys_is_refused() {
        for text in
            ["", "nothing", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"]
        {
            assert!(matches!(Keyring::parse(text.as_bytes()), Err(SignatureError::Keyring { .. })), "{text}");
        }
        assert!(Keyring::parse(IN_RELEASE.as_bytes()).is_err());
    }
}
