//! The engine: from a round to its outcome.

use std::{
    io::{self, PipeReader, PipeWriter, pipe},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::ExitStatus,
    thread,
};

use eadem_model::{
    Abilities, Cancel, Digest, Ending, Engine, EngineError, Event, Inputs, Isolation, Limit, Outcome,
    OutputSink, Room, Round, Terminal, Users, Watch, Workshop,
};
use rustix::{
    fs::{Gid, Uid, fchown},
    process::geteuid,
};

use crate::{
    ample::fits_into_memory,
    checkup::checkup,
    directory::{prepare, scratch_name},
    forbidden::explain,
    halt::{Halt, Step},
    identity::outer_ids,
    kept,
    launch::{Launch, Log},
    leaving::Leaving,
    log, names,
    outcome::{lacks, missed, skipped},
    output::{self, Wanted},
    place,
    probe::{NoInputs, NoOutputs, abilities, bare_room, native},
    range::Range,
    starter::Starter,
    stdio::Streams,
    supervise::{Course, Running},
    weak,
};

/// Runs rounds in rooms made of namespaces.
///
/// The program that has one must call [`crate::launcher_main`] when it is started as a keeper.
///
/// Rooms that are left are removed while the next ones are made; dropping the engine waits for them.
pub struct NativeEngine {
    pub(crate) rooms_dir: PathBuf,
    leaving: Leaving,
    starter: Starter,
    halt: Halt,
    isolation: Isolation,
}

impl Engine for NativeEngine {
    fn name(&self) -> &str {
        "native"
    }

    fn probe(&self) -> Result<Abilities, EngineError> {
        let made = self.empty_room();
        let abilities = abilities(&made).into_iter().chain(checkup()).collect();
        match made?.ending {
            Ending::Success => Ok(Abilities(abilities)),
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
        self.live(&self.prepare(round, inputs, watch)?, out, watch)
    }

    fn terminal(&self) -> Option<&dyn Terminal> {
        (self.isolation == Isolation::Strict).then_some(self)
    }

    fn workshop(&self) -> Option<&dyn Workshop> {
        (self.isolation == Isolation::Strict).then_some(self)
    }
}

impl NativeEngine {
    /// An engine whose rooms have their directories below `rooms_dir`, on a disk.
    ///
    /// The directory is made when the first room is, for its owner alone.
    pub fn new(rooms_dir: PathBuf) -> Self {
        let rooms_dir = std::path::absolute(&rooms_dir).unwrap_or(rooms_dir);
        let (leaving, starter, halt) = (Leaving::default(), Starter::with_launcher(), Halt::default());
        Self { rooms_dir, isolation: Isolation::Strict, leaving, starter, halt }
    }

    /// The same engine, whose rooms have no namespaces and prove nothing: only for those who ask for it.
    #[must_use]
    pub fn weak(self) -> Self {
        Self { isolation: Isolation::Weak, ..self }
    }

    /// The same engine, which executes the program anew for each room instead of keeping a launcher.
    #[must_use]
    pub fn without_launcher(self) -> Self {
        Self { starter: Starter::plain(), ..self }
    }

    /// Waits until every room that was left is removed.
    ///
    /// # Errors
    /// The first that could not be removed; a sweep tries it again.
    pub fn settle(&self) -> Result<(), EngineError> {
        self.leaving.settle().map_err(|source| self.failed("removing a room", source))
    }

    /// Has a process of each room stop at a step; for tests that kill one there.
    #[doc(hidden)]
    #[must_use]
    pub fn with_halt(self, step: Step) -> Self {
        Self { halt: Halt(Some(step)), ..self }
    }

    /// The same as [`Engine::probe`] says, and of a machine that makes no rooms as well.
    pub fn examine(&self) -> Abilities {
        Abilities(abilities(&self.empty_room()).into_iter().chain(checkup()).collect())
    }

    /// A round's room, unless it cannot be had here or at all.
    pub(crate) fn checked(&self, round: &Round) -> Result<Room, EngineError> {
        let room = round.room()?;
        native(room.architecture)?;
        place::check(&room)?;
        names::check(&room)?;
        self.check()?;
        if self.isolation == Isolation::Weak && room.users == Users::Range {
            return Err(EngineError::Plan { what: "many users of a weak room".to_owned() });
        }
        Ok(room)
    }

    /// Strict rooms are tried; what a weak one wants is known before.
    fn check(&self) -> Result<(), EngineError> {
        if self.isolation == Isolation::Weak { weak::check() } else { Ok(()) }
    }

    fn empty_room(&self) -> Result<Outcome, EngineError> {
        self.check()?;
        let cancel = Cancel::default();
        let watch = Watch { events: &|_| (), log: &|_| (), cancel: &cancel, keep: None };
        let room = Room { clock_offset: 1, ..bare_room() };
        self.live(&self.launch(room, &NoInputs)?, &mut NoOutputs, &watch)
    }

    /// Says what a round needs, unless no room can have it.
    pub(crate) fn prepare(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        watch: &Watch<'_>,
    ) -> Result<Launch, EngineError> {
        let mut launch = self.launch(self.checked(round)?, inputs)?;
        // What is to be kept must outlive the room.
        launch.scratch_in_memory &= watch.keep.is_none();
        Ok(launch)
    }

    pub(crate) fn launch(&self, room: Room, inputs: &dyn Inputs) -> Result<Launch, EngineError> {
        let (isolation, halt) = (self.isolation, self.halt);
        let open = |layer: &Digest| {
            inputs.layer_dir(layer).map_err(|source| EngineError::Input { layer: *layer, source })
        };
        let layer_dirs = room.rootfs.iter().map(open).collect::<Result<_, _>>()?;
        let input_dirs = room.inputs.iter().map(|input| open(&input.layer)).collect::<Result<_, _>>()?;
        let range = (room.users == Users::Range).then(Range::find).transpose()?;
        let (rooms_dir, outer) = (self.rooms_dir.clone(), outer_ids());
        let start_dir = room.start.as_ref().map(open).transpose()?;
        if start_dir.is_some() && isolation != Isolation::Strict {
            return Err(EngineError::Plan { what: "directories that hold something at first".to_owned() });
        }
        if !room.veils.is_empty() && isolation != Isolation::Strict {
            return Err(EngineError::Plan { what: "names without what they name".to_owned() });
        }
        let (streams, kept) = (Streams::Log, None);
        // What belongs to several users is taken back on disk, and a weak room has no memory of its own.
        let may_be_in_memory = range.is_none() && isolation == Isolation::Strict;
        let scratch_in_memory = may_be_in_memory && fits_into_memory(&room.limits);
        Ok(Launch {
            rooms_dir,
            outer,
            range,
            layer_dirs,
            input_dirs,
            scratch_in_memory,
            isolation,
            runtime: None,
            halt,
            room,
            streams,
            kept,
            start: start_dir,
        })
    }

    /// Runs one room from its making to its end; every process of it is dead when this returns.
    pub(crate) fn live(
        &self,
        launch: &Launch,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        prepare(&self.rooms_dir).map_err(|source| self.failed("making a place for rooms", source))?;
        let (reader, writer) =
            log_pipe(launch.outer).map_err(|source| self.failed("making a pipe for", source))?;
        let mut running = self.begin(launch, writer.into(), watch)?;
        let (course, dropped) = see_through(&mut running, reader, &launch.room, watch);
        self.settle_room(running, launch, course, dropped, out, watch)
    }

    /// Takes what a dead room left, and has it removed.
    pub(crate) fn settle_room(
        &self,
        running: Running,
        launch: &Launch,
        course: io::Result<Course>,
        dropped: io::Result<u64>,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        let course = course.map_err(|source| self.failed("watching a room", source))?;
        if !course.gone {
            return Err(self.broken(running, &course));
        }
        self.halt.at(Step::EngineRoomDead);
        let outcome = dropped
            .map_err(|source| self.failed("reading the log of a room", source))
            .and_then(|dropped| self.outcome(launch, &course, dropped, out, watch));
        if let (Some(kept), Ok(_)) = (watch.keep, &outcome) {
            self.keep(launch, &course, kept, watch);
        }
        self.halt.at(Step::EngineOutputsTaken);
        let outcome = self.leave(running, outcome, watch);
        self.halt.at(Step::EngineRoomRemoved);
        outcome
    }

    /// Keeps what a build wrote; that it cannot be kept is not the build's fault.
    fn keep(&self, launch: &Launch, course: &Course, kept: &Path, watch: &Watch<'_>) {
        let name = course.name.as_deref().unwrap_or_default();
        let scratch = |index| self.rooms_dir.join(name).join(scratch_name(index));
        if let Err(error) = kept::take(scratch, launch.room.scratch.len(), kept) {
            // Half a state would be taken for a whole one; what cannot be removed goes with the next.
            let _ = kept::discard(kept);
            let message = format!("the state of the build cannot be kept in {}: {error}", kept.display());
            (watch.events)(Event::Warning { message });
        }
    }

    /// Starts a room that alone holds `log` from then on.
    pub(crate) fn begin(
        &self,
        launch: &Launch,
        log: OwnedFd,
        watch: &Watch<'_>,
    ) -> Result<Running, EngineError> {
        let running = self.begin_with(launch, Log { all: log.as_fd(), beside: None }, watch)?;
        // It ends when the room's own end of it does.
        drop(log);
        Ok(running)
    }

    /// The same; the caller lets go of the log.
    pub(crate) fn begin_with(
        &self,
        launch: &Launch,
        log: Log<'_>,
        watch: &Watch<'_>,
    ) -> Result<Running, EngineError> {
        self.glance(watch);
        let (running, warning) = Running::start(launch, log, &self.starter)
            .map_err(|source| self.failed("starting a room", source))?;
        if let Some(message) = warning {
            (watch.events)(Event::Warning { message: message.to_owned() });
        }
        Ok(running)
    }

    /// Tells of rooms that could not be removed behind the caller's back.
    fn glance(&self, watch: &Watch<'_>) {
        if let Err(error) = self.leaving.glance() {
            (watch.events)(self.stays(&error));
        }
    }

    fn stays(&self, error: &io::Error) -> Event {
        let message = format!("a room in {} could not be removed: {error}", self.rooms_dir.display());
        Event::Warning { message }
    }

    /// Has the room removed; what went wrong before is worth more than what goes wrong now.
    pub(crate) fn leave<T>(
        &self,
        running: Running,
        outcome: Result<T, EngineError>,
        watch: &Watch<'_>,
    ) -> Result<T, EngineError> {
        match (outcome, self.leaving.add(running)) {
            (outcome, Ok(())) => outcome,
            (Ok(_), Err(source)) => Err(self.failed("removing a room", source)),
            (Err(first), Err(second)) => {
                (watch.events)(self.stays(&second));
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
        warn(course, watch);
        let room = &launch.room;
        let ending = match course.ending()? {
            _ if log_dropped > 0 => Ending::Exceeded(Limit::Log, room.limits.log_bytes),
            Ending::Success => self.take(launch, course, out)?,
            other => other,
        };
        Ok(Outcome {
            ending,
            usage: course.usage,
            skipped: skipped(launch, &course.notes),
            limits: course.limits.clone(),
            isolation: launch.isolation,
            lacks: lacks(launch, course),
            sought: course.sought.clone(),
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
            let (index, way) = room.locate(output)?;
            let scratch = match &course.in_memory {
                Some(place) => place.join(scratch_name(index)),
                None => self.rooms_dir.join(name).join(scratch_name(index)),
            };
            wanted.push(Wanted { path: output.path.clone(), scratch, way: way.to_owned() });
        }
        let taken = output::take(&wanted, room.limits.output_bytes, out);
        taken.map_err(|source| EngineError::Io { attempt: "taking the outputs of a room".to_owned(), source })
    }

    /// The keeper died before the room did. Then the room dies by itself, but its directory stays.
    pub(crate) fn broken(&self, mut running: Running, course: &Course) -> EngineError {
        let ended = running.abandon();
        let removed = running.remove_orphan();
        fault(course).unwrap_or_else(|| match ended {
            // What stays of its directory, a sweep removes.
            Ok(status) if status.signal() == Some(libc::SIGKILL) => EngineError::Killed,
            ended => EngineError::Launcher { what: early(ended, removed) },
        })
    }

    pub(crate) fn failed(&self, attempt: &str, source: io::Error) -> EngineError {
        EngineError::Io { attempt: format!("{attempt} in {}", self.rooms_dir.display()), source }
    }
}

/// How a keeper ended that nobody killed, and how the removal of its room's directory went.
fn early(ended: io::Result<ExitStatus>, removed: io::Result<()>) -> String {
    match (ended, removed) {
        (Ok(status), Ok(())) => format!("its keeper ended early ({status})"),
        (Ok(status), Err(error)) => {
            format!("its keeper ended early ({status}), and its directory stays: {error}")
        }
        (Err(error), _) => format!("its keeper cannot be waited for: {error}"),
    }
}

/// What was reported to be wrong.
pub(crate) fn fault(course: &Course) -> Option<EngineError> {
    let bug = || Some(EngineError::Launcher { what: course.broke.clone()? });
    let lost = || course.lost.then_some(EngineError::Killed);
    course.failure.as_ref().map(explain).or_else(bug).or_else(lost)
}

/// A pipe for the log that the room's user may open again: `/dev/stderr` does.
pub(crate) fn log_pipe(outer: (u32, u32)) -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = pipe()?;
    theirs(writer.as_fd(), outer)?;
    Ok((reader, writer))
}

/// Gives a pipe to the room's user.
pub(crate) fn theirs(pipe: BorrowedFd<'_>, (uid, gid): (u32, u32)) -> io::Result<()> {
    if geteuid().is_root() {
        fchown(pipe, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(())
}

/// Watches the clock here and reads the log in a second thread until the room is dead.
pub(crate) fn see_through(
    running: &mut Running,
    reader: PipeReader,
    room: &Room,
    watch: &Watch<'_>,
) -> (io::Result<Course>, io::Result<u64>) {
    let too_long = Cancel::new();
    thread::scope(|scope| {
        let log = scope.spawn(|| log::drain(reader, room.limits.log_bytes, watch.log, &too_long));
        let course = running.watch(&room.limits, &too_long, watch.cancel);
        if !course.as_ref().is_ok_and(|course| course.gone) {
            // Without its keeper the room dies, and the log ends; else the next line would wait for ever.
            // That the keeper cannot be waited for is said when the course is judged.
            let _ = running.abandon();
        }
        (course, log.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Tells what the room went without.
pub(crate) fn warn(course: &Course, watch: &Watch<'_>) {
    missed(course).for_each(|message| (watch.events)(Event::Warning { message }));
}
