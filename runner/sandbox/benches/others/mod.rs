//! Other programs that start `true` in a box, or without one.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::answers;

const BUBBLEWRAP: [&str; 11] =
    ["--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "true"];

/// The image that docker gets, and that is removed afterwards.
const IMAGE: &str = "eadem-bench";

/// What a runtime must be told; the root file system stands beside it.
const CONFIG: &str = r#"{
  "ociVersion": "1.0.2",
  "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/"},
  "root": {"path": "ROOTFS", "readonly": true},
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}
  ],
  "linux": {"namespaces": [
    {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}
  ]}
}"#;

/// What the others need, in one directory.
pub(crate) struct Others {
    bundle: tempfile::TempDir,
    /// A mount namespace whose `/sys/fs/cgroup` is the unified hierarchy: crun refuses any other.
    unified: Option<Unified>,
    has_image: bool,
}

impl Others {
    /// Prepares a bundle on this root file system, and an image of it if there is a daemon.
    pub(crate) fn new(rootfs: &Path) -> Self {
        let bundle = tempfile::tempdir().expect("a temporary directory");
        for name in ["proc", "dev"] {
            fs::create_dir_all(rootfs.join(name)).expect("makes");
        }
        let config = CONFIG.replace("ROOTFS", rootfs.to_str().expect("is UTF-8"));
        fs::write(bundle.path().join("config.json"), config).expect("writes");
        let unified = Unified::new();
        if unified.is_none() {
            println!("crun sees this machine's own cgroups: no other can be mounted");
        }
        Self { bundle, unified, has_image: import(rootfs) }
    }

    /// Everyone that is here and works.
    pub(crate) fn commands(&self) -> Vec<(&'static str, impl Fn() + Sync + '_)> {
        ["plain", "bwrap", "crun", "runc", "docker"]
            .into_iter()
            .filter(|name| (*name != "docker" || self.has_image) && answers(name, &mut self.command(name)))
            .map(|name| {
                (name, move || assert!(self.command(name).status().expect("starts").success(), "{name}"))
            })
            .collect()
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(if name == "plain" { "true" } else { name });
        let bundle = |command: &mut Command| {
            command.arg("run").arg("--bundle").arg(self.bundle.path()).arg(free_name());
        };
        match name {
            "bwrap" => drop(command.args(BUBBLEWRAP)),
            "crun" => {
                command.arg("--cgroup-manager=disabled");
                bundle(&mut command);
                self.unified.iter().for_each(|unified| unified.enter(&mut command));
            }
            "runc" => bundle(&mut command),
            "docker" => drop(command.args(["run", "--rm", "--network=none", IMAGE, "/bin/true"])),
            _ => {}
        }
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        if self.has_image {
            answers("docker", Command::new("docker").args(["image", "rm", IMAGE]));
        }
    }
}

/// Runtimes know their containers by name, and several are there at a time.
fn free_name() -> String {
    static N_NAMED: AtomicUsize = AtomicUsize::new(0);
    format!("eadem-bench-{}", N_NAMED.fetch_add(1, Ordering::Relaxed))
}

/// Whether docker has the root file system as an image; its client finds the daemon that `DOCKER_HOST`
/// names, or the one of the machine.
fn import(rootfs: &Path) -> bool {
    let script = "docker version > /dev/null && tar -C \"$1\" -c . | docker import - \"$2\"";
    let mut import = Command::new("sh");
    answers("docker", import.args(["-c", script, "sh"]).arg(rootfs).arg(IMAGE))
}

/// A process that holds a mount namespace.
struct Unified {
    holder: Child,
    namespace: File,
}

impl Unified {
    fn new() -> Option<Self> {
        let script = "mount -t cgroup2 none /sys/fs/cgroup && echo ready && exec cat";
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = unshare.stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
        if line != "ready\n" {
            holder.wait().ok()?;
            return None;
        }
        let namespace = File::open(format!("/proc/{}/ns/mnt", holder.id())).ok()?;
        Some(Self { holder, namespace })
    }

    #[allow(unsafe_code, reason = "what happens between fork and exec is nobody's business to check")]
    fn enter(&self, command: &mut Command) {
        use std::os::fd::AsRawFd;
        let namespace = self.namespace.as_raw_fd();
        // SAFETY: the call takes numbers, allocates nothing, and the descriptor outlives the command.
        unsafe {
            command.pre_exec(move || match libc::setns(namespace, libc::CLONE_NEWNS) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
    }
}

impl Drop for Unified {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.holder.stdin.take());
        self.holder.wait().expect("is waited for");
    }
}
