//! Whose the store is, and what killed eadems left in it.

use std::path::Path;

use eadem_model::{Ability, Level};
use eadem_store::{Look, inspect};
use rustix::fs::{Access, access};

use crate::report::Report;

const NAME: &str = "store";

const ELSEWHERE: &str = "name a store of your own by --store DIR";

pub(crate) fn look(dir: &Path) -> Ability {
    let place = dir.display();
    let missing = |found: String| Ability::flawed(NAME, Level::Missing, found, Some(ELSEWHERE.to_owned()));
    let me = rustix::process::geteuid().as_raw();
    match inspect(dir) {
        Err(error) => missing(Report::from(error).line()),
        Ok(Look::Foreign) => missing(format!("{place} holds other things than a store")),
        Ok(Look::New) if !can_be_made(dir) => {
            missing(format!("{place} cannot be made: it lies where nothing may be written"))
        }
        Ok(Look::New) => Ability::good(NAME, format!("{place} will be made by the first command")),
        Ok(Look::Store { owner, .. }) if owner != me => {
            missing(format!("{place} belongs to the user {owner}, and this is {me}"))
        }
        Ok(Look::Store { layout, n_leftovers, .. }) => {
            let leftovers = match n_leftovers {
                0 => String::new(),
                n => format!(", with {n} leftovers that the next command sweeps"),
            };
            Ability::good(NAME, format!("{place}, layout {layout}, yours{leftovers}"))
        }
    }
}

/// Whether the nearest directory that is there takes new ones.
fn can_be_made(dir: &Path) -> bool {
    let nearest = dir.ancestors().find(|dir| dir.exists());
    nearest.is_some_and(|dir| access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_cannot_be_used_is_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(look(dir.path()).level, Level::Good);
        std::fs::write(dir.path().join("letter"), "x").expect("written");
        let ability = look(dir.path());
        assert_eq!((ability.level, ability.remedy.as_deref()), (Level::Missing, Some(ELSEWHERE)));
    }
}
