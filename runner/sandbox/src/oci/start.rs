//! Has the runtime make the container and start the program in it.
//!
//! Detached, the runtime ends when the program runs, so its status is about the room and the program's is
//! the program's own. The program is then the holder's child: it is the pid 1 that orphans are given to.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixListener, process::CommandExt},
    },
    process::{Command, Stdio},
};

use rustix::process::Pid;

use super::{
    holder::STAGE,
    log,
    runtime::{Runtime, command, words},
};
use crate::{
    failure::{Attempt, Blame, Failure},
    passing,
    stdio::{CONNECT_STEP, Streams, hand_out},
};

/// What the container is called among those of the room's own runtime.
const NAME: &str = "eadem";

/// Where the runtime tells the program's pid.
const PID: &str = "pid";

/// Where it says what went wrong.
const LOG: &str = "log";

/// Where it hands out the terminal that it made.
const CONSOLE: &str = "console";

/// Starts the program; its streams are this process's, or a terminal of the container's own.
pub(crate) fn start(runtime: &Runtime, streams: Streams) -> Result<Pid, Failure> {
    match streams {
        Streams::Terminal => start_at_terminal(runtime)?,
        _ => make("run", runtime, |command| command.arg("--detach"))?,
    }
    let pid = fs::read_to_string(PID).ok().and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
    pid.ok_or_else(|| refused(runtime, "did not tell the pid of what it started"))
}

/// The program waits until its terminal is like the user's.
fn start_at_terminal(runtime: &Runtime) -> Result<(), Failure> {
    let listener = listen().machine("making a socket for the runtime")?;
    make("create", runtime, |command| silent(command.args(["--console-socket", &at(CONSOLE)])))?;
    let terminal = terminal(&listener)
        .map_err(|error| refused(runtime, &format!("did not hand out the room's terminal: {error}")))?;
    hand_out(&terminal).machine(CONNECT_STEP)?;
    drop(terminal);
    invoke(runtime, silent(subcommand("start", runtime).arg(NAME)))
}

fn listen() -> io::Result<UnixListener> {
    let listener = UnixListener::bind(CONSOLE)?;
    // A runtime that has ended will not connect any more.
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn terminal(listener: &UnixListener) -> io::Result<OwnedFd> {
    let (runtime, _) = listener.accept()?;
    let [terminal] = passing::receive(runtime, &mut [0])?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(terminal)
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// Makes the container of the bundle.
fn make(
    verb: &str,
    runtime: &Runtime,
    more: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<(), Failure> {
    let mut command = subcommand(verb, runtime);
    more(&mut command).args(["--pid-file", &at(PID), "--bundle", &at("bundle"), NAME]);
    invoke(runtime, &mut command)
}

fn subcommand(verb: &str, runtime: &Runtime) -> Command {
    let mut command = command(&runtime.program);
    command.args(["--root", &at("state"), "--log", &at(LOG), "--log-format", "json"]);
    command.args(words(&runtime.program)).arg(verb);
    command.uid(0).gid(0);
    command
}

fn at(name: &str) -> String {
    format!("{STAGE}/{name}")
}

fn invoke(runtime: &Runtime, command: &mut Command) -> Result<(), Failure> {
    let ended = command.status().map_err(|error| refused(runtime, &format!("cannot be run: {error}")))?;
    if ended.success() {
        return Ok(());
    }
    let said = fs::read_to_string(LOG).ok().and_then(|text| log::last_error(&text));
    let said = said.unwrap_or_else(|| format!("it ended with {ended} and did not say why"));
    Err(refused(runtime, &format!("did not start the room: {said}")))
}

fn refused(Runtime { program, .. }: &Runtime, what: &str) -> Failure {
    let step = format!("`{}` {what}", program.display());
    Failure { step, errno: libc::ECANCELED, blame: Blame::Runtime }
}
