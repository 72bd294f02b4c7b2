//! Which places a room can have.

use eadem_model::{EngineError, Room};

/// The kernel stacks 500, and one of them is ours. So many of our short names fit into the page that
/// a mount's options may fill, so no newer way of mounting is needed.
pub(crate) const MAX_LAYERS: usize = 499;

/// Refuses what no room can have.
pub(crate) fn check(room: &Room) -> Result<(), EngineError> {
    if room.rootfs.len() > MAX_LAYERS {
        return refuse(format!("{} layers (at most {MAX_LAYERS})", room.rootfs.len()));
    }
    room.check_places()
}

fn refuse(what: String) -> Result<(), EngineError> {
    Err(EngineError::Plan { what })
}

#[cfg(test)]
mod tests {
    use eadem_model::{Digest, RoomOutput, RoomPath};

    use super::*;
    use crate::probe::bare_room;

    fn path(text: &str) -> RoomPath {
        text.parse().expect("clean")
    }

    #[test]
    fn places_that_overlap_or_are_the_rooms_own_are_refused() {
        for scratch in
            [&["/a", "/a/b"][..], &["/a/b", "/a"], &["/a", "/a"], &["/proc/x"], &["/var/tmp"], &["/lib64"]]
        {
            let mut room = bare_room();
            room.scratch = scratch.iter().map(|text| path(text)).collect();
            assert!(matches!(check(&room), Err(EngineError::Plan { .. })), "{scratch:?}");
        }
        let mut room = bare_room();
        room.scratch = vec![path("/a/b"), path("/a/bc"), path("/var/lib")];
        check(&room).expect("these are apart");
    }

    #[test]
    fn more_layers_than_the_kernel_stacks_are_refused_by_number() {
        let mut room = bare_room();
        room.rootfs = vec![Digest::of(b"layer"); MAX_LAYERS];
        check(&room).expect("so many there may be");
        room.rootfs.push(Digest::of(b"layer"));
        let said = check(&room).expect_err("one too many").to_string();
        assert_eq!(said, "the plan asks for 500 layers (at most 499), which a room cannot have");
    }

    #[test]
    fn outputs_are_located_in_scratch_directories_only() {
        let mut room = bare_room();
        room.scratch = vec![path("/build/target"), path("/home/builder")];
        let output = |from| RoomOutput { path: "x".parse().expect("clean"), from: path(from) };
        assert_eq!(room.locate(&output("/home/builder/a/b")).expect("there"), (1, "a/b"));
        assert_eq!(room.locate(&output("/build/target")).expect("there"), (0, ""));
        assert!(room.locate(&output("/build/targets/x")).is_err());
        assert!(room.locate(&output("/etc/passwd")).is_err());
    }
}
