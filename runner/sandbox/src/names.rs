//! Which names a room can have: they are written into files and lists where some characters divide.

use eadem_model::{EngineError, Room};

/// The kernel takes no longer ones.
const LONGEST_HOSTNAME: usize = 64;

/// Refuses names that would say something else where they are read again.
pub(crate) fn check(room: &Room) -> Result<(), EngineError> {
    let user = &room.user;
    let refusals = [
        ("host name", &room.hostname, is_hostname(&room.hostname)),
        ("user name", &user.name, is_login(&user.name)),
        ("home", &user.home.as_str().to_owned(), !user.home.as_str().contains([':', '\n'])),
    ];
    let variable = room.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0']));
    let refusals =
        refusals.into_iter().filter(|(_, _, is_good)| !is_good).map(|(what, name, _)| (what, name));
    match refusals.chain(variable.map(|name| ("variable", name))).next() {
        Some((what, name)) => {
            Err(EngineError::Plan { what: format!("the {what} `{}`", name.escape_debug()) })
        }
        None => Ok(()),
    }
}

fn is_hostname(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    (1..=LONGEST_HOSTNAME).contains(&name.len()) && name.chars().all(is_good)
}

fn is_login(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::bare_room;

    fn refused(change: impl FnOnce(&mut Room)) -> Option<String> {
        let mut room = bare_room();
        change(&mut room);
        match check(&room) {
            Err(EngineError::Plan { what }) => Some(what),
            _ => None,
        }
    }

    #[test]
    fn names_that_would_divide_a_file_are_refused_by_name() {
        for name in ["a\nb", "a b", "", "ä", &"x".repeat(65)] {
            assert!(refused(|room| room.hostname = name.into()).is_some(), "{name:?}");
        }
        for name in ["a:0:0", "a\nroot", "", "-a"] {
            assert!(refused(|room| room.user.name = name.into()).is_some(), "{name:?}");
        }
        for name in ["/home/a:b", "/home/a\nb"] {
            assert!(refused(|room| room.user.home = name.parse().expect("clean")).is_some(), "{name:?}");
        }
        for name in ["", "A=B", "A\0"] {
            assert!(refused(|room| drop(room.env.insert(name.into(), String::new()))).is_some(), "{name:?}");
        }
        let what = refused(|room| room.hostname = "a\nb".into());
        assert_eq!(what.as_deref(), Some("the host name `a\\nb`"));
    }

    #[test]
    fn other_names_are_the_rooms_own_affair() {
        assert_eq!(refused(|room| room.hostname = "h1.example-2".into()), None);
        assert_eq!(refused(|room| drop(room.env.insert("a,b:c\nd ä".into(), "=\n,:".into()))), None);
        assert_eq!(refused(|room| room.user.home = "/home/a,b c".parse().expect("clean")), None);
    }
}
