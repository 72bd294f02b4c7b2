//! A daemon of another machine, by ssh.
//!
//! The program `docker` there connects its standard input and output with the daemon; it is asked anew
//! for each request. Nothing is typed by anybody: ssh may not ask for passwords or about unknown keys.

mod complaint;
mod line;

use std::{fmt, io, pin::Pin, process::Stdio};

use bollard::{BollardRequest, errors::Error};
use hyper::{
    Response,
    body::Incoming,
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::process::Command;

use self::{complaint::Complaint, line::Line};

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The machine, with the user's name there if one was given.
    who: String,
    port: Option<u16>,
}

impl Destination {
    /// Reads `[USER@]HOST[:PORT]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/');
        let (who, port) = match text.rsplit_once(':') {
            Some((who, port)) if !port.contains(']') => (who, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '/';
        // What starts with a dash is an option to ssh, and options can start programs.
        let usable = !who.is_empty() && !who.starts_with('-') && !who.contains(is_odd) && !has_password(who);
        usable.then(|| Self { who: who.replace(['[', ']'], ""), port })
    }
}

/// ssh would take it for a part of the name, and it would be shown.
fn has_password(who: &str) -> bool {
    who.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

impl Destination {
    /// What a user types to see whether ssh gets there.
    pub(crate) fn trial(&self) -> String {
        let port = self.port.map(|port| format!("-p{port} ")).unwrap_or_default();
        format!("ssh {port}{} docker version", self.who)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// An answer to come.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

/// Sends each request over a connection of its own.
pub(crate) fn transport(
    destination: Destination,
    env: Vec<(String, String)>,
) -> impl Fn(BollardRequest) -> Answer + Send + Sync + 'static {
    move |request| {
        let line = dial(&destination, &env);
        Box::pin(async move {
            let (line, complaint) = line?;
            match send(line, request).await {
                Ok(answer) => Ok(answer),
                Err(error) => Err(complaint.hear().await.map_or(error, Error::from)),
            }
        })
    }
}

/// The one place that starts ssh; it has the listed variables and no others.
fn dial(destination: &Destination, env: &[(String, String)]) -> Result<(Line, Complaint), Error> {
    let mut ssh = Command::new("ssh");
    ssh.env_clear().envs(env.iter().map(|(name, value)| (name, value)));
    ssh.args(["-T", "-oBatchMode=yes", "-oConnectTimeout=30"]);
    ssh.args(destination.port.map(|port| format!("-p{port}")));
    ssh.args(["--", &destination.who, "docker", "system", "dial-stdio"]);
    ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = ssh.spawn().map_err(|error| unstarted(&error))?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(input), Some(output), Some(talk)) => Ok((Line::new(child, input, output), Complaint::of(talk))),
        _ => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
    }
}

fn unstarted(error: &io::Error) -> Error {
    io::Error::other(format!("ssh cannot be started: {error}")).into()
}

async fn send(line: Line, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
    // A client of connections would name the host; a connection does not, and daemons want one.
    request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("docker"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(line)).await?;
    // How it ends is seen by whoever reads the answer.
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_as_they_are_written() {
        let of = |who: &str, port| Some(Destination { who: who.to_owned(), port });
        assert_eq!(Destination::parse("host"), of("host", None));
        assert_eq!(Destination::parse("me@host:2222/"), of("me@host", Some(2222)));
        assert_eq!(Destination::parse("me@[::1]:22"), of("me@::1", Some(22)));
        assert_eq!(Destination::parse("[::1]"), of("::1", None));
    }

    #[test]
    fn options_and_oddities_are_no_destinations() {
        for text in ["", "-oProxyCommand=x", "a b", "host:port", "host/path", "a\nb"] {
            assert_eq!(Destination::parse(text), None, "{text}");
        }
    }
}
