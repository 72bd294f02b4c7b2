//! A process that stands ready and forks a keeper for each room.
//!
//! Executing the program anew costs more than any other step of a room's life. A launcher does it once;
//! what it forks has the program's pages already and goes on as a keeper that was executed would. It has
//! one thread, keeps nothing of a room, and ends when the engine does. Its keepers are the engine's
//! children, not its own, so their lives and deaths do not depend on it.

use std::{
    os::fd::{AsFd, OwnedFd},
    process::ExitCode,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
        sockopt::socket_type,
    },
    process::Pid,
    stdio::dup2_stdin,
    thread::set_name,
};

use crate::{fork::fork, keeper, passing};

/// The two ends of the wire between an engine and its launcher. It keeps messages apart, and that
/// alone tells a launcher from a keeper, whose wire is a stream.
pub(crate) fn wire() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Whether this end is one of [`wire`].
pub(crate) fn is_wire(socket: impl AsFd) -> bool {
    socket_type(socket).is_ok_and(|kind| kind == SocketType::SEQPACKET)
}

/// Asks the launcher at the other end for a keeper with this standard input; see [`answer`].
pub(crate) fn ask(wire: impl AsFd, socket: impl AsFd) -> rustix::io::Result<()> {
    passing::send(wire, b"k", &[socket.as_fd()])
}

/// The next keeper that was asked for.
pub(crate) fn answer(wire: impl AsFd) -> rustix::io::Result<Pid> {
    let mut answer = [0; 4];
    let n = loop {
        match recv(&wire, &mut answer, RecvFlags::empty()) {
            Err(Errno::INTR) => {}
            received => break received?.0,
        }
    };
    let number = if n == answer.len() { i32::from_ne_bytes(answer) } else { -libc::ECONNRESET };
    Pid::from_raw(number.max(0)).ok_or_else(|| Errno::from_raw_os_error(-number))
}

/// Forks keepers as long as the engine asks. A keeper waits for its room, so the engine asks for the next
/// one before it is needed. Returns in the launcher when the engine is gone, and in
/// each keeper when its room is.
pub(crate) fn serve(wire: &OwnedFd) -> ExitCode {
    // A wrong name is a small loss.
    let _ = set_name(c"eadem-launcher");
    loop {
        let socket = match passing::receive(wire, &mut [0]) {
            Ok(Some([socket])) => socket,
            Ok(None) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        };
        // A sister of this process: a child of the engine, who waits for it.
        let forked = fork(libc::CLONE_PARENT);
        if let Ok(None) = forked {
            return become_keeper(&socket);
        }
        let answer = forked.map_or_else(|error| -error.raw_os_error(), |pid| pid.map_or(0, Pid::as_raw_pid));
        if send(wire, &answer.to_ne_bytes(), SendFlags::NOSIGNAL).is_err() {
            return ExitCode::SUCCESS;
        }
    }
}

/// Goes on where an executed keeper begins; what belongs to the launcher closes there.
fn become_keeper(socket: &OwnedFd) -> ExitCode {
    match dup2_stdin(socket) {
        Ok(()) => keeper::keeper_main(),
        Err(_) => ExitCode::FAILURE,
    }
}
