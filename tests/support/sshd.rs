//! An ssh daemon of the tests' own, and a user whom it lets in.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{patience::wait_for, run::Run, server::free_address, world::World};

/// sshd wants a directory of the system's for itself. This machine's stays as it is.
const APART: &str = "mount -t tmpfs tmpfs /run; mkdir /run/sshd; exec /usr/sbin/sshd -D -e -f \"$1\"";

/// ssh looks for its files in the home that the system's table names, whatever HOME is.
const AT_HOME: &str = "mount --bind \"$1\" /etc/passwd; shift; exec \"$@\"";

/// A daemon on the loopback that lets one key in, and ends with this value.
pub(crate) struct Sshd {
    daemon: Child,
    pub(crate) address: SocketAddr,
    dir: PathBuf,
}

impl Sshd {
    /// Starts a daemon whose programs find the container daemon at an address.
    pub(crate) fn start(dir: &Path, docker_host: &str) -> Self {
        fs::create_dir(dir).expect("a free name");
        let (address, dir) = (free_address(), dir.to_owned());
        keygen(&dir.join("host"));
        keygen(&dir.join("user"));
        fs::write(dir.join("config"), config(&dir, address, docker_host)).expect("ours");
        let log = File::create(dir.join("log")).expect("ours");
        let mut sshd = Command::new("setpriv");
        sshd.args(["--pdeathsig", "TERM", "--", "unshare", "--mount", "sh", "-ec", APART, "sh"]);
        sshd.arg(dir.join("config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let daemon = sshd.spawn().expect("setpriv is there");
        let mut sshd = Self { daemon, address, dir };
        wait_for("the ssh daemon", || sshd.answers());
        sshd
    }

    fn answers(&mut self) -> Option<TcpStream> {
        let ended = self.daemon.try_wait().expect("it is our child");
        let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        assert!(ended.is_none(), "sshd ended early:\n{}", log());
        TcpStream::connect(self.address).ok()
    }

    /// Gives a world's user the key, the daemon's, and a short name for the way there.
    pub(crate) fn let_in(&self, world: &World) {
        let home = world.dir().join("home/.ssh");
        fs::create_dir(&home).expect("a new home");
        fs::copy(self.dir.join("user"), home.join("id_ed25519")).expect("was made");
        fs::write(home.join("known_hosts"), self.known_host()).expect("ours");
        let (ip, port) = (self.address.ip(), self.address.port());
        let names = format!("Host afar\n  HostName {ip}\n  Port {port}\n  User root\n");
        fs::write(home.join("config"), names).expect("ours");
    }

    fn known_host(&self) -> String {
        let key = fs::read_to_string(self.dir.join("host.pub")).expect("was made");
        format!("[{}]:{} {key}", self.address.ip(), self.address.port())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // It can only be gone already.
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let _ = self.daemon.wait();
    }
}

/// The same command where the world's home is the one of the system's table; wants root.
pub(crate) fn at_home(world: &World, command: &Command) -> Command {
    let passwd = world.dir().join("passwd");
    let home = world.dir().join("home");
    fs::write(&passwd, format!("root:x:0:0:root:{}:/bin/sh\n", home.display())).expect("ours");
    let mut unshare = world.program("/usr/bin/unshare");
    unshare.args(["--mount", "sh", "-ec", AT_HOME, "sh"]).arg(passwd);
    unshare.arg(command.get_program()).args(command.get_args());
    unshare.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    unshare
}

fn keygen(file: &Path) {
    drop(Run::of(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file)).exit(0));
}

fn config(dir: &Path, address: SocketAddr, docker_host: &str) -> String {
    let (ip, port, dir) = (address.ip(), address.port(), dir.display());
    format!(
        "ListenAddress {ip}\nPort {port}\nHostKey {dir}/host\nAuthorizedKeysFile {dir}/user.pub\nPidFile none\n\
         StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n\
         SetEnv DOCKER_HOST={docker_host}\n"
    )
}
