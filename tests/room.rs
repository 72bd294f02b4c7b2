//! What a build sees of the world, what it can change, and what it leaves behind.

use std::{collections::BTreeMap, fs, sync::OnceLock};

use crate::support::{lane::Lane, process, server::Server, world::World};

/// What the fixture `probe` wrote down, by its words.
type Report = BTreeMap<String, String>;

/// Looks around in a room of root.
fn of_root() -> &'static (Report, Vec<String>) {
    static REPORT: OnceLock<(Report, Vec<String>)> = OnceLock::new();
    REPORT.get_or_init(|| look(Lane::root()))
}

/// Looks around in a room of an ordinary user.
fn of_user() -> &'static (Report, Vec<String>) {
    static REPORT: OnceLock<(Report, Vec<String>)> = OnceLock::new();
    REPORT.get_or_init(|| look(Lane::user()))
}

/// Builds the probe; also gives what of the host it must not have seen.
fn look(lane: &Lane) -> (Report, Vec<String>) {
    // Something really listens, so that only the room can be the reason for which nobody answers.
    let server = Server::start();
    let world = lane.fixture("probe");
    let recipe = format!("{}env: {{LISTENER: \"{}\"}}\n", world.read("recipes/probe.yaml"), server.address());
    let world = world.with("recipes/probe.yaml", recipe);
    drop(world.eadem(["lock", "probe"]).exit(0));
    drop(lane.run(&mut world.command(["build", "probe", "-o", "out"])).exit(0));
    let text = world.read("out/report");
    let pair = |line: &str| line.split_once(" = ").map(|(what, value)| (what.to_owned(), value.to_owned()));
    let report: Report = text.lines().filter_map(pair).collect();
    assert!(report.len() > 40, "the report is too short:\n{text}");
    (report, of_the_host(&world, lane))
}

/// Texts that belong to the host alone.
fn of_the_host(world: &World, lane: &Lane) -> Vec<String> {
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").expect("/proc is mounted");
    let mut texts = vec![
        lane.store().display().to_string(),
        world.dir().display().to_string(),
        crate::support::REPOSITORY.to_owned(),
        "eadem-test".to_owned(),
        "unpacked".to_owned(),
    ];
    // A host may be called `localhost`, which tells nothing.
    texts.extend(
        Some(hostname.trim().to_owned())
            .filter(|name| !["localhost", "(none)", "eadem"].contains(&name.as_str())),
    );
    // The directories of the host's store on the way from the root of its file system.
    texts.extend(lane.store().file_name().map(|name| format!("/{}/", name.to_string_lossy())));
    texts.extend(device());
    texts
}

/// The device of the host's root file system.
fn device() -> Option<String> {
    let line = process::mounts().lines().find(|line| line.split(' ').nth(4) == Some("/"))?.to_owned();
    let device = line.split(" - ").nth(1)?.split(' ').nth(1)?.to_owned();
    device.starts_with("/dev/").then_some(device)
}

fn each(check: impl Fn(&Report, &[String])) {
    for (report, host) in [of_root(), of_user()] {
        check(report, host);
    }
}

#[test]
fn there_is_no_route_and_only_lo() {
    each(|report, _| {
        assert_eq!(report["interfaces"], "[\"lo\"]");
        assert_eq!((report["routes"].as_str(), report["routes beyond lo"].as_str()), ("0", "0"));
    });
}

#[test]
fn nobody_can_be_reached() {
    each(|report, _| {
        let connects: Vec<_> =
            report.iter().filter(|(what, _)| what.starts_with("connect ") || *what == "datagram").collect();
        assert_eq!(connects.len(), 3, "{connects:?}");
        assert!(connects.iter().all(|(_, answer)| answer.starts_with("Err(")), "{connects:?}");
    });
}

#[test]
fn sources_cargo_home_and_toolchain_cannot_be_written() {
    each(|report, _| {
        let tries = ["create", "make directory", "append", "remove", "rename"];
        let tries: Vec<_> = report
            .iter()
            .filter(|(what, _)| tries.iter().any(|word| what.starts_with(&format!("{word} in "))))
            .collect();
        assert_eq!(tries.len(), 19, "{tries:?}");
        for (what, answer) in tries {
            assert!(answer.starts_with("Err("), "{what}: {answer}");
        }
    });
}

/// Whether a text stands in a value and is no part of a longer word.
fn has_words(value: &str, text: &str) -> bool {
    value.match_indices(text).any(|(at, _)| {
        let before = value[..at].chars().next_back();
        let after = value[at + text.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

#[test]
fn nothing_in_the_room_tells_of_the_host() {
    each(|report, host| {
        for text in host {
            let telling: Vec<_> = report.iter().filter(|(_, value)| has_words(value, text)).collect();
            assert!(telling.is_empty(), "the room shows `{text}`: {telling:#?}");
        }
    });
}

#[test]
fn who_and_where_are_what_the_setting_says() {
    each(|report, _| {
        assert_eq!(report["hostname"], "\"eadem\"");
        assert_eq!(report["ids"], "(1000, 1000)");
        assert_eq!(report["list /home"], "[\"builder\"]");
        assert!(report["environment"].contains("(\"USER\", \"builder\")"), "{}", report["environment"]);
    });
}

#[test]
fn root_and_an_ordinary_user_get_the_same_room() {
    let (root, user) = (&of_root().0, &of_user().0);
    // The ids of processes, pipes and mounts count up, the maps name the outer user, the port is any.
    let varies = [
        "/proc/self/mountinfo",
        "/proc/self/uid_map",
        "/proc/self/gid_map",
        "/proc/self/status",
        "descriptors",
        "processes",
    ];
    let is_same =
        |what: &str| !varies.contains(&what) && !what.starts_with("connect ") && what != "environment";
    for (what, value) in root.iter().filter(|(what, _)| is_same(what)) {
        assert_eq!(without_owners(value), without_owners(&user[what]), "{what}");
    }
    assert_eq!(
        root.keys().filter(|what| is_same(what)).count(),
        user.keys().filter(|what| is_same(what)).count()
    );
}

/// Mounts without the owners of their memory: the kernel shows these by their numbers on the host.
fn without_owners(mounts: &str) -> String {
    let is_owner = |option: &&str| !option.starts_with("uid=") && !option.starts_with("gid=");
    let lines =
        mounts.split("\\n").map(|line| line.split([',', ' ']).filter(is_owner).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_build_has_no_power_and_can_get_none() {
    each(|report, _| {
        let status = &report["/proc/self/status"];
        for line in [
            "CapPrm:\\t0000000000000000",
            "CapEff:\\t0000000000000000",
            "CapBnd:\\t0000000000000000",
            "NoNewPrivs:\\t1",
            "Seccomp:\\t2",
        ] {
            assert!(status.contains(line), "{line} is not in {status}");
        }
    });
}

#[test]
fn only_the_processes_of_the_room_are_seen() {
    each(|report, _| {
        let pids = report["processes"].trim_matches(['[', ']']).split(", ");
        let pids: Vec<u32> = pids.map(|pid| pid.parse().expect("a number")).collect();
        assert!(pids.contains(&1) && pids.iter().all(|pid| *pid < 1000), "{pids:?}");
    });
}

#[test]
fn no_descriptor_of_the_host_is_open() {
    each(|report, _| {
        let links = report["descriptors"].trim_matches(['[', ']']).replace('"', "");
        // Cargo's pipes, and what the probe itself opened.
        let known = |link: &str| {
            ["pipe:[", "/dev/null", "/proc/"].iter().any(|start| link.starts_with(start))
                || link == "/build/target/release/report"
        };
        assert!(links.split(", ").all(known), "{links}");
    });
}

#[test]
fn no_process_of_a_build_outlives_it() {
    for lane in [Lane::root(), Lane::user()] {
        let world = lane.fixture("daemon");
        drop(lane.run(&mut world.command(["verify", "daemon", "--fresh"])).exit(0));
        assert_eq!(process::with_words("sleep 86397"), Vec::<u32>::new());
        lane.expect_swept();
    }
}
