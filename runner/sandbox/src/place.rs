//! Which places a room can have.

use eadem_model::{EngineError, Room, RoomOutput, RoomPath};

/// Layers of one overlay: their names must fit into a page, and nobody needs more.
pub(crate) const MAX_LAYERS: usize = 128;

/// First steps of paths that a room makes itself, or that are links in many images.
const TAKEN: [&str; 10] = ["bin", "dev", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "tmp"];

/// Refuses what no room can have.
pub(crate) fn check(room: &Room) -> Result<(), EngineError> {
    if room.rootfs.len() > MAX_LAYERS {
        return refuse(format!("{} layers (at most {MAX_LAYERS})", room.rootfs.len()));
    }
    let places: Vec<_> = room.inputs.iter().map(|input| &input.at).chain(&room.scratch).collect();
    for place in &places {
        let first = place.below_root().split('/').next().unwrap_or_default();
        if TAKEN.contains(&first) || holds("/var/tmp", place.as_str()) {
            return refuse(format!("a directory of its own at `{place}`"));
        }
    }
    for (index, place) in places.iter().enumerate() {
        let rest = places.iter().enumerate().filter(|(other, _)| *other != index);
        if let Some((_, inner)) = rest.into_iter().find(|(_, inner)| holds(place.as_str(), inner.as_str())) {
            return refuse(format!("`{inner}` inside `{place}`"));
        }
    }
    room.outputs.iter().try_for_each(|output| locate(room, output).map(|_| ()))
}

fn refuse(what: String) -> Result<(), EngineError> {
    Err(EngineError::Plan { what })
}

/// Whether `inner` is `outer` or lies below it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The scratch directory that holds an output, and the way from there.
pub(crate) fn locate<'a>(room: &Room, output: &'a RoomOutput) -> Result<(usize, &'a str), EngineError> {
    let inside = |scratch: &RoomPath| holds(scratch.as_str(), output.from.as_str());
    let Some(index) = room.scratch.iter().position(inside) else {
        let what = format!("an output from `{}`, which no build can write", output.from);
        return Err(EngineError::Plan { what });
    };
    let way = &output.from.as_str()[room.scratch[index].as_str().len()..];
    Ok((index, way.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
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
    fn outputs_are_located_in_scratch_directories_only() {
        let mut room = bare_room();
        room.scratch = vec![path("/build/target"), path("/home/builder")];
        let output = |from| RoomOutput { path: "x".parse().expect("clean"), from: path(from) };
        assert_eq!(locate(&room, &output("/home/builder/a/b")).expect("there"), (1, "a/b"));
        assert_eq!(locate(&room, &output("/build/target")).expect("there"), (0, ""));
        assert!(locate(&room, &output("/build/targets/x")).is_err());
        assert!(locate(&room, &output("/etc/passwd")).is_err());
    }
}
