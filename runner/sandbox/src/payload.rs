//! The program that the plan asks for, from fork to exec.
#![allow(unsafe_code, reason = "fork, exec and signals have no safe form")]

use std::{
    convert::Infallible,
    ffi::CString,
    io::{self, Write},
    os::unix::net::UnixStream,
    ptr,
};

use eadem_model::{Isolation, Kernel, Limits, Processors, Room};
use rustix::{
    fs::Mode,
    io::Errno,
    process::{Pid, Resource, Rlimit, chdir, getrlimit, setrlimit, setsid, umask},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::{
    clock::Clock,
    failure::{Attempt, Blame, Failure},
    filter::Filter,
    halt::Step,
    headroom,
    launch::Launch,
    missing,
    mount::last_error,
    report::{Note, Report},
    stdio::{CONNECT_STEP, Streams, connect},
};

/// Whether there is a processor to give up.
pub(crate) fn can_give_a_processor_up() -> bool {
    sched_getaffinity(None).is_ok_and(|allowed| allowed.count() > 1)
}

const MAX_OPEN_FILES: u64 = 8192;
/// The usual size. Programs lie in memory below the stack's limit, so it is the same everywhere.
const STACK_BYTES: u64 = 8 << 20;

/// Arguments and environment in the form that the kernel takes, made before there is a second process.
pub(crate) struct Program {
    candidates: Vec<CString>,
    argv: Vec<CString>,
    env: Vec<CString>,
    /// Where a name without a slash was looked up.
    path: Option<String>,
}

impl Program {
    /// Reads the program of a room; `None` is a probe, which ends before it would start one.
    pub(crate) fn of(room: &Room) -> Result<Option<Self>, Failure> {
        let Some(name) = room.argv.first() else { return Ok(None) };
        let env = room.env.iter().map(|(name, value)| format!("{name}={value}"));
        let program = || {
            Ok(Self {
                candidates: all(candidates(name, room).into_iter())?,
                argv: all(room.argv.iter().cloned())?,
                env: all(env)?,
                path: room.env.get("PATH").cloned(),
            })
        };
        program().map(Some).map_err(|_: std::ffi::NulError| Failure {
            step: "an argument or variable with a NUL in it".to_owned(),
            errno: libc::EINVAL,
            blame: Blame::Plan,
        })
    }
}

fn all(texts: impl Iterator<Item = String>) -> Result<Vec<CString>, std::ffi::NulError> {
    texts.map(CString::new).collect()
}

/// A name without a slash is looked up as shells do.
pub(crate) fn candidates(name: &str, room: &Room) -> Vec<String> {
    let path = room.env.get("PATH").filter(|_| !name.contains('/'));
    path.map_or_else(
        || vec![name.to_owned()],
        |path| path.split(':').map(|dir| format!("{dir}/{name}")).collect(),
    )
}

/// Starts the payload; returns in pid 1 only.
pub(crate) fn start(
    launch: &Launch,
    filter: &Filter,
    engine: &UnixStream,
    clock: &Clock<'_>,
) -> Result<Pid, Failure> {
    let first = || {
        launch.halt.at(Step::PayloadBeforeExec);
        clock.enter()
    };
    start_after(&first, (&launch.room, launch.streams), filter, engine)
}

/// The same; the payload's process does `first` before anything else.
pub(crate) fn start_after(
    first: &dyn Fn() -> Result<(), Failure>,
    (room, streams): (&Room, Streams),
    filter: &Filter,
    engine: &UnixStream,
) -> Result<Pid, Failure> {
    let program = Program::of(room)?;
    // SAFETY: this process has one thread, so the child may go on as it likes.
    match unsafe { libc::fork() } {
        0 => become_payload(
            first().and_then(|()| prepare(room, streams, filter, engine)),
            program.as_ref(),
            engine,
        ),
        -1 => Err(last_error()).machine("starting a process"),
        pid => Ok(Pid::from_raw(pid).expect("no child has the pid 0")),
    }
}

fn become_payload(ready: Result<(), Failure>, program: Option<&Program>, engine: &UnixStream) -> ! {
    let status = match ready {
        Ok(()) => program.map_or(0, exec),
        Err(failure) => {
            Report::Failed(failure).send(engine);
            1
        }
    };
    exit_now(status)
}

/// Ends this process without running anything that belongs to the process it was forked from.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: always; nothing of this process is used any more.
    unsafe { libc::_exit(status) }
}

fn prepare(room: &Room, streams: Streams, filter: &Filter, engine: &UnixStream) -> Result<(), Failure> {
    setsid().machine("starting a session")?;
    forget_signals();
    limit(&room.limits).machine("setting limits")?;
    choose_processors(room)?;
    match settle(room.kernel) {
        // A container's filter may forbid it, and there a weak room goes without.
        Err(Errno::PERM) if filter.isolation() == Isolation::Weak => {
            Report::Went(Note::RandomAddresses).send(engine);
        }
        settled => settled.machine(SETTLE_STEP)?,
    }
    umask(Mode::from_raw_mode(room.umask));
    chdir(room.cwd.as_str()).plan(&format!("the working directory `{}`", room.cwd))?;
    connect(streams).machine(CONNECT_STEP)?;
    filter.install()
}

/// Gives this process, and all that it starts, the processors of the setting.
pub(crate) fn choose_processors(room: &Room) -> Result<(), Failure> {
    if room.processors == Processors::OneFewer && can_give_a_processor_up() {
        give_one_processor_up().machine("choosing processors")?;
    }
    Ok(())
}

/// Rust programs ignore SIGPIPE, the keeper ignores more, and pid 1 blocks SIGCHLD.
pub(crate) fn forget_signals() {
    const LAST: usize = 64;
    /// Handler, flags, restorer and mask as the kernel has them; all zeros is the default action.
    static DEFAULT: [u64; 4] = [0; 4];
    for signal in 1..=LAST {
        // The system call itself, since libc keeps two signals to itself and would not let them go.
        // SAFETY: the kernel reads `DEFAULT`, whose mask has the length that the last argument says.
        // Signals that have no other action refuse.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const DEFAULT, ptr::null::<u64>(), 8_usize)
        };
    }
    // SAFETY: all zeros is an empty set on Linux, and the kernel only reads it.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &std::mem::zeroed(), ptr::null_mut()) };
}

fn limit(limits: &Limits) -> rustix::io::Result<()> {
    rlimits(limits).into_iter().try_for_each(|(resource, limit)| setrlimit(resource, limit))
}

/// The limits of each process of a room, as far as this process may set them.
pub(crate) fn rlimits(limits: &Limits) -> [(Resource, Rlimit); 5] {
    let at_most = |resource, value: u64, hard: u64| {
        let maximum = getrlimit(resource).maximum.map_or(hard, |most| most.min(hard));
        let current = Some(value.min(maximum));
        (resource, Rlimit { current, maximum: Some(maximum).filter(|most| *most != u64::MAX) })
    };
    let (processes, file_bytes) = (headroom::processes(limits), headroom::disk(limits).bytes);
    [
        at_most(Resource::Core, 0, 0),
        at_most(Resource::Nproc, processes, processes),
        at_most(Resource::Fsize, file_bytes, file_bytes),
        at_most(Resource::Nofile, MAX_OPEN_FILES, u64::MAX),
        at_most(Resource::Stack, STACK_BYTES, u64::MAX),
    ]
}

fn give_one_processor_up() -> rustix::io::Result<()> {
    let mut allowed = sched_getaffinity(None)?;
    if let Some(highest) = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)) {
        allowed.unset(highest);
    }
    sched_setaffinity(None, &allowed)
}

/// What [`settle`] does, in words.
pub(crate) const SETTLE_STEP: &str = "turning address randomisation off";

/// Turns the randomisation of addresses off, which reach outputs by way of hash tables and debug output, and
/// chooses the kernel's release.
pub(crate) fn settle(kernel: Kernel) -> rustix::io::Result<()> {
    let release = match kernel {
        Kernel::Own => 0,
        Kernel::TwoSix => libc::UNAME26,
    };
    // SAFETY: the call changes flags that the next exec, and uname, read.
    match unsafe { libc::personality((libc::ADDR_NO_RANDOMIZE | release) as libc::c_ulong) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Becomes the program, or returns the exit status that says why not.
fn exec(program: &Program) -> i32 {
    let Err(error) = first_success(program.candidates.iter().map(|path| exec_at(path, program)));
    let name = program.argv[0].to_string_lossy();
    // The payload's own log is the place to say it; if even that fails, the status remains.
    let _ = io::stderr().write_all(missing::words(&name, program.path.as_ref(), &error).as_bytes());
    missing::status(&error)
}

/// Like shells: of several places, one that was there tells more than one that was not.
pub(crate) fn first_success<T>(tries: impl Iterator<Item = io::Result<T>>) -> io::Result<T> {
    let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
    for attempt in tries {
        match attempt {
            Ok(done) => return Ok(done),
            Err(error) if worst.kind() == io::ErrorKind::NotFound => worst = error,
            Err(_) => {}
        }
    }
    Err(worst)
}

fn exec_at(path: &CString, program: &Program) -> Result<Infallible, io::Error> {
    let pointers = |texts: &[CString]| -> Vec<_> {
        texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, env) = (pointers(&program.argv), pointers(&program.env));
    // SAFETY: both arrays end with a null pointer and point to C strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    Err(io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::bare_room;

    #[test]
    fn a_name_without_a_slash_is_looked_up_in_the_rooms_path() {
        let mut room = bare_room();
        room.env.insert("PATH".into(), "/usr/local/bin:/bin".into());
        assert_eq!(candidates("cc", &room), ["/usr/local/bin/cc", "/bin/cc"]);
        assert_eq!(candidates("/bin/cc", &room), ["/bin/cc"]);
    }

    #[test]
    fn a_nul_in_an_argument_is_the_plans_fault() {
        let mut room = bare_room();
        room.argv = vec!["/bin/true".into(), "a\0b".into()];
        let failure = Program::of(&room).map(|_| ()).expect_err("cannot be passed on");
        assert_eq!(failure.blame, Blame::Plan);
    }
}
