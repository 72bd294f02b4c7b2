//! Private daemons: their own sockets, directories and processes, and nothing of the machine's.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use rustix::{
    mount::{UnmountFlags, unmount},
    process::{Pid, Signal, kill_process},
};

/// A daemon that ends when this is dropped.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    address: String,
    dir: PathBuf,
    /// This program's own alone, as long as it runs.
    child: Mutex<Option<Child>>,
}

impl Service {
    /// Docker Engine.
    pub(crate) fn docker(dir: &Path) -> Self {
        Self::docker_with(dir, &[])
    }

    /// Docker Engine with some more options.
    pub(crate) fn docker_with(dir: &Path, options: &[String]) -> Self {
        let args =
            ["--iptables=false", "--bridge=none", "--storage-driver=overlay2", "--userland-proxy=false"];
        let mut dockerd = confined("dockerd");
        dockerd.args(args).arg("--data-root").arg(dir.join("data")).arg("--exec-root").arg(dir.join("exec"));
        dockerd.arg("--pidfile").arg(dir.join("pid")).arg("--host").arg(address(dir));
        dockerd.args(options);
        Self::start("docker", dockerd, dir)
    }

    /// Podman's service; the runtime is one that takes hybrid control groups.
    pub(crate) fn podman(dir: &Path) -> Self {
        let mut podman = confined("podman");
        podman.arg("--root").arg(dir.join("root")).arg("--runroot").arg(dir.join("run"));
        podman.args(["--runtime", "/usr/sbin/runc", "--cgroup-manager", "cgroupfs"]);
        podman.args(["system", "service", "--time=0"]).arg(address(dir));
        Self::start("podman", podman, dir)
    }

    fn start(name: &'static str, mut command: Command, dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("makes");
        let log = File::create(dir.join("log")).expect("makes");
        command.stdout(log.try_clone().expect("is open")).stderr(log).stdin(Stdio::null());
        // Podman's helpers leave files in the directory that they find themselves in.
        command.current_dir(dir);
        let child = command.spawn().expect("the daemon is installed");
        let service =
            Self { name, address: address(dir), dir: dir.to_owned(), child: Mutex::new(Some(child)) };
        patiently("the daemon answers", || service.says(["version"]).is_some());
        service
    }

    /// Somebody else's daemon.
    pub(crate) fn stranger(address: &str) -> Self {
        Self { name: "stranger", address: address.to_owned(), dir: PathBuf::new(), child: Mutex::default() }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// What Docker's own client prints, if the daemon likes the question.
    pub(crate) fn says<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Option<String> {
        let mut client = Command::new("docker");
        client.env("DOCKER_HOST", self.address()).args(words).stderr(Stdio::null());
        let output = client.output().expect("the client is installed");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Containers, volumes and images that rooms have left.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let filter = "label=eadem.owner";
        let lists = [
            &["ps", "--all", "--quiet", "--filter", filter][..],
            &["volume", "ls", "--quiet", "--filter", filter],
            &["image", "ls", "--all", "--quiet", "--filter", filter],
        ];
        let lines = lists.iter().map(|words| self.says(*words).expect("the daemon answers"));
        lines.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Ends the daemon at once, and waits for the containerd that dies with it.
    pub(crate) fn kill(&self) {
        let pid = fs::read_to_string(self.dir.join("exec/containerd/containerd.pid"));
        self.end(Signal::KILL);
        if let Ok(pid) = pid {
            patiently("containerd is gone", || !Path::new("/proc").join(pid.trim()).exists());
        }
    }

    fn end(&self, how: Signal) {
        let Some(mut child) = self.child.lock().expect("no panic").take() else { return };
        let pid = Pid::from_raw(child.id().cast_signed()).expect("a pid");
        kill_process(pid, how).expect("is sent");
        child.wait().expect("is a child");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let is_own = self.child.get_mut().is_ok_and(|child| child.is_some());
        // Containers of a room that failed would outlive the daemon, whose processes they are not.
        let ids = self.says(["ps", "--all", "--quiet"]).filter(|_| is_own).unwrap_or_default();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            self.says([&["rm", "--force"][..], &ids].concat());
        }
        self.end(Signal::TERM);
        // Podman leaves its storage mounted upon itself, and so does Docker when it was killed once.
        for storage in ["root/overlay", "data"].map(|name| self.dir.join(name)) {
            while is_own && unmount(&storage, UnmountFlags::DETACH).is_ok() {}
        }
    }
}

/// Waits for something that may take a daemon its time.
pub(crate) fn patiently(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..600 {
        if happened() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("did not happen: {what}");
}

fn address(dir: &Path) -> String {
    format!("unix://{}", dir.join("sock").display())
}

/// A program that ends when this one does.
fn confined(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", program]);
    command
}
