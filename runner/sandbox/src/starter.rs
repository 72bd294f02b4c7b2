//! Starts keepers.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::sockopt::{Timeout, set_socket_timeout},
    process::{Pid, Signal, WaitOptions, kill_process, waitpid},
};

use crate::{
    launch::LAUNCHER_WORD,
    launcher::{answer, ask, wire},
};

/// Starts the keepers of one engine, by a launcher if it has one.
pub(crate) struct Starter(Mutex<State>);

enum State {
    /// A launcher is started with the first keeper.
    Ready,
    /// It stands ready.
    Launcher(Launcher),
    /// It did not stand the test, which is not yet said.
    Broken,
    /// Every keeper is executed anew.
    Plain,
}

/// What is said when a launcher fails.
const BROKEN: &str = "the launcher of rooms broke, so each room starts a new process";

impl Starter {
    /// One that uses a launcher.
    pub(crate) fn with_launcher() -> Self {
        Self(Mutex::new(State::Ready))
    }

    /// One that executes the program for each room.
    pub(crate) fn plain() -> Self {
        Self(Mutex::new(State::Plain))
    }

    /// Starts a keeper and tells it what to do by way of its socket; says so if the launcher broke.
    pub(crate) fn start(
        &self,
        tell: impl Fn(&UnixStream) -> io::Result<()>,
    ) -> io::Result<(Started, Option<&'static str>)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Ready = *state {
            *state = Launcher::start().map_or(State::Broken, State::Launcher);
        }
        if let State::Launcher(launcher) = &mut *state {
            match launcher.keeper(&tell) {
                Ok(started) => return Ok((started, None)),
                Err(_) => *state = State::Broken,
            }
        }
        let warning = matches!(*state, State::Broken).then_some(BROKEN);
        *state = State::Plain;
        drop(state);
        Ok((execute(tell)?, warning))
    }
}

/// A keeper and the engine's end of its socket.
pub(crate) struct Started {
    pub(crate) keeper: Own,
    pub(crate) socket: UnixStream,
}

/// A launcher and the wire to it, whose end is the launcher's.
struct Launcher {
    wire: OwnedFd,
    process: Own,
    /// The socket of a keeper that was asked for before it is needed.
    spare: Option<UnixStream>,
}

/// A launcher answers within a millisecond, unless somebody stopped it.
const PATIENCE: Duration = Duration::from_secs(10);

impl Launcher {
    fn start() -> io::Result<Self> {
        let (wire, theirs) = wire()?;
        set_socket_timeout(&wire, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { wire, process: start(theirs)?, spare: None })
    }

    fn keeper(&mut self, tell: impl Fn(&UnixStream) -> io::Result<()>) -> io::Result<Started> {
        let socket = self.spare.take().map_or_else(|| self.ask(), Ok)?;
        let keeper = Own::of(answer(&self.wire)?);
        let (keeper, socket) = told(keeper, socket, tell)?;
        // Without one, the next room finds out what is wrong.
        self.spare = self.ask().ok();
        Ok(Started { keeper, socket })
    }

    fn ask(&self) -> io::Result<UnixStream> {
        let (socket, theirs) = UnixStream::pair()?;
        ask(&self.wire, &theirs)?;
        Ok(socket)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if let Some(socket) = self.spare.take() {
            // A keeper ends with its socket, and is ours to wait for.
            drop(socket);
            let _ = answer(&self.wire).map(Own::of);
        }
        // The end of the wire would do for one that is well. It has nothing to clean up, and it can only
        // fail to die if it is dead.
        let _ = kill_process(self.process.pid, Signal::KILL);
    }
}

fn execute(tell: impl Fn(&UnixStream) -> io::Result<()>) -> io::Result<Started> {
    let (socket, theirs) = UnixStream::pair()?;
    let (keeper, socket) = told(start(theirs.into())?, socket, tell)?;
    Ok(Started { keeper, socket })
}

/// A keeper that cannot be told ends with its socket, which must be closed before it is waited for.
fn told(
    keeper: Own,
    socket: UnixStream,
    tell: impl Fn(&UnixStream) -> io::Result<()>,
) -> io::Result<(Own, UnixStream)> {
    match tell(&socket) {
        Ok(()) => Ok((keeper, socket)),
        Err(error) => {
            drop(socket);
            drop(keeper);
            Err(error)
        }
    }
}

/// Starts the running program itself, even if its file was replaced since. What it becomes depends on
/// the kind of its standard input; its environment is empty, and all other descriptors close by themselves.
pub(crate) fn start(input: OwnedFd) -> io::Result<Own> {
    let mut program = Command::new("/proc/self/exe");
    program.arg0("eadem").arg(LAUNCHER_WORD).env_clear().process_group(0);
    program.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Own::of(Pid::from_child(&program.spawn()?)))
}

/// A child of this process that must be waited for; dropping it does so.
pub(crate) struct Own {
    pid: Pid,
    ended: Option<ExitStatus>,
}

impl Own {
    fn of(pid: Pid) -> Self {
        Self { pid, ended: None }
    }

    /// Lets it go on if somebody stopped it.
    pub(crate) fn wake(&self) {
        if self.ended.is_none() {
            // It can only fail if the process is dead, and then it needs no waking.
            let _ = kill_process(self.pid, Signal::CONT);
        }
    }

    /// Waits for the end, which nobody's SIGSTOP shall put off; may be asked more than once.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.wake();
        loop {
            if let Some(status) = self.look(WaitOptions::empty())? {
                return Ok(status);
            }
        }
    }

    /// Whether it ended.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.look(WaitOptions::NOHANG)?.is_some())
    }

    fn look(&mut self, how: WaitOptions) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = match waitpid(Some(self.pid), how) {
                Err(Errno::INTR) => None,
                waited => waited?.map(|(_, status)| ExitStatus::from_raw(status.as_raw())),
            };
        }
        Ok(self.ended)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Only a child that somebody else waited for cannot be waited for, and then it has ended.
        let _ = self.wait();
    }
}
