//! A daemon that answers, and what is known of it.

use std::time::Duration;

use bollard::{
    Docker,
    errors::Error,
    models::{SystemInfo, SystemVersion},
};
use eadem_model::EngineError;
use tokio::time::timeout;

use crate::{
    endpoint::{Endpoint, Surroundings},
    refusal::unreachable,
    words::words,
};

/// The oldest version of the API that has all that a room needs: that of Docker 19.03.
const OLDEST: (u32, u32) = (1, 40);

/// How long a daemon may take to say who it is. ssh has 30 s of its own to get there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// Docker Engine, or something that behaves so.
    Docker,
    /// Podman, which leaves some wishes unheard.
    Podman,
}

/// A daemon.
pub(crate) struct Daemon {
    pub(crate) docker: Docker,
    pub(crate) make: Make,
    /// Its name and address, for messages.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) api: String,
    pub(crate) info: SystemInfo,
    /// Whether it runs on this machine, as far as its address tells.
    pub(crate) is_local: bool,
}

impl Daemon {
    /// Asks the candidates one after the other; the first that answers is it.
    pub(crate) async fn find(surroundings: &Surroundings) -> Result<Self, EngineError> {
        let candidates = Endpoint::candidates(surroundings)?;
        let mut refusals = Vec::new();
        for endpoint in &candidates {
            match ask(endpoint, surroundings, PATIENCE).await {
                Ok((docker, version, info)) => return Self::of(endpoint, docker, &version, info),
                Err(error) => refusals.push((endpoint, error)),
            }
        }
        Err(unreachable(&refusals))
    }

    fn of(
        endpoint: &Endpoint,
        docker: Docker,
        version: &SystemVersion,
        info: SystemInfo,
    ) -> Result<Self, EngineError> {
        let make = make(version);
        let word = if make == Make::Podman { "Podman" } else { "Docker" };
        let name = format!("{word} at {endpoint}");
        let api = version.api_version.clone().unwrap_or_default();
        if number(&api) < OLDEST {
            let what = format!("has version {api} of the API, and rooms need {}.{}", OLDEST.0, OLDEST.1);
            return Err(EngineError::Daemon { daemon: name, what, remedy: None });
        }
        let version = version.version.clone().unwrap_or_default();
        Ok(Self { docker, make, name, version, api, info, is_local: endpoint.socket().is_some() })
    }

    /// Turns a client's error into the engine's: a refusal is one thing, silence another.
    pub(crate) fn failed(&self, attempt: &str) -> impl Fn(Error) -> EngineError {
        let daemon = self.name.clone();
        let attempt = attempt.to_owned();
        move |error| {
            let daemon = daemon.clone();
            match error {
                Error::DockerResponseServerError { message, .. }
                | Error::DockerStreamError { error: message }
                | Error::DockerContainerWaitError { error: message, .. } => EngineError::Daemon {
                    daemon,
                    what: format!("refused {attempt}: {}", message.trim()),
                    remedy: None,
                },
                error => EngineError::Daemon {
                    daemon,
                    what: format!("went away when it was asked {attempt}: {}", words(&error)),
                    remedy: None,
                },
            }
        }
    }

    /// A daemon that gave an answer without what was asked for.
    pub(crate) fn odd(&self, what: &str) -> EngineError {
        EngineError::Daemon { daemon: self.name.clone(), what: format!("gave {what}"), remedy: None }
    }

    /// Whether its kernel filters system calls.
    pub(crate) fn has_seccomp(&self) -> bool {
        self.security("seccomp")
    }

    /// Whether an ordinary user runs it.
    pub(crate) fn is_rootless(&self) -> bool {
        self.security("rootless")
    }

    fn security(&self, name: &str) -> bool {
        let wanted = format!("name={name}");
        let options = self.info.security_options.iter().flatten();
        options.flat_map(|option| option.split(',')).any(|part| part == wanted)
    }
}

/// Whether a client's error is the daemon's "no such thing".
pub(crate) fn is_absence(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Asks a daemon who it is.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    surroundings: &Surroundings,
    patience: Duration,
) -> Result<(Docker, SystemVersion, SystemInfo), Error> {
    let asking = async {
        let docker = endpoint.client(surroundings)?;
        let version = docker.version().await?;
        let info = docker.info().await?;
        Ok((docker, version, info))
    };
    timeout(patience, asking).await.unwrap_or(Err(Error::RequestTimeoutError))
}

fn make(version: &SystemVersion) -> Make {
    let names = version.components.iter().flatten().map(|component| component.name.as_str());
    if names.into_iter().any(|name| name.starts_with("Podman")) { Make::Podman } else { Make::Docker }
}

/// Versions of the API are two numbers.
fn number(api: &str) -> (u32, u32) {
    let mut parts = api.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(number("1.9") < OLDEST && number("1.100") > OLDEST && number("2") > OLDEST);
        assert!(number("") < OLDEST);
    }
}
