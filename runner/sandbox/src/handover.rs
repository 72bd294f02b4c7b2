//! What pid 1 hands to the keeper once the room is built: ways to look into it from outside.
//!
//! As an ordinary user the keeper has no other: nobody may look at pid 1, whose `/proc/PID/root` would lead
//! there. The descriptors keep a room's file systems in memory alive until the keeper lets them go.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::{
    inmates::Inmates,
    volume::{Amount, Volume},
};

/// Descriptors into a room.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The room's `/proc`.
    pub(crate) proc: OwnedFd,
    /// The file system of `/tmp`, `/var/tmp` and `/dev/shm`.
    pub(crate) memory: Store,
    /// The file system of the scratch directories, if it lies in memory too.
    pub(crate) scratch: Option<Store>,
}

/// A file system in memory.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) fd: OwnedFd,
    /// What was in it before the build.
    pub(crate) before: Amount,
}

impl Store {
    /// Takes what is in it now for what was before the build.
    pub(crate) fn of(fd: OwnedFd) -> io::Result<Self> {
        let before = Volume::of(&fd)?.used;
        Ok(Self { fd, before })
    }

    /// What the build put there.
    pub(crate) fn held(&self) -> Amount {
        Volume::of(&self.fd).map_or(Amount::default(), |volume| volume.used - self.before)
    }
}

/// What travels beside the descriptors.
#[derive(Serialize, Deserialize)]
struct Message {
    memory: Amount,
    scratch: Option<Amount>,
}

const MOST: usize = 3;
const LONGEST: usize = 1024;

impl Handover {
    /// The processes of the room.
    pub(crate) fn inmates(&self) -> Inmates<'_> {
        Inmates(self.proc.as_fd())
    }

    /// Sends everything in one message.
    pub(crate) fn send(&self, to: &UnixStream) -> io::Result<()> {
        let before = |store: &Store| store.before;
        let message = Message { memory: self.memory.before, scratch: self.scratch.as_ref().map(before) };
        let text = serde_json::to_vec(&message)?;
        let fds: Vec<BorrowedFd<'_>> =
            [Some(&self.proc), Some(&self.memory.fd), self.scratch.as_ref().map(|it| &it.fd)]
                .into_iter()
                .flatten()
                .map(AsFd::as_fd)
                .collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        sendmsg(to, &[IoSlice::new(&text)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Takes what was sent, if it was.
    pub(crate) fn receive(from: &UnixStream) -> io::Result<Option<Self>> {
        let mut text = [0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(from, &mut [IoSliceMut::new(&mut text)], &mut ancillary, flags) {
            Err(error) if error == rustix::io::Errno::AGAIN => return Ok(None),
            received => received?,
        };
        let fds = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        Ok(Self::of(&text[..received.bytes], fds.flatten()))
    }

    /// `None` is the end: pid 1 died before it sent anything.
    fn of(text: &[u8], mut fds: impl Iterator<Item = OwnedFd>) -> Option<Self> {
        let Message { memory, scratch } = serde_json::from_slice(text).ok()?;
        let proc = fds.next()?;
        let memory = Store { fd: fds.next()?, before: memory };
        let scratch = scratch.zip(fds.next()).map(|(before, fd)| Store { fd, before });
        Some(Self { proc, memory, scratch })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::fstat;

    use super::*;

    fn open(path: &str) -> OwnedFd {
        File::open(path).expect("opens").into()
    }

    #[test]
    fn what_was_sent_is_received_once() {
        let (near, far) = UnixStream::pair().expect("a pair");
        assert!(Handover::receive(&near).expect("nothing yet").is_none());
        let before = Amount { bytes: 1, files: 2 };
        let store = Store { fd: open("/dev"), before };
        Handover { proc: open("/proc"), memory: store, scratch: None }.send(&far).expect("sends");
        let got = Handover::receive(&near).expect("receives").expect("is there");
        let same =
            |fd: &OwnedFd, path| fstat(fd).expect("open").st_ino == fstat(open(path)).expect("open").st_ino;
        assert!(same(&got.proc, "/proc") && same(&got.memory.fd, "/dev"));
        assert!(got.memory.before == before && got.scratch.is_none());
        drop(far);
        assert!(Handover::receive(&near).expect("the end").is_none());
    }
}
