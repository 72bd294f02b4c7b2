//! Pid 1 of a room: puts the room together, starts the payload and buries what dies.

use std::{
    io::{PipeReader, Read},
    os::unix::net::UnixStream,
    path::Path,
};

use eadem_model::{Room, User};
use rustix::{
    fs::{Gid, Mode, Uid},
    process::{setsid, umask},
    system::{setdomainname, sethostname},
    thread::{set_thread_res_gid, set_thread_res_uid},
};

use crate::{
    device,
    failure::{Attempt, Failure},
    filter::Filter,
    launch::Launch,
    mount, network,
    payload::{self, exit_now},
    privilege, procfs,
    reap::Children,
    report::Report,
    source::Sources,
    stage,
};

/// What pid 1 has from the keeper.
pub(crate) struct Birth<'a> {
    pub(crate) launch: &'a Launch,
    /// The room's own directory on disk.
    pub(crate) disk: &'a Path,
    /// What the keeper opened as root.
    pub(crate) sources: Option<Sources>,
    pub(crate) filter: &'a Filter,
    /// One byte when the ids are mapped, and the end when the keeper is dead.
    pub(crate) keeper: PipeReader,
    /// Where reports go.
    pub(crate) engine: &'a UnixStream,
}

/// Lives as pid 1.
pub(crate) fn live(birth: Birth<'_>) -> ! {
    let engine = birth.engine;
    if let Err(failure) = run(birth) {
        Report::Failed(failure).send(engine);
    }
    exit_now(0)
}

fn run(mut birth: Birth<'_>) -> Result<(), Failure> {
    let room = &birth.launch.room;
    if birth.keeper.read_exact(&mut [0]).is_err() {
        return Ok(());
    }
    become_user(&room.user).machine("becoming the room's user")?;
    mount::make_private().machine("cutting mounts off from the host's")?;
    build(&mut birth)?;
    mount::enter("root").machine("leaving the host's file system")?;
    name(room).machine("naming the host")?;
    network::raise_loopback()?;
    privilege::drop_all()?;
    attend(&birth)
}

/// Until here root could read what root may; from here on everything is the room's user's.
fn become_user(user: &User) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    setsid()?;
    umask(Mode::from_raw_mode(0o022));
    Ok(())
}

fn build(birth: &mut Birth<'_>) -> Result<(), Failure> {
    let room = &birth.launch.room;
    let sources = birth.sources.take().map_or_else(|| Sources::open(birth.launch, birth.disk), Ok)?;
    stage::open()?;
    stage::mount_root(room, &sources.layers)?;
    let notes = [stage::mount_inputs(room, &sources.inputs)?, stage::mount_scratch(room, &sources.disk)?];
    device::mount_dev()?;
    stage::mount_memory()?;
    procfs::mount_proc()?;
    notes.into_iter().flatten().for_each(|note| Report::Went(note).send(birth.engine));
    Ok(())
}

fn name(room: &Room) -> rustix::io::Result<()> {
    sethostname(room.hostname.as_bytes())?;
    // What a host without one has.
    setdomainname(b"(none)")
}

fn attend(birth: &Birth<'_>) -> Result<(), Failure> {
    let children = Children::watch().machine("watching for children")?;
    let payload = payload::start(&birth.launch.room, birth.filter, birth.engine)?;
    let status = children.until_ended(payload, &birth.keeper).machine("waiting for the payload")?;
    if let Some(status) = status {
        Report::Ended { status }.send(birth.engine);
    }
    Ok(())
}
