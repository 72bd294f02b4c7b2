//! Writes limits into a control group.

use std::{fs, io, path::Path};

use eadem_model::Limits;

use crate::{cgroup::Version, controller::Controller};

/// The time over which the processor's share is counted, in microseconds: the kernel's own.
const PERIOD: u64 = 100_000;

/// Lets a controller of the group at `dir` hold its limit.
pub(crate) fn set(dir: &Path, version: Version, controller: Controller, limits: &Limits) -> io::Result<()> {
    let write = |name: &str, value: String| fs::write(dir.join(name), value);
    match (controller, version) {
        (Controller::Memory, _) => set_memory(dir, version, limits.memory_bytes.unwrap_or(u64::MAX)),
        // Pid 1 is ours and not the build's.
        (Controller::Processes, _) => write("pids.max", (limits.processes.saturating_add(1)).to_string()),
        (Controller::Cpu, Version::Two) => write("cpu.max", format!("{} {PERIOD}", share(limits))),
        (Controller::Cpu, Version::One) => {
            write("cpu.cfs_period_us", PERIOD.to_string())?;
            write("cpu.cfs_quota_us", share(limits).to_string())
        }
    }
}

fn share(limits: &Limits) -> u64 {
    limits.cpu_percent.unwrap_or(100).saturating_mul(PERIOD / 100)
}

fn set_memory(dir: &Path, version: Version, bytes: u64) -> io::Result<()> {
    let write = |name: &str, value: String| fs::write(dir.join(name), value);
    // Swapping only delays the end, and kernels without it have no such file.
    let more = match version {
        Version::Two => {
            write("memory.max", bytes.to_string())?;
            [("memory.swap.max", "0".to_owned()), ("memory.oom.group", "1".to_owned())]
        }
        Version::One => {
            write("memory.limit_in_bytes", bytes.to_string())?;
            [("memory.memsw.limit_in_bytes", bytes.to_string()), ("memory.swappiness", "0".to_owned())]
        }
    };
    for (name, value) in more {
        let _ = write(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        wall_seconds: 1,
        log_bytes: 1,
        output_bytes: 1,
        memory_bytes: Some(1 << 20),
        processes: 10,
        cpu_percent: Some(150),
        disk_bytes: 1,
        files: 1,
    };

    fn written(version: Version) -> Vec<(String, String)> {
        let dir = tempfile::tempdir().expect("a directory");
        for controller in [Controller::Memory, Controller::Processes, Controller::Cpu] {
            set(dir.path(), version, controller, &LIMITS).expect("writes");
        }
        let read = |entry: io::Result<fs::DirEntry>| {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("has one").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("readable"))
        };
        let mut files: Vec<_> = fs::read_dir(dir.path()).expect("readable").map(read).collect();
        files.sort();
        files
    }

    fn expect(version: Version, files: &[(&str, &str)]) {
        let files: Vec<_> =
            files.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(written(version), files);
    }

    #[test]
    fn limits_are_written_as_the_unified_hierarchy_wants_them() {
        expect(
            Version::Two,
            &[
                ("cpu.max", "150000 100000"),
                ("memory.max", "1048576"),
                ("memory.oom.group", "1"),
                ("memory.swap.max", "0"),
                ("pids.max", "11"),
            ],
        );
    }

    #[test]
    fn limits_are_written_as_the_old_hierarchies_want_them() {
        expect(
            Version::One,
            &[
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "150000"),
                ("memory.limit_in_bytes", "1048576"),
                ("memory.memsw.limit_in_bytes", "1048576"),
                ("memory.swappiness", "0"),
                ("pids.max", "11"),
            ],
        );
    }
}
