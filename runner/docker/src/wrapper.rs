//! How the payload is started: what a daemon has no setting for is done by the image's own shell.
//!
//! The shell is process 1 of the room and stays: the payload is process 2 then, as in the native engine's
//! rooms, signals do to it what they do elsewhere, and its orphans are buried.

use std::path::{Path, PathBuf};

use eadem_model::{EngineError, Room};

use crate::config::Streams;

/// What of the image can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tools {
    /// `sh` and `env`: the mask of modes, an exact environment, one stream of output.
    pub(crate) shell: bool,
    /// `setarch`: no randomisation of addresses.
    pub(crate) setarch: bool,
    /// `du`: counts of files and of bytes on the disk.
    pub(crate) du: bool,
}

/// How a room's program is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) tools: Tools,
    pub(crate) streams: Streams,
}

/// What is started, and with which variables of the daemon's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) entrypoint: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) working_dir: String,
}

/// The exit status of shells for a directory that cannot be entered would be the payload's as well, so
/// the directory is looked at before.
const SCRIPT: &str = "umask \"$1\" && cd \"$2\" && shift 2 && ulimit -S -s 8192 && ";

/// In a log, standard error joins standard output: two streams have no order.
const JOIN: &str = "exec 2>&1 && ";

impl Tools {
    /// Looks for them in an image's layers.
    pub(crate) fn of(layer_dirs: &[PathBuf]) -> Self {
        let has = |name: &str| layer_dirs.iter().any(|dir| is_in(dir, name));
        Self { shell: has("sh") && has("env"), setarch: has("setarch"), du: has("du") }
    }
}

fn is_in(layer: &Path, name: &str) -> bool {
    // A link among the directories leads out of the layer, to the host's programs.
    let is_dir = |dir: &str| layer.join(dir).symlink_metadata().is_ok_and(|data| data.is_dir());
    let has = |dir: &str| layer.join(dir).join(name).symlink_metadata().is_ok();
    is_dir("bin") && has("bin") || is_dir("usr") && is_dir("usr/bin") && has("usr/bin")
}

/// Wraps a room's program.
pub(crate) fn start(
    room: &Room,
    Program { tools, streams }: Program,
    may_settle_addresses: bool,
) -> Result<Start, EngineError> {
    check(room)?;
    let env: Vec<String> = room.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !tools.shell {
        return Ok(bare(room, env));
    }
    let settle = if tools.setarch && may_settle_addresses { "setarch -R " } else { "" };
    let join = if streams == Streams::Log { JOIN } else { "" };
    // Not `exec`: the shell has to outlive the payload, and `exit` keeps it from becoming the payload.
    let script = format!("{SCRIPT}{join}{settle}env -i -- \"$@\"; exit $?");
    let shell = ["/bin/sh", "-c", &script, "eadem"].map(str::to_owned);
    let first = [format!("{:04o}", room.umask), room.cwd.as_str().to_owned()];
    Ok(Start {
        entrypoint: shell.into(),
        arguments: first.into_iter().chain(env).chain(room.argv.iter().cloned()).collect(),
        env: unset(["HOSTNAME"]),
        working_dir: "/".to_owned(),
    })
}

/// Without a shell the daemon starts the program itself.
fn bare(room: &Room, mut env: Vec<String>) -> Start {
    let own = ["HOSTNAME", "PATH"].into_iter().filter(|name| !room.env.contains_key(*name));
    env.extend(unset(own));
    Start {
        entrypoint: room.argv[..1].to_vec(),
        arguments: room.argv[1..].to_vec(),
        env,
        working_dir: room.cwd.as_str().to_owned(),
    }
}

/// A name without a value takes away what a daemon would set by itself.
fn unset<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// What cannot be passed on as it is.
fn check(room: &Room) -> Result<(), EngineError> {
    let refuse = |what: String| Err(EngineError::Plan { what });
    let Some(program) = room.argv.first() else { return refuse("no program".to_owned()) };
    if program.contains('=') {
        return refuse(format!("the program `{program}`, which reads like a variable,"));
    }
    let odd = room.env.keys().find(|name| name.is_empty() || name.contains('='));
    if let Some(name) = odd {
        return refuse(format!("a variable of the name `{name}`"));
    }
    let texts = room.argv.iter().chain(room.env.keys()).chain(room.env.values()).chain([&room.hostname]);
    match texts.into_iter().find(|text| text.contains('\0')) {
        Some(text) => refuse(format!("a NUL in {text:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::room;

    const ALL: Program =
        Program { tools: Tools { shell: true, setarch: true, du: true }, streams: Streams::Log };

    #[test]
    fn words_are_passed_on_as_they_are() {
        let mut room = room();
        room.argv = vec!["/bin/x".into(), "a b\n$HOME".into(), "-".into()];
        room.env = [("A".to_owned(), "1,2:3\n".to_owned())].into();
        let start = start(&room, ALL, true).expect("can be passed on");
        assert_eq!(start.arguments, ["0022", "/build", "A=1,2:3\n", "/bin/x", "a b\n$HOME", "-"]);
        assert!(start.entrypoint[2].contains("setarch -R env -i --"));
        assert_eq!(start.env, ["HOSTNAME"]);
    }

    #[test]
    fn without_a_shell_the_daemon_starts_the_program() {
        let tools = Tools { shell: false, setarch: true, du: true };
        let start = start(&room(), Program { tools, ..ALL }, true).expect("can be passed on");
        assert_eq!(
            (start.entrypoint, start.env),
            (vec!["/bin/true".into()], vec!["HOSTNAME".into(), "PATH".into()])
        );
    }

    #[test]
    fn outputs_are_one_stream_in_a_log_alone() {
        let script =
            |streams| start(&room(), Program { streams, ..ALL }, true).expect("can").entrypoint[2].clone();
        let joins = [Streams::Log, Streams::Pipes, Streams::Terminal].map(|it| script(it).contains("2>&1"));
        assert_eq!(joins, [true, false, false]);
    }

    #[test]
    fn what_cannot_be_passed_on_is_refused_by_name() {
        for (argv, env, said) in [
            (vec!["a=b"], "A", "`a=b`"),
            (vec!["a", "b\0"], "A", "NUL"),
            (vec!["a"], "A=B", "`A=B`"),
            (vec!["a"], "", "``"),
            (vec![], "A", "no program"),
        ] {
            let mut room = room();
            room.argv = argv.into_iter().map(str::to_owned).collect();
            room.env = [(env.to_owned(), String::new())].into();
            let error = start(&room, ALL, true).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
