//! The engine: from a round to its outcome.

use std::{
    io::{self, PipeReader, PipeWriter, pipe},
    panic::resume_unwind,
    path::PathBuf,
    thread,
    time::Duration,
};

use eadem_model::{
    Cancel, Digest, Ending, Engine, EngineError, Event, Inputs, Outcome, OutputSink, Room, Round, Watch,
};
use rustix::{
    fs::{Gid, Uid, fchown},
    process::geteuid,
};

use crate::{
    directory::{prepare, scratch_dir, sweep_one},
    forbidden::explain,
    identity::outer_ids,
    launch::Launch,
    log,
    outcome::{limits, skipped},
    output::{self, Wanted},
    place,
    probe::{NoInputs, NoOutputs, bare_room, native},
    report::Note,
    supervise::{Course, Running},
};

/// Runs rounds in rooms made of namespaces.
///
/// The program that has one must call [`crate::launcher_main`] when it is started as a keeper.
pub struct NativeEngine {
    rooms_dir: PathBuf,
}

impl Engine for NativeEngine {
    fn name(&self) -> &'static str {
        "native"
    }

    fn probe(&self) -> Result<(), EngineError> {
        let cancel = Cancel::default();
        let watch = Watch { events: &|_| (), log: &|_| (), cancel: &cancel };
        let outcome = self.live(&self.launch(bare_room(), &NoInputs)?, &mut NoOutputs, &watch)?;
        match outcome.ending {
            Ending::Success => Ok(()),
            other => Err(EngineError::Launcher { what: format!("an empty room ended with {other:?}") }),
        }
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        let room = round.room()?;
        native(room.architecture)?;
        place::check(&room)?;
        self.live(&self.launch(room, inputs)?, out, watch)
    }
}

impl NativeEngine {
    /// An engine whose rooms have their directories below `rooms_dir`, on a disk.
    ///
    /// The directory is made when the first room is, for its owner alone.
    pub fn new(rooms_dir: PathBuf) -> Self {
        Self { rooms_dir: std::path::absolute(&rooms_dir).unwrap_or(rooms_dir) }
    }

    fn launch(&self, room: Room, inputs: &dyn Inputs) -> Result<Launch, EngineError> {
        let open = |layer: &Digest| {
            inputs.layer_dir(layer).map_err(|source| EngineError::Input { layer: *layer, source })
        };
        let layer_dirs = room.rootfs.iter().map(open).collect::<Result<_, _>>()?;
        let input_dirs = room.inputs.iter().map(|input| open(&input.layer)).collect::<Result<_, _>>()?;
        Ok(Launch { rooms_dir: self.rooms_dir.clone(), outer: outer_ids(), layer_dirs, input_dirs, room })
    }

    /// Runs one room from its making to its end; the room is gone when this returns.
    fn live(
        &self,
        launch: &Launch,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        prepare(&self.rooms_dir).map_err(|source| self.failed("making a place for rooms", source))?;
        let (reader, writer) =
            log_pipe(launch.outer).map_err(|source| self.failed("making a pipe for", source))?;
        let mut running =
            Running::start(launch, writer).map_err(|source| self.failed("starting a room", source))?;
        let (course, dropped) = see_through(&mut running, reader, &launch.room, watch);
        let course = course.map_err(|source| self.failed("watching a room", source))?;
        if !course.gone {
            return Err(self.broken(running, &course));
        }
        let outcome = dropped
            .map_err(|source| self.failed("reading the log of a room", source))
            .and_then(|dropped| self.outcome(launch, &course, dropped, out, watch));
        self.leave(running, outcome, watch)
    }

    /// Removes the room; what went wrong before is worth more than what goes wrong now.
    fn leave(
        &self,
        running: Running,
        outcome: Result<Outcome, EngineError>,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        match (outcome, running.finish()) {
            (outcome, Ok(())) => outcome,
            (Ok(_), Err(source)) => Err(self.failed("removing a room", source)),
            (Err(first), Err(second)) => {
                let message =
                    format!("a room in {} could not be removed: {second}", self.rooms_dir.display());
                (watch.events)(Event::Warning { message });
                Err(first)
            }
        }
    }

    fn outcome(
        &self,
        launch: &Launch,
        course: &Course,
        log_dropped: u64,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        if let Some(error) = fault(course) {
            return Err(error);
        }
        course.notes.iter().for_each(|note| warn(*note, watch));
        let ending = match course.ending()? {
            Ending::Success => self.take(launch, course, out)?,
            other => other,
        };
        let room = &launch.room;
        Ok(Outcome {
            ending,
            usage: course.usage,
            skipped: skipped(room, &course.notes),
            limits: limits(room),
            log_dropped,
        })
    }

    fn take(
        &self,
        launch: &Launch,
        course: &Course,
        out: &mut dyn OutputSink,
    ) -> Result<Ending, EngineError> {
        let room = &launch.room;
        let name = course.name.as_deref().unwrap_or_default();
        let mut wanted = Vec::new();
        for output in &room.outputs {
            let (index, way) = place::locate(room, output)?;
            let scratch = scratch_dir(&self.rooms_dir, name, index);
            wanted.push(Wanted { path: output.path.clone(), scratch, way: way.to_owned() });
        }
        let taken = output::take(&wanted, room.limits.output_bytes, out);
        taken.map_err(|source| EngineError::Io { attempt: "taking the outputs of a room".to_owned(), source })
    }

    /// The keeper died before the room did. Then the room dies by itself, but its directory stays.
    fn broken(&self, mut running: Running, course: &Course) -> EngineError {
        let ended = running.abandon();
        let removed = course.name.as_deref().map_or(Ok(()), |name| self.remove_orphan(name));
        let what = match (ended, removed) {
            (Ok(status), Ok(())) => format!("its keeper ended early ({status})"),
            (Ok(status), Err(error)) => {
                format!("its keeper ended early ({status}), and its directory stays: {error}")
            }
            (Err(error), _) => format!("its keeper cannot be waited for: {error}"),
        };
        fault(course).unwrap_or(EngineError::Launcher { what })
    }

    /// Pid 1 holds the lock as long as it lives, which is not long.
    fn remove_orphan(&self, name: &str) -> io::Result<()> {
        const TRIES: u32 = 200;
        let path = self.rooms_dir.join(name);
        for _ in 0..TRIES {
            if sweep_one(path.clone()).unwrap_or(false) || !path.exists() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    fn failed(&self, attempt: &str, source: io::Error) -> EngineError {
        EngineError::Io { attempt: format!("{attempt} in {}", self.rooms_dir.display()), source }
    }
}

/// What was reported to be wrong.
fn fault(course: &Course) -> Option<EngineError> {
    let bug = || Some(EngineError::Launcher { what: course.broke.clone()? });
    course.failure.as_ref().map(explain).or_else(bug)
}

/// A pipe for the log that the room's user may open again: `/dev/stderr` does.
fn log_pipe(outer: (u32, u32)) -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = pipe()?;
    if geteuid().is_root() {
        fchown(&writer, Some(Uid::from_raw(outer.0)), Some(Gid::from_raw(outer.1)))?;
    }
    Ok((reader, writer))
}

/// Watches the clock here and reads the log in a second thread until the room is dead.
fn see_through(
    running: &mut Running,
    reader: PipeReader,
    room: &Room,
    watch: &Watch<'_>,
) -> (io::Result<Course>, io::Result<u64>) {
    thread::scope(|scope| {
        let log = scope.spawn(|| log::drain(reader, room.limits.log_bytes, watch.log));
        let course = running.watch(room.limits.wall_seconds, watch.cancel);
        if !course.as_ref().is_ok_and(|course| course.gone) {
            // Without its keeper the room dies, and the log ends; else the next line would wait for ever.
            // That the keeper cannot be waited for is said when the course is judged.
            let _ = running.abandon();
        }
        (course, log.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn warn(note: Note, watch: &Watch<'_>) {
    if note == Note::PlainScratch {
        let message = "the store's file system cannot be the upper of an overlay, so the build can see the store's path";
        (watch.events)(Event::Warning { message: message.to_owned() });
    }
}
