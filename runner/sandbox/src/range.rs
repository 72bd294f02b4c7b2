//! Which ids of the host stand for the other users of a room.
//!
//! A room whose plan asks for [`eadem_model::Users::Range`] has 65536 users. The payload's own is the
//! one that it would be anyhow; the others are as many ids of the host, one after the other, that own
//! nothing there.

use std::{fs, path::Path};

use eadem_model::EngineError;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::{identity, newuidmap};

/// So many ids of a room have an id of the host.
pub(crate) const N_IDS: u32 = 65_536;

/// Root's own choice, where `/etc/subuid` says nothing of root: behind what systemd gives to containers
/// and what `useradd` gives to users, and below the ids that some programs take for negative.
const UNUSED: u32 = 0x7000_0000;

/// The first of [`N_IDS`] ids for users and of as many for groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) users: u32,
    pub(crate) groups: u32,
}

impl Range {
    /// The ids that this user may give to rooms.
    ///
    /// # Errors
    /// Nobody gave this user any, or the programs are missing that hand them out.
    pub(crate) fn find() -> Result<Self, EngineError> {
        let find = |file, map| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let entry = first(&text, &Owner::of_this_process());
            let fixed = gives_ids_away().then_some(UNUSED);
            entry.or(fixed).filter(|first| !geteuid().is_root() || is_covered(map, *first))
        };
        let (users, groups) = (find(Path::new(SUBUID), "uid_map"), find(Path::new(SUBGID), "gid_map"));
        let (Some(users), Some(groups)) = (users, groups) else { return Err(none()) };
        if !gives_ids_away() && newuidmap::programs().is_none() {
            return Err(forbidden("finding newuidmap and newgidmap", "they are not installed", INSTALL));
        }
        Ok(Self { users, groups })
    }
}

const SUBUID: &str = "/etc/subuid";
const SUBGID: &str = "/etc/subgid";
const INSTALL: &str = "apt-get install uidmap";

/// Whether this process may map ids itself.
fn gives_ids_away() -> bool {
    geteuid().is_root() && identity::outer_ids().0 != geteuid().as_raw()
}

/// Nobody can give away what the namespace around eadem does not have.
fn is_covered(map: &str, first: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/self/{map}")).unwrap_or_default();
    identity::covers(&text, first) && identity::covers(&text, first + (N_IDS - 1))
}

fn none() -> EngineError {
    let taken = [SUBUID, SUBGID].map(|file| end(&fs::read_to_string(file).unwrap_or_default()));
    let start = taken.into_iter().max().unwrap_or_default().max(100_000);
    let (last, user) = (start + (N_IDS - 1), Owner::of_this_process());
    let remedy = if geteuid().is_root() {
        "run eadem as an ordinary user, or give the container all ids (docker run --privileged)".to_owned()
    } else {
        format!("usermod --add-subuids {start}-{last} --add-subgids {start}-{last} {}", user.name())
    };
    let step = format!("finding {N_IDS} subordinate ids of user {} for the room's users", user.name());
    forbidden(&step, "there are none", &remedy)
}

fn forbidden(step: &str, errno: &str, remedy: &str) -> EngineError {
    let fact = |file| {
        let n_lines = fs::read_to_string(file).unwrap_or_default().lines().count();
        format!("{file}: {n_lines} entries")
    };
    EngineError::Forbidden {
        step: step.to_owned(),
        errno: errno.to_owned(),
        facts: [SUBUID, SUBGID].map(fact).to_vec(),
        remedy: remedy.to_owned(),
    }
}

/// Whom an entry may name: by number, or by any of the names that the number has.
struct Owner {
    id: String,
    names: Vec<String>,
}

impl Owner {
    fn of_this_process() -> Self {
        let id = geteuid().as_raw().to_string();
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&id.as_str())).then(|| fields[0].to_owned())
        };
        Self { names: accounts.lines().filter_map(name).collect(), id }
    }

    fn name(&self) -> &str {
        self.names.first().unwrap_or(&self.id)
    }

    fn is(&self, word: &str) -> bool {
        word == self.id || self.names.iter().any(|name| name == word)
    }
}

/// One line of `/etc/subuid`: whose, the first id, how many.
fn entries(text: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let mut next = || fields.next();
        Some((next()?, next()?.parse().ok()?, next()?.parse().ok()?))
    })
}

/// The first id of the first entry that is large enough.
fn first(text: &str, owner: &Owner) -> Option<u32> {
    let suits = |(word, first, n): &(&str, u32, u32)| {
        owner.is(word) && *n >= N_IDS && first.checked_add(N_IDS).is_some() && *first > 0
    };
    entries(text).find(suits).map(|(_, first, _)| first)
}

/// The first id that no entry has.
fn end(text: &str) -> u32 {
    entries(text).map(|(_, first, n)| first.saturating_add(n)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_its_owner_and_is_large_enough() {
        let owner = Owner { id: "1000".into(), names: vec!["joan".into()] };
        for (text, wanted) in [
            ("joan:100000:65536\n", Some(100_000)),
            ("1000:200000:65536\n", Some(200_000)),
            ("joan:100000:65535\njoan:300000:70000\n", Some(300_000)),
            ("joanna:100000:65536\n", None),
            ("joan:4294967000:65536\njoan:0:65536\n", None),
            ("joan:x:65536\n\njoan\n", None),
        ] {
            assert_eq!(first(text, &owner), wanted, "{text:?}");
        }
        assert_eq!(end("a:100000:65536\nb:165536:65536\n"), 231_072);
    }
}
