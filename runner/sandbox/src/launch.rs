//! What the engine tells the keeper.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use eadem_model::Room;
use serde::{Deserialize, Serialize};

/// The hidden word that asks the program to be a keeper: `eadem __room`.
pub const LAUNCHER_WORD: &str = "__room";

/// A room and where its parts lie on the host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// Where rooms get their directories.
    pub(crate) rooms_dir: PathBuf,
    /// User and group on the host that the payload's stand for.
    pub(crate) outer: (u32, u32),
    /// Directories of `room.rootfs`, in the same order.
    pub(crate) layer_dirs: Vec<PathBuf>,
    /// Layer directories of `room.inputs`, in the same order.
    pub(crate) input_dirs: Vec<PathBuf>,
    /// The room. An empty argv asks for a probe: everything but the payload.
    pub(crate) room: Room,
}

/// Longer than any honest launch; what claims to be longer is no launch.
const LONGEST: u32 = 64 << 20;

impl Launch {
    /// Writes the length and the value.
    pub(crate) fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_ne_bytes())?;
        to.write_all(&text)
    }

    /// Reads what [`Launch::send`] wrote and not one byte more.
    pub(crate) fn receive(from: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_ne_bytes(length);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length as usize];
        from.read_exact(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}
