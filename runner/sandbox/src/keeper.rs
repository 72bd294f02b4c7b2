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

use eadem_model::User;
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{FileType, fstat},
    io::Errno,
    process::{Pid, Signal, geteuid, pidfd_send_signal},
    stdio::{dup2_stdout, stdin},
    thread::set_thread_groups,
};

use crate::{
    directory::Directory,
    failure::{Attempt, Failure},
    filter::Filter,
    init::{self, Birth},
    launch::Launch,
    mount::last_error,
    payload::exit_now,
    report::{DONE, KILL, Report},
    source::Sources,
};

/// The status of a process with a bug.
const BUG: i32 = 70;

/// Keeps one room. A program that has a [`crate::NativeEngine`] must call this first thing in its
/// main function when its first argument is [`crate::LAUNCHER_WORD`], before there is a second thread.
///
/// Standard input is the socket to the engine and standard output the room's log. Started by hand,
/// it does nothing and says so by its status.
pub fn launcher_main() -> ExitCode {
    close_inherited();
    let Some(engine) = engine_socket() else { return ExitCode::from(2) };
    ignore_signals();
    tell_panics(&engine);
    match Launch::receive(&mut &engine) {
        Ok(launch) => keep(&launch, &engine),
        // The engine died before it said what to do; there is nothing to clean up yet.
        Err(_) => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// What eadem's own parent left open must not stay open as long as a room lives.
fn close_inherited() {
    // SAFETY: the program just started, and nothing in it has opened a descriptor that it would miss.
    // Where the call is missing, nothing is lost but this: the payload closes its own.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}

fn engine_socket() -> Option<UnixStream> {
    let stat = fstat(stdin()).ok()?;
    let is_socket = FileType::from_raw_mode(stat.st_mode) == FileType::Socket;
    is_socket.then(|| stdin().try_clone_to_owned().ok()).flatten().map(UnixStream::from)
}

/// When the machine goes down or a terminal closes, the keeper cleans up after eadem instead of dying
/// beside it.
fn ignore_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGPIPE] {
        // SAFETY: ignoring is no function of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// A bug in the keeper, in pid 1 or before the payload's exec ends that process at once: unwinding would
/// run what belongs to the process that it was cloned from. The rooms' order of deaths does the rest.
fn tell_panics(engine: &UnixStream) {
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
    if let Err(failure) = host(launch, &directory, engine) {
        Report::Failed(failure).send(engine);
        // There is no room that would end the log; the engine still reads it to the end.
        let _ = leave_log();
        Report::Gone { cpu_ms: 0, peak_kib: 0 }.send(engine);
    }
    await_done(engine);
    let removed = directory.remove().host(|| format!("removing a room in {}", launch.rooms_dir.display()));
    Report::Removed { error: removed.err() }.send(engine);
}

/// Makes the room and sees it to its end.
fn host(launch: &Launch, directory: &Directory, engine: &UnixStream) -> Result<(), Failure> {
    let furnished = directory.furnish(launch.room.scratch.len(), launch.outer);
    furnished.host(|| "making scratch directories".to_owned())?;
    let filter = Filter::build()?;
    let (ours, theirs) = pipe().machine("making a pipe")?;
    let sources = open_as_root(launch, directory)?;
    let birth = |keeper| Birth { launch, disk: directory.path(), sources, filter: &filter, keeper, engine };
    let room = clone_room((ours, theirs), birth)?;
    leave_log().machine("leaving the log")?;
    if let Err(failure) = room.map_ids(&launch.room.user, launch.outer) {
        Report::Failed(failure).send(engine);
        room.kill();
    }
    room.see_to_the_end(engine)
}

/// From here on the log belongs to the room alone, and ends when the room ends.
fn leave_log() -> io::Result<()> {
    Ok(dup2_stdout(fs::File::open("/dev/null")?)?)
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

/// Returns when the engine has read the outputs, or is dead.
fn await_done(mut engine: &UnixStream) {
    let mut word = [0];
    loop {
        match engine.read(&mut word) {
            Ok(0) => return,
            Ok(_) if word[0] == DONE => return,
            // Too late to kill; the engine goes on to say when it is done.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// A cloned room, as the keeper holds it.
struct Room {
    pid: Pid,
    pidfd: OwnedFd,
    /// Pid 1 starts with the first byte and dies with the end of this pipe.
    leash: PipeWriter,
}

const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Clones pid 1 into namespaces of its own; root too gets a user namespace.
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
    /// Maps the one user and the one group, and lets pid 1 go on.
    fn map_ids(&self, user: &User, outer: (u32, u32)) -> Result<(), Failure> {
        let write = |name: &str, text: String| {
            let path = format!("/proc/{}/{name}", self.pid.as_raw_nonzero());
            fs::write(&path, text).machine(&format!("writing {name} of the room"))
        };
        // Without this word no ordinary user may map a group. Root says it too: rooms are alike.
        write("setgroups", "deny".to_owned())?;
        write("uid_map", format!("{} {} 1", user.uid, outer.0))?;
        write("gid_map", format!("{} {} 1", user.gid, outer.1))?;
        (&self.leash).write_all(b"g").machine("waking pid 1 of the room")
    }

    /// Kills pid 1 and with it everything in the room, whatever it does with signals.
    fn kill(&self) {
        // It can only fail if pid 1 is dead already.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Waits until the room is dead; kills it when the engine says so or is dead itself.
    fn see_to_the_end(&self, engine: &UnixStream) -> Result<(), Failure> {
        let mut listening = true;
        while !self.is_dead(engine, &mut listening).machine("watching the room")? {}
        let (cpu_ms, peak_kib) = self.bury().machine("waiting for pid 1")?;
        Report::Gone { cpu_ms, peak_kib }.send(engine);
        Ok(())
    }

    fn is_dead(&self, mut engine: &UnixStream, listening: &mut bool) -> io::Result<bool> {
        let words = if *listening { PollFlags::IN } else { PollFlags::empty() };
        let mut watched =
            [PollFd::new(&self.pidfd, PollFlags::IN), PollFd::from_borrowed_fd(engine.as_fd(), words)];
        match poll(if *listening { &mut watched } else { &mut watched[..1] }, None) {
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
