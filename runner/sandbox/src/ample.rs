//! Whether a room's scratch directories lie in memory.

use std::fs;

use eadem_model::Limits;

use crate::headroom;

/// Rooms that may write more lie on disk.
const SMALL: u64 = 1 << 30;

/// So many times as much as the room could write must be free.
const TIMES: u64 = 2;

/// Whether a room with these limits lies in memory on this machine.
///
/// Small ones do, where the machine has memory to spare. A room whose memory is limited lies on disk: what it
/// writes is no memory of its processes, and no control group can tell the two apart.
pub(crate) fn fits_into_memory(limits: &Limits) -> bool {
    let small = limits.memory_bytes.is_none() && limits.disk_bytes <= SMALL;
    small && available().is_some_and(|bytes| bytes / TIMES >= headroom::disk(limits).bytes)
}

fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1 << 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_rooms_without_a_limit_on_memory_lie_in_memory() {
        let limits = |disk_bytes, memory_bytes| Limits { disk_bytes, memory_bytes, ..Limits::default() };
        assert!(available().is_some_and(|bytes| bytes > 0));
        assert!(fits_into_memory(&limits(1 << 20, None)));
        assert!(!fits_into_memory(&limits(1 << 20, Some(1 << 30))));
        assert!(!fits_into_memory(&limits(SMALL + 1, None)));
        assert!(!fits_into_memory(&Limits::default()));
    }
}
