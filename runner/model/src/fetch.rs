//! How the floors that hold no network ask for bytes.

use std::fmt;

use crate::{Digest, Event, Name};

/// Bytes that are known by content and wanted in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    /// Where to look.
    pub origin: Origin,
    /// What must come.
    pub sha256: Digest,
    /// How long it must be, if that is known.
    pub size: Option<u64>,
}

/// Where bytes are published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The `.crate` file of a published crate, in the public registry.
    Crate {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// A file below the root of a distribution's mirror.
    Package {
        /// What messages call it: `gcc 4:14.2.0-1`.
        title: String,
        /// Its place below the mirror's root.
        path: String,
        /// The time at which a snapshot archive has it, `YYYYMMDDTHHMMSSZ`.
        snapshot: String,
    },
    /// A file at an address.
    Url(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crate { name, version } => write!(f, "crate {name} {version}"),
            Self::Package { title, .. } => write!(f, "package {title}"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// A published version of a crate, as the registry's index describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateRelease {
    /// Its content.
    pub sha256: Digest,
    /// Whether it was withdrawn.
    pub yanked: bool,
}

/// The network, as the floors above see it.
pub trait Fetcher: Sync {
    /// Brings all wanted bytes into the store that the fetcher was made with; what is there is not asked for.
    ///
    /// Several are under way at once. Each is verified while it comes and enters the store whole or
    /// not at all. `events` takes [`Event::Start`], [`Event::Advance`] and [`Event::Done`] of
    /// [`crate::Phase::Download`], in bytes.
    fn fetch(&self, subject: &str, wants: &[Want], events: &(dyn Fn(Event) + Sync))
    -> Result<(), FetchError>;

    /// Looks a crate's version up in the registry's index.
    fn find_crate(&self, name: &str, version: &semver::Version) -> Result<CrateRelease, FetchError>;

    /// Brings a suite's `InRelease` from the first place whose file `accept` takes.
    ///
    /// `accept` gives the reason for which it refuses a file.
    fn in_release(
        &self,
        suite: &Name,
        accept: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Vec<u8>, FetchError>;
}

/// One place that was asked, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The address, without credentials.
    pub place: String,
    /// What was wrong with the answer.
    pub fault: Fault,
}

/// What can be wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The place does not have it, or could not be reached.
    #[error("{0}")]
    Unavailable(String),
    /// Other bytes came.
    #[error("the bytes have {found}, not {wanted}")]
    WrongDigest {
        /// What must come.
        wanted: Digest,
        /// What came.
        found: Digest,
    },
    /// More or fewer bytes came.
    #[error("{found} bytes came instead of {wanted}")]
    WrongSize {
        /// What must come.
        wanted: u64,
        /// What came.
        found: u64,
    },
    /// A signature or a form is not what it must be.
    #[error("{0}")]
    Refused(String),
}

/// Why bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No place had the right bytes.
    #[error("{origin} cannot be had")]
    Nowhere {
        /// What was wanted.
        origin: String,
        /// Every place that was asked, in order.
        attempts: Vec<Attempt>,
    },
    /// The registry knows no such version.
    #[error("the registry has no crate {name} {version}")]
    NoSuchCrate {
        /// The name.
        name: String,
        /// The version.
        version: String,
    },
    /// `--offline` was given and bytes are missing.
    #[error("{origin} is not in the store, and --offline forbids to fetch it")]
    Offline {
        /// What was wanted.
        origin: String,
    },
    /// The store could not take the bytes.
    #[error("{attempt}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl FetchError {
    /// Whether some place gave wrong bytes: then it is a matter of integrity, not of reach.
    pub fn is_integrity(&self) -> bool {
        let Self::Nowhere { attempts, .. } = self else { return false };
        attempts.iter().any(|attempt| {
            matches!(attempt.fault, Fault::WrongDigest { .. } | Fault::WrongSize { .. } | Fault::Refused(_))
        })
    }
}
