//! Passes descriptors to another process.

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::{Errno, Result},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};

/// No more than a program has at its start.
const SPACE: usize = rustix::cmsg_space!(ScmRights(3));

/// Sends a few bytes, which a socket takes at once, and up to three descriptors with them.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(descriptors));
    match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)? {
        n if n == bytes.len() => Ok(()),
        _ => Err(Errno::MSGSIZE),
    }
}

/// Receives what [`send`] sent; `None` at the end of the stream, or if there are not `N` descriptors.
pub(crate) fn receive<const N: usize>(socket: impl AsFd, bytes: &mut [u8]) -> Result<Option<[OwnedFd; N]>> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    loop {
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
        match recvmsg(&socket, &mut [IoSliceMut::new(bytes)], &mut control, flags) {
            Err(Errno::INTR) => {}
            received => {
                received?;
                break;
            }
        }
    }
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(descriptors.flatten().collect::<Vec<_>>().try_into().ok())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write, pipe},
        os::unix::net::UnixStream,
    };

    use super::*;

    #[test]
    fn descriptors_arrive_open_and_an_end_is_told() {
        let (near, far) = UnixStream::pair().expect("a socket pair");
        let (mut reader, writer) = pipe().expect("a pipe");
        send(&near, b"w", &[writer.as_fd()]).expect("is sent");
        drop((near, writer));
        let [writer] = receive(&far, &mut [0]).expect("arrives").expect("with one descriptor");
        std::fs::File::from(writer).write_all(b"x").expect("is open");
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("the writer is closed again");
        assert_eq!(text, "x");
        assert!(receive::<1>(&far, &mut [0]).expect("ends").is_none());
    }
}
