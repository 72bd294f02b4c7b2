//! The bundle: what the runtime is told of a room.
//!
//! Its root is a directory of the holder's stage where the image, the inputs, the scratch directories
//! and the temporary ones are mounted already, so a runtime must take mounts below the root along, as
//! all do. It says nothing of user and network namespaces: the runtime works in the room's own, and a
//! container without an entry for a namespace is in its runtime's.

use eadem_model::{EngineError, Room, Users};
use oci_spec::{
    OciSpecError,
    runtime::{
        Capabilities, Linux, LinuxCapabilities, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType,
        Mount, MountBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process, RootBuilder, Spec,
        User, UserBuilder,
    },
};
use rustix::process::Resource;

use super::{
    filter::{broken, seccomp},
    holder::STAGE,
};
use crate::{
    device::TERMINALS,
    payload::rlimits,
    privilege::kept,
    procfs::{HIDDEN, HIDDEN_DIRS, READ_ONLY},
    stdio::Streams,
};

/// `config.json` as text.
pub(crate) fn config(room: &Room, streams: Streams) -> Result<String, EngineError> {
    let text = spec(room, streams).and_then(|spec| serde_json::to_string(&spec).map_err(OciSpecError::SerDe));
    text.map_err(|error| broken(&error))
}

fn spec(room: &Room, streams: Streams) -> Result<Spec, OciSpecError> {
    let mut spec = Spec::default();
    let root = RootBuilder::default().path(format!("{STAGE}/root")).readonly(true).build()?;
    spec.set_version("1.0.2".to_owned())
        .set_root(Some(root))
        .set_mounts(Some(mounts(&room.user)?))
        .set_process(Some(process(room, streams)?))
        .set_hostname(Some(room.hostname.clone()))
        .set_annotations(None)
        .set_linux(Some(linux(room.users)?));
    Ok(spec)
}

fn process(room: &Room, streams: Streams) -> Result<Process, OciSpecError> {
    let mut process = Process::default();
    process
        .set_terminal(Some(streams == Streams::Terminal))
        .set_user(user(room)?)
        .set_args(Some(room.argv.clone()))
        .set_env(Some(room.env.iter().map(|(name, value)| format!("{name}={value}")).collect()))
        .set_cwd(room.cwd.as_str().into())
        .set_capabilities(Some(capabilities(room.users)?))
        .set_rlimits(Some(limits(room)?))
        .set_no_new_privileges(Some(true));
    Ok(process)
}

fn user(room: &Room) -> Result<User, OciSpecError> {
    UserBuilder::default().uid(room.user.uid).gid(room.user.gid).umask(room.umask).build()
}

/// Ambient ones are those that a program has after exec.
fn capabilities(users: Users) -> Result<LinuxCapabilities, OciSpecError> {
    let kept: Capabilities = kept(users)
        .iter_names()
        .map(|(name, _)| name.parse().map_err(|_| OciSpecError::Other(format!("no power is called {name}"))))
        .collect::<Result<_, _>>()?;
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(kept.clone()))
        .set_effective(Some(kept.clone()))
        .set_inheritable(Some(kept.clone()))
        .set_permitted(Some(kept.clone()))
        .set_ambient(Some(kept));
    Ok(sets)
}

fn limits(room: &Room) -> Result<Vec<PosixRlimit>, OciSpecError> {
    let limit = |(resource, limit): (Resource, rustix::process::Rlimit)| {
        PosixRlimitBuilder::default()
            .typ(kind(resource)?)
            .soft(limit.current.unwrap_or(u64::MAX))
            .hard(limit.maximum.unwrap_or(u64::MAX))
            .build()
    };
    rlimits(&room.limits).into_iter().map(limit).collect()
}

fn kind(resource: Resource) -> Result<PosixRlimitType, OciSpecError> {
    match resource {
        Resource::Core => Ok(PosixRlimitType::RlimitCore),
        Resource::Fsize => Ok(PosixRlimitType::RlimitFsize),
        Resource::Nofile => Ok(PosixRlimitType::RlimitNofile),
        Resource::Nproc => Ok(PosixRlimitType::RlimitNproc),
        Resource::Stack => Ok(PosixRlimitType::RlimitStack),
        other => Err(OciSpecError::Other(format!("no name for the limit {other:?}"))),
    }
}

/// What only a runtime can mount, since it belongs to the container's own namespaces.
fn mounts(user: &eadem_model::User) -> Result<Vec<Mount>, OciSpecError> {
    let shared = format!("{STAGE}/shm");
    // Like everything in a room it is the build's own. Everybody may read it and nobody write: the runtime
    // puts the six devices there before.
    let devices = format!("nosuid,noexec,mode=755,size=64k,uid={},gid={},ro", user.uid, user.gid);
    [
        ("/proc", "proc", "proc", "nosuid,noexec,nodev"),
        ("/dev", "tmpfs", "tmpfs", &devices),
        ("/dev/pts", "devpts", "devpts", &format!("nosuid,noexec,{TERMINALS}")),
        ("/dev/shm", "bind", &shared, "bind,nosuid,nodev"),
    ]
    .map(|(at, kind, source, options)| mount(at, kind, source, options))
    .into_iter()
    .collect()
}

fn mount(at: &str, kind: &str, source: &str, options: &str) -> Result<Mount, OciSpecError> {
    MountBuilder::default()
        .destination(at)
        .typ(kind)
        .source(source)
        .options(options.split(',').map(str::to_owned).collect::<Vec<_>>())
        .build()
}

fn linux(users: Users) -> Result<Linux, OciSpecError> {
    let below_proc = |names: &[&str]| Some(names.iter().map(|name| format!("/proc/{name}")).collect());
    let mut linux = Linux::default();
    linux
        .set_resources(None)
        .set_namespaces(Some(namespaces()?))
        .set_masked_paths(below_proc(&[&HIDDEN[..], &HIDDEN_DIRS].concat()))
        .set_readonly_paths(below_proc(&READ_ONLY))
        .set_seccomp(Some(seccomp(users)?));
    Ok(linux)
}

fn namespaces() -> Result<Vec<LinuxNamespace>, OciSpecError> {
    type Kind = LinuxNamespaceType;
    let own = [Kind::Pid, Kind::Mount, Kind::Ipc, Kind::Uts];
    own.into_iter().map(|kind| LinuxNamespaceBuilder::default().typ(kind).build()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::probe::bare_room;

    fn of(room: &Room) -> Value {
        serde_json::from_str(&config(room, Streams::Log).expect("is written")).expect("is JSON")
    }

    #[test]
    fn a_bundle_says_what_the_room_is_and_nothing_of_the_host() {
        let mut room = bare_room();
        room.argv = vec!["/bin/a b".into(), "c,d:e\nf".into()];
        room.env.insert("X".into(), "1,2:3\n4=5".into());
        let config = of(&room);
        assert_eq!(config["process"]["args"], serde_json::json!(["/bin/a b", "c,d:e\nf"]));
        assert_eq!(config["process"]["env"], serde_json::json!(["X=1,2:3\n4=5"]));
        assert_eq!(config["process"]["user"], serde_json::json!({"uid": 1000, "gid": 1000, "umask": 18}));
        assert_eq!(config["process"]["noNewPrivileges"], true);
        assert_eq!(config["process"]["terminal"], false);
        assert_eq!(config["root"], serde_json::json!({"path": "/sys/root", "readonly": true}));
        let none = serde_json::json!([]);
        for set in ["bounding", "effective", "inheritable", "permitted", "ambient"] {
            assert_eq!(config["process"]["capabilities"][set], none, "{set}");
        }
        let kinds: Vec<&str> = config["linux"]["namespaces"]
            .as_array()
            .expect("is a list")
            .iter()
            .filter_map(|namespace| namespace["type"].as_str())
            .collect();
        assert_eq!(kinds, ["pid", "mount", "ipc", "uts"]);
        assert_eq!(config["linux"]["resources"], Value::Null);
        assert!(!config["linux"]["maskedPaths"].as_array().expect("is a list").is_empty());
    }
}
