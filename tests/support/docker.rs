//! A Docker Engine of the tests' own, with an image that holds eadem and nothing else.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{run::Run, user::is_root, world::World};

/// The image's name.
const IMAGE: &str = "eadem";

/// A daemon that ends with this value, with all its containers and files.
pub(crate) struct Docker {
    daemon: Child,
    dir: TempDir,
}

impl Docker {
    /// Starts a daemon and gives it the image.
    pub(crate) fn start(world: &World) -> Self {
        assert!(is_root(), "this test wants root, who may start dockerd");
        // A short path: the names of sockets have little room.
        let dir =
            tempfile::Builder::new().prefix("eadem-docker-").tempdir_in("/var/tmp").expect("a directory");
        let log = fs::File::create(dir.path().join("log")).expect("the directory is ours");
        let mut command = Command::new("dockerd");
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", dir.path());
        command.args(["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none"]);
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(option).arg(dir.path().join(name));
        }
        command.arg("--host").arg(format!("unix://{}", dir.path().join("socket").display()));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("open")).stderr(log);
        let daemon = command.spawn().unwrap_or_else(|error| panic!("dockerd cannot be started: {error}"));
        let mut docker = Self { daemon, dir };
        docker.await_answer();
        docker.import(world);
        docker
    }

    fn await_answer(&mut self) {
        for _ in 0..300 {
            let ended = self.daemon.try_wait().expect("it is our child");
            assert!(ended.is_none(), "dockerd ended early:\n{}", self.log());
            if self.command(["version"]).output().expect("docker is installed").status.success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("dockerd does not answer:\n{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Makes an image of the program, the libraries that it names, and a place for temporary files.
    fn import(&self, world: &World) {
        let tree = self.dir.path().join("tree");
        let program = PathBuf::from(world.command([""; 0]).get_program());
        place(&program, &tree.join("bin/eadem"));
        for library in libraries(&program) {
            place(&library, &tree.join(library.strip_prefix("/").expect("it is absolute")));
        }
        fs::create_dir(tree.join("tmp")).expect("the directory is ours");
        fs::set_permissions(tree.join("tmp"), fs::Permissions::from_mode(0o1777)).expect("ours");
        let archive = self.dir.path().join("tree.tar");
        drop(Run::of(Command::new("tar").arg("-C").arg(&tree).arg("-cf").arg(&archive).arg(".")).exit(0));
        let archive = archive.to_str().expect("a temporary name is text");
        drop(Run::of(&mut self.command(["import", archive, IMAGE])).exit(0));
    }

    /// The client, not started yet.
    fn command<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("docker");
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.dir.path());
        command.env("DOCKER_HOST", format!("unix://{}", self.dir.path().join("socket").display()));
        command.args(words);
        command
    }

    /// eadem in a new container with these options, which sees the world's project and store.
    pub(crate) fn eadem(&self, world: &World, options: &[&str], words: &[&str]) -> Command {
        let mut command = self.command(["run", "--rm", "--network=none"]);
        for dir in [world.project(), world.store().to_owned()].iter().filter(|dir| dir.is_dir()) {
            let dir = dir.display();
            command.arg(format!("--volume={dir}:{dir}"));
        }
        command.args(options).arg("--workdir").arg(world.project()).args([IMAGE, "/bin/eadem"]);
        command.args(words).arg("--offline").arg("--store").arg(world.store());
        command
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.daemon);
        // It ends its containers and its own helpers; it can only be gone already.
        let _ = kill_process(pid, Signal::TERM);
        let _ = self.daemon.wait();
        unmount_below(self.dir.path());
    }
}

/// The daemon leaves a mount or two of its own.
fn unmount_below(dir: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = |line: &&str| line.split(' ').nth(1).is_some_and(|at| Path::new(at).starts_with(dir));
    for line in mounts.lines().filter(below).collect::<Vec<_>>().into_iter().rev() {
        let at = line.split(' ').nth(1).unwrap_or_default();
        let _ = rustix::mount::unmount(at, rustix::mount::UnmountFlags::DETACH);
    }
}

fn place(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("it has one")).expect("the directory is ours");
    fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
}

/// The libraries that a program names, and its loader.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = Run::of(Command::new("ldd").arg(program)).exit(0).stdout();
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}
