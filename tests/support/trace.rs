//! Which programs were started, and whether on the host or in a room.
//!
//! strace numbers processes as the host does, and a process of the host gets from `clone` the number
//! that the host gives to the child; so the processes of the host are the first one and all that come
//! from them, except those that are born into a pid namespace of their own. All others are in a room.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::world::World;

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// The call as strace writes it.
    pub(crate) call: String,
    is_in_room: bool,
}

/// All programs that one run of eadem started.
pub(crate) struct Trace(Vec<Start>);

impl Trace {
    /// Puts strace around a command of this world.
    pub(crate) fn command(world: &World, traced: &Command, name: &str) -> (Command, PathBuf) {
        let file = world.dir().join(format!("{name}.strace"));
        let mut strace = world.program("/usr/bin/strace");
        let calls = "trace=execve,execveat,clone,clone3,fork,vfork";
        strace.args(["-f", "-qq", "-s", "200", "--signal=none", "-e", calls, "-o"]).arg(&file);
        strace.arg(traced.get_program()).args(traced.get_args());
        (strace, file)
    }

    /// Reads what strace wrote.
    pub(crate) fn read(file: &Path) -> Self {
        Self::of(&fs::read_to_string(file).expect("strace has written"))
    }

    fn of(text: &str) -> Self {
        let lines: Vec<(u32, String)> = whole_calls(text);
        let first = lines.first().expect("strace saw a process").0;
        let mut hosts = BTreeSet::from([first]);
        let mut starts = Vec::new();
        // A child may be heard of before the call that made it has ended.
        while let Some(child) = lines.iter().find_map(|line| new_host_process(line, &hosts)) {
            hosts.insert(child);
        }
        for (pid, call) in lines.into_iter().filter(|(_, call)| call.starts_with("exec") && succeeded(call)) {
            starts.push(Start { call, is_in_room: !hosts.contains(&pid) });
        }
        Self(starts)
    }

    /// The programs that were started on the host, the traced one first.
    pub(crate) fn on_host(&self) -> Vec<&Start> {
        self.0.iter().filter(|start| !start.is_in_room).collect()
    }

    /// The programs that were started in rooms.
    pub(crate) fn in_rooms(&self) -> Vec<&Start> {
        self.0.iter().filter(|start| start.is_in_room).collect()
    }

    /// Expects that nothing ran on the host but eadem and its keepers of rooms.
    #[track_caller]
    pub(crate) fn only_eadem_on_the_host(&self) {
        let on_host = self.on_host();
        for start in &on_host[1..] {
            let is_keeper = start.call.starts_with("execve(\"/proc/self/exe\", [\"eadem\", \"__room\"]");
            assert!(is_keeper, "this ran on the host: {}", start.call);
        }
        assert!(on_host[0].call.contains("/eadem\""), "the traced program is eadem: {:?}", on_host[0]);
    }
}

/// Puts calls together that strace wrote in two lines, and drops the results of nothing.
fn whole_calls(text: &str) -> Vec<(u32, String)> {
    let mut begun: BTreeMap<u32, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (pid, rest) = line.split_once(' ').expect("a line begins with a process");
        let (pid, rest) = (pid.parse().expect("a process is a number"), rest.trim_start());
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(pid, start.to_owned());
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            let start = begun.remove(&pid).unwrap_or_default();
            calls.push((pid, start + end));
        } else {
            calls.push((pid, rest.to_owned()));
        }
    }
    calls.extend(begun);
    calls
}

/// The child that a line made on the host, if that is not known yet.
fn new_host_process((pid, call): &(u32, String), hosts: &BTreeSet<u32>) -> Option<u32> {
    let makes = ["clone", "fork", "vfork"].iter().any(|word| call.starts_with(word));
    if !makes || !hosts.contains(pid) || call.contains("CLONE_NEWPID") {
        return None;
    }
    let child = result(call)?.parse().ok()?;
    (!hosts.contains(&child)).then_some(child)
}

fn succeeded(call: &str) -> bool {
    result(call) == Some("0")
}

fn result(call: &str) -> Option<&str> {
    call.rsplit_once(" = ")?.1.split(' ').next()
}

#[test]
fn what_comes_from_a_new_pid_namespace_is_in_a_room() {
    let trace = Trace::of(concat!(
        "10 execve(\"/x/eadem\", [\"/x/eadem\"], 0x7f /* 4 vars */) = 0\n",
        "10 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88 <unfinished ...>\n",
        "11 execve(\"/proc/self/exe\", [\"eadem\", \"__room\"], 0x7f /* 0 vars */ <unfinished ...>\n",
        "10 <... clone3 resumed>)             = 11\n",
        "11 <... execve resumed>)             = 0\n",
        "11 clone3({flags=CLONE_NEWNS|CLONE_NEWPID, exit_signal=SIGCHLD}, 88) = 12\n",
        "12 clone(child_stack=NULL, flags=SIGCHLD) = 2\n",
        "13 execve(\"/usr/bin/cargo\", [\"cargo\"], 0x7f /* 9 vars */) = 0\n",
        "13 execve(\"/nowhere\", [\"x\"], 0x7f /* 9 vars */) = -1 ENOENT (No such file or directory)\n",
    ));
    assert_eq!(trace.on_host().len(), 2);
    assert_eq!(trace.in_rooms().len(), 1);
    trace.only_eadem_on_the_host();
}

#[test]
#[should_panic(expected = "this ran on the host: execve(\"/usr/bin/cargo\"")]
fn what_comes_from_eadem_itself_is_on_the_host() {
    let trace = Trace::of(concat!(
        "10 execve(\"/x/eadem\", [\"/x/eadem\"], 0x7f /* 4 vars */) = 0\n",
        "10 vfork() = 11\n",
        "11 execve(\"/usr/bin/cargo\", [\"cargo\"], 0x7f /* 9 vars */) = 0\n",
    ));
    trace.only_eadem_on_the_host();
}
