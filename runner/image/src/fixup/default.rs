//! Configuration that packages bring as a template and copy when they are configured.

use eadem_store::Node;

use super::FixupError;
use crate::root::Root;

/// Template and place.
const TEMPLATES: [(&str, &str); 7] = [
    ("usr/share/base-files/dot.bashrc", "root/.bashrc"),
    ("usr/share/base-files/dot.profile", "root/.profile"),
    ("usr/share/base-files/motd", "etc/motd"),
    ("usr/share/base-files/nsswitch.conf", "etc/nsswitch.conf"),
    ("usr/share/base-files/profile", "etc/profile"),
    ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
    ("usr/share/debianutils/shells", "etc/shells"),
];

pub(super) fn copy(root: &mut Root) -> Result<(), FixupError> {
    let time = root.epoch();
    for (template, place) in TEMPLATES {
        if let Some(bytes) = root.read(template)? {
            root.make(place, Node::file(bytes, time))?;
        }
    }
    if root.get("etc/dpkg/origins/debian").is_some() {
        root.make("etc/dpkg/origins/default", Node::symlink("debian", time))?;
    }
    Ok(())
}
