//! The engine: rounds in rooms that a runtime makes.

use std::path::{Path, PathBuf};

use eadem_model::{
    Abilities, Ability, Cancel, Ending, Engine, EngineError, Event, Inputs, Level, Outcome, OutputSink, Room,
    Round, Terminal, Users, Watch,
};

use super::{
    bundle,
    filter::UNNAMED,
    runtime::{Runtime, find, version},
};
use crate::{
    NativeEngine,
    launch::Launch,
    probe::{NoInputs, NoOutputs, bare_room},
    range::Range,
    stdio::Streams,
};

/// Runs rounds in rooms made by an installed OCI runtime.
///
/// The program that has one must call [`crate::launcher_main`] when it is started as a keeper.
pub struct OciEngine {
    name: String,
    runtime: String,
    rooms: NativeEngine,
}

/// The program of a probe: a runtime that misses it has made everything else.
const NO_PROGRAM: &str = "/eadem-probe";

/// What rooms of a runtime go without.
const PID_1: &str =
    "the program is pid 1 of its room, so signals that it does not handle do not end it, and orphans stay";

/// What that means at a terminal.
const KEYS: &str =
    "the program is pid 1 of its room: a key like Ctrl-C ends it only if it handles that, as a shell does";

/// The same where there are many users: no runtime can be told to keep them over a change of user.
const POWERS: &str = "a build's powers over users and files end when it goes back from root to another user";

impl Engine for OciEngine {
    fn name(&self) -> &str {
        &self.name
    }

    fn probe(&self) -> Result<Abilities, EngineError> {
        let cancel = Cancel::default();
        let watch = Watch { events: &|_| (), log: &|_| (), cancel: &cancel, keep: None };
        let room = Room { argv: vec![NO_PROGRAM.to_owned()], ..bare_room() };
        let program = find(&self.runtime)?;
        let launch = with_runtime(self.rooms.launch(room, &NoInputs)?, program.clone(), true)?;
        match self.rooms.live(&launch, &mut NoOutputs, &watch) {
            Err(EngineError::Daemon { what, .. }) if what.contains(NO_PROGRAM) => self.abilities(&program),
            Err(error) => Err(error),
            Ok(outcome) => Err(EngineError::Launcher {
                what: format!("a room without a program ended with {:?}", outcome.ending),
            }),
        }
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        let launch = with_runtime(self.rooms.prepare(round, inputs, watch)?, find(&self.runtime)?, false)?;
        let mut outcome = self.rooms.live(&launch, out, watch)?;
        outcome.lacks.extend(lacks(launch.room.users));
        Ok(outcome)
    }

    fn terminal(&self) -> Option<&dyn Terminal> {
        Some(self)
    }
}

impl Terminal for OciEngine {
    fn enter(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        kept: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        let launch = self.rooms.prepare_visit(round, inputs, kept)?;
        let launch = with_runtime(launch, find(&self.runtime)?, false)?;
        if launch.streams == Streams::Terminal {
            (watch.events)(Event::Warning { message: KEYS.to_owned() });
        }
        self.rooms.visit(&launch, watch)
    }

    fn discard(&self, kept: &Path) -> Result<(), EngineError> {
        self.rooms.discard(kept)
    }
}

impl OciEngine {
    /// An engine whose rooms have their directories below `rooms_dir` and are made by `runtime`: the name
    /// of a program in one of the usual directories, or its absolute path.
    pub fn new(runtime: &str, rooms_dir: PathBuf) -> Self {
        let rooms = NativeEngine::new(rooms_dir);
        Self { name: format!("oci:{runtime}"), runtime: runtime.to_owned(), rooms }
    }

    /// See [`NativeEngine::settle`].
    ///
    /// # Errors
    /// A room could not be removed.
    pub fn settle(&self) -> Result<(), EngineError> {
        self.rooms.settle()
    }

    fn abilities(&self, program: &Path) -> Result<Abilities, EngineError> {
        let version = version(program).map_err(|source| EngineError::Io {
            attempt: format!("asking `{}` for its version", program.display()),
            source,
        })?;
        let found = format!("{version} ({}) made a room", program.display());
        Ok(Abilities(vec![Ability { name: self.name.clone(), level: Level::Good, found, remedy: None }]))
    }
}

fn lacks(users: Users) -> Vec<String> {
    let powers = (users == Users::Range).then_some(POWERS);
    [PID_1, UNNAMED].into_iter().chain(powers).map(str::to_owned).collect()
}

/// A runtime is root of the room's users, so the room must have some besides the build's own; without
/// powers, a build can do nothing with them.
fn with_runtime(launch: Launch, program: PathBuf, probe: bool) -> Result<Launch, EngineError> {
    if !launch.room.veils.is_empty() {
        return Err(EngineError::Plan { what: "names without what they name".to_owned() });
    }
    let range = launch.range.map_or_else(Range::find, Ok)?;
    let runtime = Runtime { program, config: bundle::config(&launch.room, launch.streams)?, probe };
    // What belongs to several users is taken back on disk.
    Ok(Launch { range: Some(range), runtime: Some(runtime), scratch_in_memory: false, ..launch })
}
