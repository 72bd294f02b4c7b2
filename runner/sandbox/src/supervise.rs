//! A running room as the engine sees it.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use eadem_model::{Applied, Cancel, Ending, Limit, Limits, RoomPath, Usage};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    directory,
    failure::Failure,
    halt::Step,
    launch::{Launch, Log},
    report::{DONE, KILL, Note, Report, Reports},
    starter::{Own, Started, Starter},
};

/// How soon a wish to cancel is seen.
const GLANCE: Duration = Duration::from_millis(50);

/// A keeper and what it told so far. Dropping it kills the room and waits until all is cleaned up.
pub(crate) struct Running {
    keeper: Own,
    socket: UnixStream,
    reports: Reports,
    since: Instant,
    course: Course,
    rooms_dir: PathBuf,
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
    /// Whether somebody else killed a process that the room hangs on.
    pub(crate) lost: bool,
    /// The message of a bug.
    pub(crate) broke: Option<String>,
    /// What it looked for behind veils.
    pub(crate) sought: BTreeSet<RoomPath>,
    /// The payload's wait status.
    pub(crate) status: Option<i32>,
    /// Why the engine killed the room.
    pub(crate) killed: Option<Ending>,
    /// What the keeper killed the room for.
    pub(crate) exceeded: Option<Ending>,
    /// The limits, and what held each.
    pub(crate) limits: Vec<Applied>,
    /// Where the scratch directories lie, if not in the room's directory.
    pub(crate) in_memory: Option<PathBuf>,
    /// Whether every process is dead for certain.
    pub(crate) gone: bool,
    /// What the room used.
    pub(crate) usage: Usage,
    /// How the removal of the directory went.
    removed: Option<Option<Failure>>,
}

impl Running {
    /// Gives a keeper its room; says so if that did not go as it should.
    pub(crate) fn start(
        launch: &Launch,
        log: Log<'_>,
        starter: &Starter,
    ) -> io::Result<(Self, Option<&'static str>)> {
        let since = Instant::now();
        launch.halt.at(Step::EngineBeforeKeeper);
        let (Started { keeper, socket }, warning) = starter.start(|socket| {
            launch.halt.at(Step::EngineKeeperStarted);
            launch.send(socket, log)
        })?;
        launch.halt.at(Step::EngineLaunchSent);
        let (reports, course) = (Reports::default(), Course::default());
        Ok((Self { keeper, socket, reports, since, course, rooms_dir: launch.rooms_dir.clone() }, warning))
    }

    /// Waits until every process of the room is dead. Kills it when its time is over, when its log is too
    /// long or when asked.
    pub(crate) fn watch(
        &mut self,
        limits: &Limits,
        too_long: &Cancel,
        cancel: &Cancel,
    ) -> io::Result<Course> {
        let deadline = self.since.checked_add(Duration::from_secs(limits.wall_seconds));
        while !self.course.gone && self.listen(self.patience(deadline))? {
            if cancel.is_cancelled() {
                self.kill(Ending::Cancelled);
            } else if deadline.is_some_and(|end| Instant::now() >= end) {
                self.kill(Ending::Exceeded(Limit::Wall, limits.wall_seconds));
            } else if too_long.is_cancelled() {
                self.kill(Ending::Exceeded(Limit::Log, limits.log_bytes));
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
            self.keeper.wake();
        }
    }

    /// Lets the keeper see the end of the stream: it kills what is left of the room and removes it.
    pub(crate) fn abandon(&mut self) -> io::Result<ExitStatus> {
        // It fails only if the keeper is gone already.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.keeper.wait()
    }

    /// Lets the keeper remove the room's directory and end.
    pub(crate) fn dismiss(&mut self) -> io::Result<()> {
        (&self.socket).write_all(&[DONE])
    }

    /// Whether the keeper has ended, or cannot be waited for.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.keeper.has_ended().unwrap_or(true)
    }

    /// Removes the room's directory in place of a keeper that is dead.
    pub(crate) fn remove_orphan(&self) -> io::Result<()> {
        self.course.name.as_ref().map_or(Ok(()), |name| directory::remove_orphan(&self.rooms_dir.join(name)))
    }

    /// Waits for the end of a keeper that was dismissed.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.keeper.wait()?;
        while self.course.removed.is_none() && self.listen(Duration::ZERO)? {}
        match &self.course.removed {
            Some(None) => Ok(()),
            Some(Some(failure)) => Err(failure.error()),
            // The keeper died after its room.
            None => self.remove_orphan(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It can be waited for more than once; who needs to know how it ended has asked before.
        let _ = self.abandon();
        if self.course.removed.is_none() {
            // A keeper that was killed has left its room behind. What stays all the same, a sweep removes.
            let _ = self.remove_orphan();
        }
    }
}

impl Course {
    fn take(&mut self, report: Report) {
        match report {
            Report::Made { name } => self.name = Some(name),
            Report::Went(note) => self.notes.push(note),
            Report::Holds(limits) => self.limits = limits,
            Report::InMemory { place } => self.in_memory = Some(place),
            Report::Exceeded { limit, value } => self.exceeded = Some(Ending::Exceeded(limit, value)),
            Report::Failed(failure) => self.failure = self.failure.take().or(Some(failure)),
            Report::Killed => self.lost = true,
            Report::Broke { what } => self.broke = Some(what),
            Report::Sought { places } => self.sought = places,
            Report::Ended { status } => self.status = Some(status),
            Report::Gone { cpu_ms, peak_kib } => {
                self.gone = true;
                (self.usage.cpu_ms, self.usage.peak_kib) = (cpu_ms, peak_kib);
            }
            Report::Removed { error } => self.removed = Some(error),
        }
    }
}
