//! A place for one test: fresh directories, an empty home, a cleared environment, a store of its own.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::support::{disk, fixture, run::Run, user::User};

/// Variables that decide how mirrors are reached from this machine; nothing else comes through.
const NETWORK: [&str; 6] =
    ["SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"];

/// Who runs eadem.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    /// Whoever runs the tests; `ci/test` wants root.
    Tester,
    /// The ordinary user.
    User(&'static User),
}

impl Who {
    /// The ordinary user.
    pub(crate) fn ordinary() -> Self {
        Self::User(User::ordinary())
    }

    /// Where this one's worlds are, and the program as this one can run it.
    fn ground(self) -> &'static Ground {
        static TESTER: OnceLock<Ground> = OnceLock::new();
        static USER: OnceLock<Ground> = OnceLock::new();
        match self {
            Self::Tester => TESTER.get_or_init(|| Ground::new(Path::new(env!("CARGO_TARGET_TMPDIR")))),
            Self::User(user) => USER.get_or_init(|| Ground::new(&user.home)),
        }
    }
}

/// The directory of this run of the tests. It is held by a lock: what nobody holds is a leftover.
#[derive(Debug)]
struct Ground {
    dir: PathBuf,
    program: PathBuf,
    _held: File,
}

impl Ground {
    fn new(base: &Path) -> Self {
        sweep(base);
        let dir = base.join(format!("eadem-{}", std::process::id()));
        fs::create_dir(&dir).unwrap_or_else(|error| panic!("cannot make {}: {error}", dir.display()));
        let held = File::create(dir.join("held")).expect("the directory is ours");
        held.lock().expect("nobody else knows the file");
        // The repository may lie where another user cannot look. A process of its own copies: what is
        // forked here meanwhile would keep the file open for writing, and no such file can be started.
        let program = dir.join("eadem");
        drop(Run::of(Command::new("cp").arg(env!("CARGO_BIN_EXE_eadem")).arg(&program)).exit(0));
        Self { dir, program, _held: held }
    }
}

/// Removes the directories of runs that have ended.
fn sweep(base: &Path) {
    let entries =
        fs::read_dir(base).unwrap_or_else(|error| panic!("cannot list {}: {error}", base.display()));
    for dir in entries.map(|entry| entry.expect("the list can be read").path()) {
        let is_over = File::open(dir.join("held")).is_ok_and(|held| held.try_lock().is_ok());
        if is_over {
            fs::remove_dir_all(&dir)
                .unwrap_or_else(|error| panic!("cannot remove {}: {error}", dir.display()));
        }
    }
}

/// A place for one test, removed with all that is in it.
#[derive(Debug)]
pub(crate) struct World {
    who: Who,
    dir: PathBuf,
    store: PathBuf,
}

impl World {
    /// An empty project and an empty home.
    pub(crate) fn new() -> Self {
        Self::of(Who::Tester)
    }

    /// The same for somebody.
    pub(crate) fn of(who: Who) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = who.ground().dir.join(format!("world-{n}"));
        let world = Self { who, store: dir.join("home/.local/share/eadem"), dir };
        for name in ["", "home", "project", "project/recipes"] {
            let path = world.dir.join(name);
            fs::create_dir(&path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
            world.give(&path);
        }
        world
    }

    /// Adds the project `tests/fixtures/NAME`.
    pub(crate) fn with_fixture(self, name: &str) -> Self {
        self.with_dir(&fixture::dir(name))
    }

    /// Adds all that is in a directory.
    pub(crate) fn with_dir(self, dir: &Path) -> Self {
        self.copy(dir, &self.project());
        self
    }

    /// Adds the repository's images and their locks.
    pub(crate) fn with_images(self) -> Self {
        self.copy(&Path::new(crate::support::REPOSITORY).join("images"), &self.project().join("images"));
        self
    }

    /// Adds the repository's recipes and their locks.
    pub(crate) fn with_recipes(self) -> Self {
        self.copy(&Path::new(crate::support::REPOSITORY).join("recipes"), &self.project().join("recipes"));
        self
    }

    /// Uses a store that others use too.
    pub(crate) fn with_store(mut self, store: &Path) -> Self {
        self.store = store.to_owned();
        self
    }

    /// Writes a file of the project.
    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(&self.project().join(name), content.as_ref());
        self
    }

    /// Writes the user's configuration, below its first line.
    pub(crate) fn with_config(self, text: &str) -> Self {
        let path = self.dir.join("home/.config/eadem/config.yaml");
        self.write(&path, format!("eadem: 1\n{text}").as_bytes());
        self
    }

    fn write(&self, path: &Path, content: &[u8]) {
        let parents = path.ancestors().skip(1).take_while(|parent| !parent.exists());
        for parent in parents.collect::<Vec<_>>().into_iter().rev() {
            fs::create_dir(parent).expect("the world is ours");
            self.give(parent);
        }
        fs::write(path, content).expect("the world is ours");
        self.give(path);
    }

    fn copy(&self, from: &Path, to: &Path) {
        disk::copy(from, to, &|path| self.give(path));
    }

    fn give(&self, path: &Path) {
        if let Who::User(user) = self.who {
            chown(path, Some(user.uid), Some(user.gid)).expect("root may give files away");
        }
    }

    /// Whose world it is.
    pub(crate) fn who(&self) -> Who {
        self.who
    }

    /// The world's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The project, where eadem starts.
    pub(crate) fn project(&self) -> PathBuf {
        self.dir.join("project")
    }

    /// The store.
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// Reads a file of the project.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.project().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    /// eadem with some arguments, not started yet.
    pub(crate) fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = self.program(&self.who.ground().program);
        command.args(words).arg("--store").arg(&self.store);
        command
    }

    /// Some program in this world's surroundings, not started yet.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.project()).env("HOME", self.dir.join("home"));
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("NO_PROXY", "127.0.0.1");
        command.envs(NETWORK.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        if let Who::User(user) = self.who {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// Runs eadem to its end.
    pub(crate) fn eadem<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Run {
        Run::of(&mut self.command(words))
    }

    /// Expects that the store holds nothing that is half-written.
    #[track_caller]
    pub(crate) fn store_is_clean(&self) {
        disk::expect_clean(&self.store);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next run of the tests.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
