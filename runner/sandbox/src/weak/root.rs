//! The directory that becomes a weak room's root.

use std::{
    ffi::CString,
    fs::{self, File, Permissions},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{PermissionsExt, chown},
    },
    path::Path,
};

use eadem_model::{Room, RoomPath};
use rustix::fs::{CWD, FileType, Mode, OFlags, fchmod, makedev, mknodat, open};

use crate::{
    failure::{Attempt, Failure},
    launch::Launch,
    mount::open_beneath,
    shuffle::{Buffer, open_dir},
    weak::copy::{clear, lay_upon, make_dir, open_host_dir},
};

/// The numbers of the devices that a room has.
const NODES: [(&str, u32, u32); 6] =
    [("full", 1, 7), ("null", 1, 3), ("random", 1, 8), ("tty", 5, 0), ("urandom", 1, 9), ("zero", 1, 5)];

/// Directories that everybody may write to.
pub(crate) const OPEN: [&str; 3] = ["dev/shm", "tmp", "var/tmp"];

/// Makes the root: layers, inputs, directories to write to, devices, and who is who.
pub(crate) fn lay_out(root: &Path, launch: &Launch, room: &Room) -> Result<(), Failure> {
    fs::create_dir(root).host(|| format!("making the directory {}", root.display()))?;
    let at = open_host_dir(root).host(|| format!("opening the directory {}", root.display()))?;
    let mut buffer = Buffer::new();
    for dir in &launch.layer_dirs {
        let name = || format!("laying out the layer {}", dir.display());
        let layer = open_host_dir(dir).host(name)?;
        lay_upon(&layer, &at, &mut buffer).host(name)?;
    }
    for (input, dir) in room.inputs.iter().zip(&launch.input_dirs) {
        let name = || format!("laying out {}/{}", dir.display(), input.subpath);
        let part = open_host_dir(dir).and_then(|layer| open_beneath(layer, input.subpath.as_str()));
        let part = part.and_then(|part| rustix::fs::openat(part, ".", READ, Mode::empty())).host(name)?;
        let to = directory(&at, &input.at).host(name)?;
        lay_upon(&part, &to, &mut buffer).host(name)?;
    }
    furnish(root, &at, room).host(|| format!("furnishing {}", root.display()))?;
    devices(root)
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Makes a directory and those above it, whatever a layer has in their places.
fn directory(root: &OwnedFd, path: &RoomPath) -> io::Result<OwnedFd> {
    below(root, path.below_root())
}

fn below(root: &OwnedFd, path: &str) -> io::Result<OwnedFd> {
    let mut at = root.try_clone()?;
    for name in path.split('/') {
        let name = CString::new(name)?;
        let is_new = open_dir(&at, &name).is_err();
        make_dir(&at, &name)?;
        at = open_dir(&at, &name)?;
        if is_new {
            fchmod(&at, Mode::from_raw_mode(0o755))?;
        }
    }
    Ok(at)
}

fn furnish(root: &Path, at: &OwnedFd, room: &Room) -> io::Result<()> {
    fchmod(at, Mode::from_raw_mode(0o755))?;
    for name in ["dev", "proc", "sys"] {
        drop(below(at, name)?);
    }
    for name in OPEN {
        fchmod(below(at, name)?, Mode::from_raw_mode(0o1777))?;
    }
    let etc = below(at, "etc")?;
    for (name, content) in room.own_files() {
        // A layer's file of this name is the store's own: it must not be written through.
        clear(&etc, &CString::new(name)?)?;
        fs::write(root.join("etc").join(name), content)?;
        fs::set_permissions(root.join("etc").join(name), Permissions::from_mode(0o644))?;
    }
    for scratch in &room.scratch {
        drop(directory(at, scratch)?);
        chown(root.join(scratch.below_root()), Some(room.user.uid), Some(room.user.gid))?;
    }
    Ok(())
}

/// Makes the devices, and sees whether the store's file system lets anybody use them.
fn devices(root: &Path) -> Result<(), Failure> {
    for (name, major, minor) in NODES {
        let path = root.join("dev").join(name);
        let made =
            mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(major, minor));
        made.machine(&format!("making the device /dev/{name} for a weak room"))?;
        let open = fs::set_permissions(&path, Permissions::from_mode(0o666));
        open.machine("opening a device to all")?;
    }
    let null = root.join("dev/null");
    let used = open(&null, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map(File::from);
    used.map(drop).machine("using a device on the store's file system, which must not be mounted `nodev`,")
}
