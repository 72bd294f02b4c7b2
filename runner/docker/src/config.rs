//! The container of a room, as the daemon's API wants it.

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions,
    ResourcesUlimits,
};
use eadem_model::{EngineError, Limits, Room, RoomPath};

use crate::{
    daemon::{Daemon, Make},
    limit,
    profile::profile,
    stay::Stay,
    wrapper::{self, Program, Start},
};

/// Bytes and files that each of /tmp, /var/tmp and /dev/shm may hold.
const MEMORY: &str = "rw,exec,nosuid,nodev,mode=1777,size=4294967296";
const MEMORY_INODES: &str = ",nr_inodes=1000000";

const MAX_OPEN_FILES: i64 = 8192;

/// Fewer processes than these are counted by the daemon alone: the kernel's own count is of one user's
/// on the whole machine.
const FEWEST_OF_A_USER: u64 = 32_768;

/// Parts that tell of the machine. `/sys` is empty in the native engine's rooms.
const HIDDEN: [&str; 21] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/cmdline",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/locks",
    "/proc/modules",
    "/proc/partitions",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/swaps",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/vmallocinfo",
    "/sys",
];

/// Parts that change the machine.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The volumes of a room, in the room's order.
pub(crate) struct Volumes {
    pub(crate) inputs: Vec<String>,
    pub(crate) scratch: Vec<String>,
}

/// What stands behind the payload's standard input, output and error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Nothing to read; both outputs are one.
    Log,
    /// Three pipes.
    Pipes,
    /// A terminal of the room's own.
    Terminal,
}

/// A container that can be started.
pub(crate) fn container(
    stay: &Stay<'_>,
    room: &Room,
    image: String,
    volumes: &Volumes,
    program: Program,
) -> Result<ContainerCreateBody, EngineError> {
    let start = wrapper::start(room, program, settles_addresses(stay.daemon))?;
    let is_visited = program.streams != Streams::Log;
    let Start { entrypoint, arguments, env, working_dir } = start;
    Ok(ContainerCreateBody {
        hostname: Some(room.hostname.clone()),
        user: Some(format!("{}:{}", room.user.uid, room.user.gid)),
        attach_stdin: Some(is_visited),
        open_stdin: Some(is_visited),
        stdin_once: Some(is_visited),
        tty: Some(program.streams == Streams::Terminal),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        env: Some(env),
        entrypoint: Some(entrypoint),
        cmd: Some(arguments),
        image: Some(image),
        working_dir: Some(working_dir),
        // A daemon that is stopped shall not wait for a build.
        stop_timeout: Some(0),
        labels: Some(stay.labels().collect()),
        host_config: Some(host_config(stay.daemon, room, volumes)),
        ..ContainerCreateBody::default()
    })
}

/// Whether the payload may turn the randomisation of its addresses off: the usual profiles forbid it.
pub(crate) fn settles_addresses(daemon: &Daemon) -> bool {
    daemon.make == Make::Docker
}

fn host_config(daemon: &Daemon, room: &Room, volumes: &Volumes) -> HostConfig {
    let mut host = limit::host_config(daemon, room);
    host.network_mode = Some("none".to_owned());
    // Docker writes these itself, with those of its machine unless it is told.
    host.extra_hosts = Some(vec![format!("{}:127.0.0.1", room.hostname)]);
    host.dns = Some(vec!["127.0.0.1".to_owned()]);
    host.dns_search = Some(vec![".".to_owned()]);
    host.dns_options = Some(vec!["ndots:0".to_owned()]);
    host.ipc_mode = Some("private".to_owned());
    host.readonly_rootfs = Some(true);
    host.cap_drop = Some(vec!["ALL".to_owned()]);
    host.security_opt = Some(security(daemon, room));
    host.masked_paths = Some(HIDDEN.map(str::to_owned).into());
    host.readonly_paths = Some(READ_ONLY.map(str::to_owned).into());
    host.tmpfs = Some(memory(daemon));
    host.mounts = Some(mounts(room, volumes));
    host.ulimits = Some(ulimits(&room.limits));
    // What passes is kept by eadem; the daemon would keep it a second time, without an end.
    host.log_config = Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None });
    host
}

fn security(daemon: &Daemon, room: &Room) -> Vec<String> {
    let mut options = vec!["no-new-privileges".to_owned()];
    match daemon.make {
        Make::Docker if daemon.has_seccomp() => {
            options.push(format!("seccomp={}", profile(room.architecture)));
        }
        Make::Docker => {}
        // It does not hear the lists of paths, and reads profiles from its own disk alone.
        Make::Podman => options.push(format!("mask={}", HIDDEN.join(":"))),
    }
    options
}

fn memory<M: FromIterator<(String, String)>>(daemon: &Daemon) -> M {
    let inodes = if daemon.make == Make::Docker { MEMORY_INODES } else { "" };
    let entry = |place: &str| (place.to_owned(), format!("{MEMORY}{inodes}"));
    ["/tmp", "/var/tmp", "/dev/shm"].map(entry).into_iter().collect()
}

fn mounts(room: &Room, volumes: &Volumes) -> Vec<Mount> {
    let inputs = room.inputs.iter().zip(&volumes.inputs);
    let inputs = inputs.map(|(input, volume)| mount(volume, &input.at, Access::Read));
    let scratch = room.scratch.iter().zip(&volumes.scratch);
    inputs.chain(scratch.map(|(at, volume)| mount(volume, at, Access::Write))).collect()
}

/// What may be done with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Shows a volume. An empty one that may be written takes over the owner of the image's directory.
pub(crate) fn mount(volume: &str, at: &RoomPath, access: Access) -> Mount {
    let no_copy = access == Access::Read;
    Mount {
        target: Some(at.as_str().to_owned()),
        source: Some(volume.to_owned()),
        typ: Some(MountType::VOLUME),
        read_only: Some(access == Access::Read),
        volume_options: Some(MountVolumeOptions { no_copy: Some(no_copy), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

fn ulimits(limits: &Limits) -> Vec<ResourcesUlimits> {
    let both = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    let n_processes = i64::try_from(limits.processes.max(FEWEST_OF_A_USER)).unwrap_or(i64::MAX);
    vec![both("core", 0), both("nofile", MAX_OPEN_FILES), both("nproc", n_processes)]
}

#[cfg(test)]
pub(crate) mod tests {
    use eadem_model::{Architecture, DirectoryOrder, Kernel, Processors, User, Users};

    use super::*;

    /// A room with nothing special.
    pub(crate) fn room() -> Room {
        let path = |text: &str| text.parse().expect("clean");
        Room {
            rootfs: Vec::new(),
            architecture: Architecture::Amd64,
            inputs: Vec::new(),
            order: DirectoryOrder::AsStored,
            scratch: vec![path("/build")],
            argv: vec!["/bin/true".to_owned()],
            env: [].into(),
            cwd: path("/build"),
            user: User { name: "builder".to_owned(), uid: 1000, gid: 1000, home: path("/build") },
            hostname: "eadem".to_owned(),
            umask: 0o022,
            processors: Processors::All,
            users: Users::One,
            limits: Limits::default(),
            outputs: Vec::new(),
            start: None,
            clock_offset: 0,
            kernel: Kernel::Own,
            veils: Vec::new(),
        }
    }

    #[test]
    fn commas_and_colons_in_a_place_are_no_options() {
        let at: RoomPath = "/build:rw,z\n".parse().expect("clean");
        let mount = mount("v", &at, Access::Read);
        assert_eq!((mount.target.as_deref(), mount.read_only), (Some("/build:rw,z\n"), Some(true)));
    }
}
