//! Rooms that somebody enters by hand.

use std::{
    io::{self, PipeReader, pipe},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    panic::resume_unwind,
    path::Path,
    thread,
};

use eadem_model::{Cancel, Ending, EngineError, Inputs, Round, Terminal, Watch};
use eadem_terminal::{Pump, imitate, is_at_terminal};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::write,
    termios::tcsetwinsize,
};

use crate::{
    directory::prepare,
    engine::{NativeEngine, fault, theirs, warn},
    kept,
    launch::Launch,
    passing,
    stdio::Streams,
    supervise::{Course, Running},
};

impl Terminal for NativeEngine {
    fn enter(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        kept: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        self.visit(&self.prepare_visit(round, inputs, kept)?, watch)
    }

    fn discard(&self, kept: &Path) -> Result<(), EngineError> {
        kept::discard(kept).map_err(|source| EngineError::Io {
            attempt: format!("removing what a build left in {}", kept.display()),
            source,
        })
    }
}

fn of_eadem() -> Streams {
    if is_at_terminal() { Streams::Terminal } else { Streams::Pipes }
}

impl NativeEngine {
    /// Says what a room needs in which somebody is to sit.
    pub(crate) fn prepare_visit(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        kept: Option<&Path>,
    ) -> Result<Launch, EngineError> {
        let mut launch = self.launch(self.checked(round)?, inputs)?;
        launch.streams = of_eadem();
        // What is kept lies on a disk.
        launch.scratch_in_memory &= kept.is_none();
        launch.kept = kept.map(|kept| std::path::absolute(kept).unwrap_or_else(|_| kept.to_owned()));
        Ok(launch)
    }

    /// Runs a room that talks to eadem's own streams; the room is gone when this returns.
    pub(crate) fn visit(&self, launch: &Launch, watch: &Watch<'_>) -> Result<Ending, EngineError> {
        prepare(&self.rooms_dir).map_err(|source| self.failed("making a place for rooms", source))?;
        let (door, rooms) =
            UnixStream::pair().map_err(|source| self.failed("making a socket for a room", source))?;
        let mut running = self.begin(launch, rooms.into(), watch)?;
        let (course, carried) = attend(&mut running, &door, launch, watch.cancel);
        let course = course.map_err(|source| self.failed("watching a room", source))?;
        if !course.gone {
            return Err(self.broken(running, &course));
        }
        let ending = self.ending(&course, carried, watch);
        self.leave(running, ending, watch)
    }

    fn ending(
        &self,
        course: &Course,
        carried: io::Result<()>,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        fault(course).map_or(Ok(()), Err)?;
        let passing = || "passing on what is typed and shown".to_owned();
        carried.map_err(|source| EngineError::Io { attempt: passing(), source })?;
        warn(course, watch);
        course.ending()
    }
}

/// Watches the room here and carries bytes in a second thread until the room is dead.
fn attend(
    running: &mut Running,
    door: &UnixStream,
    launch: &Launch,
    cancel: &Cancel,
) -> (io::Result<Course>, io::Result<()>) {
    thread::scope(|scope| {
        // Its end tells the other thread that the room is dead, also if this one panics.
        let (room, alive) = match pipe() {
            Ok(pipe) => pipe,
            Err(error) => return (Err(error), Ok(())),
        };
        let carrier = scope.spawn(|| carry(door, launch, room, cancel));
        let course = running.watch(&launch.room.limits, &Cancel::new(), cancel);
        if !course.as_ref().is_ok_and(|course| course.gone) {
            // Without its keeper the room dies.
            let _ = running.abandon();
        }
        drop(alive);
        (course, carrier.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn carry(door: &UnixStream, launch: &Launch, room: PipeReader, cancel: &Cancel) -> io::Result<()> {
    let pump = match launch.streams {
        Streams::Terminal => take_terminal(door),
        _ => give_pipes(door, launch.outer),
    };
    match pump {
        // The room ended before it had a terminal; what it reported says why.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => {
            cancel.cancel();
            Err(error)
        }
        Ok(pump) => pump.run(room, cancel),
    }
}

/// The room waits until its terminal is like the user's.
fn take_terminal(door: &UnixStream) -> io::Result<Pump> {
    let [room] = passing::receive(door, &mut [0])?.ok_or(io::ErrorKind::UnexpectedEof)?;
    // Unlike a pipe, it may take less than it is given, and wait.
    fcntl_setfl(&room, OFlags::RDWR | OFlags::NONBLOCK)?;
    imitate(&room)?;
    let (keys, sized) = (room.try_clone()?, room.try_clone()?);
    let pump = Pump::terminal(keys, room, Box::new(move |size| Ok(tcsetwinsize(&sized, size)?)))?;
    write(door, b"g")?;
    Ok(pump)
}

fn give_pipes(door: &UnixStream, outer: (u32, u32)) -> io::Result<Pump> {
    let ((input, ours), (output, written), (error, complained)) = (pipe()?, pipe()?, pipe()?);
    let files = [input.as_fd(), written.as_fd(), complained.as_fd()];
    // The room's user may open them again: `/dev/stdin` does.
    files.iter().try_for_each(|file| theirs(*file, outer))?;
    passing::send(door, b"p", &files)?;
    Pump::pipes([OwnedFd::from(ours), output.into(), error.into()])
}
