//! Where a daemon may listen.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use eadem_model::EngineError;

use crate::ssh::{self, Destination};

/// Seconds that a daemon may take to begin an answer. Loading an image is one request.
const PATIENCE: u64 = 3600;

/// What of eadem's own surroundings decides which daemon is asked.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub tls: bool,
    /// `DOCKER_CERT_PATH`; without one `~/.docker`.
    pub certificates: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where an ordinary user's daemons listen.
    pub runtime_dir: Option<PathBuf>,
    /// The variables that ssh is started with, and no others.
    pub ssh: Vec<(String, String)>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A socket of this machine.
    Socket(PathBuf),
    /// Another machine, in the clear.
    Plain(String),
    /// Another machine; the directory holds `ca.pem`, `cert.pem` and `key.pem`.
    Tls(String, PathBuf),
    /// Another machine, by its ssh daemon.
    Ssh(Destination),
}

impl Endpoint {
    /// The addresses to try, the likeliest first: the one that was named alone, or the usual ones.
    pub(crate) fn candidates(surroundings: &Surroundings) -> Result<Vec<Self>, EngineError> {
        if let Some(host) = surroundings.host.as_deref().filter(|host| !host.is_empty()) {
            return Ok(vec![Self::parse(host, surroundings)?]);
        }
        Ok([Self::of_docker(surroundings), Self::of_podman(surroundings)].concat())
    }

    /// Where Docker Engine usually listens.
    pub(crate) fn of_docker(surroundings: &Surroundings) -> Vec<Self> {
        let own = surroundings.runtime_dir.iter().map(|dir| dir.join("docker.sock"));
        ["/var/run/docker.sock".into()].into_iter().chain(own).map(Self::Socket).collect()
    }

    /// Where Podman usually listens.
    pub(crate) fn of_podman(surroundings: &Surroundings) -> Vec<Self> {
        let own = surroundings.runtime_dir.iter().map(|dir| dir.join("podman/podman.sock"));
        own.chain(["/run/podman/podman.sock".into()]).map(Self::Socket).collect()
    }

    fn parse(host: &str, surroundings: &Surroundings) -> Result<Self, EngineError> {
        match host.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Socket(path.into())),
            Some(("tcp", rest)) if is_address(rest) => {
                let address = rest.trim_end_matches('/').to_owned();
                match &surroundings.certificates {
                    Some(dir) if surroundings.tls => Ok(Self::Tls(address, dir.clone())),
                    None if surroundings.tls => Err(no_certificates(host)),
                    _ => Ok(Self::Plain(address)),
                }
            }
            Some(("ssh", rest)) => Destination::parse(rest).map(Self::Ssh).ok_or_else(|| unreadable(host)),
            _ => Err(unreadable(host)),
        }
    }

    /// A client; for a socket it exists only if there is one.
    pub(crate) fn client(&self, surroundings: &Surroundings) -> Result<Docker, Error> {
        match self {
            Self::Socket(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), PATIENCE, API_DEFAULT_VERSION)
            }
            Self::Plain(address) => Docker::connect_with_http(address, PATIENCE, API_DEFAULT_VERSION),
            Self::Tls(address, dir) => {
                let files = ["key.pem", "cert.pem", "ca.pem"].map(|name| dir.join(name));
                files.iter().try_for_each(|file| readable(file))?;
                let [key, certificate, authority] = files;
                Docker::connect_with_ssl(
                    address,
                    &key,
                    &certificate,
                    &authority,
                    PATIENCE,
                    API_DEFAULT_VERSION,
                )
            }
            Self::Ssh(destination) => {
                let transport = ssh::transport(destination.clone(), surroundings.ssh.clone());
                Docker::connect_with_custom_transport(
                    transport,
                    Some("http://docker"),
                    PATIENCE,
                    API_DEFAULT_VERSION,
                )
            }
        }
    }

    /// The socket, if it is one of this machine.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match self {
            Self::Socket(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Plain(address) | Self::Tls(address, _) => write!(f, "tcp://{address}"),
            Self::Ssh(destination) => write!(f, "ssh://{destination}"),
        }
    }
}

/// `HOST:PORT`. A name and a password have no meaning there, and would be shown.
fn is_address(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
    !text.trim_end_matches('/').is_empty() && !text.contains(is_odd)
}

/// The client passes over a certificate that it cannot read.
fn readable(file: &Path) -> Result<(), Error> {
    let failed = |error| io::Error::other(format!("cannot read {}: {error}", file.display()));
    Ok(File::open(file).map(drop).map_err(failed)?)
}

/// An address may hold a password.
fn without_password(host: &str) -> String {
    match (host.split_once("://"), host.rsplit_once('@')) {
        (Some((scheme, rest)), Some((user, address)))
            if rest.contains('@') && user.matches(':').count() > 1 =>
        {
            format!("{scheme}://{address}")
        }
        _ => host.to_owned(),
    }
}

fn unreadable(host: &str) -> EngineError {
    EngineError::Daemon {
        daemon: format!("`{}`", without_password(host)),
        what: "is no address of a daemon".to_owned(),
        remedy: Some("export DOCKER_HOST=unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST".to_owned()),
    }
}

fn no_certificates(host: &str) -> EngineError {
    EngineError::Daemon {
        daemon: format!("`{host}`"),
        what: "is to be reached by TLS, and there is no directory of certificates".to_owned(),
        remedy: Some("export DOCKER_CERT_PATH=DIR, with ca.pem, cert.pem and key.pem in it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(surroundings: &Surroundings) -> Vec<String> {
        let found = Endpoint::candidates(surroundings).expect("readable");
        found.iter().map(ToString::to_string).collect()
    }

    fn named(host: &str) -> Surroundings {
        Surroundings { host: Some(host.to_owned()), ..Surroundings::default() }
    }

    #[test]
    fn without_a_name_the_usual_sockets_are_tried() {
        let surroundings =
            Surroundings { runtime_dir: Some("/run/user/7".into()), ..Surroundings::default() };
        assert_eq!(
            candidates(&surroundings),
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/7/docker.sock",
                "unix:///run/user/7/podman/podman.sock",
                "unix:///run/podman/podman.sock",
            ]
        );
    }

    #[test]
    fn a_name_is_the_only_candidate() {
        for host in ["unix:///a:b,c/docker.sock", "tcp://[::1]:2375", "ssh://me@host:2222"] {
            assert_eq!(candidates(&named(host)), [host]);
        }
    }

    #[test]
    fn tls_is_never_replaced_by_plain_text() {
        let mut surroundings = named("tcp://host:2376");
        surroundings.tls = true;
        assert!(Endpoint::candidates(&surroundings).is_err());
        surroundings.certificates = Some("/certs".into());
        let found = Endpoint::candidates(&surroundings).expect("readable");
        assert_eq!(found, [Endpoint::Tls("host:2376".into(), "/certs".into())]);
    }

    #[test]
    fn passwords_are_no_part_of_an_address_and_are_not_shown() {
        for host in
            ["ssh://me:secret@far.invalid:22", "ssh://me:secret@far.invalid", "tcp://me:secret@far.invalid:1"]
        {
            let error = Endpoint::candidates(&named(host)).expect_err(host).to_string();
            assert!(error.contains("far.invalid") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_there_is_named() {
        let endpoint = Endpoint::Tls("far.invalid:1".into(), "/none".into());
        let error = endpoint.client(&Surroundings::default()).expect_err("is not there").to_string();
        assert!(error.starts_with("cannot read /none/key.pem: "), "{error}");
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for host in ["docker", "npipe://x", "unix://relative", "tcp://", "ssh://", "ssh://-oProxyCommand=x"] {
            let error = Endpoint::candidates(&named(host)).expect_err(host).to_string();
            assert_eq!(error, format!("`{host}` is no address of a daemon"));
        }
    }
}
