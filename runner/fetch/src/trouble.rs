//! What went wrong at one place, and whether asking again may help.

use std::{error::Error, io, time::Duration};

use eadem_model::{Fault, FetchError};
use eadem_store::StoreError;
use reqwest::StatusCode;

/// Why one try at one place failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The place is to blame.
    Place {
        /// What was wrong with the answer.
        fault: Fault,
        /// What may help.
        remedy: Remedy,
    },
    /// The store is to blame: no other place will do better.
    Store(FetchError),
}

/// What may help against a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Another place: this one does not have the file.
    Absent,
    /// Another place.
    Elsewhere,
    /// The same place, soon.
    Again,
    /// The same place, after the time that it named.
    Later(Duration),
    /// The same place, if a connection comes about; nobody answered there.
    Reconnect,
}

impl Trouble {
    /// The place could not be used.
    pub(crate) fn unavailable(why: impl Into<String>, remedy: Remedy) -> Self {
        Self::Place { fault: Fault::Unavailable(why.into()), remedy }
    }

    /// The place gave something else than what was asked for.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Place { fault: Fault::Refused(why.into()), remedy: Remedy::Elsewhere }
    }

    /// Another number of bytes came than must.
    pub(crate) fn size(wanted: u64, found: u64, remedy: Remedy) -> Self {
        Self::Place { fault: Fault::WrongSize { wanted, found }, remedy }
    }

    /// The server sent no byte for so long.
    pub(crate) fn stalled(limit: Duration) -> Self {
        Self::unavailable(format!("no byte came in {} s", limit.as_secs_f32()), Remedy::Again)
    }

    /// The server answered with something else than a file; `pause` is its `Retry-After`.
    pub(crate) fn status(status: StatusCode, pause: Option<Duration>) -> Self {
        let remedy = match (status.as_u16(), pause) {
            (404 | 410 | 451, _) => Remedy::Absent,
            (429 | 503, Some(pause)) => Remedy::Later(pause),
            (408 | 429 | 500..=599, _) => Remedy::Again,
            _ => Remedy::Elsewhere,
        };
        Self::unavailable(format!("the server answered {status}"), remedy)
    }

    /// The transport failed.
    pub(crate) fn transport(error: &reqwest::Error) -> Self {
        let why = root_cause(error);
        if error.is_connect() {
            Self::unavailable(format!("no connection: {why}"), Remedy::Reconnect)
        } else if error.is_redirect() || error.is_builder() {
            Self::unavailable(why, Remedy::Elsewhere)
        } else {
            Self::unavailable(format!("the answer broke off: {why}"), Remedy::Again)
        }
    }

    /// The store did not take the bytes of `title`.
    pub(crate) fn store(title: &str, error: StoreError) -> Self {
        match error {
            StoreError::WrongDigest { wanted, found } => {
                Self::Place { fault: Fault::WrongDigest { wanted, found }, remedy: Remedy::Elsewhere }
            }
            other => Self::write(title, io::Error::other(other)),
        }
    }

    /// The bytes of `title` could not be written.
    pub(crate) fn write(title: &str, source: io::Error) -> Self {
        Self::Store(FetchError::Io { attempt: format!("cannot store {title}"), source })
    }

    /// What an attempt records.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Place { fault, .. } => fault,
            Self::Store(error) => Fault::Unavailable(error.to_string()),
        }
    }

    /// What may help, if the place is to blame.
    pub(crate) fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Place { remedy, .. } => Some(*remedy),
            Self::Store(_) => None,
        }
    }
}

/// The innermost cause, which is the one that says what happened; the outer ones repeat the address.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_may_help() {
        let pause = Duration::from_secs(7);
        let table = [
            (404, None, Remedy::Absent),
            (410, None, Remedy::Absent),
            (403, None, Remedy::Elsewhere),
            (304, None, Remedy::Elsewhere),
            (429, None, Remedy::Again),
            (429, Some(pause), Remedy::Later(pause)),
            (503, Some(pause), Remedy::Later(pause)),
            (500, Some(pause), Remedy::Again),
            (502, None, Remedy::Again),
        ];
        for (status, pause, wanted) in table {
            let status = StatusCode::from_u16(status).expect("a known status");
            assert_eq!(Trouble::status(status, pause).remedy(), Some(wanted), "{status}");
        }
    }
}
