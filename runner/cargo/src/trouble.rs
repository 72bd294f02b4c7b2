//! What went wrong in a driver's room.

use crate::DriveError;

/// The first of each kind: what follows from it is not worth a word.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// A unit that was not to be had, in words.
    pub(crate) first: Option<String>,
    /// What broke, if it was eadem, its store or this machine.
    broken: Option<DriveError>,
}

impl Trouble {
    pub(crate) fn note(&mut self, what: String) {
        self.first.get_or_insert(what);
    }

    pub(crate) fn fail(&mut self, error: DriveError) {
        match error {
            DriveError::Shape(shape) => self.note(shape.to_string()),
            error => {
                self.broken.get_or_insert(error);
            }
        }
    }

    /// What is left is the sources' own affair, unless something broke.
    pub(crate) fn unless_broken(self) -> Result<Option<String>, DriveError> {
        self.broken.map_or(Ok(self.first), Err)
    }
}
