//! A step of making a room that did not succeed.

use std::io;

use serde::{Deserialize, Serialize};

/// Who can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Blame {
    /// The machine forbids or lacks something that rooms need.
    Machine,
    /// The plan names something that the room does not have.
    Plan,
    /// A file or directory of the host could not be read or written.
    Host,
    /// An OCI runtime said no; the step holds its words.
    Runtime,
}

/// A step that failed, as it travels from the room to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What was attempted, in words.
    pub(crate) step: String,
    /// The error of the kernel.
    pub(crate) errno: i32,
    /// Who can help.
    pub(crate) blame: Blame,
}

impl Failure {
    pub(crate) fn new(blame: Blame, step: impl Into<String>, error: &io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        Self { step: step.into(), errno, blame }
    }

    /// The kernel's error as Rust words it.
    pub(crate) fn error(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

/// Names the step behind an error.
pub(crate) trait Attempt<T> {
    /// The machine must allow it.
    fn machine(self, step: &str) -> Result<T, Failure>;
    /// The plan asked for it.
    fn plan(self, step: &str) -> Result<T, Failure>;
    /// The host's files are in the way.
    fn host(self, step: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn machine(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(Blame::Machine, step, &error.into()))
    }

    fn plan(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(Blame::Plan, step, &error.into()))
    }

    fn host(self, step: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(Blame::Host, step(), &error.into()))
    }
}
