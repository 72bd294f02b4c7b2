//! What the payload reads and writes.
#![allow(unsafe_code, reason = "close_range has no safe form")]

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, open},
    process::ioctl_tiocsctty,
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdout},
};
use serde::{Deserialize, Serialize};

use crate::passing;

/// What stands behind the payload's standard input, output and error.
///
/// Standard output is what the keeper was started with: the log, or a socket to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Streams {
    /// Nothing to read; both outputs go to the log.
    Log,
    /// Three pipes, which the engine sends over the socket.
    Pipes,
    /// A terminal of the room's own; its other side is sent to the engine.
    Terminal,
    /// Nothing to read; standard error goes to the log, and standard output to what stands beside it.
    Apart,
    /// As [`Streams::Log`]; beside the log stands a socket that takes the room's door to the engine.
    Door,
}

/// What a process does that connects itself.
pub(crate) const CONNECT_STEP: &str = "connecting standard input and output";

/// Connects this process; everything else that is open closes when the program starts.
pub(crate) fn connect(streams: Streams) -> io::Result<()> {
    match streams {
        Streams::Log | Streams::Door => log(),
        Streams::Apart => apart(),
        Streams::Pipes => take(passing::receive(stdout(), &mut [0])?.ok_or(io::ErrorKind::UnexpectedEof)?),
        Streams::Terminal => terminal(),
    }?;
    // SAFETY: takes numbers only; what is marked is closed by exec, and used until then.
    match unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn log() -> io::Result<()> {
    dup2_stdin(open("/dev/null", OFlags::RDONLY, Mode::empty())?)?;
    Ok(dup2_stderr(stdout())?)
}

fn apart() -> io::Result<()> {
    dup2_stdin(open("/dev/null", OFlags::RDONLY, Mode::empty())?)?;
    let log = rustix::io::dup(stdout())?;
    dup2_stdout(stderr())?;
    Ok(dup2_stderr(log)?)
}

fn take([input, output, error]: [OwnedFd; 3]) -> io::Result<()> {
    dup2_stdin(input)?;
    dup2_stdout(output)?;
    Ok(dup2_stderr(error)?)
}

/// Made here, so that it is one of the room's own and has a name there; this process leads a session
/// without a terminal, and gets it as its own.
fn terminal() -> io::Result<()> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let engines = openpt(flags)?;
    unlockpt(&engines)?;
    let ours = ioctl_tiocgptpeer(&engines, flags)?;
    hand_out(&engines)?;
    ioctl_tiocsctty(&ours)?;
    dup2_stdin(&ours)?;
    dup2_stdout(&ours)?;
    Ok(dup2_stderr(&ours)?)
}

/// Sends the engine its side of the room's terminal, and returns when that has the modes and size of the
/// user's.
pub(crate) fn hand_out(engines: &OwnedFd) -> io::Result<()> {
    passing::send(stdout(), b"t", &[engines.as_fd()])?;
    match rustix::io::retry_on_intr(|| rustix::io::read(stdout(), &mut [0]))? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Leaves the streams to those who have them too.
pub(crate) fn let_go() -> io::Result<()> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(dup2_stderr(&null)?)
}
