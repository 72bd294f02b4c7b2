//! Which limits a room has, and what holds each.

use eadem_model::{Applied, Isolation, Limit, Limits, Means};

use crate::{controller::Controller, group::Groups, launch::Launch};

/// All limits, in one order.
const ALL: [Limit; 8] = [
    Limit::Wall,
    Limit::Log,
    Limit::Output,
    Limit::Memory,
    Limit::Processes,
    Limit::Cpu,
    Limit::Disk,
    Limit::Files,
];

/// The value of a limit, if the plan has it.
pub(crate) fn value(limits: &Limits, limit: Limit) -> Option<u64> {
    match limit {
        Limit::Wall => Some(limits.wall_seconds),
        Limit::Log => Some(limits.log_bytes),
        Limit::Output => Some(limits.output_bytes),
        Limit::Memory => limits.memory_bytes,
        Limit::Processes => Some(limits.processes),
        Limit::Cpu => limits.cpu_percent,
        Limit::Disk => Some(limits.disk_bytes),
        Limit::Files => Some(limits.files),
    }
}

/// What holds each limit of a room that has these groups.
pub(crate) fn applied(launch: &Launch, groups: &Groups) -> Vec<Applied> {
    let weak = launch.isolation == Isolation::Weak;
    let by = |limit| match limit {
        // A weak room shows nobody what is in it. Its user is its own, so the kernel counts the processes.
        Limit::Memory if weak => groups.means(Controller::Memory).unwrap_or(Means::Nothing),
        Limit::Processes if weak => groups.means(Controller::Processes).unwrap_or(Means::Rlimit),
        Limit::Disk | Limit::Files if weak => Means::Nothing,
        Limit::Memory => groups.means(Controller::Memory).unwrap_or(Means::Watch),
        Limit::Processes => groups.means(Controller::Processes).unwrap_or(Means::Watch),
        Limit::Cpu => groups.means(Controller::Cpu).unwrap_or(Means::Nothing),
        Limit::Disk | Limit::Files if launch.scratch_in_memory => Means::FileSystem,
        Limit::Wall | Limit::Log | Limit::Output | Limit::Disk | Limit::Files => Means::Watch,
    };
    let applied = |limit| Some(Applied { limit, value: value(&launch.room.limits, limit)?, by: by(limit) });
    ALL.into_iter().filter_map(applied).collect()
}

/// A sentence for each limit that nothing holds.
pub(crate) fn lacking(applied: &[Applied]) -> impl Iterator<Item = String> {
    applied.iter().filter(|one| one.by == Means::Nothing).map(|one| match one.limit {
        Limit::Disk | Limit::Files => {
            format!("nothing holds the limit `{}`: no weak room's disk is watched", one.bound())
        }
        _ => format!(
            "nothing holds the limit `{}`: there is no control group that eadem may divide \
             (`systemd-run --user --scope -p Delegate=yes eadem …` makes one)",
            one.bound()
        ),
    })
}
