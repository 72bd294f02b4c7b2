//! Rooms that are part of a greater build.

use std::{io::PipeReader, os::fd::AsFd, panic::resume_unwind, thread};

use eadem_model::{Cancel, Door, EngineError, Inputs, Outcome, OutputSink, Round, Watch, Workshop};

use crate::{
    directory::prepare,
    door,
    engine::{NativeEngine, log_pipe, see_through},
    launch::{Launch, Log},
    log,
    stdio::Streams,
    supervise::Running,
};

impl Workshop for NativeEngine {
    fn serve(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        door: &dyn Door,
    ) -> Result<Outcome, EngineError> {
        let launch = self.room_with(Streams::Door, round, inputs, watch)?;
        let (way, theirs) =
            door::way().map_err(|source| self.failed("making a socket for a room", source))?;
        let (mut running, reader) = self.start_with(&launch, theirs.as_fd(), watch)?;
        drop(theirs);
        let ((course, dropped), attended) = thread::scope(|scope| {
            let doorman = scope.spawn(|| door::attend(&way, door));
            let seen = see_through(&mut running, reader, &launch.room, watch);
            (seen, doorman.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let outcome = self.settle_room(running, &launch, course, dropped, out, watch);
        attended.map_err(|source| self.failed("answering at the door of a room", source))?;
        outcome
    }

    fn run_apart(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        stdout: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<Outcome, EngineError> {
        let launch = self.room_with(Streams::Apart, round, inputs, watch)?;
        let (output, theirs) =
            log_pipe(launch.outer).map_err(|source| self.failed("making a pipe for", source))?;
        let (mut running, reader) = self.start_with(&launch, theirs.as_fd(), watch)?;
        drop(theirs);
        let limit = launch.room.limits.log_bytes;
        let ((course, dropped), more) = thread::scope(|scope| {
            // Who writes too much is not stopped for it here, but refused in the end.
            let drain = scope.spawn(|| log::drain(output, limit, stdout, &Cancel::new()));
            let seen = see_through(&mut running, reader, &launch.room, watch);
            (seen, drain.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let dropped = dropped.and_then(|dropped| Ok(dropped + more?));
        self.settle_room(running, &launch, course, dropped, out, watch)
    }
}

impl NativeEngine {
    fn room_with(
        &self,
        streams: Streams,
        round: &Round,
        inputs: &dyn Inputs,
        watch: &Watch<'_>,
    ) -> Result<Launch, EngineError> {
        let mut launch = self.prepare(round, inputs, watch)?;
        launch.streams = streams;
        Ok(launch)
    }

    fn start_with(
        &self,
        launch: &Launch,
        beside: std::os::fd::BorrowedFd<'_>,
        watch: &Watch<'_>,
    ) -> Result<(Running, PipeReader), EngineError> {
        prepare(&self.rooms_dir).map_err(|source| self.failed("making a place for rooms", source))?;
        let (reader, writer) =
            log_pipe(launch.outer).map_err(|source| self.failed("making a pipe for", source))?;
        let log = Log { all: writer.as_fd(), beside: Some(beside) };
        Ok((self.begin_with(launch, log, watch)?, reader))
    }
}
