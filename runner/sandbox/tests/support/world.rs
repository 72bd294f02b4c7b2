//! A small world for rooms: an image made of the host's own programs, and places for everything.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::{PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
    sync::Mutex,
};

use eadem_model::{Cancel, Digest, Engine, Event, Inputs, Round, Watch};
use eadem_sandbox::{NativeEngine, OciEngine, outer_ids};

use super::image::install;
#[allow(unused_imports, reason = "each program of tests needs some of them")]
pub(crate) use super::trial::{Run, Taken, attempt, digest, round, shell, with_output};

/// Programs that tests run in rooms.
const PROGRAMS: [&str; 17] = [
    "/bin/sh",
    "/bin/ls",
    "/bin/cat",
    "/bin/id",
    "/bin/sleep",
    "/bin/true",
    "/usr/bin/env",
    "/bin/mkdir",
    "/bin/ln",
    "/bin/chmod",
    "/usr/bin/nproc",
    "/usr/bin/head",
    "/bin/mknod",
    "/bin/hostname",
    "/bin/rm",
    "/bin/stty",
    "/usr/bin/tty",
];

/// Everything that a test needs, in one directory.
pub(crate) struct World {
    pub(crate) place: PathBuf,
    pub(crate) engine: NativeEngine,
    rooms_dir: PathBuf,
    /// The engine that makes the rooms instead, and the name of its runtime.
    runtime: Option<(OciEngine, String)>,
    layers: BTreeMap<Digest, PathBuf>,
    /// Removes the directory.
    _dir: Option<tempfile::TempDir>,
}

impl Inputs for World {
    fn layer_dir(&self, diff_id: &Digest) -> io::Result<PathBuf> {
        self.layers.get(diff_id).cloned().ok_or(io::ErrorKind::NotFound.into())
    }
}

impl World {
    /// An image of two layers, a source layer and a place for rooms, below a directory that the room's
    /// user cannot pass when root makes it.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("sets");
        let world = Self::at(dir.path());
        Self { _dir: Some(dir), ..world }
    }

    /// The same in a directory that is there.
    pub(crate) fn at(place: &Path) -> Self {
        let rooms_dir = place.join("rooms");
        let engine = NativeEngine::new(rooms_dir.clone());
        let place = place.to_owned();
        let mut world = Self { place, rooms_dir, engine, runtime: None, layers: BTreeMap::new(), _dir: None };
        let libraries = world.layer("libraries", |to| install(to, &PROGRAMS.map(PathBuf::from)));
        let program = world.layer("program", |to| {
            let own = std::env::current_exe().expect("has a path");
            install(to, std::slice::from_ref(&own));
            fs::create_dir_all(to.join("etc")).expect("makes");
            fs::write(to.join("etc/of-the-image"), "image\n").expect("writes");
            fs::write(to.join("etc/passwd"), "image:x:1:1::/:/bin/sh\n").expect("writes");
        });
        let source = world.layer("source", |to| {
            fs::create_dir_all(to.join("source/sub")).expect("makes");
            fs::create_dir_all(to.join("cargo")).expect("makes");
            for index in 0..40 {
                fs::write(to.join(format!("source/file{index}")), "content\n").expect("writes");
            }
            fs::write(to.join("source/sub/run"), "#!/bin/sh\n").expect("writes");
            fs::set_permissions(to.join("source/sub/run"), fs::Permissions::from_mode(0o755)).expect("sets");
            symlink("sub/run", to.join("source/link")).expect("links");
            fs::write(to.join("cargo/config.toml"), "").expect("writes");
            symlink("/etc", to.join("planted")).expect("links");
        });
        assert_eq!([libraries, program, source], [digest("libraries"), digest("program"), digest("source")]);
        world
    }

    /// The layers of another world, and another place for rooms.
    pub(crate) fn beside(place: &Path, rooms_dir: &Path) -> Self {
        let unpacked =
            ["libraries", "program", "source"].map(|name| (digest(name), place.join("unpacked").join(name)));
        let engine = NativeEngine::new(rooms_dir.to_owned());
        Self {
            place: place.to_owned(),
            rooms_dir: rooms_dir.to_owned(),
            engine,
            runtime: None,
            layers: BTreeMap::from(unpacked),
            _dir: None,
        }
    }

    /// A world beside another, as [`World::words`] says it.
    pub(crate) fn of_words(words: &[String]) -> Self {
        let world = Self::beside(Path::new(&words[0]), Path::new(&words[1]));
        words.get(2).into_iter().fold(world, |world, runtime| world.by(runtime))
    }

    /// What to tell a process that is to make rooms as this world does, in another place.
    pub(crate) fn words(&self, rooms_dir: &Path) -> Vec<OsString> {
        let runtime = self.runtime.as_ref().map(|(_, runtime)| OsString::from(runtime));
        [self.place.clone().into_os_string(), rooms_dir.into()].into_iter().chain(runtime).collect()
    }

    /// Lets an OCI runtime make the rooms.
    pub(crate) fn by(self, runtime: &str) -> Self {
        let engine = OciEngine::new(runtime, self.rooms_dir());
        Self { runtime: Some((engine, runtime.to_owned())), ..self }
    }

    /// Another world where rooms are made in the same way.
    pub(crate) fn another(&self) -> Self {
        self.made_so(Self::new())
    }

    /// The same in a directory that is there.
    pub(crate) fn another_at(&self, place: &Path) -> Self {
        self.made_so(Self::at(place))
    }

    fn made_so(&self, other: Self) -> Self {
        self.runtime.iter().fold(other, |other, (_, runtime)| other.by(runtime))
    }

    /// Whether eadem itself makes the rooms; else the program is pid 1 of its room.
    pub(crate) fn is_native(&self) -> bool {
        self.runtime.is_none()
    }

    /// What makes the rooms.
    pub(crate) fn engine(&self) -> &dyn Engine {
        self.runtime.as_ref().map_or(&self.engine as &dyn Engine, |(engine, _)| engine)
    }

    /// Makes a layer as the store would: its files belong to the rooms' user.
    pub(crate) fn layer(&mut self, name: &str, fill: impl FnOnce(&Path)) -> Digest {
        let path = self.place.join("unpacked").join(name);
        fs::create_dir_all(&path).expect("makes");
        fill(&path);
        own(&path);
        self.layers.insert(digest(name), path);
        digest(name)
    }

    pub(crate) fn rooms_dir(&self) -> PathBuf {
        self.rooms_dir.clone()
    }

    /// Runs a round and gives what came of it.
    pub(crate) fn run(&self, round: &Round) -> Run {
        self.run_until(round, &Cancel::default())
    }

    pub(crate) fn run_until(&self, round: &Round, cancel: &Cancel) -> Run {
        self.run_with(self.engine(), round, cancel)
    }

    /// The same with another engine.
    pub(crate) fn run_with(&self, engine: &dyn Engine, round: &Round, cancel: &Cancel) -> Run {
        let (log, events) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let take_log = |bytes: &[u8]| log.lock().expect("no panic").extend_from_slice(bytes);
        let take_event = |event: Event| events.lock().expect("no panic").push(event);
        let watch = Watch { events: &take_event, log: &take_log, cancel, keep: None };
        let mut taken = Taken::default();
        let outcome = engine.run(round, self, &mut taken, &watch);
        let log = String::from_utf8_lossy(&log.into_inner().expect("no panic")).into_owned();
        Run { outcome, log, taken: taken.0, events: events.into_inner().expect("no panic") }
    }

    /// Runs a shell script in the baseline's room and expects success.
    pub(crate) fn sh(&self, script: &str) -> String {
        self.run(&shell(script)).success()
    }

    /// Runs this program in the baseline's room; see `attempt`.
    pub(crate) fn attempt(&self, words: &[&str]) -> String {
        self.run(&attempt(words)).success()
    }

    /// Runs a round in a room that eadem makes itself.
    pub(crate) fn native(&self, round: &Round) -> Run {
        self.run_with(&self.engine, round, &Cancel::default())
    }

    /// Waits until the keepers have done what they must.
    pub(crate) fn settle(&self) {
        self.engine.settle().expect("rooms are removed");
        let settled = self.runtime.as_ref().map_or(Ok(()), |(engine, _)| engine.settle());
        settled.expect("rooms are removed");
    }

    /// What is left below the rooms' directory once the keepers have done what they must.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        self.settle();
        fs::read_dir(self.rooms_dir()).map_or_else(
            |_| Vec::new(),
            |entries| {
                entries
                    .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
                    .collect()
            },
        )
    }
}

fn own(path: &Path) {
    let (uid, gid) = outer_ids();
    lchown(path, Some(uid), Some(gid)).expect("may");
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).expect("readable").for_each(|entry| own(&entry.expect("readable").path()));
    }
}
