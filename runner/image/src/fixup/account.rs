//! Users and groups: the distribution's own lists, as base-passwd brings them.

use eadem_store::Node;

use super::FixupError;
use crate::root::Root;

/// For images without base-passwd: programs that ask for their user's name find one.
const ROOT_USER: &str = "root:*:0:0:root:/root:/bin/sh\n";
const ROOT_GROUP: &str = "root:*:0:\n";

pub(super) fn make(root: &mut Root) -> Result<(), FixupError> {
    let time = root.epoch();
    for (master, place, smallest) in [
        ("usr/share/base-passwd/passwd.master", "etc/passwd", ROOT_USER),
        ("usr/share/base-passwd/group.master", "etc/group", ROOT_GROUP),
    ] {
        let bytes = root.read(master)?.unwrap_or_else(|| smallest.as_bytes().to_vec());
        root.make(place, Node::file(bytes, time))?;
    }
    Ok(())
}
