//! What is told of daemons that were asked and did not answer, and what to type then.

use std::io;

use bollard::errors::Error;
use eadem_model::EngineError;

use crate::{
    endpoint::Endpoint,
    words::{causes, words},
};

/// Without any daemon there is nothing to go on with.
pub(crate) fn unreachable(refusals: &[(&Endpoint, Error)]) -> EngineError {
    if let Some((endpoint, _)) = refusals.iter().find(|(_, error)| is_forbidden(error)) {
        return EngineError::Daemon {
            daemon: format!("the daemon at {endpoint}"),
            what: "does not let this user in".to_owned(),
            remedy: Some("sudo usermod --append --groups docker \"$USER\", then log in again".to_owned()),
        };
    }
    let tried = refusals.iter().map(|(endpoint, error)| format!("{endpoint} ({})", words(error)));
    EngineError::Daemon {
        daemon: "no daemon of Docker or Podman".to_owned(),
        what: format!("answers at {}", tried.collect::<Vec<_>>().join(", ")),
        remedy: refusals.first().map(|(endpoint, error)| remedy(endpoint, error)),
    }
}

/// Whether the kernel keeps this user from a socket.
pub(crate) fn is_forbidden(error: &Error) -> bool {
    let is_denial = |it: &io::Error| it.kind() == io::ErrorKind::PermissionDenied;
    causes(error).any(|cause| cause.downcast_ref().is_some_and(is_denial))
}

/// What makes a daemon answer.
pub(crate) fn remedy(endpoint: &Endpoint, error: &Error) -> String {
    match endpoint {
        Endpoint::Socket(_) => "sudo systemctl start docker, or: systemctl --user start podman.socket, \
                                or name one: export DOCKER_HOST=unix:///PATH"
            .to_owned(),
        Endpoint::Plain(_) if wants_tls(error) => {
            "export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=DIR, with ca.pem, cert.pem and key.pem in it"
                .to_owned()
        }
        Endpoint::Plain(_) => "export DOCKER_HOST=tcp://HOST:PORT, where a daemon listens".to_owned(),
        Endpoint::Tls(_, dir) => format!(
            "export DOCKER_CERT_PATH=DIR, with a cert.pem and key.pem that the daemon accepts, and the ca.pem \
             of its own certificate; now it is {}",
            dir.display()
        ),
        Endpoint::Ssh(destination) => {
            format!("{}, which has to answer without asking for anything", destination.trial())
        }
    }
}

fn wants_tls(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { message, .. } if message.contains("HTTPS"))
}
