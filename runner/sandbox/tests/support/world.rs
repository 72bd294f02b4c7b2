//! A small world for rooms: an image made of the host's own programs, and places for everything.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    os::unix::fs::{PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use eadem_model::{
    Architecture, Cancel, Digest, Engine, EngineError, Event, Input, Inputs, Limits, Outcome, Output,
    OutputSink, Plan, Root, Round, Setting, Text, TreePath, Watch,
};
use eadem_sandbox::{NativeEngine, outer_ids};

/// Programs that tests run in rooms.
const PROGRAMS: [&str; 14] = [
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
];

/// Everything that a test needs, in one directory.
pub(crate) struct World {
    pub(crate) place: PathBuf,
    pub(crate) engine: NativeEngine,
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
        let engine = NativeEngine::new(dir.path().join("rooms"));
        let mut world =
            Self { place: dir.path().to_owned(), engine, layers: BTreeMap::new(), _dir: Some(dir) };
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
        Self { place: place.to_owned(), engine, layers: BTreeMap::from(unpacked), _dir: None }
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
        self.place.join("rooms")
    }

    /// Runs a round and gives what came of it.
    pub(crate) fn run(&self, round: &Round) -> Run {
        self.run_until(round, &Cancel::default())
    }

    pub(crate) fn run_until(&self, round: &Round, cancel: &Cancel) -> Run {
        let (log, events) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let take_log = |bytes: &[u8]| log.lock().expect("no panic").extend_from_slice(bytes);
        let take_event = |event: Event| events.lock().expect("no panic").push(event);
        let watch = Watch { events: &take_event, log: &take_log, cancel };
        let mut taken = Taken::default();
        let outcome = self.engine.run(round, self, &mut taken, &watch);
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

    /// What is left below the rooms' directory.
    pub(crate) fn leftovers(&self) -> Vec<String> {
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

/// What came of a run.
#[must_use]
pub(crate) struct Run {
    pub(crate) outcome: Result<Outcome, EngineError>,
    pub(crate) log: String,
    pub(crate) taken: Vec<String>,
    pub(crate) events: Vec<Event>,
}

impl Run {
    pub(crate) fn outcome(&self) -> &Outcome {
        match &self.outcome {
            Ok(outcome) => outcome,
            Err(error) => panic!("{error:?}\n{}", self.log),
        }
    }

    pub(crate) fn success(self) -> String {
        assert_eq!(self.outcome().ending, eadem_model::Ending::Success, "{}", self.log);
        self.log
    }
}

/// Lines for what was handed over.
#[derive(Default)]
pub(crate) struct Taken(Vec<String>);

impl OutputSink for Taken {
    fn directory(&mut self, path: &TreePath) -> io::Result<()> {
        self.0.push(format!("{path}/"));
        Ok(())
    }

    fn file(&mut self, path: &TreePath, executable: bool, content: &mut dyn Read) -> io::Result<()> {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        self.0.push(format!("{path}{} = {text}", if executable { "*" } else { "" }));
        Ok(())
    }

    fn symlink(&mut self, path: &TreePath, target: &str) -> io::Result<()> {
        self.0.push(format!("{path} -> {target}"));
        Ok(())
    }
}

pub(crate) fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A round of the baseline with these arguments.
pub(crate) fn round(argv: &[&str]) -> Round {
    let input =
        |subpath: &str, at| Input { layer: digest("source"), subpath: subpath.parse().expect("clean"), at };
    let plan = Plan {
        eadem_plan: Plan::FORMAT,
        rootfs: vec![digest("libraries"), digest("program")],
        architecture: if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::Amd64 },
        inputs: vec![input("source", Root::Source), input("cargo", Root::Cargo)],
        argv: argv.iter().map(|text| Text::from(*text)).collect(),
        env: BTreeMap::from([("PATH".to_owned(), Text::from("/usr/bin:/bin"))]),
        cwd: Text::root(Root::Target),
        epoch: 1_000_000_000,
        limits: Limits { wall_seconds: 60, log_bytes: 1 << 20, output_bytes: 1 << 20 },
        outputs: Vec::new(),
    };
    Round { plan, setting: Setting::baseline() }
}

pub(crate) fn shell(script: &str) -> Round {
    round(&["/bin/sh", "-c", script])
}

pub(crate) fn attempt(words: &[&str]) -> Round {
    let own = PathBuf::from("/bin").join(own_name());
    let own = own.to_str().expect("is UTF-8").to_owned();
    round(&[&[own.as_str(), "__attempt"], words].concat())
}

/// The round with one output, from below the target.
pub(crate) fn with_output(mut round: Round, path: &str, from: &str) -> Round {
    let from = Text::root(Root::Target).then(from);
    round.plan.outputs.push(Output { path: path.parse().expect("clean"), from });
    round
}

fn own_name() -> String {
    let own = std::env::current_exe().expect("has a path");
    own.file_name().expect("has a name").to_string_lossy().into_owned()
}

/// Copies programs and the libraries that they name.
fn install(to: &Path, programs: &[PathBuf]) {
    for program in programs {
        let bin = to.join("usr/bin");
        fs::create_dir_all(&bin).expect("makes");
        fs::copy(program, bin.join(program.file_name().expect("has a name"))).expect("copies");
        libraries(program).iter().for_each(|library| copy_library(library, to));
    }
    for link in ["bin", "lib", "lib64"] {
        if !to.join(link).exists() {
            fs::create_dir_all(to.join("usr").join(link)).expect("makes");
            symlink(format!("usr/{link}"), to.join(link)).expect("links");
        }
    }
}

fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(program).output().expect("ldd runs");
    let text = String::from_utf8(listed.stdout).expect("is UTF-8");
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn copy_library(library: &Path, to: &Path) {
    let below = library.strip_prefix("/").expect("is absolute");
    let below = below.strip_prefix("usr").unwrap_or(below);
    let target = to.join("usr").join(below);
    fs::create_dir_all(target.parent().expect("has one")).expect("makes");
    if !target.exists() {
        fs::copy(library, target).expect("copies");
    }
}

fn own(path: &Path) {
    let (uid, gid) = outer_ids();
    lchown(path, Some(uid), Some(gid)).expect("may");
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).expect("readable").for_each(|entry| own(&entry.expect("readable").path()));
    }
}
