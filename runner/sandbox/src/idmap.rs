//! Gives the ids of a room their ids on the host.

use std::{fs, io};

use rustix::process::{Pid, geteuid};

use crate::{
    failure::{Attempt, Failure},
    newuidmap,
    range::{N_IDS, Range},
};

/// What a user namespace knows.
pub(crate) struct IdMap {
    users: Vec<Line>,
    groups: Vec<Line>,
    /// With one group alone nobody may change groups; without saying so no ordinary user may map one.
    /// Root says it too: rooms are alike.
    fixed_groups: bool,
}

/// The first id inside, the first id outside, and how many.
type Line = [u32; 3];

impl IdMap {
    /// One user and one group, and all others that `range` has.
    pub(crate) fn of(own: (u32, u32), outer: (u32, u32), range: Option<Range>) -> Self {
        Self {
            users: lines(own.0, outer.0, range.map(|range| range.users)),
            groups: lines(own.1, outer.1, range.map(|range| range.groups)),
            fixed_groups: range.is_none(),
        }
    }

    /// Writes the maps of a process that is in a new user namespace.
    pub(crate) fn write(&self, pid: Pid) -> Result<(), Failure> {
        if self.fixed_groups {
            write(pid, "setgroups", "deny")?;
        }
        if self.fixed_groups || geteuid().is_root() {
            write(pid, "uid_map", &text(&self.users))?;
            return write(pid, "gid_map", &text(&self.groups));
        }
        let programs = newuidmap::programs().ok_or(io::ErrorKind::NotFound);
        let [users, groups] = programs.machine("finding newuidmap and newgidmap")?;
        newuidmap::run(users, pid, self.users.as_flattened())?;
        newuidmap::run(groups, pid, self.groups.as_flattened())
    }
}

/// The room's own id keeps its place, and the others lie around it.
fn lines(own: u32, outer: u32, others: Option<u32>) -> Vec<Line> {
    let Some(first) = others else { return vec![[own, outer, 1]] };
    let below = own.min(N_IDS);
    let above = (own.saturating_add(1)).min(N_IDS);
    let lines = [[0, first, below], [own, outer, 1], [above, first + below, N_IDS - above]];
    lines.into_iter().filter(|line| line[2] > 0).collect()
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|[inside, outside, n]| format!("{inside} {outside} {n}\n")).collect()
}

fn write(pid: Pid, name: &str, text: &str) -> Result<(), Failure> {
    let path = format!("/proc/{}/{name}", pid.as_raw_nonzero());
    fs::write(&path, text).machine(&format!("writing {name} of the room"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_id_keeps_its_place_and_no_id_is_lost() {
        assert_eq!(lines(1000, 65_530, None), [[1000, 65_530, 1]]);
        let first = Some(100_000);
        assert_eq!(lines(1000, 5, first), [[0, 100_000, 1000], [1000, 5, 1], [1001, 101_000, 64_535]]);
        assert_eq!(lines(0, 5, first), [[0, 5, 1], [1, 100_000, 65_535]]);
        assert_eq!(lines(65_535, 5, first), [[0, 100_000, 65_535], [65_535, 5, 1]]);
        assert_eq!(lines(70_000, 5, first), [[0, 100_000, 65_536], [70_000, 5, 1]]);
    }
}
