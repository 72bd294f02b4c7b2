//! The holder: the first process of the namespaces that a runtime works in.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::Path,
};

use eadem_model::{Processors, Room};
use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, mkdir, open, openat2},
    io::Errno,
    process::Pid,
    stdio::stderr,
    thread::sched_getaffinity,
};

use super::{
    runtime::{Runtime, wants_cgroups},
    start::start,
};
use crate::{
    device::show_nodes,
    failure::{Attempt, Failure},
    halt::Step,
    init::{Birth, census, hand_over, mount_disk, mount_scratch, name},
    launch::Launch,
    missing, mount, network,
    payload::{self, Program},
    privilege, procfs,
    reap::Children,
    report::{Note, Report},
    stage,
    stdio::{self, CONNECT_STEP, Streams, connect},
};

/// Where the stage is mounted. `/proc` and `/dev` are what the runtime itself needs of the host.
pub(crate) const STAGE: &str = "/sys";

const CGROUPS: &str = "/sys/fs/cgroup";

/// Lives as pid 1 of the room's namespaces, until the program of the room has ended.
pub(crate) fn run(mut birth: Birth<'_>, runtime: &Runtime) -> Result<(), Failure> {
    furnish(&mut birth, runtime)?;
    let room = &birth.launch.room;
    name(room).machine("naming the host")?;
    network::raise_loopback()?;
    privilege::hide()?;
    payload::forget_signals();
    payload::choose_processors(room)?;
    payload::settle(room.kernel).machine(payload::SETTLE_STEP)?;
    if birth.launch.streams != Streams::Terminal {
        // What is missing is said where the program would speak, and the runtime hands on what it has.
        connect(birth.launch.streams).machine(CONNECT_STEP)?;
    }
    match if runtime.probe { None } else { missing(birth.launch)? } {
        Some(status) => Report::Ended { status }.send(birth.engine),
        None => attend(&birth, runtime)?,
    }
    Ok(())
}

/// Mounts what the runtime finds at the bundle's root, and a `/proc` of these namespaces.
fn furnish(birth: &mut Birth<'_>, runtime: &Runtime) -> Result<(), Failure> {
    let sources = birth.sources()?;
    let room = &birth.launch.room;
    let cgroups = cgroups(runtime).machine("showing the control groups")?;
    // A runtime shows the host's nodes as it finds them.
    show_nodes("/dev")?;
    let memory = stage::open(STAGE)?;
    birth.halt_at(Step::Pid1StageOpen);
    stage::mount_root(room, &sources.layers)?;
    birth.halt_at(Step::Pid1RootMounted);
    let scratch = mount_disk(birth.launch, &sources)?;
    let notes = [stage::mount_inputs(room, &sources.inputs)?, mount_scratch(room, &sources)?];
    birth.halt_at(Step::Pid1ScratchMounted);
    stage::mount_memory(&stage::TEMPORARY)?;
    furnish_runtime(runtime, cgroups.as_ref()).machine("making places for the runtime")?;
    procfs::mount_whole("/proc")?;
    birth.halt_at(Step::Pid1ProcMounted);
    let handed = hand_over(&birth.guard, "/proc", memory, scratch);
    handed.machine("letting the keeper look into the room")?;
    notes.into_iter().flatten().for_each(|note| Report::Went(note).send(birth.engine));
    Ok(())
}

/// The host's control groups, if the runtime wants to see them and there are some.
fn cgroups(runtime: &Runtime) -> rustix::io::Result<Option<OwnedFd>> {
    match wants_cgroups(&runtime.program).then(|| mount::tree_at(CGROUPS)).transpose() {
        Err(Errno::NOENT) => Ok(None),
        cgroups => cgroups,
    }
}

/// The bundle, a place for the runtime's own state, and the control groups.
///
/// Nobody can write to the groups from here: a runtime that wants to limit rooms itself must
/// not leave groups behind.
fn furnish_runtime(runtime: &Runtime, cgroups: Option<&OwnedFd>) -> io::Result<()> {
    fs::set_permissions(stage::SHARED.0, fs::Permissions::from_mode(0o1777))?;
    for name in ["bundle", "state", "fs", "fs/cgroup"] {
        mkdir(name, Mode::from_raw_mode(0o755))?;
    }
    fs::write("bundle/config.json", &runtime.config)?;
    match cgroups {
        Some(cgroups) => Ok(mount::attach_read_only(cgroups, "fs/cgroup")?),
        None => Ok(()),
    }
}

/// Whether the program or its working directory is not there, which each runtime would word otherwise.
///
/// Gives the wait status of a shell that says so, after having said it in the program's place.
fn missing(Launch { room, streams, .. }: &Launch) -> Result<Option<i32>, Failure> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open("root", flags, Mode::empty()).machine("opening the room's root")?;
    let cwd = openat2(&root, room.cwd.as_str(), flags, Mode::empty(), ResolveFlags::IN_ROOT);
    cwd.plan(&format!("the working directory `{}`", room.cwd))?;
    let (Some(_), Some(program)) = (Program::of(room)?, room.argv.first()) else { return Ok(Some(0)) };
    let tries = payload::candidates(program, room).into_iter().map(|path| look(&root, room, &path));
    let Err(error) = payload::first_success(tries) else { return Ok(None) };
    if *streams == Streams::Terminal {
        // Not the room's own, which the runtime would make; but nobody is in the room to see that.
        connect(*streams).machine(CONNECT_STEP)?;
    }
    let _ = rustix::io::write(stderr(), missing::words(program, room.env.get("PATH"), &error).as_bytes());
    Ok(Some(missing::status(&error) << 8))
}

/// Whether there is a program in the room. Links are followed as the room's root would.
fn look(root: &OwnedFd, room: &Room, path: &str) -> io::Result<()> {
    let path = Path::new(room.cwd.as_str()).join(path);
    let file = openat2(root, &path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)?;
    let mode = fstat(&file)?.st_mode;
    let can_run = FileType::from_raw_mode(mode) == FileType::RegularFile && mode & 0o111 != 0;
    if can_run { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

fn attend(birth: &Birth<'_>, runtime: &Runtime) -> Result<(), Failure> {
    let children = Children::watch().machine("watching for children")?;
    let program = start(runtime, birth.launch.streams)?;
    stdio::let_go().machine("leaving the program's streams")?;
    birth.halt_at(Step::Pid1PayloadStarted);
    if birth.launch.room.processors == Processors::OneFewer && !is_bound_as_we_are(program) {
        Report::Went(Note::NotBound).send(birth.engine);
    }
    let status = children.until_ended(program, &birth.keeper).machine("waiting for the program")?;
    birth.halt_at(Step::Pid1PayloadEnded);
    if let Some(status) = status {
        census(&birth.launch.room.limits).into_iter().for_each(|report| report.send(birth.engine));
        Report::Ended { status }.send(birth.engine);
    }
    Ok(())
}

/// Some runtimes give a container all processors, wherever they themselves may run.
fn is_bound_as_we_are(program: Pid) -> bool {
    match (sched_getaffinity(None), sched_getaffinity(Some(program))) {
        (Ok(ours), Ok(its)) => ours == its,
        _ => false,
    }
}
