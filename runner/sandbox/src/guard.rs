//! The keeper's eye on the limits of its room.

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    time::Duration,
};

use eadem_model::Limit;
use rustix::process::Pid;

use crate::{
    census::Census,
    controller::Controller,
    directory::Directory,
    disk::Disk,
    failure::{Attempt, Failure},
    group::Groups,
    handover::Handover,
    held,
    launch::Launch,
    report::Report,
    veil,
};

/// How long a look may wait. A look far from all limits takes some microseconds.
pub(crate) const GLANCE: Duration = Duration::from_millis(25);

/// What watches one room.
pub(crate) struct Guard<'a> {
    launch: &'a Launch,
    groups: Groups,
    disk: Disk,
    census: Census,
    /// Where pid 1 hands over what is needed to look into the room.
    pid_1: UnixStream,
    room: Option<Handover>,
    spoke: bool,
}

impl<'a> Guard<'a> {
    /// Makes the room's control groups, and looks at its disk as it is before the build.
    pub(crate) fn new(launch: &'a Launch, directory: &Directory, pid_1: UnixStream) -> io::Result<Self> {
        let on_disk =
            if launch.scratch_in_memory { directory.path().to_owned() } else { directory.scratch() };
        let disk = Disk::watch(launch.kept.as_ref().unwrap_or(&on_disk))?;
        let groups = Groups::make(&launch.room.limits, directory)?;
        Ok(Self { launch, groups, disk, census: Census::new(), pid_1, room: None, spoke: false })
    }

    /// Puts pid 1 into the groups, and says what holds each limit from now on.
    pub(crate) fn take_in(&mut self, pid: Pid) -> Report {
        self.groups.take_in(pid);
        Report::Holds(held::applied(self.launch, &self.groups))
    }

    /// Removes the groups of a dead room.
    pub(crate) fn remove_groups(&self) -> io::Result<()> {
        self.groups.remove()
    }

    /// What must be told because the room exceeds a limit; once.
    pub(crate) fn look(&mut self) -> Option<Report> {
        if self.spoke {
            return None;
        }
        if self.room.is_none() {
            // What cannot be received will not come; then the room has a failure to tell.
            self.room = Handover::receive(&self.pid_1).unwrap_or_default();
        }
        let report = self.breach().or_else(|| self.full().map(Report::Failed));
        self.spoke = report.is_some();
        report
    }

    /// The same, when everything in the room is dead: now nothing may wait.
    pub(crate) fn last_look(&mut self) -> Option<Report> {
        self.disk.hurry();
        self.look()
    }

    fn breach(&mut self) -> Option<Report> {
        let limit = self.groups.breach().or_else(|| self.seen())?;
        Some(Report::Exceeded { limit, value: held::value(&self.launch.room.limits, limit)? })
    }

    /// What no group of the kernel counts.
    fn seen(&mut self) -> Option<Limit> {
        let Self { launch, groups, disk, census, room, .. } = self;
        let (limits, room) = (&launch.room.limits, room.as_ref()?);
        let watched = |controller| groups.means(controller).is_none();
        let mut too_many = || census.processes_over(limits.processes, room.inmates());
        if watched(Controller::Processes) && too_many() {
            return Some(Limit::Processes);
        }
        let memory = limits.memory_bytes.filter(|_| watched(Controller::Memory));
        if memory.is_some_and(|most| census.memory_over(most, room)) {
            return Some(Limit::Memory);
        }
        disk.breach(limits, room)
    }

    /// The room is not to blame, but it must not make things worse.
    fn full(&self) -> Option<Failure> {
        let on_disk = self.room.as_ref().is_some_and(|room| room.scratch.is_none());
        let full = (on_disk && self.disk.is_nearly_full()).then_some(rustix::io::Errno::NOSPC);
        let step = || format!("keeping some of the file system of {} free", self.launch.rooms_dir.display());
        Err::<(), _>(full?).host(step).err()
    }

    /// What was looked for behind the veils of a room that is dead.
    pub(crate) fn sought(&self) -> Option<Report> {
        let places = veil::sought(self.room.as_ref()?.memory.fd.as_fd(), &self.launch.room);
        (!places.is_empty()).then_some(Report::Sought { places })
    }

    /// What keeps the scratch directories of a room in memory alive.
    pub(crate) fn into_scratch(self) -> Option<OwnedFd> {
        Some(self.room?.scratch?.fd)
    }

    /// The scratch directories of a room in memory.
    pub(crate) fn scratch(&self) -> Option<BorrowedFd<'_>> {
        Some(self.room.as_ref()?.scratch.as_ref()?.fd.as_fd())
    }

    /// Where the engine finds the scratch directories of a room in memory.
    pub(crate) fn scratch_in_memory(&self) -> Option<PathBuf> {
        let scratch = self.room.as_ref()?.scratch.as_ref()?;
        Some(format!("/proc/{}/fd/{}", std::process::id(), scratch.fd.as_raw_fd()).into())
    }
}
