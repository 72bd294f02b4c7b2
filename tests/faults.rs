//! The machine fails in the midst of a verification: that is no verdict on the outputs, and no proof of them.
//!
//! The fixture sleeps in each of its rounds until it is woken, so each fault comes in the second round, and none
//! has to hit a moment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    disk,
    lane::{Lane, turn},
    patience::wait_for,
    process,
    run::Run,
    server::free_address,
    service::Service,
    world::World,
};

/// A recipe whose rounds sleep, under a plan that no other test has.
struct Sleepy {
    world: World,
    recipe: &'static str,
    /// How its sleep is called, which tells it from that of others.
    seconds: String,
    /// How many rounds sleep when the first one was made before.
    n_again: usize,
    options: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Sleepy {
    fn new(recipe: &'static str, n: u32) -> Self {
        let seconds = format!("{}{n:02}", 8_000_000 + std::process::id());
        let world = Lane::root().fixture("awaited");
        let told = |name: &str| world.read(name).replace("86390", &seconds);
        let (steps, script) = (told("recipes/awaited.yaml"), told("crate/build.rs"));
        let world = world.with("recipes/awaited.yaml", steps).with("crate/build.rs", script);
        drop(Lane::root().run(&mut world.command(["lock", recipe])).exit(0));
        Self { world, recipe, seconds, n_again: 2, options: vec![], environment: vec![] }
    }

    /// One whose rounds are one room each.
    fn in_one_room(n: u32) -> Self {
        Self::new("awaited", n)
    }

    /// One whose build script sleeps, in the room of a unit; what a first round gave is good for the next one.
    fn in_units(n: u32) -> Self {
        Self { n_again: 1, ..Self::new("awaited-units", n) }
    }

    fn with_daemon(mut self, service: &Service) -> Self {
        self.options = ["--engine", "docker"].map(str::to_owned).into();
        self.environment = vec![("DOCKER_HOST".to_owned(), service.address())];
        self
    }

    fn command(&self) -> Command {
        let words = self.options.iter().map(String::as_str).chain(["verify", self.recipe]);
        let mut command = self.world.command(words);
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Waits until a round sleeps.
    fn sleeper(&self) -> u32 {
        let words = format!("sleep {} ", self.seconds);
        let asleep = || process::with_words(&words).into_iter().find(|pid| process::words(*pid) == words);
        wait_for("a round that sleeps", asleep)
    }

    /// Lets a round go on, and waits until it does.
    fn wake(&self) {
        let sleeper = self.sleeper();
        kill(sleeper, Signal::TERM);
        wait_for("a round that wakes", || process::words(sleeper).is_empty().then_some(()));
    }

    /// A verification in whose second round something happens.
    fn struck(&self, command: Command, strike: impl FnOnce(&Struck)) -> Run {
        self.watched(command, |eadem| {
            self.wake();
            strike(&Struck { eadem, sleeper: self.sleeper() });
        })
    }

    /// Something happens to a verification.
    fn watched(&self, mut command: Command, happen: impl FnOnce(u32)) -> Run {
        let _turn = turn();
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let eadem = command.spawn().expect("eadem starts");
        happen(eadem.id());
        Run::new(command, eadem.wait_with_output().expect("eadem is ours"))
    }

    /// Expects that a verification which is struck comes to no verdict, and that the next one does.
    #[track_caller]
    fn expect_recovery(&self, strike: impl FnOnce(&Struck)) -> Run {
        let run = self.inconclusive(self.struck(self.command(), strike));
        self.expect_well();
        run
    }

    #[track_caller]
    fn inconclusive(&self, run: Run) -> Run {
        let run = run.exit(11).one_error();
        assert_eq!(run.stdout(), format!("inconclusive  {}\n", self.recipe), "{run}");
        run
    }

    /// Expects that the rounds are made, since nothing is proved, and that they agree.
    #[track_caller]
    fn expect_well(&self) {
        let run = self.watched(self.command(), |_| (0..self.n_again).for_each(|_| self.wake())).exit(0);
        drop(run.stdout_has(&format!("reproducible  {}\n", self.recipe)).stderr_lacks("has proved this"));
        Lane::root().expect_swept();
    }
}

/// A verification whose second round sleeps.
struct Struck {
    eadem: u32,
    sleeper: u32,
}

impl Struck {
    /// The first process of the sleeping room.
    fn first_process(&self) -> u32 {
        let up = std::iter::successors(Some(self.sleeper), |pid| process::parent(*pid));
        up.take_while(|pid| *pid != self.eadem).find(|pid| process::in_room(*pid) == Some(1)).expect("a room")
    }

    /// The process on the host that keeps the room.
    fn keeper(&self) -> u32 {
        process::parent(self.first_process()).expect("a room is kept")
    }

    /// The process beside the room that answers for its clock.
    fn timekeeper(&self) -> u32 {
        let room = self.first_process();
        let children = process::children(self.keeper());
        children.into_iter().find(|pid| *pid != room).expect("the second round has a clock of its own")
    }
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process is not 0");
    kill_process(pid, signal).expect("it lives");
}

#[test]
fn a_room_whose_first_process_is_killed_is_no_verdict() {
    for sleepy in [Sleepy::in_one_room(1), Sleepy::in_units(2)] {
        let run = sleepy.expect_recovery(|struck| kill(struck.first_process(), Signal::KILL));
        drop(run.stderr_has("killed from outside"));
    }
}

#[test]
fn a_room_whose_keeper_is_killed_is_no_verdict() {
    for sleepy in [Sleepy::in_one_room(3), Sleepy::in_units(4)] {
        let run = sleepy.expect_recovery(|struck| kill(struck.keeper(), Signal::KILL));
        drop(run.stderr_has("killed from outside"));
    }
}

#[test]
fn a_room_whose_timekeeper_is_killed_is_no_verdict() {
    let sleepy = Sleepy::in_one_room(5);
    drop(sleepy.expect_recovery(|struck| {
        kill(struck.timekeeper(), Signal::KILL);
        // Whoever asks for the time then waits in vain.
        sleepy.wake();
    }));
}

#[test]
fn a_daemon_that_is_lost_is_no_verdict() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let service = Service::docker(&place.path().join("d"));
    let sleepy = Sleepy::in_one_room(6).with_daemon(&service);
    let run = sleepy.inconclusive(sleepy.struck(sleepy.command(), |_| service.kill()));
    drop(run.stderr_has("went away"));
    // Who comes back finds what the lost one had, and removes it.
    drop(Service::docker(&place.path().join("d")));
    drop(service);
    let service = Service::docker(&place.path().join("d"));
    Sleepy { environment: vec![("DOCKER_HOST".to_owned(), service.address())], ..sleepy }.expect_well();
}

/// Lays a small file system over the store, where nobody else sees it, and runs eadem.
const SMALL: &str = r#"
top=$1 store=$2; shift 2
mkdir "$top" && mount -t tmpfs -o size=96m none "$top" && mkdir "$top/upper" "$top/work" || exit 99
mount -t overlay -o "lowerdir=$store,upperdir=$top/upper,workdir=$top/work" none "$store" || exit 99
exec "$@"
"#;

/// A verification whose store lies on a small file system.
fn on_a_small_disk(sleepy: &Sleepy, top: &Path) -> Command {
    let eadem = sleepy.command();
    let mut unshare = sleepy.world.program("/usr/bin/unshare");
    unshare.args(["--mount", "sh", "-c", SMALL, "sh"]).arg(top).arg(sleepy.world.store());
    unshare.arg(eadem.get_program()).args(eadem.get_args());
    unshare
}

/// Writes until nothing more can be written.
fn fill(dir: &Path) {
    let mut zeros = fs::File::open("/dev/zero").expect("is everywhere");
    let mut file = fs::File::create(dir.join("filler")).expect("there is room for a name");
    let full = std::io::copy(&mut zeros, &mut file).expect_err("it is small");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

#[test]
fn a_disk_that_is_full_is_no_verdict() {
    let sleepy = Sleepy::in_one_room(7);
    let top = sleepy.world.dir().join("small");
    let seen = |struck: &Struck| PathBuf::from(format!("/proc/{}/root{}", struck.eadem, top.display()));
    let run = sleepy.struck(on_a_small_disk(&sleepy, &top), |struck| {
        fill(&seen(struck));
        kill(struck.sleeper, Signal::TERM);
    });
    drop(sleepy.inconclusive(run).stderr_has("No space left on device"));
    sleepy.expect_well();
}

/// What a verification says without any mirror, in a store that has nothing.
#[track_caller]
fn without_mirrors(words: &[&str]) -> Run {
    let world = World::new().with_recipes().with_images();
    let nobody = format!("http://{}", free_address());
    let mut command = world.command(words);
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &nobody);
    }
    let run = Run::of(&mut command).exit(11).one_error();
    assert_eq!(run.stdout(), "inconclusive  hexyl\n", "{run}");
    assert_eq!(disk::files(&world.store().join("blobs")), [""; 0].map(PathBuf::from));
    assert!(
        !world.store().join("records").exists() || disk::files(&world.store().join("records")).is_empty()
    );
    run
}

#[test]
fn a_network_that_is_down_is_no_verdict() {
    drop(without_mirrors(&["verify", "hexyl"]).stderr_has("cannot be had"));
}

#[test]
fn a_network_that_may_not_be_used_is_no_verdict() {
    drop(without_mirrors(&["verify", "hexyl", "--offline"]).stderr_has("hint: try again without --offline"));
}
