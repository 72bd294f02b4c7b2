//! Reads from a control group whether the kernel had to say no.

use std::{fs, path::Path};

use crate::{cgroup::Version, controller::Controller};

/// Whether a controller of the group at `dir` refused or killed something.
///
/// The counters stay, so whoever looks after the room's death still sees it.
pub(crate) fn enforced(dir: &Path, version: Version, controller: Controller) -> bool {
    let (file, names): (_, &[&str]) = match (controller, version) {
        (Controller::Memory, Version::Two) => ("memory.events", &["oom", "oom_kill", "oom_group_kill"]),
        (Controller::Memory, Version::One) => ("memory.oom_control", &["under_oom", "oom_kill"]),
        (Controller::Processes, _) => ("pids.events", &["max"]),
        (Controller::Cpu, _) => return false,
    };
    let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
    names.iter().any(|name| count(&text, name) > 0)
}

/// The number in a line like `oom_kill 3`.
fn count(text: &str, name: &str) -> u64 {
    let number = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_refused_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        let cases = [
            (
                "memory.events",
                "low 0\nhigh 3\nmax 99\noom 0\noom_kill 0\n",
                Version::Two,
                Controller::Memory,
                false,
            ),
            ("memory.events", "max 99\noom 1\noom_kill 0\n", Version::Two, Controller::Memory, true),
            ("memory.events", "oom 0\noom_kill 1\n", Version::Two, Controller::Memory, true),
            (
                "memory.oom_control",
                "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n",
                Version::One,
                Controller::Memory,
                false,
            ),
            ("memory.oom_control", "under_oom 0\noom_kill 2\n", Version::One, Controller::Memory, true),
            ("pids.events", "max 0\n", Version::One, Controller::Processes, false),
            ("pids.events", "max 1\n", Version::Two, Controller::Processes, true),
        ];
        for (file, text, version, controller, refused) in cases {
            fs::write(dir.path().join(file), text).expect("writes");
            assert_eq!(enforced(dir.path(), version, controller), refused, "{text}");
        }
    }
}
