//! The process between eadem and a room.
//!
//! It has one thread, so it may clone; it stays on the host, so it can clean up; and it has its own
//! process group and ignores what a terminal sends, so it outlives whoever started it.
#![allow(unsafe_code, reason = "clone3 and signal dispositions have no safe form")]

use std::{
    fs,
    io::{self, PipeReader, PipeWriter, Read, Write, pipe},
    os::{
        fd::{AsFd, FromRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    panic,
    process::ExitCode,
};

use eadem_model::{Isolation, User};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, fstat},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal},
    stdio::{dup2_stderr, dup2_stdout, stdin},
    thread::{set_name, set_thread_groups},
};

use crate::{
    clock::Timekeeper,
    directory::Directory,
    failure::{Attempt, Failure},
    filter::Filter,
    fork::fork,
    guard::{GLANCE, Guard},
    halt::Step,
    idmap::IdMap,
    init::{self, Birth},
    kept,
    launch::Launch,
    launcher,
    lent::Lent,
    mount::last_error,
    payload::exit_now,
    reclaim::{self, reclaim},
    report::{Heard, KILL, Report, await_done},
    sacrifice::first_to_go,
    source::Sources,
    stdio::Streams,
    weak,
};

/// The status of a process with a bug.
const BUG: i32 = 70;

/// Keeps one room, or forks those who do. A program that has a [`crate::NativeEngine`] must call this
/// first thing in its main function when its first argument is [`crate::LAUNCHER_WORD`], before there is
/// a second thread.
///
/// Standard input is the socket to the engine. Started by hand, it does nothing and says so by its status.
pub fn launcher_main() -> ExitCode {
    close_inherited();
    ignore_signals();
    match stdin().try_clone_to_owned() {
        Ok(wire) if launcher::is_wire(&wire) => launcher::serve(&wire),
        Ok(socket) if reclaim::is_asked_for(&socket) => reclaim::answer(&socket),
        _ => keeper_main(),
    }
}

/// Keeps the room that standard input tells of.
pub(crate) fn keeper_main() -> ExitCode {
    close_inherited();
    let Some(engine) = engine_socket() else { return ExitCode::from(2) };
    tell_panics(&engine);
    // Names are for who looks at processes; without one it works as well.
    let _ = set_name(c"eadem-spare");
    match Launch::receive(&engine).and_then(|(launch, logs)| Ok((launch, take_logs(logs)?))) {
        Ok((launch, ())) => {
            // Pid 1 has it too, and the room can see it there.
            let _ = set_name(c"eadem");
            keep(&launch, &engine);
        }
        // The engine ended before it had a room to keep; there is nothing to clean up yet.
        Err(_) => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Standard output is the log, and standard error what stands beside it.
fn take_logs([log, beside]: [OwnedFd; 2]) -> io::Result<()> {
    dup2_stdout(log)?;
    Ok(dup2_stderr(beside)?)
}

/// What eadem's own parent left open must not stay open as long as a room lives, nor what is the
/// launcher's.
fn close_inherited() {
    // SAFETY: the program just started, or was just forked to forget what was before: nothing uses a
    // descriptor of its own any more.
    // Where the call is missing, nothing is lost but this: the payload closes its own.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}

fn engine_socket() -> Option<UnixStream> {
    let stat = fstat(stdin()).ok()?;
    let is_socket = FileType::from_raw_mode(stat.st_mode) == FileType::Socket;
    is_socket.then(|| stdin().try_clone_to_owned().ok()).flatten().map(UnixStream::from)
}

/// When the machine goes down or a terminal closes, the keeper cleans up after eadem instead of dying
/// beside it. Nor may a terminal stop it that it gives back.
fn ignore_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGPIPE, libc::SIGTTOU] {
        // SAFETY: ignoring is no function of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// A bug in the keeper, in pid 1 or before the payload's exec ends that process at once: unwinding would
/// run what belongs to the process that it was cloned from. The rooms' order of deaths does the rest.
pub(crate) fn tell_panics(engine: &UnixStream) {
    let Ok(engine) = engine.try_clone() else { return };
    panic::set_hook(Box::new(move |info| {
        Report::Broke { what: info.to_string() }.send(&engine);
        exit_now(BUG);
    }));
}

fn keep(launch: &Launch, engine: &UnixStream) {
    let made = Directory::create(&launch.rooms_dir)
        .host(|| format!("making a room in {}", launch.rooms_dir.display()));
    let directory = match made {
        Ok(directory) => directory,
        Err(failure) => return Report::Failed(failure).send(engine),
    };
    Report::Made { name: directory.name().to_string_lossy().into_owned() }.send(engine);
    launch.halt.at(Step::KeeperDirectoryMade);
    // Held until the engine has read the outputs: scratch directories in memory live no longer.
    let mut lent = None;
    let _scratch = host(launch, &directory, engine, &mut lent).unwrap_or_else(|failure| {
        Report::Failed(failure).send(engine);
        // There is no room that would end the log; the engine still reads it to the end.
        let _ = leave_log();
        Report::Gone { cpu_ms: 0, peak_kib: 0 }.send(engine);
        None
    });
    launch.halt.at(Step::KeeperRoomBuried);
    if await_done(engine) == Heard::End {
        lent.iter().for_each(Lent::give_back);
    }
    drop(lent);
    launch.halt.at(Step::KeeperDoneHeard);
    let removed = directory.remove().host(|| format!("removing a room in {}", launch.rooms_dir.display()));
    launch.halt.at(Step::KeeperDirectoryRemoved);
    Report::Removed { error: removed.err() }.send(engine);
}

/// Makes the room and sees it to its end; gives what it left in memory.
fn host(
    launch: &Launch,
    directory: &Directory,
    engine: &UnixStream,
    lent: &mut Option<Lent>,
) -> Result<Option<OwnedFd>, Failure> {
    if launch.isolation == Isolation::Weak {
        return weak::host(launch, directory, engine).map(|()| None);
    }
    let (pid_1, theirs) = UnixStream::pair().machine("making a pair of sockets")?;
    // It ends with this room, on every way out of here.
    let (timekeeper, clock) = Timekeeper::start(launch, engine)?;
    let room = make(launch, directory, (theirs, clock), engine)?;
    leave_log().machine("leaving the log")?;
    launch.halt.at(Step::KeeperRoomCloned);
    if launch.streams == Streams::Terminal {
        // Not before pid 1 is cloned, or it would be in the room. An engine that does not send it is dead.
        *lent = Lent::receive(engine).ok();
    }
    // Pid 1 makes its network meanwhile.
    let mut guard = furnish(launch, directory, pid_1).inspect_err(|_| room.end())?;
    let _mounts = room.mounts();
    let lived = live(&room, launch, &mut guard, engine);
    launch.halt.at(Step::KeeperRoomDead);
    if timekeeper.as_ref().is_some_and(Timekeeper::was_killed) {
        Report::Killed.send(engine);
    }
    let removed = guard.remove_groups().host(|| "removing the control groups of a room".to_owned());
    let (cpu_ms, peak_kib) = lived.and_then(|usage| removed.map(|()| usage))?;
    if let Some(range) = launch.range {
        let kept = launch.kept.as_deref().map(kept::open).transpose();
        let kept = kept.host(|| "opening what a build left".to_owned())?.flatten();
        let dirs = [guard.scratch(), kept.as_ref().map(AsFd::as_fd), Some(directory.as_fd())];
        reclaim(&dirs.into_iter().flatten().collect::<Vec<_>>(), range)?;
    }
    Report::Gone { cpu_ms, peak_kib }.send(engine);
    Ok(guard.into_scratch())
}

/// Clones pid 1, which waits for the keeper before it needs the room's directory.
fn make(
    launch: &Launch,
    directory: &Directory,
    (guard, clock): (UnixStream, Option<UnixStream>),
    engine: &UnixStream,
) -> Result<Room, Failure> {
    let filter = Filter::build(launch.room.users)?;
    let pipe = pipe().machine("making a pipe")?;
    let sources = open_as_root(launch, directory)?;
    let disk = directory.path();
    let birth = |keeper| Birth { launch, disk, sources, filter: &filter, keeper, guard, engine, clock };
    first_to_go(|| clone_room(pipe, birth))
}

/// Makes the scratch directories, and watches them.
pub(crate) fn furnish<'a>(
    launch: &'a Launch,
    directory: &Directory,
    pid_1: UnixStream,
) -> Result<Guard<'a>, Failure> {
    let n = launch.room.scratch.len();
    // A room in memory makes its own there.
    if !launch.scratch_in_memory {
        directory.furnish(n, launch.outer).host(|| "making scratch directories".to_owned())?;
    }
    if let Some(kept) = &launch.kept {
        let furnished = kept::furnish(kept, n, launch.outer);
        furnished.host(|| format!("taking what a build left in {}", kept.display()))?;
    }
    launch.halt.at(Step::KeeperDirectoryFurnished);
    let guard = Guard::new(launch, directory, pid_1);
    guard.host(|| format!("watching a room in {}", launch.rooms_dir.display()))
}

fn live(
    room: &Room,
    launch: &Launch,
    guard: &mut Guard<'_>,
    engine: &UnixStream,
) -> Result<(u64, u64), Failure> {
    guard.take_in(room.pid).send(engine);
    launch.halt.at(Step::KeeperGroupsEntered);
    if let Err(failure) = room.map_ids(launch) {
        Report::Failed(failure).send(engine);
        room.kill();
    }
    launch.halt.at(Step::KeeperIdsMapped);
    room.see_to_the_end(engine, guard)
}

/// From here on the log belongs to the room alone, and ends when the room ends.
pub(crate) fn leave_log() -> io::Result<()> {
    let nothing = fs::File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdout(&nothing)?;
    Ok(dup2_stderr(&nothing)?)
}

/// An ordinary user cannot detach mounts on the host, and need not: the room's user is the same.
fn open_as_root(launch: &Launch, directory: &Directory) -> Result<Option<Sources>, Failure> {
    if launch.outer.0 == geteuid().as_raw() {
        return Ok(None);
    }
    // Root's own groups must not become the room's.
    set_thread_groups(&[]).machine("dropping groups")?;
    Sources::open(launch, directory.path()).map(Some)
}

/// A cloned room, as the keeper holds it.
pub(crate) struct Room {
    pid: Pid,
    pidfd: OwnedFd,
    /// Pid 1 starts with the first byte and dies with the end of this pipe.
    leash: PipeWriter,
}

const NAMESPACES: i32 =
    libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Forks a process that is held like pid 1 of a room, but shares the keeper's namespaces.
pub(crate) fn fork_room(leash: PipeWriter, live: impl FnOnce(PipeWriter)) -> Result<Room, Failure> {
    let Some(pid) = fork(0).machine("starting a process")? else {
        live(leash);
        exit_now(BUG);
    };
    // A child keeps its pid until it is waited for, so this is the child.
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).machine("holding a process (pidfd_open)")?;
    Ok(Room { pid, pidfd, leash })
}

/// Clones pid 1 into namespaces of its own; root too gets a user namespace. That of the network comes
/// later, and that of control groups when pid 1 is in its groups.
fn clone_room<'a>(
    (reader, leash): (PipeReader, PipeWriter),
    birth: impl FnOnce(PipeReader) -> Birth<'a>,
) -> Result<Room, Failure> {
    let mut pidfd: i32 = -1;
    // SAFETY: all zeros is the value of `clone_args` that asks for nothing.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (NAMESPACES | libc::CLONE_PIDFD).cast_unsigned().into();
    args.exit_signal = libc::SIGCHLD as u64;
    args.pidfd = (&raw mut pidfd).addr() as u64;
    // SAFETY: this process has one thread and the flags share no memory, so the child is like one of
    // fork; `args` is as long as said, and the kernel writes the descriptor where `pidfd` points.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of_val(&args)) };
    if pid == 0 {
        drop(leash);
        init::live(birth(reader));
    }
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(last_error).machine(CLONE_STEP)?;
    // SAFETY: the call succeeded, so the kernel put a new descriptor there that nobody else has.
    Ok(Room { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) }, leash })
}

/// The step where most machines say no.
pub(crate) const CLONE_STEP: &str = "cloning into new namespaces (clone3)";

impl Room {
    /// Maps users and groups, and lets pid 1 go on.
    fn map_ids(&self, launch: &Launch) -> Result<(), Failure> {
        let User { uid, gid, .. } = launch.room.user;
        IdMap::of((uid, gid), launch.outer, launch.range).write(self.pid)?;
        self.wake()
    }

    /// Lets the room's first process go on.
    pub(crate) fn wake(&self) -> Result<(), Failure> {
        (&self.leash).write_all(b"g").machine("waking pid 1 of the room")
    }

    /// The room's first process.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Holds the room's mounts until the engine knows that the room is dead: else pid 1 would be dead only
    /// when they are all undone. Where they cannot be held, that is how it is.
    fn mounts(&self) -> Option<fs::File> {
        fs::File::open(format!("/proc/{}/ns/mnt", self.pid.as_raw_nonzero())).ok()
    }

    /// Kills pid 1 and with it everything in the room, whatever it does with signals.
    fn kill(&self) {
        // It can only fail if pid 1 is dead already.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Kills pid 1 before it lives, and waits for its death.
    fn end(&self) {
        self.kill();
        // Nobody else could have waited for it, so this cannot fail.
        let _ = self.bury();
    }

    /// Waits until the room is dead, and tells what it used; kills it when it exceeds a limit, when the engine
    /// says so or is dead itself.
    pub(crate) fn see_to_the_end(
        &self,
        engine: &UnixStream,
        guard: &mut Guard<'_>,
    ) -> Result<(u64, u64), Failure> {
        let mut listening = true;
        while !self.is_dead(engine, &mut listening).machine("watching the room")? {
            if let Some(report) = guard.look() {
                report.send(engine);
                self.kill();
            }
        }
        let usage = self.bury().machine("waiting for pid 1")?;
        // Counters and files in memory outlive the room, and tell what went too fast.
        let in_memory = |guard: &Guard<'_>| Some(Report::InMemory { place: guard.scratch_in_memory()? });
        let last = [guard.last_look(), in_memory(guard), guard.sought()];
        last.into_iter().flatten().for_each(|report| report.send(engine));
        Ok(usage)
    }

    fn is_dead(&self, mut engine: &UnixStream, listening: &mut bool) -> io::Result<bool> {
        let words = if *listening { PollFlags::IN } else { PollFlags::empty() };
        let mut watched =
            [PollFd::new(&self.pidfd, PollFlags::IN), PollFd::from_borrowed_fd(engine.as_fd(), words)];
        let glance = Timespec::try_from(GLANCE).map_err(io::Error::other)?;
        match poll(if *listening { &mut watched } else { &mut watched[..1] }, Some(&glance)) {
            Err(Errno::INTR) => return Ok(false),
            polled => polled?,
        };
        if *listening && !watched[1].revents().is_empty() {
            let mut word = [0];
            // The end of the stream and a broken one mean the same: nobody wants this room any more.
            let said = engine.read(&mut word);
            if !matches!(said, Ok(n) if n > 0 && word[0] != KILL) {
                self.kill();
                *listening = false;
            }
        }
        Ok(!watched[0].revents().is_empty())
    }

    /// Takes what all processes of the room used: each was buried by its parent, the last by pid 1.
    fn bury(&self) -> io::Result<(u64, u64)> {
        // SAFETY: all zeros is a value of this plain C structure, and the kernel fills it.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        let pid = self.pid.as_raw_nonzero().get();
        // SAFETY: the kernel writes one `rusage`; the status is not wanted.
        while unsafe { libc::wait4(pid, std::ptr::null_mut(), libc::__WALL, &raw mut usage) } < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok((millis(usage.ru_utime) + millis(usage.ru_stime), usage.ru_maxrss.max(0).cast_unsigned()))
    }
}

#[allow(clippy::unnecessary_cast, reason = "the types differ between architectures")]
fn millis(time: libc::timeval) -> u64 {
    (time.tv_sec as i64 * 1000 + time.tv_usec as i64 / 1000).max(0).cast_unsigned()
}
