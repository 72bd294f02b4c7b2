//! How much memory a build could have.

use std::fs;

use eadem_model::{Ability, Level};

use crate::paint;

const NAME: &str = "memory";

/// What one compiler process of a larger program takes.
const ENOUGH: u64 = 1 << 30;

pub(crate) fn look() -> Ability {
    judge(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn judge(table: &str) -> Ability {
    let field = |name: &str| -> Option<u64> {
        let line = table.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    let (Some(whole), Some(free)) = (field("MemTotal"), field("MemAvailable")) else {
        return Ability::flawed(NAME, Level::Partly, "/proc/meminfo does not tell", None);
    };
    let found = format!("{} of {} are free", paint::bytes(free), paint::bytes(whole));
    if free >= ENOUGH {
        return Ability::good(NAME, found);
    }
    Ability::flawed(NAME, Level::Partly, format!("{found}, which is little for a compiler"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_is_said() {
        let table = |free: u64| format!("MemTotal:  8000000 kB\nMemFree: 1 kB\nMemAvailable: {free} kB\n");
        assert_eq!(judge(&table(4_000_000)).found, "4.10 GB of 8.19 GB are free");
        assert_eq!(judge(&table(4_000_000)).level, Level::Good);
        assert_eq!(judge(&table(400_000)).level, Level::Partly);
        assert_eq!(judge("").level, Level::Partly);
    }
}
