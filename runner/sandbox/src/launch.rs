//! What the engine tells the keeper.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
};

use eadem_model::{Isolation, Room};
use serde::{Deserialize, Serialize};

use crate::{halt::Halt, lent::Lent, oci::Runtime, passing, range::Range, stdio::Streams};

/// The hidden word that asks the program to be a keeper: `eadem __room`.
pub const LAUNCHER_WORD: &str = "__room";

/// A room and where its parts lie on the host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// Where rooms get their directories.
    #[serde(with = "path")]
    pub(crate) rooms_dir: PathBuf,
    /// User and group on the host that the payload's stand for.
    pub(crate) outer: (u32, u32),
    /// What the other users of the room stand for, if it has any.
    pub(crate) range: Option<Range>,
    /// Directories of `room.rootfs`, in the same order.
    #[serde(with = "paths")]
    pub(crate) layer_dirs: Vec<PathBuf>,
    /// Layer directories of `room.inputs`, in the same order.
    #[serde(with = "paths")]
    pub(crate) input_dirs: Vec<PathBuf>,
    /// Whether the scratch directories lie in memory.
    pub(crate) scratch_in_memory: bool,
    /// The OCI runtime that makes the room; without one, pid 1 does.
    pub(crate) runtime: Option<Runtime>,
    /// Where a test wants a process of ours to stop.
    pub(crate) halt: Halt,
    /// How firmly it is closed.
    pub(crate) isolation: Isolation,
    /// The room. An empty argv asks for a probe: everything but the payload.
    pub(crate) room: Room,
    /// What the payload reads and writes.
    pub(crate) streams: Streams,
    /// What a failed build left, to be shown instead of empty scratch directories.
    #[serde(with = "perhaps")]
    pub(crate) kept: Option<PathBuf>,
    /// What the scratch directories hold at first, below what is written.
    #[serde(with = "perhaps")]
    pub(crate) start: Option<PathBuf>,
}

/// What a room writes to.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    /// The log, or what stands in its place.
    pub(crate) all: BorrowedFd<'a>,
    /// What the streams need besides, see [`Streams`].
    pub(crate) beside: Option<BorrowedFd<'a>>,
}

/// Longer than any honest launch; what claims to be longer is no launch.
const LONGEST: u32 = 64 << 20;

impl Launch {
    /// Writes the length, with the room's log and what stands beside it, and the value; lends the terminal that a
    /// room is to replace.
    pub(crate) fn send(&self, mut to: &UnixStream, log: Log<'_>) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        passing::send(to, &length.to_ne_bytes(), &[log.all, log.beside.unwrap_or(log.all)])?;
        to.write_all(&text)?;
        if self.streams == Streams::Terminal { Lent::send(to) } else { Ok(()) }
    }

    /// Reads what [`Launch::send`] wrote and not one byte more: a terminal is still to be received.
    pub(crate) fn receive(mut from: &UnixStream) -> io::Result<(Self, [OwnedFd; 2])> {
        let mut length = [0; 4];
        let logs = passing::receive(from, &mut length)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = u32::from_ne_bytes(length);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length as usize];
        from.read_exact(&mut text)?;
        Ok((serde_json::from_slice(&text)?, logs))
    }
}

/// A path of the host, which need be no text.
mod path {
    use std::{
        ffi::OsString,
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(from).map(PathBuf::from)
    }
}

/// The same, if there is one.
mod perhaps {
    use std::{
        ffi::OsString,
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option, reason = "serde hands fields over so")]
    pub(super) fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
        path.as_deref().map(Path::as_os_str).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<OsString>::deserialize(from)?.map(PathBuf::from))
    }
}

/// Several of them.
mod paths {
    use std::{
        ffi::{OsStr, OsString},
        path::PathBuf,
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        paths.iter().map(|path| path.as_os_str()).collect::<Vec<&OsStr>>().serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<OsString>::deserialize(from)?.into_iter().map(PathBuf::from).collect())
    }
}
