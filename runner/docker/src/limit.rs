//! What a daemon can hold of a plan's limits, and what is said about it afterwards.

use bollard::models::HostConfig;
use eadem_model::{Applied, DirectoryOrder, Kernel, Limit, Means, Processors, Room, Skipped};

use crate::{
    config::settles_addresses,
    daemon::{Daemon, Make},
    wrapper::Tools,
};

/// Billionths of a processor in a hundredth of one.
const NANOS: u64 = 10_000_000;

/// The limits that a daemon says it can hold.
pub(crate) fn host_config(daemon: &Daemon, room: &Room) -> HostConfig {
    let limits = &room.limits;
    let memory = limits.memory_bytes.filter(|_| holds_memory(daemon)).map(whole);
    HostConfig {
        memory,
        // Together with swap: the same number means none.
        memory_swap: memory,
        // A machine without memory ends rooms before anything else, as it does with the native engine's.
        oom_score_adj: Some(1000),
        // One for the shell that starts the payload, and one that is seen and ends the room.
        pids_limit: holds_processes(daemon).then(|| whole(limits.processes.saturating_add(2))),
        nano_cpus: limits
            .cpu_percent
            .filter(|_| holds_cpu(daemon))
            .map(|hundredths| whole(hundredths.saturating_mul(NANOS))),
        cpuset_cpus: fewer(daemon, room),
        ..HostConfig::default()
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn holds_memory(daemon: &Daemon) -> bool {
    daemon.info.memory_limit == Some(true)
}

fn holds_processes(daemon: &Daemon) -> bool {
    daemon.info.pids_limit == Some(true)
}

fn holds_cpu(daemon: &Daemon) -> bool {
    daemon.info.cpu_cfs_quota == Some(true)
}

/// All processors but the last, by their numbers.
fn fewer(daemon: &Daemon, room: &Room) -> Option<String> {
    let n_processors = daemon.info.ncpu.filter(|n| *n > 1)?;
    let can = room.processors == Processors::OneFewer && daemon.info.cpu_set == Some(true);
    can.then(|| format!("0-{}", n_processors - 2))
}

/// The limits of the plan, and what held each.
pub(crate) fn applied(daemon: &Daemon, room: &Room, is_counted: bool) -> Vec<Applied> {
    let limits = &room.limits;
    let counted = if is_counted { Means::Watch } else { Means::Nothing };
    let by = |can: bool| if can { Means::Daemon } else { Means::Nothing };
    let all = [
        (Limit::Wall, Some(limits.wall_seconds), Means::Watch),
        (Limit::Log, Some(limits.log_bytes), Means::Watch),
        (Limit::Output, Some(limits.output_bytes), Means::Watch),
        (Limit::Memory, limits.memory_bytes, by(holds_memory(daemon))),
        (Limit::Processes, Some(limits.processes), by(holds_processes(daemon))),
        (Limit::Cpu, limits.cpu_percent, by(holds_cpu(daemon))),
        (Limit::Disk, Some(limits.disk_bytes), counted),
        (Limit::Files, Some(limits.files), counted),
    ];
    let applied = |(limit, value, by): (_, Option<u64>, _)| Some(Applied { limit, value: value?, by });
    all.into_iter().filter_map(applied).collect()
}

/// What of the setting the room went without.
pub(crate) fn skipped(daemon: &Daemon, room: &Room, tools: Tools) -> Vec<Skipped> {
    let order = room.order != DirectoryOrder::AsStored;
    let processors = room.processors == Processors::OneFewer && fewer(daemon, room).is_none();
    let umask = !tools.shell && room.umask != 0o022;
    let all = [
        ("order", order, "a volume lists its entries as the daemon's disk does"),
        ("processors", processors, "the daemon has one alone, or cannot choose"),
        ("umask", umask, "the image has no shell that could set it"),
        ("clock", room.clock_offset != 0, "a daemon's containers have its machine's clock"),
        ("kernel", room.kernel != Kernel::Own, "a daemon's containers have its machine's kernel"),
    ];
    let skip = |(variation, _, reason): (&str, bool, &str)| Skipped {
        variation: variation.to_owned(),
        reason: reason.to_owned(),
    };
    all.into_iter().filter(|(_, is_missing, _)| *is_missing).map(skip).collect()
}

/// What else the room went without that the native engine's rooms have.
pub(crate) fn lacks(daemon: &Daemon, tools: Tools, is_counted: bool) -> Vec<String> {
    let podman = daemon.make == Make::Podman;
    let docker = !podman;
    let settled = tools.shell && tools.setarch && settles_addresses(daemon);
    let all = [
        (true, "the image's files belong to root, not to the build's user"),
        (true, "/proc/self/mountinfo shows directories of the daemon"),
        (true, "the first process of the build has a number that the runtime's own threads decide"),
        (holds_processes(daemon), "who is refused a process is ended only if that lasts for a second"),
        (is_counted, "what is in /tmp, or open without a name, does not count as disk and files"),
        (
            !is_counted,
            "nothing counts what is written: only Docker, and an image that has `du`, let eadem look from beside",
        ),
        (!settled, "addresses are randomised"),
        (docker && !daemon.has_seccomp(), "no system call is filtered"),
        (podman, "system calls are filtered by the daemon's own profile"),
        (true, "/etc/hosts and /etc/resolv.conf are the daemon's"),
        (!tools.shell, "the payload is process 1, and its standard error is apart from its output"),
    ];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()).collect()
}
