//! A crate mirror on the loopback that takes a given time for each answer.
//!
//! It serves a sparse index and `.crate` files to eadem and to cargo alike, over HTTP/1.1 with
//! connections that stay open. It needs the standard library alone, so that benches, tests and
//! programs of one file can share it.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A running mirror; it takes no more connections once it is dropped.
pub(crate) struct Mirror {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    crates: PathBuf,
    index: PathBuf,
    latency: Duration,
    n_requests: AtomicUsize,
    stopped: AtomicBool,
}

impl Mirror {
    /// Serves on a free port of the loopback.
    ///
    /// `crates` holds `NAME-VERSION.crate` files. `index` holds entries at their places in a sparse
    /// index (`se/rd/serde`), as the registry sends them or as cargo caches them. Each answer is
    /// held back for `latency`.
    pub(crate) fn start(crates: &Path, index: &Path, latency: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (crates, index) = (crates.to_owned(), index.to_owned());
        let (n_requests, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { crates, index, latency, n_requests, stopped });
        let of_listener = shared.clone();
        thread::spawn(move || accept(&listener, &of_listener));
        Ok(Self { address, shared })
    }

    /// The address of the index, as eadem and cargo are configured with it.
    pub(crate) fn index(&self) -> String {
        format!("sparse+http://{}/index/", self.address)
    }

    /// A `config.toml` for a `CARGO_HOME` that has cargo ask this mirror alone.
    pub(crate) fn cargo_config(&self) -> String {
        let index = self.index();
        format!("[source.crates-io]\nreplace-with = \"mirror\"\n\n[source.mirror]\nregistry = \"{index}\"\n")
    }

    /// How many requests were answered so far.
    pub(crate) fn n_requests(&self) -> usize {
        self.shared.n_requests.load(Ordering::Relaxed)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener so that it sees that it is to stop.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        let shared = shared.clone();
        // A client that breaks its connection off harms nobody else.
        thread::spawn(move || shared.serve(stream).ok());
    }
}

impl Shared {
    /// Answers the requests of one connection, one after the other.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream.try_clone()?);
        while let Some((host, path)) = request(&mut requests)? {
            let body = self.body(&host, &path);
            thread::sleep(self.latency);
            self.n_requests.fetch_add(1, Ordering::Relaxed);
            stream.write_all(&answer(body))?;
        }
        Ok(())
    }

    /// What is at a path; nothing if its parts could lead out of the directories.
    fn body(&self, host: &str, path: &str) -> Option<Vec<u8>> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if parts.iter().any(|part| part.is_empty() || part.starts_with('.')) {
            return None;
        }
        match parts[..] {
            ["index", "config.json"] => {
                Some(format!(r#"{{"dl":"http://{host}/dl","api":null}}"#).into_bytes())
            }
            ["index", ..] => fs::read(self.index.join(parts[1..].join("/"))).ok().map(entry),
            ["dl", name, version, "download"] => {
                fs::read(self.crates.join(format!("{name}-{version}.crate"))).ok()
            }
            _ => None,
        }
    }
}

/// The host and path of the next request, or nothing at the end of the connection.
fn request(stream: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let (mut path, mut host) = (None, String::new());
    for line in stream.lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        match (&path, line.split_once(": ")) {
            (None, _) => path = line.split(' ').nth(1).map(str::to_owned),
            (_, Some((name, value))) if name.eq_ignore_ascii_case("host") => host = value.to_owned(),
            _ => {}
        }
    }
    Ok(path.map(|path| (host, path)))
}

/// An index entry as the registry sends it. Cargo's cache has binary data and versions between the
/// same JSON objects, all ended by zero bytes.
fn entry(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"{") {
        return bytes;
    }
    let objects = bytes.split(|byte| *byte == 0).filter(|part| part.starts_with(b"{"));
    objects.flat_map(|object| [object, b"\n"].concat()).collect()
}

fn answer(body: Option<Vec<u8>>) -> Vec<u8> {
    let (status, body) = match body {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", Vec::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}
