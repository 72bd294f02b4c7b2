//! `--engine docker`: the real recipe in rooms of a private Docker Engine and a private Podman.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    REPOSITORY,
    lane::{Lane, turn},
    patience::wait_for,
    run::Run,
    service::Service,
    world::{Who, World},
};

/// Verifies hexyl in rooms of a daemon and expects what the native engine gave.
fn gives_the_same(start: fn(&Path) -> Service) {
    let lane = Lane::root();
    let native = lane.first().stdout();
    assert!(native.starts_with("reproducible  hexyl\n  sha256:"), "{}", lane.first());
    let world = lane.recipes();
    // Podman wants its directory to have a short name.
    let place = tempfile::tempdir().expect("a temporary directory");
    let service = start(&place.path().join("d"));
    let mut command = world.command(["--engine", "docker", "verify", "--fresh", "hexyl"]);
    let run = lane.run(command.env("DOCKER_HOST", service.address())).exit(0);
    assert_eq!(run.stdout(), native, "{run}");
    let look = "id -un; hostname; cargo metadata --offline --locked --no-deps >&2 && exit 6";
    let mut shell = world.command(["--engine", "docker", "shell", "hexyl"]);
    shell.args(["--", "/bin/sh", "-c", look]).env("DOCKER_HOST", service.address());
    let run = lane.run(&mut shell).exit(6);
    assert_eq!(run.stderr_has("\"name\":\"hexyl\"").stdout(), "builder\neadem\n");
    assert_eq!(service.leftovers(), [""; 0]);
}

#[test]
fn docker_gives_the_same_tree_as_namespaces() {
    gives_the_same(Service::docker);
}

#[test]
fn podman_gives_the_same_tree_as_namespaces() {
    gives_the_same(Service::podman);
}

/// A daemon's containers do not end with eadem, and on a machine of CI there may be no next start.
#[test]
fn a_job_that_is_cancelled_leaves_nothing_in_the_daemon() {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let place = tempfile::tempdir().expect("a temporary directory");
    let service = Service::docker(&place.path().join("d"));
    let mut command = world.command(["--engine", "docker", "build", "sleeper"]);
    command.env("DOCKER_HOST", service.address()).stderr(Stdio::null());
    for signal in [Signal::TERM, Signal::HUP] {
        let _turn = turn();
        let mut eadem = command.spawn().expect("eadem starts");
        wait_for("the room", || service.says(["ps", "--quiet"]).filter(|rooms| !rooms.trim().is_empty()));
        kill_process(Pid::from_child(&eadem), signal).expect("eadem runs");
        assert_eq!(eadem.wait().expect("eadem is ours").code(), Some(130));
        assert_eq!(service.leftovers(), [""; 0]);
    }
}

#[test]
fn a_daemon_that_is_not_there_is_named_with_what_to_type() {
    let lane = Lane::root();
    let world = lane.recipes();
    let socket = format!("unix://{}/none", world.dir().display());
    let mut command = world.command(["--engine", "docker", "verify", "--fresh", "hexyl"]);
    let run = lane.run(command.env("DOCKER_HOST", &socket)).exit(11);
    assert_eq!(run.stdout(), "inconclusive  hexyl\n", "{run}");
    let run = run.stderr_has(&format!("no daemon of Docker or Podman answers at {socket}"));
    drop(run.stderr_has("hint: sudo systemctl start docker"));
}

#[test]
fn a_socket_that_lets_nobody_in_is_named_with_what_to_type() {
    let world = World::of(Who::ordinary());
    let place = tempfile::tempdir().expect("a temporary directory");
    let may = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("is ours");
    };
    let socket = place.path().join("docker.sock");
    let _listener = UnixListener::bind(&socket).expect("a free name");
    may(place.path(), 0o755);
    may(&socket, 0o660);
    let mut doctor = world.command(["doctor", "--engine", "docker", "--offline"]);
    let run = Run::of(doctor.env("DOCKER_HOST", format!("unix://{}", socket.display()))).exit(9);
    let run = run.stderr_has("does not let this user in");
    drop(run.stderr_has("hint: sudo usermod --append --groups docker"));
}

/// The two lists are written in two floors that may not know each other.
#[test]
fn daemons_refuse_the_calls_that_the_native_engine_refuses() {
    let list = |file: &str, start: &str| {
        let path = Path::new(REPOSITORY).join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text.split_once(start).expect("the list is there").1.to_owned();
        text.split_once("];").expect("the list ends").0.to_owned()
    };
    let native = list("runner/sandbox/src/filter.rs", "const REFUSED: &[i64] = &[");
    let native = native.lines().filter_map(|line| line.split_once("SYS_").map(|(_, name)| name));
    let mut native: Vec<String> = native.map(|name| name.trim_end_matches(',').to_lowercase()).collect();
    let ours = list("runner/docker/src/profile.rs", "REFUSED: [&str; ");
    let mut ours: Vec<String> = ours.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    native.sort();
    ours.sort();
    assert_eq!(ours, native);
}
