//! The exit codes: part of the interface.

use std::process::ExitCode;

/// Every status that eadem ends with, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for `verify`: reproducible.
    Done = 0,
    /// The outputs differ.
    Differs = 1,
    /// The command line asks for what there is not.
    Usage = 2,
    /// A recipe, image or config file is invalid.
    Invalid = 3,
    /// A lock is missing or stale.
    Lock = 4,
    /// Fetching failed.
    Fetch = 5,
    /// A digest, signature or archive is not what it must be.
    Integrity = 6,
    /// The build itself failed.
    Build = 7,
    /// A timeout or limit.
    Limit = 8,
    /// This machine cannot: no namespaces, disk full, another user's store.
    Machine = 9,
    /// `verify` could not come to a verdict.
    Inconclusive = 11,
    /// A bug in eadem.
    Bug = 70,
    /// Interrupted from the terminal.
    Interrupted = 130,
}

impl Exit {
    /// The one that stands for both when several recipes were worked on.
    pub(crate) fn worst(self, other: Self) -> Self {
        const ORDER: [Exit; 6] =
            [Exit::Bug, Exit::Integrity, Exit::Differs, Exit::Build, Exit::Limit, Exit::Inconclusive];
        let rank = |exit: Self| match exit {
            Self::Done => ORDER.len() + 1,
            other => ORDER.iter().position(|known| *known == other).unwrap_or(ORDER.len()),
        };
        if rank(other) < rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_outcomes_the_gravest_stands() {
        assert_eq!(Exit::Done.worst(Exit::Fetch), Exit::Fetch);
        assert_eq!(Exit::Fetch.worst(Exit::Done), Exit::Fetch);
        assert_eq!(Exit::Differs.worst(Exit::Integrity), Exit::Integrity);
        assert_eq!(Exit::Build.worst(Exit::Differs), Exit::Differs);
        assert_eq!(Exit::Lock.worst(Exit::Inconclusive), Exit::Inconclusive);
        assert_eq!(Exit::Fetch.worst(Exit::Lock), Exit::Fetch);
    }
}
