//! Which daemons answer, for those who want to know before they choose an engine.

use std::{path::Path, time::Duration};

use bollard::{
    errors::Error,
    models::{SystemInfo, SystemVersion},
};
use eadem_model::{Ability, EngineError, Level};
use tokio::runtime::Builder;

use crate::{
    daemon::ask,
    endpoint::{Endpoint, Surroundings},
    refusal::{is_forbidden, remedy},
    words::words,
};

/// A daemon that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is looked for, where it usually listens, and what makes it answer.
struct Sought {
    name: &'static str,
    endpoints: Vec<Endpoint>,
    start: &'static str,
    /// What lets a user in whom the socket refuses.
    admit: &'static str,
}

/// Looks for Docker and Podman, in the way of a room that is wanted; only `--engine docker` wants one of
/// them.
///
/// An address that the user named is asked in Docker's place, and no other.
pub fn examine(surroundings: &Surroundings) -> Vec<Ability> {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![missing("docker", format!("cannot be asked: {error}"), None)],
    };
    let (docker, podman) = (docker(surroundings), podman(surroundings));
    let named = surroundings.host.as_deref().is_some_and(|host| !host.is_empty());
    runtime.block_on(async {
        let first = if named { named_by_user(surroundings).await } else { find(&docker, surroundings).await };
        vec![first, find(&podman, surroundings).await]
    })
}

fn docker(surroundings: &Surroundings) -> Sought {
    Sought {
        name: "docker",
        endpoints: Endpoint::of_docker(surroundings),
        start: "systemctl start docker (or, if it is not installed: apt-get install docker.io)",
        admit: "usermod --append --groups docker YOU, and log in again",
    }
}

fn podman(surroundings: &Surroundings) -> Sought {
    Sought {
        name: "podman",
        endpoints: Endpoint::of_podman(surroundings),
        start: "systemctl --user start podman.socket (or, if it is not installed: apt-get install podman)",
        admit: "systemctl --user start podman.socket, and use Podman without root",
    }
}

/// The address in `DOCKER_HOST` is the user's wish, so nothing else is looked for.
async fn named_by_user(surroundings: &Surroundings) -> Ability {
    let endpoints = match Endpoint::candidates(surroundings) {
        Ok(endpoints) => endpoints,
        Err(EngineError::Daemon { daemon, what, remedy }) => {
            return missing("docker", format!("{daemon} {what}"), remedy);
        }
        Err(error) => return missing("docker", error.to_string(), None),
    };
    let sought = Sought { endpoints, ..docker(surroundings) };
    ask_each(&sought, sought.endpoints.iter(), surroundings, remedy).await
}

/// Asks the sockets that are there, in order; the first that answers stands.
async fn find(sought: &Sought, surroundings: &Surroundings) -> Ability {
    let there = sought.endpoints.iter().filter(|endpoint| endpoint.socket().is_some_and(Path::exists));
    ask_each(sought, there, surroundings, |_, _| sought.start.to_owned()).await
}

async fn ask_each<'a>(
    sought: &Sought,
    endpoints: impl Iterator<Item = &'a Endpoint>,
    surroundings: &Surroundings,
    remedy: impl Fn(&Endpoint, &Error) -> String,
) -> Ability {
    let nowhere = || missing(sought.name, "no socket was found".to_owned(), Some(sought.start.to_owned()));
    let mut last = None;
    for endpoint in endpoints {
        match ask(endpoint, surroundings, PATIENCE).await {
            Ok((_, version, info)) => return Ability::good(sought.name, told(endpoint, &version, &info)),
            Err(error) if is_forbidden(&error) => {
                let found = format!("{endpoint} refuses this user");
                last = Some(missing(sought.name, found, Some(sought.admit.to_owned())));
            }
            Err(error) => {
                let found = format!("{endpoint} does not answer: {}", words(&error));
                last = Some(missing(sought.name, found, Some(remedy(endpoint, &error))));
            }
        }
    }
    last.unwrap_or_else(nowhere)
}

fn told(endpoint: &Endpoint, version: &SystemVersion, info: &SystemInfo) -> String {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    format!("version {} for {} at {endpoint}", known(&version.version), known(&info.architecture))
}

fn missing(name: &str, found: String, remedy: Option<String>) -> Ability {
    Ability::flawed(name, Level::Missing, found, remedy)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    fn asked(sought: &Sought) -> Ability {
        let runtime = Builder::new_current_thread().enable_all().build().expect("starts");
        runtime.block_on(find(sought, &Surroundings::default()))
    }

    fn sought(socket: &Path) -> Sought {
        let endpoints = vec![Endpoint::Socket(socket.to_owned())];
        Sought { name: "docker", endpoints, start: "start it", admit: "join it" }
    }

    /// Asks somebody who gives these answers, one a connection.
    fn answering(answers: &'static [&'static str]) -> Ability {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).expect("a free name");
        let answerer = thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("somebody asks");
                let n = stream.read(&mut [0; 1024]).expect("a question");
                assert!(n > 0);
                stream.write_all(answer.as_bytes()).expect("the asker listens");
            }
        });
        let ability = asked(&sought(&socket));
        answerer.join().expect("it answered");
        ability
    }

    #[test]
    fn a_daemon_that_answers_tells_its_version() {
        let ability = answering(&[
            "HTTP/1.0 200 OK\r\n\r\n{\"Version\":\"20.10.24\"}\n",
            "HTTP/1.0 200 OK\r\n\r\n{\"Architecture\":\"x86_64\"}\n",
        ]);
        assert!(ability.found.starts_with("version 20.10.24 for x86_64 at unix://"), "{}", ability.found);
        assert_eq!(ability.level, Level::Good);
    }

    #[test]
    fn what_is_no_daemon_is_missing() {
        for answer in
            [&["HTTP/1.0 404 Not Found\r\n\r\n{}"][..], &["hello\n"], &["HTTP/1.0 200 OK\r\n\r\n[]"]]
        {
            let ability = answering(answer);
            assert_eq!((ability.level, ability.remedy.as_deref()), (Level::Missing, Some("start it")));
            assert!(!ability.found.contains("hyper"), "{}", ability.found);
        }
    }

    #[test]
    fn a_socket_without_a_listener_and_no_socket_at_all_are_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("socket");
        assert_eq!(asked(&sought(&socket)).found, "no socket was found");
        drop(UnixListener::bind(&socket).expect("a free name"));
        let found = asked(&sought(&socket)).found;
        assert!(found.ends_with("does not answer: Connection refused"), "{found}");
    }
}
