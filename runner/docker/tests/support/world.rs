//! A small world for rooms of a daemon.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Mutex,
};

use eadem_docker::{DockerEngine, Surroundings};
use eadem_model::{Cancel, Digest, Engine, Event, Inputs, Round, Watch};

use super::{
    image::install,
    service::Service,
    trial::{Run, Taken, attempt, digest, shell},
};

const PROGRAMS: [&str; 21] = [
    "/bin/cat",
    "/bin/chmod",
    "/bin/hostname",
    "/bin/id",
    "/bin/ln",
    "/bin/ls",
    "/bin/mkdir",
    "/bin/mknod",
    "/bin/sh",
    "/bin/rm",
    "/bin/sleep",
    "/bin/stty",
    "/bin/true",
    "/usr/bin/du",
    "/usr/bin/env",
    "/usr/bin/head",
    "/usr/bin/nproc",
    "/usr/bin/printf",
    "/usr/bin/readlink",
    "/usr/bin/setarch",
    "/usr/bin/tty",
];

/// A daemon, and layers that the host has.
pub(crate) struct World<'a> {
    pub(crate) service: &'a Service,
    pub(crate) engine: DockerEngine,
    place: PathBuf,
    layers: BTreeMap<Digest, PathBuf>,
}

impl Inputs for World<'_> {
    fn layer_dir(&self, diff_id: &Digest) -> io::Result<PathBuf> {
        self.layers.get(diff_id).cloned().ok_or(io::ErrorKind::NotFound.into())
    }
}

/// Makes the layers of every world below a directory.
pub(crate) fn furnish(place: &Path) {
    let own = std::env::current_exe().expect("has a path");
    install(&place.join("libraries"), &PROGRAMS.map(PathBuf::from));
    install(&place.join("program"), &[own]);
    write(place, "program/etc/of-the-image", "image\n");
    write(place, "program/etc/passwd", "image:x:1:1::/:/bin/sh\n");
    (0..9).for_each(|n| write(place, &format!("source/source/file{n}"), "content\n"));
    write(place, "source/source/sub/a:b,c\nd", "odd\n");
    write(place, "source/cargo/config.toml", "");
    fs::hard_link(place.join("source/source/file1"), place.join("source/source/again")).expect("links");
    symlink("sub//../file1", place.join("source/source/link")).expect("links");
    symlink("/etc", place.join("source/planted")).expect("links");
}

fn write(place: &Path, name: &str, content: &str) {
    let path = place.join(name);
    fs::create_dir_all(path.parent().expect("has one")).expect("makes");
    fs::write(path, content).expect("writes");
}

impl<'a> World<'a> {
    pub(crate) fn new(service: &'a Service, place: &Path) -> Self {
        let layers = ["libraries", "program", "source"].map(|name| (digest(name), place.join(name)));
        let engine = engine(&service.address(), place);
        Self { service, engine, place: place.to_owned(), layers: layers.into() }
    }

    /// One more layer.
    pub(crate) fn layer(&mut self, name: &str, fill: impl FnOnce(&Path)) -> Digest {
        let path = self.place.join(self.service.name).join(name);
        fs::create_dir_all(&path).expect("makes");
        fill(&path);
        self.layers.insert(digest(name), path);
        digest(name)
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    pub(crate) fn is_docker(&self) -> bool {
        self.service.name == "docker"
    }

    pub(crate) fn run(&self, round: &Round) -> Run {
        self.run_by(&self.engine, round, &Cancel::default())
    }

    pub(crate) fn run_by(&self, engine: &dyn Engine, round: &Round, cancel: &Cancel) -> Run {
        let (log, events) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let take_log = |bytes: &[u8]| log.lock().expect("no panic").extend_from_slice(bytes);
        let take_event = |event: Event| events.lock().expect("no panic").push(event);
        let watch = Watch { events: &take_event, log: &take_log, cancel, keep: None };
        let mut taken = Taken::default();
        let outcome = engine.run(round, self, &mut taken, &watch);
        let log = String::from_utf8_lossy(&log.into_inner().expect("no panic")).into_owned();
        Run { outcome, log, taken: taken.0, events: events.into_inner().expect("no panic") }
    }

    pub(crate) fn sh(&self, script: &str) -> String {
        self.run(&shell(script)).success()
    }

    pub(crate) fn attempt(&self, words: &[&str]) -> String {
        self.run(&attempt(words)).success()
    }
}

/// An engine that asks the daemon at an address and no other.
pub(crate) fn engine(address: &str, place: &Path) -> DockerEngine {
    let surroundings = Surroundings { host: Some(address.to_owned()), ..Surroundings::default() };
    DockerEngine::new(surroundings, place.join("spool")).expect("starts")
}
