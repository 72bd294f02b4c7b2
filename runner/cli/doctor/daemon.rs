//! Which container daemons answer.

use std::{
    env,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use eadem_model::{Ability, Level};

/// A daemon that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longer than any daemon's word about its version.
const LONGEST: u64 = 1 << 20;

/// A daemon, where it usually listens, and what starts it.
struct Daemon {
    name: &'static str,
    sockets: Vec<PathBuf>,
    start: &'static str,
    /// What lets a user in whom the socket refuses.
    admit: &'static str,
}

/// Looks for Docker and Podman; only `--engine docker` wants one of them.
pub(crate) fn look() -> Vec<Ability> {
    let named = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let docker = match named {
        Some(host) => named_by_user(&host),
        None => find(&docker()),
    };
    vec![docker, find(&podman())]
}

fn docker() -> Daemon {
    let sockets = ["/var/run/docker.sock".into()].into_iter().chain(below_runtime_dir("docker.sock"));
    Daemon {
        name: "docker",
        sockets: sockets.collect(),
        start: "systemctl start docker (or, if it is not installed: apt-get install docker.io)",
        admit: "usermod --append --groups docker YOU, and log in again",
    }
}

fn podman() -> Daemon {
    let sockets =
        below_runtime_dir("podman/podman.sock").into_iter().chain(["/run/podman/podman.sock".into()]);
    Daemon {
        name: "podman",
        sockets: sockets.collect(),
        start: "systemctl --user start podman.socket (or, if it is not installed: apt-get install podman)",
        admit: "systemctl --user start podman.socket, and use Podman without root",
    }
}

fn below_runtime_dir(name: &str) -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("XDG_RUNTIME_DIR")?).join(name))
}

/// The address in DOCKER_HOST is the user's wish, so nothing else is looked for.
fn named_by_user(host: &str) -> Ability {
    let Some(path) = host.strip_prefix("unix://") else {
        let found = format!("DOCKER_HOST is {}; only --engine docker goes there", without_user(host));
        return Ability::flawed("docker", Level::Partly, found, None);
    };
    let mut docker = docker();
    docker.sockets = vec![path.into()];
    find(&docker)
}

/// An address may hold a password.
fn without_user(host: &str) -> String {
    match (host.split_once("://"), host.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => host.to_owned(),
    }
}

/// Asks the sockets that are there, in order; the first that answers stands.
fn find(daemon: &Daemon) -> Ability {
    let there: Vec<&PathBuf> = daemon.sockets.iter().filter(|path| path.exists()).collect();
    let missing =
        |found, remedy: &str| Ability::flawed(daemon.name, Level::Missing, found, Some(remedy.to_owned()));
    let mut last = None;
    for socket in &there {
        match greet(socket) {
            Ok(version) => return Ability::good(daemon.name, format!("{version} at {}", socket.display())),
            Err(error) => last = Some((socket, error)),
        }
    }
    match last {
        None => missing("no socket was found".to_owned(), daemon.start),
        Some((socket, error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            missing(format!("{} refuses this user", socket.display()), daemon.admit)
        }
        Some((socket, error)) => {
            missing(format!("{} does not answer: {error}", socket.display()), daemon.start)
        }
    }
}

/// Asks a daemon for its version.
fn greet(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /version HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    version(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what answers is no such daemon"))
}

/// Finds the version in a daemon's answer, headers included.
fn version(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split_whitespace().nth(1)? != "200" {
        return None;
    }
    let object = body.get(body.find('{')?..=body.rfind('}')?)?;
    let value: serde_json::Value = serde_json::from_str(object).ok()?;
    let text = |field: &str| Some(value[field].as_str()?.to_owned());
    let version = text("Version")?;
    Some(text("Arch").map_or(version.clone(), |processor| format!("version {version} for {processor}")))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    fn daemon(socket: &Path) -> Daemon {
        Daemon { name: "docker", sockets: vec![socket.to_owned()], start: "start it", admit: "join it" }
    }

    fn answering(answer: &'static [u8]) -> Ability {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).expect("a free name");
        let answerer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let n = stream.read(&mut [0; 1024]).expect("a question");
            assert!(n > 0);
            stream.write_all(answer).expect("the asker listens");
        });
        let ability = find(&daemon(&socket));
        answerer.join().expect("it answered");
        ability
    }

    #[test]
    fn a_daemon_that_answers_tells_its_version() {
        let ability = answering(b"HTTP/1.0 200 OK\r\n\r\n{\"Version\":\"20.10.24\",\"Arch\":\"amd64\"}\n");
        assert!(ability.found.starts_with("version 20.10.24 for amd64 at "), "{}", ability.found);
        assert_eq!(ability.level, Level::Good);
    }

    #[test]
    fn what_is_no_daemon_is_missing() {
        for answer in
            [&b"HTTP/1.0 404 Not Found\r\n\r\n{}"[..], b"hello\n", b"HTTP/1.0 200 OK\r\n\r\n{\"a\":1}"]
        {
            let ability = answering(answer);
            assert_eq!((ability.level, ability.remedy.as_deref()), (Level::Missing, Some("start it")));
        }
    }

    #[test]
    fn a_socket_without_a_listener_and_no_socket_at_all_are_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("socket");
        assert_eq!(find(&daemon(&socket)).found, "no socket was found");
        drop(UnixListener::bind(&socket).expect("a free name"));
        assert!(find(&daemon(&socket)).found.contains("does not answer: Connection refused"));
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(without_user("ssh://me:secret@far.invalid"), "ssh://far.invalid");
        assert_eq!(without_user("tcp://127.0.0.1:2375"), "tcp://127.0.0.1:2375");
    }
}
