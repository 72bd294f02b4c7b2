//! What went wrong in a driver's room.

use std::io;

use eadem_model::Rung;

use crate::DriveError;

/// Why a build could not go on in its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fall {
    /// What failed and why, in words.
    pub why: String,
    /// The highest rung that may bear; none if the sources fail by themselves.
    pub to: Option<Rung>,
}

impl Fall {
    /// Nobody but the proxy is there to speak to the runner.
    pub(crate) fn strange(error: &io::Error) -> Self {
        Self { why: format!("the driver spoke another tongue: {error}"), to: Some(Rung::OneRoom) }
    }
}

/// The first of each kind: what follows from it is not worth a word.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    fall: Option<Fall>,
    /// What broke, if it was eadem, its store or this machine.
    broken: Option<DriveError>,
}

impl Trouble {
    pub(crate) fn note(&mut self, fall: Fall) {
        self.fall.get_or_insert(fall);
    }

    pub(crate) fn fail(&mut self, error: DriveError) {
        match error {
            // What is not understood on one rung is not understood on the next either.
            DriveError::Shape(shape) => self.note(Fall { why: shape.to_string(), to: Some(Rung::OneRoom) }),
            error => {
                self.broken.get_or_insert(error);
            }
        }
    }

    /// What is left is the sources' own affair, unless something broke.
    pub(crate) fn unless_broken(self) -> Result<Option<Fall>, DriveError> {
        self.broken.map_or(Ok(self.fall), Err)
    }
}
