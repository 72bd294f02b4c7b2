//! Directories and links that every system has.

use eadem_model::Architecture;
use eadem_store::Node;

use super::FixupError;
use crate::root::Root;

/// Directories that base-files makes when it is configured, or that older ones did not bring.
const DIRECTORIES: [(&str, u32); 24] = [
    ("boot", 0o755),
    ("dev", 0o755),
    ("etc/opt", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("srv", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr/local/bin", 0o755),
    ("usr/local/etc", 0o755),
    ("usr/local/games", 0o755),
    ("usr/local/include", 0o755),
    ("usr/local/lib", 0o755),
    ("usr/local/libexec", 0o755),
    ("usr/local/sbin", 0o755),
    ("usr/local/share/man", 0o755),
    ("usr/local/src", 0o755),
    ("var/tmp", 0o1777),
];

const LINKS: [(&str, &str); 6] = [
    ("var/run", "/run"),
    ("var/lock", "/run/lock"),
    ("usr/local/man", "share/man"),
    ("bin", "usr/bin"),
    ("lib", "usr/lib"),
    ("sbin", "usr/sbin"),
];

pub(super) fn make(architecture: Architecture, root: &mut Root) -> Result<(), FixupError> {
    let time = root.epoch();
    for (path, mode) in DIRECTORIES {
        root.make(path, Node { mode, ..Node::directory(time) })?;
    }
    for (path, target) in LINKS {
        root.make(path, Node::symlink(target, time))?;
    }
    for dir in ["usr/bin", "usr/lib", "usr/sbin"] {
        root.make(dir, Node::directory(time))?;
    }
    if architecture == Architecture::Amd64 {
        // The loader's path stands in every program.
        root.make("usr/lib64", Node::directory(time))?;
        root.make("lib64", Node::symlink("usr/lib64", time))?;
    }
    for dir in ["lib32", "libo32", "libx32"] {
        if !root.below(&format!("usr/{dir}")).is_empty() {
            root.make(dir, Node::symlink(&format!("usr/{dir}"), time))?;
        }
    }
    Ok(())
}
