//! Things of the host that no room should reach, really there, so that the room alone can be the reason
//! for which nobody finds them.

use std::{
    fs::File,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// A listener on the loopback, one with an abstract name, and shared memory of both kinds.
pub(crate) struct Host {
    listener: TcpListener,
    name: String,
    _abstract: UnixListener,
    shared: Shared,
    memory: String,
}

impl Host {
    pub(crate) fn new() -> Self {
        // A name is free again only when no process that was forked meanwhile has the socket any more.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("eadem-escape-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let memory = format!("/dev/shm/{name}");
        File::create(&memory).expect("memory can be shared");
        Self {
            listener: TcpListener::bind("127.0.0.1:0").expect("the loopback is there"),
            _abstract: UnixListener::bind_addr(&address).expect("nobody else has this name"),
            shared: Shared::make(),
            name,
            memory,
        }
    }

    /// What the attacker is told, as variables.
    pub(crate) fn told(&self, store: &Path) -> [(&'static str, String); 5] {
        let listener = self.listener.local_addr().expect("it is bound").to_string();
        [
            ("ESCAPE_LISTENER", listener),
            ("ESCAPE_ABSTRACT", self.name.clone()),
            ("ESCAPE_SHM", self.shared.key.clone()),
            ("ESCAPE_SHM_FILE", self.memory.clone()),
            ("ESCAPE_STORE", store.display().to_string()),
        ]
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Another test may have its own; this name is ours alone, and gone is gone.
        let _ = std::fs::remove_file(&self.memory);
    }
}

/// A piece of System V's memory, which outlives its makers.
struct Shared {
    id: String,
    key: String,
}

impl Shared {
    fn make() -> Self {
        let made = run("ipcmk", &["--shmem", "4096", "--mode", "0666"]);
        let id = made.rsplit(' ').next().expect("it says the id").trim().to_owned();
        let listed = run("ipcs", &["--shmems"]);
        let line = listed.lines().find(|line| line.split_whitespace().nth(1) == Some(&id));
        let key = line.and_then(|line| line.split_whitespace().next()?.strip_prefix("0x"));
        let key = u32::from_str_radix(key.expect("it was just made"), 16).expect("a number");
        Self { id, key: key.to_string() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = Command::new("ipcrm").args(["--shmem-id", &self.id]).status();
    }
}

fn run(program: &str, words: &[&str]) -> String {
    let ran = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(ran.status.success(), "{program}: {ran:?}");
    String::from_utf8(ran.stdout).expect("is UTF-8")
}
