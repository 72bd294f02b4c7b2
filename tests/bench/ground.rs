//! Where the benchmarks work: a directory of their own, and a store that has everything.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use eadem_model::{Architecture, ImageLock, RecipeLock, Setting, document};

use crate::plain::Plain;

/// The repository.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The benchmarks' directory, removed at the end.
pub(crate) struct Ground {
    dir: PathBuf,
}

impl Ground {
    /// Makes the directory.
    pub(crate) fn new() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
        fs::create_dir_all(dir.join("home")).expect("the target directory can be written");
        Self { dir }
    }

    /// A path of the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A path where there is nothing, whatever was there.
    pub(crate) fn empty(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        if path.exists() {
            fs::remove_dir_all(&path).expect("the directory is ours");
        }
        path
    }

    /// The store that has the image and the sources of hexyl.
    pub(crate) fn store(&self) -> PathBuf {
        let store = self.path("store");
        if !store.exists() {
            run(self.eadem(&store).args(["fetch", "hexyl"]));
        }
        store
    }

    /// eadem in the repository with a store.
    pub(crate) fn eadem(&self, store: &Path) -> Command {
        self.eadem_in(&self.repository(), store)
    }

    /// eadem in a project with a store.
    pub(crate) fn eadem_in(&self, project: &Path, store: &Path) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_eadem"));
        command.arg("-C").arg(project).args(["--quiet", "--store"]).arg(store);
        command
    }

    /// The repository's directory, a project.
    pub(crate) fn repository(&self) -> PathBuf {
        REPOSITORY.into()
    }

    /// Plain cargo with a project's recipe, whose inputs a store has laid out.
    pub(crate) fn plain(&self, store: &Path, project: &Path, recipe: &str) -> Plain {
        let file = |extension: &str| project.join(format!("recipes/{recipe}.{extension}"));
        let plan = eadem_flow::plan(&parse(&file("yaml")), &parse(&file("lock")), Architecture::Amd64);
        Plain::new(store, plan, Setting::baseline(), &self.empty(&format!("plain-{recipe}")))
    }

    /// A program with an empty home and little else in its environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.path("home")).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"]
        {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    /// The lock of the image.
    pub(crate) fn image_lock(&self) -> ImageLock {
        parse(&self.repository().join("images/rust-trixie.lock"))
    }

    /// The lock of a recipe.
    pub(crate) fn recipe_lock(&self, name: &str) -> RecipeLock {
        parse(&self.repository().join(format!("recipes/{name}.lock")))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What stays is in the target directory, where everything may be deleted.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    document::parse(&path.display().to_string(), &text).unwrap_or_else(|error| panic!("{error}"))
}
