//! Between a client and a daemon: a socket that passes bytes on, or does not, or changes them.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// What becomes of a request, by its first bytes.
type Rule = Arc<dyn Fn(&str) -> Fate + Send + Sync>;

/// What a proxy does with a connection.
pub(crate) enum Fate {
    /// It passes on.
    Passes,
    /// It says nothing any more, in either direction.
    Stalls,
    /// The answer has another text in the place of the first.
    Changes(String, String),
}

/// A proxy that ends with the program; each connection has threads of its own.
pub(crate) struct Proxy {
    address: String,
    stalls: Receiver<()>,
}

impl Proxy {
    /// Stalls requests of a method to a path, once their bytes begin to come.
    pub(crate) fn stalling(daemon: &str, socket: &Path, method: &str, path: &str) -> Self {
        let (method, path) = (format!("{method} "), path.to_owned());
        Self::start(daemon, socket, move |head| match head.starts_with(&method) && head.contains(&path) {
            true => Fate::Stalls,
            false => Fate::Passes,
        })
    }

    /// Changes a text in each answer.
    pub(crate) fn changing(daemon: &str, socket: &Path, from: &str, to: &str) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        Self::start(daemon, socket, move |_| Fate::Changes(from.clone(), to.clone()))
    }

    fn start(daemon: &str, socket: &Path, rule: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Self {
        let daemon = daemon.strip_prefix("unix://").expect("is a socket").to_owned();
        let listener = UnixListener::bind(socket).expect("binds");
        let (sender, stalls) = channel();
        let rule: Rule = Arc::new(rule);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (daemon, rule, sender) = (daemon.clone(), Arc::clone(&rule), sender.clone());
                // Either side may be gone, which the other one is told.
                thread::spawn(move || serve(client?, &UnixStream::connect(daemon)?, &rule, &sender));
            }
        });
        Self { address: format!("unix://{}", socket.display()), stalls }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Waits for a request that stalls.
    pub(crate) fn await_stall(&self) {
        self.stalls.recv_timeout(std::time::Duration::from_secs(60)).expect("is asked");
    }
}

/// One connection may carry several requests, one after the other.
fn serve(client: UnixStream, daemon: &UnixStream, rule: &Rule, stalls: &Sender<()>) -> io::Result<()> {
    let (mut back, mut from) = (client.try_clone()?, daemon.try_clone()?);
    let answers = Arc::clone(rule);
    let answering = thread::spawn(move || {
        let _ = pass(&mut from, &mut back, |bytes| change(bytes, &answers));
        back.shutdown(Shutdown::Write)
    });
    let (mut client, mut to) = (client, daemon);
    let ended = pass(&mut client, &mut to, |bytes| stall(bytes, rule));
    if ended.is_ok_and(|passed| passed == Passed::Stalled) {
        let _ = stalls.send(());
        // The client ends it.
        while client.read(&mut [0; 4096])? > 0 {}
        daemon.shutdown(Shutdown::Both)?;
    }
    let _ = daemon.shutdown(Shutdown::Write);
    let _ = answering.join();
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Passed {
    All,
    Stalled,
}

fn pass(
    from: &mut impl Read,
    to: &mut impl Write,
    look: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<Passed> {
    let mut piece = [0; 64 << 10];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            return Ok(Passed::All);
        }
        let Some(bytes) = look(&piece[..n]) else { return Ok(Passed::Stalled) };
        to.write_all(&bytes)?;
    }
}

fn stall(bytes: &[u8], rule: &Rule) -> Option<Vec<u8>> {
    let head = String::from_utf8_lossy(bytes);
    match rule(head.lines().next().unwrap_or_default()) {
        Fate::Stalls => None,
        _ => Some(bytes.to_vec()),
    }
}

fn change(bytes: &[u8], rule: &Rule) -> Option<Vec<u8>> {
    let Fate::Changes(from, to) = rule("") else { return Some(bytes.to_vec()) };
    // The length is told before, so it must stay.
    assert_eq!(from.len(), to.len());
    Some(String::from_utf8_lossy(bytes).replace(&from, &to).into_bytes())
}
