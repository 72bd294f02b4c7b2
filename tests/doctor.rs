//! `eadem doctor`

use std::{fs, process::Command};

use serde_json::Value;

use crate::support::{
    disk,
    run::Run,
    server::{Answer, Server},
    world::{Who, World},
};

/// The objects that a run printed, a line each.
fn objects(run: &Run) -> Vec<Value> {
    run.stdout().lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

#[test]
fn every_ability_has_a_line_and_nothing_is_changed() {
    for who in [Who::Tester, Who::ordinary()] {
        let world = World::of(who);
        let before = disk::list(world.dir());
        let run = world.eadem(["doctor", "--offline", "--format", "json"]).exit(0);
        let objects = objects(&run);
        let names: Vec<&str> = objects.iter().filter_map(|object| object["name"].as_str()).collect();
        let wanted = [
            "namespaces",
            "overlay",
            "wall clock",
            "subuid",
            "cgroups",
            "seccomp",
            "landlock",
            "oci runtimes",
            "weak rooms",
            "docker",
            "podman",
            "store",
            "disk",
            "unnamed files",
            "memory",
            "clock",
        ];
        assert_eq!(names, wanted);
        assert_eq!(objects.last().map(|last| &last["able"]), Some(&Value::Bool(true)), "{run}");
        assert_eq!(disk::list(world.dir()), before);
        assert!(!world.store().exists());
    }
}

#[test]
fn it_works_without_a_project_a_home_and_a_directory() {
    let world = World::new();
    let mut command = Command::new(world.command([""; 0]).get_program());
    command.env_clear().current_dir("/").args(["doctor", "--offline"]);
    let run = Run::of(&mut command).exit(9).one_error();
    drop(
        run.stdout_has("good     namespaces")
            .stdout_has("missing  store")
            .stderr_has("there is no home directory"),
    );
}

#[test]
fn mirrors_are_asked_and_the_dead_are_named() {
    let server = Server::start().serve("/index/config.json", Answer::Whole(b"{}".to_vec()));
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("it is bound")
    };
    let config = format!(
        "mirrors: {{packages: [\"http://{dead}/debian\"], crate-index: \"sparse+{}\"}}\n",
        server.url("/index/")
    );
    let run = World::new().with_config(&config).eadem(["doctor"]).exit(0);
    let run =
        run.stdout_has(&format!("missing  mirror        packages at http://{dead}/debian: no connection"));
    drop(run.stdout_has(&format!(
        "good     mirror        the crate index at {} answers 200 OK",
        server.url("/index/")
    )));
}

#[test]
fn a_store_of_somebody_else_and_a_broken_configuration_are_obstacles() {
    let world = World::of(Who::ordinary()).with_config("nonsense: 1\n");
    let other = World::new();
    fs::create_dir_all(other.store().join("locks")).expect("ours");
    fs::write(other.store().join("locks/store"), "").expect("ours");
    for dir in other.store().ancestors().take_while(|dir| dir.starts_with(other.dir())) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let run = world.with_store(other.store()).eadem(["doctor", "--offline"]).exit(9).one_error();
    drop(
        run.stdout_has("missing  configuration")
            .stdout_has("missing  store")
            .stdout_has("belongs to the user 0"),
    );
}

/// Forbids namespaces below a user namespace of its own; the rest of the machine keeps them.
const FORBIDDEN: &str = "echo 0 >/proc/sys/user/max_user_namespaces || exit 99; exec \"$@\"";

#[test]
fn where_namespaces_are_forbidden_the_line_has_the_command_that_repairs_it() {
    let world = World::of(Who::ordinary());
    let eadem = world.command(["doctor", "--offline"]);
    let mut unshare = world.program("/usr/bin/unshare");
    unshare.args(["--user", "--map-root-user", "sh", "-c", FORBIDDEN, "sh"]);
    unshare.arg(eadem.get_program()).args(eadem.get_args());
    let run = Run::of(&mut unshare).exit(9).one_error();
    let run = run.stdout_has("missing  namespaces    cloning into new namespaces (clone3) failed");
    drop(
        run.stdout_has("try: sysctl -w user.max_user_namespaces=")
            .stderr_has("hint: sysctl -w user.max_user_n"),
    );
}

#[test]
fn the_apparmor_profile_is_printed_for_the_programs_real_path() {
    let world = World::new();
    let run = world.eadem(["doctor", "--fix-apparmor", "--print"]).exit(0);
    let program = world.command([""; 0]).get_program().to_string_lossy().into_owned();
    let program = fs::canonicalize(program).expect("it is there");
    drop(
        run.stdout_has(&format!(
            "profile eadem \"{}\" flags=(unconfined) {{\n  userns,\n",
            program.display()
        )),
    );
}

#[test]
fn a_store_that_cannot_be_made_and_a_server_that_is_no_mirror_are_not_good() {
    let server = Server::start().serve("/index/config.json", Answer::Whole(b"{}".to_vec()));
    let (mirror, index) = (server.url("/debian"), server.url("/index/"));
    let config = format!("mirrors: {{packages: [\"{mirror}\"], crate-index: \"sparse+{index}\"}}\n");
    let world = World::of(Who::ordinary()).with_config(&config);
    let run = world.with_store(std::path::Path::new("/nonexistent/store")).eadem(["doctor"]).exit(9);
    let run = run.stdout_has(&format!("partly   mirror        packages at {mirror} answers 404 Not Found"));
    drop(run.stdout_has("missing  store         /nonexistent/store cannot be made"));
}

#[test]
fn a_help_that_nobody_takes_was_not_given() {
    let full = fs::File::options().write(true).open("/dev/full").expect("is there");
    let world = World::new();
    let mut command = Command::new(world.command([""; 0]).get_program());
    let output = command.arg("--help").stdout(full).output().expect("eadem starts");
    drop(Run::new(&command, output).exit(9).one_error());
}
