//! A user of the host that one weak room has for itself.
#![allow(unsafe_code, reason = "no safe crate of ours signals everybody")]

use std::{
    fs, io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

use eadem_model::Room;
use rustix::{
    fs::{Gid, Uid},
    io::Errno,
    process::{Signal, WaitOptions, wait},
    thread::set_thread_res_uid,
};

use crate::{
    failure::{Attempt, Blame, Failure},
    fork::{fork, wait_for},
    mount::last_error,
    payload::exit_now,
};

/// Ids in a gap of systemd's allocations, beside the one of strict rooms.
const IDS: std::ops::RangeInclusive<u32> = 65520..=65529;

/// The real id of those who end a room; nobody else has it, so nobody's signals reach them.
const REAPER: u32 = 65531;

/// The right to an id. It is held by a name that the kernel frees with its last holder, so it spans
/// all stores of a machine and outlives no process.
pub(crate) struct Claim {
    id: u32,
    _name: UnixListener,
}

impl Claim {
    /// Takes the first id that nobody holds and nothing runs as.
    pub(crate) fn take() -> Result<Self, Failure> {
        for id in IDS {
            let held = hold(id).machine("claiming a user id for a weak room")?;
            if let Some(name) = held.filter(|_| !runs(id)) {
                return Ok(Self { id, _name: name });
            }
        }
        Err(Failure {
            step: format!("finding a free user id among {} to {} for a weak room", IDS.start(), IDS.end()),
            errno: libc::EBUSY,
            blame: Blame::Machine,
        })
    }

    /// The room as it is for the claimed user: the build sees ids of the host.
    pub(crate) fn own(&self, room: &Room) -> Room {
        let mut room = room.clone();
        (room.user.uid, room.user.gid) = (self.id, self.id);
        room
    }

    pub(crate) fn ids(&self) -> (Uid, Gid) {
        (Uid::from_raw(self.id), Gid::from_raw(self.id))
    }

    /// Ends everything that runs as the claimed user and buries it; the caller adopts orphans.
    ///
    /// One call of the kernel reaches all processes at once, and none can fork away from it.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        const TRIES: u32 = 100;
        for _ in 0..TRIES {
            // Two rooms that end at one time may end each other's helper.
            if self.strike().machine("ending what is left in a weak room")? {
                return bury_all().machine("waiting for what is left in a weak room");
            }
        }
        Err(Errno::BUSY).machine("ending what is left in a weak room")
    }

    /// A process with the room's effective id may end the room; its own real id keeps the room from
    /// stopping it.
    fn strike(&self) -> io::Result<bool> {
        match fork(0)? {
            None => exit_now(i32::from(strike_as(self.id).is_err())),
            Some(pid) => Ok(wait_for(pid)? == Some(0)),
        }
    }
}

fn strike_as(id: u32) -> rustix::io::Result<()> {
    let (own, reaper) = (Uid::from_raw(id), Uid::from_raw(REAPER));
    set_thread_res_uid(reaper, own, reaper)?;
    // SAFETY: takes numbers only; the caller itself is never reached.
    match unsafe { libc::kill(-1, Signal::KILL.as_raw()) } {
        0 => Ok(()),
        _ => match last_error() {
            // Nothing is left.
            Errno::SRCH => Ok(()),
            error => Err(error),
        },
    }
}

fn bury_all() -> rustix::io::Result<()> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn hold(id: u32) -> io::Result<Option<UnixListener>> {
    let address = SocketAddr::from_abstract_name(format!("eadem-weak-{id}"))?;
    match UnixListener::bind_addr(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
        bound => bound.map(Some),
    }
}

/// Whether some process has this id; then it is somebody else's, and nothing of theirs must be ended.
fn runs(id: u32) -> bool {
    // Where nobody can be seen, anybody may be there.
    let Ok(entries) = fs::read_dir("/proc") else { return true };
    let has = |status: String| {
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        ids.is_some_and(|ids| ids.split_whitespace().any(|one| one.parse() == Ok(id)))
    };
    entries.flatten().any(|entry| fs::read_to_string(entry.path().join("status")).is_ok_and(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_held_once_and_freed_with_its_holder() {
        // Not one of the real ids: rooms may run beside this test.
        const ID: u32 = 4_000_000_007;
        let first = hold(ID).expect("asked").expect("free");
        assert!(hold(ID).expect("asked").is_none());
        drop(first);
        assert!(hold(ID).expect("asked").is_some());
    }

    #[test]
    fn an_id_is_in_use_while_a_process_has_it() {
        assert!(runs(rustix::process::geteuid().as_raw()));
        assert!(!runs(4_000_000_007));
    }
}
