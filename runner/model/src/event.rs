//! What libraries tell while they work; only the terminal words it.

use serde::{Deserialize, Serialize};

use crate::UnitNews;

/// One step that takes long enough to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Bringing bytes from the network.
    Download,
    /// Making the layers of an image.
    Assemble,
    /// Making a source layer.
    Vendor,
    /// Laying layers out as directories.
    Unpack,
    /// Running a round.
    Build,
    /// Reading outputs and comparing them.
    Compare,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A phase begins.
    Start {
        /// Which.
        phase: Phase,
        /// On what: an image, a recipe, a round.
        subject: String,
        /// How much there is to do, in the phase's own unit (bytes, packages, crates); 0 if unknown.
        total: u64,
    },
    /// A phase went on by so much.
    Advance {
        /// Which.
        phase: Phase,
        /// On what.
        subject: String,
        /// How much was done since the last event.
        by: u64,
        /// What it is at: a package, a crate.
        at: String,
    },
    /// A phase ended well.
    Done {
        /// Which.
        phase: Phase,
        /// On what.
        subject: String,
    },
    /// A unit of a build began or ended.
    Unit {
        /// The recipe and round.
        subject: String,
        /// Which unit, and what happened.
        #[serde(flatten)]
        news: UnitNews,
    },
    /// Something that the user should know and that stops nothing.
    Warning {
        /// The sentence.
        message: String,
    },
    /// A line of a build's log, without its line end.
    Log {
        /// The recipe and round.
        subject: String,
        /// The line, control characters included.
        line: String,
    },
}
