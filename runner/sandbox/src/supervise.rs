//! A running room as the engine sees it.

use std::{
    io::{self, PipeWriter, Write},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use eadem_model::{Cancel, Ending, Usage};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    failure::Failure,
    launch::{LAUNCHER_WORD, Launch},
    report::{DONE, KILL, Note, Report, Reports},
};

/// How soon a wish to cancel is seen.
const GLANCE: Duration = Duration::from_millis(50);

/// A keeper and what it told so far. Dropping it kills the room and waits until all is cleaned up.
pub(crate) struct Running {
    keeper: Child,
    socket: UnixStream,
    reports: Reports,
    since: Instant,
    course: Course,
}

/// What happened in a room.
#[derive(Debug, Default, Clone)]
pub(crate) struct Course {
    /// The room's directory below the rooms' directory.
    pub(crate) name: Option<String>,
    /// What the room went without.
    pub(crate) notes: Vec<Note>,
    /// The first step that failed.
    pub(crate) failure: Option<Failure>,
    /// The message of a bug.
    pub(crate) broke: Option<String>,
    /// The payload's wait status.
    pub(crate) status: Option<i32>,
    /// Why the engine killed the room.
    pub(crate) killed: Option<Ending>,
    /// Whether every process is dead for certain.
    pub(crate) gone: bool,
    /// What the room used.
    pub(crate) usage: Usage,
    /// How the removal of the directory went.
    removed: Option<Option<Failure>>,
}

impl Running {
    /// Starts a keeper and tells it what to do.
    pub(crate) fn start(launch: &Launch, log: PipeWriter) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let since = Instant::now();
        let keeper = spawn(theirs, log)?;
        let running = Self { keeper, socket, reports: Reports::default(), since, course: Course::default() };
        launch.send(&mut &running.socket)?;
        Ok(running)
    }

    /// Waits until every process of the room is dead. Kills it after `limit_seconds` or when asked.
    pub(crate) fn watch(&mut self, limit_seconds: u64, cancel: &Cancel) -> io::Result<Course> {
        let deadline = self.since.checked_add(Duration::from_secs(limit_seconds));
        while !self.course.gone && self.listen(self.patience(deadline))? {
            if cancel.is_cancelled() {
                self.kill(Ending::Cancelled);
            } else if deadline.is_some_and(|end| Instant::now() >= end) {
                self.kill(Ending::TimedOut(limit_seconds));
            }
        }
        self.course.usage.wall_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(self.course.clone())
    }

    /// How long nothing has to be looked at but the reports.
    fn patience(&self, deadline: Option<Instant>) -> Duration {
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        left.filter(|_| self.course.killed.is_none()).map_or(GLANCE, |left| left.min(GLANCE))
    }

    /// Takes the reports that come within `patience`; `false` at their end.
    fn listen(&mut self, patience: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(true),
            polled => polled?,
        };
        let Some(reports) = self.reports.read(&self.socket)? else { return Ok(false) };
        reports.into_iter().for_each(|report| self.course.take(report));
        Ok(true)
    }

    fn kill(&mut self, why: Ending) {
        // What ended by itself needs no killing, and its ending is the truer one.
        if self.course.status.is_none() && self.course.killed.is_none() {
            self.course.killed = Some(why);
            // It can only fail if the keeper is dead, and then the room is dying as well.
            let _ = (&self.socket).write_all(&[KILL]);
        }
    }

    /// Lets the keeper see the end of the stream: it kills what is left of the room and removes it.
    pub(crate) fn abandon(&mut self) -> io::Result<ExitStatus> {
        // It fails only if the keeper is gone already.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.keeper.wait()
    }

    /// Lets the keeper remove the room's directory and end.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        (&self.socket).write_all(&[DONE])?;
        self.keeper.wait()?;
        while self.course.removed.is_none() && self.listen(Duration::ZERO)? {}
        match self.course.removed.take() {
            Some(None) => Ok(()),
            Some(Some(failure)) => Err(failure.error()),
            None => Err(io::Error::other("the keeper ended before it removed the room")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It can be waited for more than once; who needs to know how it ended has asked before.
        let _ = self.abandon();
    }
}

/// The running program itself, even if its file was replaced since; its environment is empty, and all
/// other descriptors close by themselves.
fn spawn(socket: UnixStream, log: PipeWriter) -> io::Result<Child> {
    let mut keeper = Command::new("/proc/self/exe");
    keeper.arg0("eadem").arg(LAUNCHER_WORD).env_clear().process_group(0);
    keeper.stdin(OwnedFd::from(socket)).stdout(log).stderr(Stdio::null());
    keeper.spawn()
}

impl Course {
    fn take(&mut self, report: Report) {
        match report {
            Report::Made { name } => self.name = Some(name),
            Report::Went(note) => self.notes.push(note),
            Report::Failed(failure) => self.failure = self.failure.take().or(Some(failure)),
            Report::Broke { what } => self.broke = Some(what),
            Report::Ended { status } => self.status = Some(status),
            Report::Gone { cpu_ms, peak_kib } => {
                self.gone = true;
                (self.usage.cpu_ms, self.usage.peak_kib) = (cpu_ms, peak_kib);
            }
            Report::Removed { error } => self.removed = Some(error),
        }
    }
}
