//! What runs a round in a room.

use std::{
    io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{Digest, Event, PathError, Round, TreePath};

/// Runs rounds in rooms. The calls block.
pub trait Engine: Sync {
    /// The engine's name as `--engine` takes it.
    fn name(&self) -> &'static str;

    /// Says whether this machine can make rooms, by really making one.
    fn probe(&self) -> Result<(), EngineError>;

    /// Makes a room, runs the round in it, hands its outputs over and removes the room.
    ///
    /// Outputs are handed over only when the program ended with [`Ending::Success`]. They are read
    /// after the last process of the room is gone.
    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError>;
}

/// Opens what a room shows read-only.
pub trait Inputs: Sync {
    /// The directory of the host that holds a layer's files; nothing may write there.
    fn layer_dir(&self, diff_id: &Digest) -> io::Result<PathBuf>;
}

/// Takes what a round leaves: directories before what is in them, entries in byte order.
///
/// Modes are reduced to "executable or not"; there are no owners and no times.
pub trait OutputSink {
    /// A directory.
    fn directory(&mut self, path: &TreePath) -> io::Result<()>;
    /// A regular file.
    fn file(&mut self, path: &TreePath, executable: bool, content: &mut dyn io::Read) -> io::Result<()>;
    /// A symbolic link, its target as the build wrote it.
    fn symlink(&mut self, path: &TreePath, target: &str) -> io::Result<()>;
}

/// What the caller sees of a round while it runs.
pub struct Watch<'a> {
    /// Takes events.
    pub events: &'a (dyn Fn(Event) + Sync),
    /// Takes the build's output, standard output and error as they come.
    pub log: &'a (dyn Fn(&[u8]) + Sync),
    /// Ends the round early.
    pub cancel: &'a Cancel,
}

/// A flag that asks for an early end.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// A flag that asks for nothing yet.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks for an early end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether an early end was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How the program in a room ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With status 0, and every declared output is there.
    Success,
    /// With another status.
    Failed(i32),
    /// By a signal.
    Signalled(i32),
    /// With status 0, but a declared output is missing or is no file, directory or link.
    MissingOutput(TreePath),
    /// By the limit on wall time, in seconds.
    TimedOut(u64),
    /// By the limit on the size of outputs, in bytes.
    OutputTooLarge(u64),
    /// Because the caller asked.
    Cancelled,
}

/// A variation that the engine could not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name: `processors`, `order`, …
    pub variation: String,
    /// Why.
    pub reason: String,
}

/// What a round used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Wall time in milliseconds.
    pub wall_ms: u64,
    /// Processor time of all processes of the room in milliseconds.
    pub cpu_ms: u64,
    /// Largest resident size of one process in KiB.
    pub peak_kib: u64,
}

/// What came of a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the program ended.
    pub ending: Ending,
    /// What it used.
    pub usage: Usage,
    /// What of the setting could not be applied.
    pub skipped: Vec<Skipped>,
    /// The limits that were really in force, e.g. `wall=3600s`; what is missing here was not.
    pub limits: Vec<String>,
    /// Bytes of log that were dropped because of the limit.
    pub log_dropped: u64,
}

/// Why no room could be made or finished.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The machine forbids a step.
    #[error("this machine cannot make rooms: {step} failed: {errno}")]
    Forbidden {
        /// The step of the sequence, in words.
        step: String,
        /// The error of the kernel, in words.
        errno: String,
        /// Settings of the machine that bear on it, a line each.
        facts: Vec<String>,
        /// What to type.
        remedy: String,
    },
    /// The machine's processor is another than the image's.
    #[error("the image is for {wanted}, this machine is {machine}")]
    Architecture {
        /// The image's.
        wanted: &'static str,
        /// The machine's.
        machine: String,
    },
    /// A layer is not in the store.
    #[error("layer {layer} cannot be opened")]
    Input {
        /// Its diff_id.
        layer: Digest,
        /// Why.
        source: io::Error,
    },
    /// The plan names a place that the room cannot have.
    #[error("the plan asks for {what}, which a room cannot have")]
    Plan {
        /// What and where.
        what: String,
    },
    /// A path of the plan is not clean.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Reading or writing on the host failed.
    #[error("{attempt}")]
    Io {
        /// What was attempted, with the path.
        attempt: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The launcher ended without a report.
    #[error("the room's launcher broke: {what}")]
    Launcher {
        /// What was seen.
        what: String,
    },
}
