//! Pid 1 of a room: puts the room together, starts the payload and buries what dies.
#![allow(unsafe_code, reason = "rustix calls leaving a namespace unsafe")]

use std::{
    fs::File,
    io::{self, PipeReader, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use eadem_model::{Limit, Limits, Room};
use rustix::{
    fs::{Gid, Mode, OFlags, Uid, open},
    process::{setsid, umask},
    system::{setdomainname, sethostname},
    thread::{UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe},
};

use crate::{
    clock::Clock,
    device, door,
    failure::{Attempt, Failure},
    filter::Filter,
    halt::Step,
    handover::{Handover, Store},
    inmates::Inmates,
    launch::Launch,
    mount, network, oci,
    payload::{self, exit_now},
    privilege, procfs,
    reap::Children,
    report::{Note, Report},
    source::Sources,
    stage,
    stdio::Streams,
    veil,
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
    /// Where the keeper waits for a way to look into the room.
    pub(crate) guard: UnixStream,
    /// Where reports go.
    pub(crate) engine: &'a UnixStream,
    /// The way to the timekeeper of a room that is to have a clock of its own.
    pub(crate) clock: Option<UnixStream>,
}

impl Birth<'_> {
    /// What the keeper opened, or what is opened now.
    pub(crate) fn sources(&mut self) -> Result<Sources, Failure> {
        self.sources.take().map_or_else(|| Sources::open(self.launch, self.disk), Ok)
    }

    pub(crate) fn halt_at(&self, step: Step) {
        self.launch.halt.at_in_pid_1(step, &self.keeper);
    }
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
    leave_network().machine("leaving the host's network (unshare)")?;
    if birth.keeper.read_exact(&mut [0]).is_err() {
        return Ok(());
    }
    birth.halt_at(Step::Pid1Woken);
    become_user(birth.launch).machine("becoming the room's user")?;
    leave_groups().machine("hiding the room's control groups")?;
    mount::make_private().machine("cutting mounts off from the host's")?;
    if let Some(runtime) = &birth.launch.runtime {
        return oci::run(birth, runtime);
    }
    build(&mut birth)?;
    mount::enter("root").machine("leaving the host's file system")?;
    birth.halt_at(Step::Pid1RootEntered);
    name(room).machine("naming the host")?;
    network::raise_loopback()?;
    privilege::drop_all(room.users)?;
    birth.halt_at(Step::Pid1PowersDropped);
    attend(&birth)
}

/// A new network takes the kernel as long as all the other namespaces do, so it is made here, while the
/// keeper furnishes the room's directory, and not when pid 1 is cloned.
fn leave_network() -> rustix::io::Result<()> {
    // SAFETY: this process has one thread, and no descriptor of it depends on the namespace.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
}

/// Until here root could read what root may; from here on everything is the room's user's.
fn become_user(Launch { room: Room { user, .. }, range, .. }: &Launch) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    if range.is_some() {
        // An ordinary user could not give them up before.
        set_thread_groups(&[])?;
    }
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    setsid()?;
    umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// The room's own groups are the top of what it sees; their names are the host's.
fn leave_groups() -> rustix::io::Result<()> {
    // SAFETY: this process has one thread, and no descriptor of it depends on the namespace.
    unsafe { unshare_unsafe(UnshareFlags::NEWCGROUP) }
}

fn build(birth: &mut Birth<'_>) -> Result<(), Failure> {
    let room = &birth.launch.room;
    let sources = birth.sources()?;
    // The room gets a `/proc` of its own.
    let memory = stage::open("/proc")?;
    birth.halt_at(Step::Pid1StageOpen);
    stage::mount_root(room, &sources.layers)?;
    birth.halt_at(Step::Pid1RootMounted);
    let scratch = mount_disk(birth.launch, &sources)?;
    veil::hang(room)?;
    let notes = [stage::mount_inputs(room, &sources.inputs)?, mount_scratch(room, &sources)?];
    birth.halt_at(Step::Pid1ScratchMounted);
    if birth.launch.streams == Streams::Door {
        door::open().machine("opening the room's door")?;
    }
    device::mount_dev()?;
    stage::mount_memory(&[&stage::TEMPORARY[..], &[stage::SHARED]].concat())?;
    procfs::mount_proc()?;
    birth.halt_at(Step::Pid1ProcMounted);
    hand_over(&birth.guard, "root/proc", memory, scratch).machine("letting the keeper look into the room")?;
    notes.into_iter().flatten().for_each(|note| Report::Went(note).send(birth.engine));
    Ok(())
}

/// The file system of the scratch directories, if it lies in memory.
pub(crate) fn mount_disk(launch: &Launch, sources: &Sources) -> Result<Option<OwnedFd>, Failure> {
    if launch.scratch_in_memory {
        return stage::mount_disk_in_memory(&launch.room).map(Some);
    }
    stage::mount_disk(&sources.disk).map(|()| None)
}

/// The directories that can be written: empty ones, or what a failed build left.
pub(crate) fn mount_scratch(room: &Room, sources: &Sources) -> Result<Option<Note>, Failure> {
    match &sources.kept {
        Some(kept) => stage::mount_kept(room, kept),
        None => stage::mount_scratch(room, sources.start.as_ref()),
    }
}

/// Lets the keeper look into the room: at its processes by this `/proc`, and at its memory.
pub(crate) fn hand_over(
    guard: &UnixStream,
    proc: &str,
    memory: OwnedFd,
    scratch: Option<OwnedFd>,
) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = open(proc, flags, Mode::empty())?;
    let scratch = scratch.map(Store::of).transpose()?;
    Handover { proc, memory: Store::of(memory)?, scratch }.send(guard)
}

/// Gives the room its own name.
pub(crate) fn name(room: &Room) -> rustix::io::Result<()> {
    sethostname(room.hostname.as_bytes())?;
    // What a host without one has.
    setdomainname(b"(none)")
}

fn attend(birth: &Birth<'_>) -> Result<(), Failure> {
    let children = Children::watch().machine("watching for children")?;
    let clock = Clock::tried(birth.clock.as_ref(), birth.launch.room.clock_offset, birth.engine);
    let payload = payload::start(birth.launch, birth.filter, birth.engine, &clock)?;
    birth.halt_at(Step::Pid1PayloadStarted);
    let status = children.until_ended(payload, &birth.keeper).machine("waiting for the payload")?;
    birth.halt_at(Step::Pid1PayloadEnded);
    if let Some(status) = status {
        census(&birth.launch.room.limits).into_iter().for_each(|report| report.send(birth.engine));
        Report::Ended { status }.send(birth.engine);
    }
    Ok(())
}

/// Who starts too many processes and ends before anybody looked is found out by those that still live.
pub(crate) fn census(limits: &Limits) -> Option<Report> {
    let proc = File::open("/proc").ok()?;
    let n = Inmates(proc.as_fd()).n_threads();
    let (limit, value) = (Limit::Processes, limits.processes);
    (n > value).then_some(Report::Exceeded { limit, value })
}
