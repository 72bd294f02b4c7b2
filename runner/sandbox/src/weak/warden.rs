//! The process between a keeper and a weak payload: what pid 1 is to other rooms.

use std::{
    io::{PipeReader, Read},
    os::unix::net::UnixStream,
    path::Path,
};

use eadem_model::Room;
use rustix::{
    io::Errno,
    process::{
        Pid, Signal, chdir, chroot, getpid, getppid, set_child_subreaper, set_parent_process_death_signal,
    },
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::{
    failure::{Attempt, Blame, Failure},
    filter::Filter,
    payload::{self, exit_now},
    privilege::drop_bounding_set,
    reap::Children,
    report::{Note, Report},
    stdio::Streams,
    weak::{
        claim::Claim,
        landlock::{self, Fence},
    },
};

/// What a warden has from its keeper.
pub(crate) struct Post<'a> {
    /// The room, with the ids of the claimed user.
    pub(crate) room: &'a Room,
    /// Where the payload is locked in.
    pub(crate) root: &'a Path,
    pub(crate) filter: &'a Filter,
    pub(crate) claim: &'a Claim,
    /// Where reports go.
    pub(crate) engine: &'a UnixStream,
}

/// Lives as the warden. One byte comes from the keeper when the room may begin, and the end when the
/// keeper is dead.
pub(crate) fn live(post: &Post<'_>, mut keeper: PipeReader) -> ! {
    let begins = keeper.read_exact(&mut [0]).is_ok();
    if let Some(Err(failure)) = begins.then(|| attend(post, &keeper)) {
        Report::Failed(failure).send(post.engine);
    }
    exit_now(0)
}

fn attend(post: &Post<'_>, keeper: &PipeReader) -> Result<(), Failure> {
    set_child_subreaper(Some(getpid())).machine("adopting orphans")?;
    let children = Children::watch().machine("watching for children")?;
    let warden = getpid();
    let room = (post.room, Streams::Log);
    let payload = payload::start_after(&|| lock_in(post, warden), room, post.filter, post.engine)?;
    let status = children.until_ended(payload, keeper).machine("waiting for the payload")?;
    post.claim.clear()?;
    if let Some(status) = status {
        Report::Ended { status }.send(post.engine);
    }
    Ok(())
}

/// Turns this process from root into the room's user, who cannot get out or up.
fn lock_in(post: &Post<'_>, warden: Pid) -> Result<(), Failure> {
    chroot(post.root).machine("changing the root directory (chroot)")?;
    chdir("/").machine("entering the room")?;
    match drop_bounding_set(CapabilitySet::empty()) {
        // Without that power the set stays, and `no_new_privs` makes it worthless.
        Err(Errno::PERM) => {}
        dropped => dropped.machine("emptying the bounding set")?,
    }
    become_user(post.claim).machine("becoming the room's user")?;
    tie_to(warden).machine("tying the payload to its warden")?;
    set_no_new_privs(true).machine("forbidding new privileges")?;
    let fence = landlock::confine(post.room).map_err(|_| Failure {
        step: "confining the payload by landlock".to_owned(),
        errno: libc::ENOTSUP,
        blame: Blame::Machine,
    })?;
    if fence == Fence::Absent {
        Report::Went(Note::NoLandlock).send(post.engine);
    }
    Ok(())
}

/// A warden that dies while its payload is still root could not be replaced by ending the user's
/// processes. The wish comes after the change of user, which would clear it.
fn tie_to(warden: Pid) -> rustix::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() == Some(warden) { Ok(()) } else { Err(Errno::SRCH) }
}

fn become_user(claim: &Claim) -> rustix::io::Result<()> {
    let (uid, gid) = claim.ids();
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    // No longer root, so the kernel takes the capabilities away; those to inherit are taken here.
    set_thread_res_uid(uid, uid, uid)?;
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}
