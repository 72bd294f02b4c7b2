//! Rooms without namespaces, for those who ask for them by name.
//!
//! Where namespaces are forbidden but root is there (a container's default), a room can be a directory
//! that its payload cannot leave and a user that owns nothing else. That keeps an honest build from
//! what it should not see. It shares the host's processes, network stack and kernel objects with a
//! hostile one, and only the filter of system calls stands in between; so it proves nothing, and every
//! outcome says what it lacked.
//!
//! The **keeper** lays the image out, forks the **warden**, and moves what the build wrote to where the
//! engine looks for it. The warden starts the payload and adopts its orphans; it stays root, so no
//! payload can stop it. Whichever of the two dies first, the other ends what the payload's user runs.

mod claim;
mod copy;
mod landlock;
mod root;
mod warden;

use std::{
    io::pipe,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use eadem_model::{Ability, DirectoryOrder, EngineError, Level, Room, Skipped};
use rustix::{
    process::{geteuid, getpid, set_child_subreaper},
    thread::{CapabilitySet, capabilities},
};

use crate::{
    directory::{Directory, scratch_name},
    failure::{Attempt, Failure},
    filter::Filter,
    guard::Guard,
    keeper::{fork_room, furnish, leave_log},
    launch::Launch,
    report::Report,
    weak::claim::Claim,
};

/// What every weak room goes without.
const LACKS: [&str; 6] = [
    "namespaces: the build can see the host's name, the ids of its processes and its kernel objects",
    "a user id of the setting's choice",
    "/proc and /sys",
    "a network of its own: every socket is refused, a loopback too",
    "temporary directories in memory: they lie on the store's disk",
    "proof: a weak room verifies nothing",
];

/// Says what else the room went without.
pub(crate) fn lacks() -> impl Iterator<Item = String> {
    LACKS.iter().map(|lack| (*lack).to_owned())
}

/// What of the setting no weak room can have.
pub(crate) fn skipped(room: &Room) -> Vec<Skipped> {
    let skip = |variation: &str, reason: &str| Skipped {
        variation: variation.to_owned(),
        reason: reason.to_owned(),
    };
    let mut skipped = vec![
        skip("hostname", "a weak room has the host's name"),
        skip("ids", "a weak room's user has an id of the host"),
    ];
    if room.order != DirectoryOrder::AsStored {
        skipped.push(skip("order", "a weak room lists its inputs as the store's file system does"));
    }
    skipped
}

/// What a keeper must be able to do.
const NEEDED: [(CapabilitySet, &str); 7] = [
    (CapabilitySet::CHOWN, "CHOWN"),
    (CapabilitySet::DAC_OVERRIDE, "DAC_OVERRIDE"),
    (CapabilitySet::FOWNER, "FOWNER"),
    (CapabilitySet::MKNOD, "MKNOD"),
    (CapabilitySet::SETGID, "SETGID"),
    (CapabilitySet::SETUID, "SETUID"),
    (CapabilitySet::SYS_CHROOT, "SYS_CHROOT"),
];

/// Refuses where no weak room can be made either.
pub(crate) fn check() -> Result<(), EngineError> {
    let sets = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(needed, _)| !sets.contains(*needed)).map(|(_, name)| *name).collect();
    if geteuid().is_root() && missing.is_empty() {
        return Ok(());
    }
    let remedy = if geteuid().is_root() {
        let options: Vec<String> = missing.iter().map(|name| format!("--cap-add {name}")).collect();
        format!("docker run {} …", options.join(" "))
    } else {
        "run eadem as root, or without --isolation weak on a machine that allows user namespaces \
         (`eadem doctor` says how)"
            .to_owned()
    };
    Err(EngineError::Forbidden {
        step: "making a weak room, which wants root".to_owned(),
        errno: std::io::Error::from_raw_os_error(libc::EPERM).to_string(),
        facts: missing.iter().map(|name| format!("this process has no CAP_{name}")).collect(),
        remedy,
    })
}

/// Whether weak rooms can be made, for those who would be content with them.
pub(crate) fn look() -> Ability {
    match check() {
        Ok(()) => Ability::good("weak rooms", "can be made by name (--isolation weak); they prove nothing"),
        Err(_) => {
            let found = "want root and its usual capabilities";
            Ability::flawed(
                "weak rooms",
                Level::Missing,
                found,
                Some("sudo eadem --isolation weak …".to_owned()),
            )
        }
    }
}

/// Makes the room and sees it to its end; the keeper's work.
pub(crate) fn host(launch: &Launch, directory: &Directory, engine: &UnixStream) -> Result<(), Failure> {
    // Nothing comes from the other end: the keeper cannot look into a weak room.
    let (ours, _) = UnixStream::pair().machine("making a pair of sockets")?;
    let mut guard = furnish(launch, directory, ours)?;
    let lived = live(launch, directory, &mut guard, engine);
    let removed = guard.remove_groups().host(|| "removing the control groups of a room".to_owned());
    let (cpu_ms, peak_kib) = lived.and_then(|usage| removed.map(|()| usage))?;
    Report::Gone { cpu_ms, peak_kib }.send(engine);
    Ok(())
}

/// Gives processor time in milliseconds and peak memory in KiB.
fn live(
    launch: &Launch,
    directory: &Directory,
    guard: &mut Guard<'_>,
    engine: &UnixStream,
) -> Result<(u64, u64), Failure> {
    let claim = Claim::take()?;
    let room = claim.own(&launch.room);
    let root = directory.path().join("r");
    root::lay_out(&root, launch, &room)?;
    let filter = Filter::weak()?;
    set_child_subreaper(Some(getpid())).machine("adopting orphans")?;
    let (reader, leash) = pipe().machine("making a pipe")?;
    let post = warden::Post { room: &room, root: &root, filter: &filter, claim: &claim, engine };
    let warden = fork_room(leash, |leash| {
        drop(leash);
        warden::live(&post, reader)
    })?;
    let left = leave_log().machine("leaving the log");
    guard.take_in(warden.pid()).send(engine);
    let usage = warden.wake().and_then(|()| warden.see_to_the_end(engine, guard));
    // Whatever went wrong, nothing of the room outlives this line.
    claim.clear()?;
    left?;
    bring_back(&root, directory, &room)?;
    usage
}

/// Moves the scratch directories to where those of other rooms are.
fn bring_back(root: &Path, directory: &Directory, room: &Room) -> Result<(), Failure> {
    for (index, at) in room.scratch.iter().enumerate() {
        let to: PathBuf = directory.path().join(scratch_name(index));
        let moved = std::fs::rename(root.join(at.below_root()), &to);
        moved.host(|| format!("moving a scratch directory to {}", to.display()))?;
    }
    Ok(())
}
