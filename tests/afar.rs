//! `--engine docker` with a daemon that is reached by TLS or by ssh.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::support::{
    authority::{Authority, OF_CLIENT, OF_SERVER, directory},
    lane::{Lane, turn},
    patience::wait_for,
    process,
    run::Run,
    server::free_address,
    service::Service,
    sshd::{Sshd, at_home},
    world::World,
};

fn place() -> TempDir {
    // Short: the names of sockets have little room.
    tempfile::tempdir().expect("a temporary directory")
}

/// What the native engine's build of the recipe prints.
fn native() -> String {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    lane.run(&mut world.command(["build", "steady"])).exit(0).stdout()
}

/// A daemon behind TLS, and two authorities: the daemon's own, which vouches for its users, and another.
struct Tls {
    service: Service,
    host: String,
    own: Authority,
    other: Authority,
    place: PathBuf,
}

impl Tls {
    fn start(place: &Path) -> Self {
        let [own, other] = ["own", "other"].map(|name| Authority::new(&place.join(name)));
        own.vouch_for("server", OF_SERVER);
        [&own, &other].iter().for_each(|authority| authority.vouch_for("client", OF_CLIENT));
        let host = format!("tcp://{}", free_address());
        let file = |option: &str, name: &str| format!("--{option}={}", own.path(name).display());
        let options = [
            format!("--host={host}"),
            "--tlsverify".to_owned(),
            file("tlscacert", "ca.pem"),
            file("tlscert", "server.pem"),
            file("tlskey", "server.key"),
        ];
        let service = Service::docker_with(&place.join("d"), &options);
        Self { service, host, own, other, place: place.to_owned() }
    }

    /// The words, by somebody who trusts the one and is vouched for by the other.
    fn eadem(&self, world: &World, certificates: &Path, words: &[&str]) -> Command {
        let mut command = world.command([&["--engine", "docker"], words].concat());
        command.env("DOCKER_HOST", &self.host).env("DOCKER_TLS_VERIFY", "1");
        command.env("DOCKER_CERT_PATH", certificates);
        command
    }

    fn certificates(&self, name: &str, trusted: &Authority, client: &Authority) -> PathBuf {
        directory(&self.place.join(name), trusted, client)
    }
}

#[test]
fn a_daemon_behind_tls_gives_the_tree_of_namespaces() {
    let (lane, expected, place) = (Lane::root(), native(), place());
    let tls = Tls::start(place.path());
    let certificates = tls.certificates("certificates", &tls.own, &tls.own);
    let world = Lane::root().unbuilt("tls");
    let run = lane.run(&mut tls.eadem(&world, &certificates, &["build", "steady"])).exit(0);
    assert_eq!(run.stdout(), expected, "{run}");
    expect_end_of_input(&tls.eadem(&world, &certificates, &["shell", "steady"]));
    let doctor = Run::of(&mut tls.eadem(&world, &certificates, &["doctor", "--offline"])).exit(0);
    let line = |line: &&str| line.starts_with("good     docker") && line.ends_with(&tls.host);
    assert!(doctor.stdout().lines().any(|text| line(&text)), "{doctor}");
    assert_eq!(tls.service.leftovers(), [""; 0]);
}

#[test]
fn who_is_refused_by_tls_is_told_why_and_what_to_type() {
    let place = place();
    let tls = Tls::start(place.path());
    let world = Lane::root().unbuilt("tls-refused");
    let stranger = tls.certificates("stranger", &tls.own, &tls.other);
    let misled = tls.certificates("misled", &tls.other, &tls.own);
    let half = tls.certificates("half", &tls.own, &tls.own);
    fs::remove_file(half.join("cert.pem")).expect("was made");
    for (certificates, told) in [
        (&stranger, "it does not accept the certificate"),
        (&misled, "its certificate is of an unknown authority"),
        (&half, "cert.pem: No such file"),
    ] {
        let run = Run::of(&mut tls.eadem(&world, certificates, &["build", "steady"])).exit(9).one_error();
        let run = run.stderr_has(&format!("no daemon of Docker or Podman answers at {} (", tls.host));
        let hint = "hint: export DOCKER_CERT_PATH=DIR, with a cert.pem and key.pem that the daemon accepts";
        drop(run.stderr_has(told).stderr_has(hint));
        let doctor = Run::of(&mut tls.eadem(&world, certificates, &["doctor", "--offline"])).exit(9);
        drop(
            doctor.stdout_has("missing  docker").stdout_has(told).stdout_has("try: export DOCKER_CERT_PATH"),
        );
    }
    let mut plain = tls.eadem(&world, &half, &["build", "steady"]);
    let run = Run::of(plain.env_remove("DOCKER_TLS_VERIFY")).exit(9).one_error();
    drop(run.stderr_has("hint: export DOCKER_TLS_VERIFY=1"));
}

/// Runs a program in the room that reads to the end of what it is told; it has two minutes to see the end.
fn expect_end_of_input(shell: &Command) {
    let mut timeout = Command::new("timeout");
    timeout.args(["--kill-after=5", "120"]).arg(shell.get_program()).args(shell.get_args());
    timeout.env_clear().envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    timeout.current_dir(shell.get_current_dir().expect("a project")).args(["--", "/bin/cat"]);
    timeout.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let _turn = turn();
    let mut running = timeout.spawn().expect("timeout is there");
    // The pipe is closed with its last word.
    running.stdin.take().expect("is a pipe").write_all(b"the last word").expect("is read");
    let run = Run::new(&timeout, running.wait_with_output().expect("is ours")).exit(0);
    assert_eq!(run.stdout(), "the last word", "{run}");
}

/// eadem by somebody whom ssh knows.
fn over_ssh(world: &World, host: &str, words: &[&str]) -> Command {
    let mut eadem = world.command([&["--engine", "docker"], words].concat());
    at_home(world, eadem.env("DOCKER_HOST", host))
}

#[test]
fn a_daemon_behind_ssh_gives_the_tree_of_namespaces() {
    let (lane, expected, place) = (Lane::root(), native(), place());
    let service = Service::docker(&place.path().join("d"));
    let sshd = Sshd::start(&place.path().join("ssh"), &service.address());
    let world = Lane::root().unbuilt("ssh");
    sshd.let_in(&world);
    let run = lane.run(&mut over_ssh(&world, "ssh://afar", &["build", "steady"])).exit(0);
    assert_eq!(run.stdout(), expected, "{run}");
    expect_end_of_input(&over_ssh(&world, "ssh://afar", &["shell", "steady"]));
    let doctor = Run::of(&mut over_ssh(&world, "ssh://afar", &["doctor", "--offline"])).exit(0);
    let line = |line: &str| line.starts_with("good     docker") && line.ends_with("ssh://afar");
    assert!(doctor.stdout().lines().any(line), "{doctor}");
    assert_eq!(service.leftovers(), [""; 0]);
    wait_for("the end of every ssh", || process::with_words("-- afar docker").is_empty().then_some(()));
}

#[test]
fn who_is_refused_by_ssh_is_told_what_it_said_and_what_to_type() {
    let place = place();
    let sshd = Sshd::start(&place.path().join("ssh"), "unix:///none");
    let host = format!("ssh://{}", sshd.address);
    let world = Lane::root().unbuilt("ssh-refused");
    let refused = |host: &str, told: &str| {
        let run = Run::of(&mut over_ssh(&world, host, &["build", "steady"])).exit(9).one_error();
        let run =
            run.stderr_has(&format!("no daemon of Docker or Podman answers at {host} (")).stderr_has(told);
        drop(run.stderr_has("hint: ssh ").stderr_has(" docker version, which has to answer without"));
        let doctor = Run::of(&mut over_ssh(&world, host, &["doctor", "--offline"])).exit(9);
        drop(doctor.stdout_has("missing  docker").stdout_has(told).stdout_has("try: ssh "));
    };
    refused(&host, "Host key verification failed");
    refused(&format!("ssh://{}", free_address()), "Connection refused");
    sshd.let_in(&world);
    refused(&host, "/none");
    fs::remove_file(world.dir().join("home/.ssh/id_ed25519")).expect("was given");
    refused(&host, "Permission denied");
}
