//! The door of a room: a socket in it, behind which the engine's caller answers.
//!
//! Pid 1 makes it among the room's devices, where nobody can remove it, and hands it out. So it has no place
//! on the host, and the room none of the host's.

use std::{
    io::{self, ErrorKind},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    panic::resume_unwind,
    thread,
};

use eadem_model::{DOOR, Door};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, retry_on_intr},
    stdio::stderr,
};

use crate::passing;

/// Makes the socket on the stage, whose `dev` becomes the room's, and sends it out. The way out stays open
/// as long as pid 1 lives.
pub(crate) fn open() -> io::Result<()> {
    let place = DOOR.trim_start_matches('/');
    let listener = UnixListener::bind(place)?;
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o666))?;
    Ok(passing::send(stderr(), b"d", &[listener.as_fd()])?)
}

/// Answers whoever comes to the door, until the room is dead and everybody has been answered.
pub(crate) fn attend(way: &UnixStream, door: &dyn Door) -> io::Result<()> {
    let Some([listener]) = passing::receive(way, &mut [0])? else {
        // The room ended before it had a door; what it reported says why.
        door.close();
        return Ok(());
    };
    let listener = UnixListener::from(listener);
    // Who connects and is gone again must not keep this thread from seeing the room's end.
    listener.set_nonblocking(true)?;
    thread::scope(|scope| {
        let mut guests = Vec::new();
        let waited = loop {
            match wait(&listener, way) {
                Ok(Some(guest)) => guests.push(scope.spawn(move || answer(guest, door))),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        door.close();
        for guest in guests {
            guest.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        waited
    })
}

fn answer(mut guest: UnixStream, door: &dyn Door) {
    // A socket that was accepted is as its listener is on some systems; without it nothing could be read.
    if guest.set_nonblocking(false).is_ok() {
        door.answer(&mut guest);
    }
}

/// The next one at the door; `None` when the room is dead.
fn wait(listener: &UnixListener, way: &UnixStream) -> io::Result<Option<UnixStream>> {
    loop {
        let mut watched = [PollFd::new(listener, PollFlags::IN), PollFd::new(way, PollFlags::IN)];
        retry_on_intr(|| poll(&mut watched, None))?;
        if !watched[1].revents().is_empty() {
            return Ok(None);
        }
        match listener.accept() {
            Ok((guest, _)) => return Ok(Some(guest)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) if error.raw_os_error() == Some(Errno::CONNABORTED.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Both ends of the way that a door takes.
pub(crate) fn way() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, theirs.into()))
}
