//! What a room has besides its layers and inputs, and where: the same for every engine.

use crate::{EngineError, Room, RoomOutput, RoomPath, User};

/// First steps of paths that a room makes itself, or that are links in many images.
const TAKEN: [&str; 11] =
    ["bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "tmp"];

impl Room {
    /// The few files of `/etc` that say who and where the build is, by name.
    pub fn own_files(&self) -> [(&'static str, String); 5] {
        let User { name, uid, gid, home } = &self.user;
        let host = &self.hostname;
        // The payload's own ids come first: they may be those of another line.
        let passwd = format!(
            "{name}:x:{uid}:{gid}::{home}:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
        [
            ("passwd", passwd),
            ("group", format!("{name}:x:{gid}:\nroot:x:0:\nnogroup:x:65534:\n")),
            ("hostname", format!("{host}\n")),
            ("hosts", format!("127.0.0.1\tlocalhost {host}\n::1\tlocalhost ip6-localhost {host}\n")),
            ("resolv.conf", String::new()),
        ]
    }

    /// Refuses directories in places that no room can have.
    ///
    /// # Errors
    /// Which place, always as [`EngineError::Plan`].
    pub fn check_places(&self) -> Result<(), EngineError> {
        let inputs = self.inputs.iter().map(|input| &input.at);
        let veils: Vec<_> = self.veils.iter().map(|veil| &veil.at).collect();
        let places: Vec<_> = inputs.chain(&self.scratch).chain(veils.iter().copied()).collect();
        for place in &places {
            if is_taken(place) {
                return refuse(format!("a directory of its own at `{place}`"));
            }
        }
        // Inputs may lie in a veil; else nothing lies in another.
        let is_free = |outer: usize, inner: usize| {
            outer >= places.len() - veils.len() && inner < self.inputs.len() && places[outer] != places[inner]
        };
        for (index, place) in places.iter().enumerate() {
            let mut rest = places.iter().enumerate().filter(|(other, _)| *other != index);
            let inside = |(other, inner): &(usize, &&RoomPath)| {
                holds(place.as_str(), inner.as_str()) && !is_free(index, *other)
            };
            if let Some((_, inner)) = rest.find(inside) {
                return refuse(format!("`{inner}` inside `{place}`"));
            }
        }
        self.outputs.iter().try_for_each(|output| self.locate(output).map(|_| ()))
    }

    /// The number of the scratch directory that holds an output, and the way from there.
    ///
    /// # Errors
    /// The output is where no build can write.
    pub fn locate<'a>(&self, output: &'a RoomOutput) -> Result<(usize, &'a str), EngineError> {
        let inside = |scratch: &RoomPath| holds(scratch.as_str(), output.from.as_str());
        let Some(index) = self.scratch.iter().position(inside) else {
            let what = format!("an output from `{}`, which no build can write", output.from);
            return Err(EngineError::Plan { what });
        };
        let way = &output.from.as_str()[self.scratch[index].as_str().len()..];
        Ok((index, way.trim_start_matches('/')))
    }
}

fn refuse<T>(what: String) -> Result<T, EngineError> {
    Err(EngineError::Plan { what })
}

/// Whether a room has something of its own at or around a place.
pub(crate) fn is_taken(place: &RoomPath) -> bool {
    let first = place.below_root().split('/').next().unwrap_or_default();
    TAKEN.contains(&first) || holds("/var/tmp", place.as_str())
}

/// Whether two places are one, or one lies in the other.
pub(crate) fn overlap(one: &RoomPath, other: &RoomPath) -> bool {
    holds(one.as_str(), other.as_str()) || holds(other.as_str(), one.as_str())
}

/// Whether `inner` is `outer` or lies below it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
