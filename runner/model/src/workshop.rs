//! What an engine must be able to do beyond [`Engine`](crate::Engine) for a build to be cut into units.

use std::io::{Read, Write};

use crate::{EngineError, Inputs, Outcome, OutputSink, Round, Watch};

/// Where a room has the socket of its [`Door`].
pub const DOOR: &str = "/dev/eadem";

/// Makes rooms that are part of a greater build: one room whose programs ask for work, and rooms that do it.
///
/// Such rooms may have a [`Plan::start`](crate::Plan::start), which is opened as a layer of that digest.
pub trait Workshop: Sync {
    /// Runs a round as [`Engine::run`](crate::Engine::run) does; besides, whoever connects to [`DOOR`] in its
    /// room speaks with `door`.
    fn serve(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        door: &dyn Door,
    ) -> Result<Outcome, EngineError>;

    /// Runs a round as [`Engine::run`](crate::Engine::run) does, but `stdout` takes its standard output, and
    /// `watch.log` its standard error alone. Each has the plan's limit for a log.
    fn run_apart(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        stdout: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<Outcome, EngineError>;
}

/// The far side of a room's socket.
pub trait Door: Sync {
    /// Speaks with one who connected. Many do at once, each on a thread of its own.
    fn answer(&self, wire: &mut dyn Wire);

    /// The room is dead: nobody waits for answers any more.
    fn close(&self);
}

/// A connection.
pub trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}
