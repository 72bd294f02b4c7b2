//! `InRelease`: a suite's signed list of its indices.

use std::collections::BTreeMap;

use eadem_model::{Architecture, Digest, Name};

use crate::{
    control::{ControlError, Stanza},
    date,
    keyring::{Keyring, SignatureError},
};

/// A release whose signature was checked.
#[derive(Debug)]
pub(crate) struct Release {
    /// Its own date, in the form of snapshot archives.
    pub(crate) stamp: String,
    by_hash: bool,
    indices: BTreeMap<String, (Digest, u64)>,
}

/// A file that a release lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexFile {
    /// Its place below the mirror's root.
    pub(crate) path: String,
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
}

/// Why a release is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Its signature does not count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// What was signed cannot be read.
    #[error("the release cannot be read")]
    Control(#[from] ControlError),
    /// It is of another suite.
    #[error("the release is of suite `{found}`, not of `{wanted}`")]
    Suite {
        /// What was asked for.
        wanted: String,
        /// What it says.
        found: String,
    },
    /// Its time is over: an old release could hide new ones.
    #[error("the release was valid until {until}")]
    Expired {
        /// Its own words.
        until: String,
    },
    /// It has no index of these packages.
    #[error("the release lists no `{path}`")]
    NoIndex {
        /// The index.
        path: String,
    },
}

impl Release {
    /// Checks an `InRelease` file against a keyring, a suite's name and the time `now`.
    pub(crate) fn verify(
        bytes: &[u8],
        keyring: &Keyring,
        suite: &Name,
        now: u64,
    ) -> Result<Self, ReleaseError> {
        let text = keyring.verify(bytes, now)?;
        let stanza = Stanza::parse(&text)?;
        check_suite(&stanza, suite)?;
        check_time(&stanza, now)?;
        let date = release_date(&stanza, "Date")?.ok_or(missing("Date"))?;
        Ok(Self {
            stamp: date::stamp(date),
            by_hash: stanza.field("Acquire-By-Hash") == Some("yes"),
            indices: indices(stanza.need("the release", "SHA256")?)?,
        })
    }

    /// The index of a component's packages.
    pub(crate) fn packages(
        &self,
        suite: &Name,
        component: &Name,
        architecture: Architecture,
    ) -> Result<IndexFile, ReleaseError> {
        self.index(suite, &format!("{component}/binary-{}", architecture.as_str()), "Packages.xz")
    }

    /// The index of a component's source packages.
    pub(crate) fn sources(&self, suite: &Name, component: &Name) -> Result<IndexFile, ReleaseError> {
        self.index(suite, &format!("{component}/source"), "Sources.xz")
    }

    fn index(&self, suite: &Name, dir: &str, file: &str) -> Result<IndexFile, ReleaseError> {
        let path = format!("{dir}/{file}");
        let (sha256, size) = *self.indices.get(&path).ok_or(ReleaseError::NoIndex { path: path.clone() })?;
        let below = if self.by_hash { format!("{dir}/by-hash/SHA256/{}", sha256.hex()) } else { path };
        Ok(IndexFile { path: format!("dists/{suite}/{below}"), sha256, size })
    }
}

fn missing(field: &'static str) -> ControlError {
    ControlError::Missing { subject: "the release".to_owned(), field }
}

fn bad(field: &'static str, value: &str) -> ControlError {
    ControlError::Value { subject: "the release".to_owned(), field, value: value.to_owned() }
}

fn check_suite(stanza: &Stanza<'_>, suite: &Name) -> Result<(), ReleaseError> {
    let names = [stanza.field("Codename"), stanza.field("Suite")];
    if names.contains(&Some(suite.as_str())) {
        return Ok(());
    }
    let found = names.into_iter().flatten().next().unwrap_or_default().to_owned();
    Err(ReleaseError::Suite { wanted: suite.to_string(), found })
}

fn check_time(stanza: &Stanza<'_>, now: u64) -> Result<(), ReleaseError> {
    match release_date(stanza, "Valid-Until")? {
        Some(until) if now > until => Err(ReleaseError::Expired { until: date::stamp(until) }),
        _ => Ok(()),
    }
}

fn release_date(stanza: &Stanza<'_>, field: &'static str) -> Result<Option<u64>, ControlError> {
    stanza.field(field).map(|text| date::parse_release(text).ok_or_else(|| bad(field, text))).transpose()
}

/// Reads lines of `SHA256 SIZE PATH`.
fn indices(field: &str) -> Result<BTreeMap<String, (Digest, u64)>, ControlError> {
    let mut indices = BTreeMap::new();
    for line in field.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [hex, size, path] = words[..] else { return Err(bad("SHA256", line)) };
        let digest = Digest::from_hex(hex).map_err(|_| bad("SHA256", line))?;
        let size = size.parse().map_err(|_| bad("SHA256", line))?;
        if indices.insert(path.to_owned(), (digest, size)).is_some_and(|other| other != (digest, size)) {
            return Err(bad("SHA256", line));
        }
    }
    Ok(indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_789_257_600;

    fn verify(suite: &str, now: u64) -> Result<Release, ReleaseError> {
        let keyring = Keyring::parse(include_bytes!("../fixtures/keyring.asc")).expect("a keyring");
        Release::verify(include_bytes!("../fixtures/InRelease"), &keyring, &name(suite), now)
    }

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    #[test]
    fn a_release_gives_its_date_and_its_indices_by_hash() {
        let release = verify("trixie", NOW).expect("a release");
        assert_eq!(release.stamp, "20260912T075541Z");
        let index = release.packages(&name("trixie"), &name("main"), Architecture::Amd64).expect("listed");
        let hex = "a28d833e3fd8a713f1e3ffd9625b3d202918e23e2fa9f0544afa2241ffc462e6";
        assert_eq!(index.path, format!("dists/trixie/main/binary-amd64/by-hash/SHA256/{hex}"));
        assert_eq!((index.sha256.hex(), index.size), (hex.to_owned(), 392));
        let error = release.sources(&name("trixie"), &name("main")).expect_err("not listed");
        assert_eq!(error.to_string(), "the release lists no `main/source/Sources.xz`");
        let error =
            release.packages(&name("trixie"), &name("contrib"), Architecture::Arm64).expect_err("not listed");
        assert_eq!(error.to_string(), "the release lists no `contrib/binary-arm64/Packages.xz`");
    }

    #[test]
    fn a_release_of_another_suite_or_of_the_past_is_refused() {
        assert!(verify("stable", NOW).is_ok());
        let error = verify("bookworm", NOW).expect_err("another suite");
        assert_eq!(error.to_string(), "the release is of suite `trixie`, not of `bookworm`");
        let error = verify("trixie", NOW + 8 * 86_400).expect_err("too late");
        assert_eq!(error.to_string(), "the release was valid until 20260919T075541Z");
    }
}
