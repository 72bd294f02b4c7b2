//! The few mount operations that a room needs.
//!
//! Targets are names below the working directory, which is the stage.

use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2},
    io::{Errno, Result},
    mount::{
        MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
        mount, mount_bind_recursive, mount_change, move_mount, open_tree, unmount,
    },
    process::{chdir, pivot_root},
};

/// What every mount of a room has: no setuid programs, no devices.
pub(crate) const SAFE: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// The same, and nobody writes.
pub(crate) const READ_ONLY: MountAttrFlags = SAFE.union(MountAttrFlags::MOUNT_ATTR_RDONLY);

/// Cuts the room's mounts off from the host's.
pub(crate) fn make_private() -> Result<()> {
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
}

/// A detached copy of a mounted directory, submounts included.
pub(crate) fn tree(dir: BorrowedFd<'_>) -> Result<OwnedFd> {
    open_tree(dir, "", clone_flags() | OpenTreeFlags::AT_EMPTY_PATH)
}

/// A detached copy of the mounted directory or file at `path`.
pub(crate) fn tree_at(path: impl AsRef<Path>) -> Result<OwnedFd> {
    open_tree(CWD, path.as_ref(), clone_flags() | OpenTreeFlags::AT_SYMLINK_NOFOLLOW)
}

fn clone_flags() -> OpenTreeFlags {
    OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE
}

/// Restricts a mount; a classic remount would leave its submounts as they are.
#[allow(unsafe_code, reason = "rustix has no mount_setattr")]
fn restrict(target: &CStr, flags: MountAttrFlags) -> Result<()> {
    let attributes =
        libc::mount_attr { attr_set: u64::from(flags.bits()), attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is a C string, and the kernel reads as many bytes of `attributes` as the last
    // argument says.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::AT_RECURSIVE | libc::AT_SYMLINK_NOFOLLOW,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result < 0 { Err(last_error()) } else { Ok(()) }
}

/// The error of the system call before.
pub(crate) fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Mounts a detached tree on a directory of the stage.
pub(crate) fn attach(tree: &OwnedFd, name: &str) -> Result<()> {
    move_mount(tree, "", CWD, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Shows a file or directory of the stage or of the host, submounts included, at another place.
///
/// What is restricted already shows as restricted, so `flags` may be none.
pub(crate) fn show(from: &str, target: &str, flags: MountAttrFlags) -> Result<()> {
    let target = CString::new(target).map_err(|_| Errno::INVAL)?;
    mount_bind_recursive(from, target.as_c_str())?;
    if flags.is_empty() { Ok(()) } else { restrict(&target, flags) }
}

/// The same, and nobody writes there.
pub(crate) fn attach_read_only(tree: &OwnedFd, name: &str) -> Result<()> {
    attach(tree, name)?;
    restrict(&CString::new(name).map_err(|_| Errno::INVAL)?, READ_ONLY)
}

/// Mounts a new file system.
pub(crate) fn make(fs: &str, target: &str, flags: MountFlags, options: &str) -> Result<()> {
    let options = CString::new(options).map_err(|_| Errno::INVAL)?;
    mount(fs, target, fs, flags, options.as_c_str())
}

/// Says no to a target behind a link: what a layer holds must not redirect a mount.
///
/// Our own layer is the highest and has a directory in each such place, so this never says no; and
/// nothing can change that before the mount, since nothing of the room runs yet.
pub(crate) fn check(target: &str) -> Result<()> {
    open_beneath(CWD, target).map(drop)
}

/// The same for a file.
pub(crate) fn check_file(target: &str) -> Result<()> {
    open_file_beneath(CWD, target).map(drop)
}

/// Makes the directory `root` of the stage the root of everything and lets the host go.
pub(crate) fn enter(root: &str) -> Result<()> {
    chdir(root)?;
    pivot_root(".", ".")?;
    // The old root, with the stage in it, lies upon the new one.
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")
}

/// Opens a directory below another without following links.
pub(crate) fn open_beneath(dir: impl AsFd, path: &str) -> Result<OwnedFd> {
    openat2(dir, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), BENEATH)
}

/// Opens a regular file below a directory without following links.
pub(crate) fn open_file_beneath(dir: impl AsFd, path: &str) -> Result<OwnedFd> {
    let file = openat2(dir, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), BENEATH)?;
    let is_file = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile;
    if is_file { Ok(file) } else { Err(Errno::INVAL) }
}

const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Shows a directory of the stage, or below it, and lets nobody write.
pub(crate) fn show_read_only(from: &str, target: &str) -> Result<()> {
    check(target)?;
    show(from, target, READ_ONLY)
}
