//! Which user of the host the payload is.

use std::fs;

use rustix::{
    process::{getegid, geteuid},
    thread::{CapabilitySet, capabilities},
};

/// The user and group that rooms run as when eadem is root.
///
/// Below 65536, so that the usual user namespaces of containers have it, and in a gap of systemd's
/// allocations, so that nobody else does.
const UNPRIVILEGED: u32 = 65530;

/// User and group of the host that own a room's files and processes.
///
/// An ordinary user's rooms are the user's own. Root's rooms belong to an id that owns nothing else,
/// if eadem may hand that id out here; else to root itself, confined by the user namespace alone.
/// Layers must be owned by these ids: then in the room everything belongs to the payload's user,
/// whoever runs eadem.
pub fn outer_ids() -> (u32, u32) {
    if geteuid().is_root() && may_switch() && covered("uid_map") && covered("gid_map") {
        return (UNPRIVILEGED, UNPRIVILEGED);
    }
    (geteuid().as_raw(), getegid().as_raw())
}

fn may_switch() -> bool {
    let needed =
        CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::CHOWN | CapabilitySet::SYS_ADMIN;
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

fn covered(map: &str) -> bool {
    fs::read_to_string(format!("/proc/self/{map}")).is_ok_and(|text| covers(&text, UNPRIVILEGED))
}

/// Whether one line (`inside outside length`) of an id map holds `id`.
pub(crate) fn covers(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        matches!(numbers[..], [inside, _, length] if (inside..inside + length).contains(&u64::from(id)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_covers_what_lies_in_one_of_its_ranges() {
        for (map, covered) in [
            ("         0          0 4294967295\n", true),
            ("0 100000 65536\n", true),
            ("0 1000 1\n1 100000 65535\n", true),
            ("0 1000 1\n", false),
            ("0 100000 65530\n", false),
            ("", false),
        ] {
            assert_eq!(covers(map, 65530), covered, "{map:?}");
        }
    }
}
