//! The exit codes: part of the interface.

use std::process::ExitCode;

/// Every status that eadem ends with, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for `verify`: reproducible.
    Done,
    /// The outputs differ.
    Differs,
    /// The command line asks for what there is not.
    Usage,
    /// A recipe, image or config file is invalid.
    Invalid,
    /// A lock is missing or stale.
    Lock,
    /// Fetching failed.
    Fetch,
    /// A digest, signature or archive is not what it must be.
    Integrity,
    /// The build itself failed.
    Build,
    /// A timeout or limit.
    Limit,
    /// This machine cannot: no namespaces, disk full, another user's store.
    Machine,
    /// `verify` could not come to a verdict.
    Inconclusive,
    /// A bug in eadem.
    Bug,
    /// Interrupted from the terminal.
    Interrupted,
    /// `shell`: the status of the program in the room, whatever it means by it.
    Program(u8),
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differs => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Lock => 4,
            Self::Fetch => 5,
            Self::Integrity => 6,
            Self::Build => 7,
            Self::Limit => 8,
            Self::Machine => 9,
            Self::Inconclusive => 11,
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Program(status) => status,
        }
    }

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
        Self::from(exit.code())
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
