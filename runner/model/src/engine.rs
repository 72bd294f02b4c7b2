//! What runs a round in a room.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{Applied, Digest, Event, Limit, PathError, RoomPath, Round, TreePath, Workshop};

/// Runs rounds in rooms. The calls block.
pub trait Engine: Sync {
    /// The engine's name as `--engine` takes it.
    fn name(&self) -> &str;

    /// Says what rooms can be made here, by really making one.
    ///
    /// # Errors
    /// Why none can be made.
    fn probe(&self) -> Result<Abilities, EngineError>;

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

    /// How to enter a room by hand, if this engine can.
    fn terminal(&self) -> Option<&dyn Terminal> {
        None
    }

    /// How to build unit by unit, if this engine can.
    fn workshop(&self) -> Option<&dyn Workshop> {
        None
    }
}

/// Opens rooms for somebody at a terminal, or for one command. The calls block.
pub trait Terminal: Sync {
    /// Makes the round's room, runs its argv there with eadem's own standard input, output and error, and
    /// removes the room. Nothing is taken out of it.
    ///
    /// Where standard input and output are terminals, the program gets one of its own, which follows the
    /// size of the user's. `kept` is the state that [`Watch::keep`] left, and what is changed in the room
    /// is changed there; nobody else may use it meanwhile.
    fn enter(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        kept: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError>;

    /// Removes the state that [`Watch::keep`] left, however it looks; there may be none.
    fn discard(&self, kept: &Path) -> Result<(), EngineError>;
}

/// What an engine can do here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities(pub Vec<Ability>);

/// One thing that an engine can do here, or cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ability {
    /// What: `namespaces`, `overlay`, `cgroups`, …
    pub name: String,
    /// Whether.
    pub level: Level,
    /// What was found, in a few words.
    pub found: String,
    /// The command that repairs it, if something does.
    pub remedy: Option<String>,
}

impl Ability {
    /// Something that is as it should be.
    pub fn good(name: &str, found: impl Into<String>) -> Self {
        Self { name: name.to_owned(), level: Level::Good, found: found.into(), remedy: None }
    }

    /// Something that is less than it should be, and what repairs it, if something does.
    pub fn flawed(name: &str, level: Level, found: impl Into<String>, remedy: Option<String>) -> Self {
        Self { name: name.to_owned(), level, found: found.into(), remedy }
    }
}

/// How well something can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Rooms can be made, but something is missing.
    Partly,
    /// Not at all.
    Missing,
}

/// How firmly a room was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// By namespaces, or by a container engine that makes them.
    #[default]
    Strict,
    /// By less, because the user asked for it by name: never a verification.
    Weak,
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
    /// Where the writable directories go when the room has ended: `0`, `1`, … in the room's order. The
    /// engine makes this directory, and removes what was there before; whether the build did well, and
    /// the directory is to go, is for the caller to judge. Who also sees to it that nobody else uses it.
    pub keep: Option<&'a Path>,
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
    /// By a limit, of this value.
    Exceeded(Limit, u64),
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
    /// The limits of the plan, and what held each.
    pub limits: Vec<Applied>,
    /// How firmly the room was closed.
    pub isolation: Isolation,
    /// What else the room went without, in words.
    pub lacks: Vec<String>,
    /// The names of [`Plan::veils`](crate::Plan::veils) that somebody looked behind, and their directories that
    /// somebody listed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sought: BTreeSet<RoomPath>,
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
    /// A daemon cannot be reached, or said no.
    #[error("{daemon} {what}")]
    Daemon {
        /// Which, with its address.
        daemon: String,
        /// What it did or did not.
        what: String,
        /// What to type.
        remedy: Option<String>,
    },
    /// A process that holds a room, on the host or its first one, was killed, and not by eadem.
    #[error("a process that holds the room was killed from outside: by hand, or by a kernel without memory")]
    Killed,
    /// The keeper ended without a report, and nobody killed it.
    #[error("the room's launcher broke: {what}")]
    Launcher {
        /// What was seen.
        what: String,
    },
}
