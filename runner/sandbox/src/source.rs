//! What a room takes from the host: layers, inputs and its own disk.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use eadem_model::RoomInput;
use rustix::fs::{Mode, OFlags, open};

use crate::{
    failure::{Attempt, Failure},
    launch::Launch,
    mount,
};

/// Detached trees of the host's directories, not yet mounted anywhere.
pub(crate) struct Sources {
    /// The image's layers, lowest first.
    pub(crate) layers: Vec<OwnedFd>,
    /// What is shown read-only, in the room's order.
    pub(crate) inputs: Vec<OwnedFd>,
    /// The room's own directory.
    pub(crate) disk: OwnedFd,
    /// What a failed build left.
    pub(crate) kept: Option<OwnedFd>,
    /// What the scratch directories hold at first.
    pub(crate) start: Option<OwnedFd>,
}

impl Sources {
    /// Opens everything.
    ///
    /// Root does it in the keeper: the store may lie below a directory that the room's user cannot
    /// pass. An ordinary user can do it in the room's mount namespace alone.
    pub(crate) fn open(launch: &Launch, disk: &Path) -> Result<Self, Failure> {
        let layers = launch.layer_dirs.iter().map(|dir| whole(dir));
        let inputs = launch.room.inputs.iter().zip(&launch.input_dirs);
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            inputs: inputs.map(|(input, dir)| part(dir, input)).collect::<Result<_, _>>()?,
            disk: whole(disk)?,
            kept: launch.kept.as_deref().map(whole).transpose()?,
            start: launch.start.as_deref().map(whole).transpose()?,
        })
    }
}

fn whole(dir: &Path) -> Result<OwnedFd, Failure> {
    mount::tree_at(dir).host(|| format!("showing the directory {}", dir.display()))
}

/// A layer is untrusted: a link in it must not lead elsewhere.
fn part(dir: &Path, RoomInput { subpath, file, .. }: &RoomInput) -> Result<OwnedFd, Failure> {
    let kind = if *file { "file" } else { "directory" };
    let name = || format!("showing the {kind} {}/{subpath}", dir.display());
    let layer = open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).host(name)?;
    let open = if *file { mount::open_file_beneath } else { mount::open_beneath };
    let inner = open(&layer, subpath.as_str()).host(name)?;
    mount::tree(inner.as_fd()).host(name)
}
