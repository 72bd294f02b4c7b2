//! Ranges of user ids that this user may give to a room.

use eadem_model::{Ability, EngineError, Level};
use rustix::process::geteuid;

use crate::range::{N_IDS, Range};

const NAME: &str = "subuid";

/// Looks for what a room with many users needs.
pub(crate) fn look() -> Ability {
    judge(Range::find(), geteuid().is_root())
}

fn judge(found: Result<Range, EngineError>, is_root: bool) -> Ability {
    let without = "so no room has more users than one";
    match found {
        Ok(_) if is_root => Ability::good(NAME, format!("root gives {N_IDS} ids to a room that wants them")),
        Ok(Range { users, groups }) => {
            Ability::good(NAME, format!("{N_IDS} ids, from {users} for users and from {groups} for groups"))
        }
        Err(EngineError::Forbidden { step, errno, remedy, .. }) => {
            Ability::flawed(NAME, Level::Partly, format!("{step}: {errno}, {without}"), Some(remedy))
        }
        Err(error) => Ability::flawed(NAME, Level::Partly, format!("{error}, {without}"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_range_is_no_obstacle_and_has_its_command() {
        let remedy = "usermod --add-subuids 100000-165535 ann".to_owned();
        let (step, errno) = ("finding ids".to_owned(), "there are none".to_owned());
        let missing = EngineError::Forbidden { step, errno, facts: Vec::new(), remedy: remedy.clone() };
        let ability = judge(Err(missing), false);
        assert_eq!((ability.level, ability.remedy), (Level::Partly, Some(remedy)));
        let found = judge(Ok(Range { users: 100_000, groups: 200_000 }), false).found;
        assert_eq!(found, "65536 ids, from 100000 for users and from 200000 for groups");
    }
}
