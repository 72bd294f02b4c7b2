//! The process that answers the calls of a room with a clock of its own.
#![allow(unsafe_code, reason = "close_range has no safe form")]

use std::{
    fs,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, Signal, WaitId, WaitIdOptions, getpid, getppid, kill_process, set_parent_process_death_signal,
        waitid,
    },
    thread::set_name,
};

use super::{
    Obstacle,
    answer::{Desk, Unshifted},
    is_wanted,
    listener::Listener,
    vdso::{self, Patch},
    wait::Waits,
};
use crate::{
    failure::{Attempt, Failure},
    fork::{fork, wait_for},
    keeper::tell_panics,
    launch::Launch,
    passing,
    payload::exit_now,
    report::{Note, Report},
    stdio,
};

/// A timekeeper, as the keeper holds it. It ends with the room; dropping it makes sure of that.
pub(crate) struct Timekeeper(Pid);

impl Timekeeper {
    /// Starts one, if the room is to have another clock and can have it; gives pid 1's end of the way to it.
    pub(crate) fn start(
        launch: &Launch,
        engine: &UnixStream,
    ) -> Result<(Option<Self>, Option<UnixStream>), Failure> {
        if !is_wanted(launch) {
            return Ok((None, None));
        }
        match patch(launch.room.clock_offset) {
            Ok(patch) => {
                let (keeper, way) = Self::with(&patch, launch.room.clock_offset, engine)?;
                Ok((Some(keeper), Some(way)))
            }
            Err(obstacle) => {
                Report::Went(Note::OwnClock(obstacle)).send(engine);
                Ok((None, None))
            }
        }
    }

    /// It is forked before pid 1, which must not have the end that is the timekeeper's.
    fn with(patch: &Patch, offset: i64, engine: &UnixStream) -> Result<(Self, UnixStream), Failure> {
        let (ours, pid_1s) = UnixStream::pair().machine("making a pair of sockets")?;
        let keeper = getpid();
        match fork(0).machine("starting a process")? {
            Some(pid) => Ok((Self(pid), pid_1s)),
            None => {
                let post = Post { way: ours, patch, offset, engine };
                // A timekeeper that cannot be alone with its post is none; the trial finds that out.
                exit_now(post.take(keeper).map_or(1, |()| post.live()))
            }
        }
    }
}

impl Timekeeper {
    /// Whether it was killed. What programs of the room did since then tells nothing.
    pub(crate) fn was_killed(&self) -> bool {
        // It stays waitable, so that its number is nobody else's.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(self.0), options);
        ended.is_ok_and(|ended| ended.is_some_and(|ended| ended.killed() || ended.dumped()))
    }
}

impl Drop for Timekeeper {
    fn drop(&mut self) {
        // It fails only if it has ended, and a child keeps its number until it is waited for.
        let _ = kill_process(self.0, Signal::KILL);
        let _ = wait_for(self.0);
    }
}

/// What will be written over every program's vDSO.
fn patch(offset: i64) -> Result<Patch, Obstacle> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Obstacle::Architecture);
    }
    // Numbers of processes mean nothing in another namespace's /proc.
    let own = fs::read_link("/proc/self").map_err(|_| Obstacle::Proc)?;
    if own.to_str() != Some(&getpid().as_raw_nonzero().to_string()) {
        return Err(Obstacle::Proc);
    }
    vdso::own().and_then(|image| Patch::build(&image, offset)).ok_or(Obstacle::Vdso)
}

/// The timekeeper's own part.
struct Post<'a> {
    /// Where listeners come from: the trial's, and the payload's.
    way: UnixStream,
    patch: &'a Patch,
    offset: i64,
    engine: &'a UnixStream,
}

impl Post<'_> {
    /// Lets go of all that is the keeper's, and ties this process's life to the keeper's.
    fn take(&self, keeper: Pid) -> rustix::io::Result<()> {
        // For who looks at processes.
        let _ = set_name(c"eadem-clock");
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid() != Some(keeper) {
            return Err(Errno::SRCH);
        }
        stdio::let_go().map_err(|_| Errno::IO)?;
        close_all_but([self.way.as_raw_fd(), self.engine.as_raw_fd()]);
        tell_panics(self.engine);
        Ok(())
    }

    /// Serves one listener after the other, until pid 1 is dead; gives the exit status.
    fn live(&self) -> i32 {
        let mut has_told = false;
        while let Ok(Some([fd])) = passing::receive(&self.way, &mut [0]) {
            // A listener that breaks leaves its programs without a clock, and they say so.
            let _ = self.attend(fd, &mut has_told);
        }
        0
    }

    /// Answers until the last process under this filter is gone.
    fn attend(&self, fd: OwnedFd, has_told: &mut bool) -> rustix::io::Result<()> {
        let listener = Listener::new(fd);
        let mut desk =
            Desk { listener: &listener, patch: self.patch, offset: self.offset, waits: Waits::default() };
        loop {
            let seen = look(&listener, desk.waits.patience())?;
            if seen.contains(PollFlags::IN)
                && let Some(notice) = listener.receive()?
                && desk.serve(&notice) == Err(Unshifted)
                && !std::mem::replace(has_told, true)
            {
                Report::Went(Note::OwnClock(Obstacle::SomeProgram)).send(self.engine);
            }
            if seen.contains(PollFlags::HUP) {
                return Ok(());
            }
            desk.waits.look(&listener);
        }
    }
}

/// What happens at a listener within some time.
fn look(listener: &Listener, patience: Option<Duration>) -> rustix::io::Result<PollFlags> {
    let timeout = patience.map(|time| Timespec::try_from(time).map_err(|_| Errno::INVAL)).transpose()?;
    let mut watched = [PollFd::new(listener, PollFlags::IN)];
    match poll(&mut watched, timeout.as_ref()) {
        Err(Errno::INTR) => Ok(PollFlags::empty()),
        polled => polled.map(|_| watched[0].revents()),
    }
}

/// Leaves open what is standard, and two more.
fn close_all_but(mut kept: [i32; 2]) {
    kept.sort_unstable();
    let [low, high] = kept.map(i32::cast_unsigned);
    for (first, last) in [(3, low - 1), (low + 1, high - 1), (high + 1, u32::MAX)] {
        if first <= last {
            // SAFETY: this process was just forked, and uses no descriptor but the two and the standard ones.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
}
