//! Chooses what serves the floors: which store, which engine, which network.

use std::{
    io,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use eadem_docker::{DockerEngine, Surroundings};
use eadem_fetch::{Commit, GitError, Network, NetworkError, NetworkOptions, Reach};
use eadem_flow::{Bench, Machine};
use eadem_model::{
    Abilities, Ability, Cancel, Door, Ending, Engine, EngineError, Event, Inputs, Outcome, OutputSink, Round,
    RunId, Terminal, Watch, Workshop,
};
use eadem_sandbox::{NativeEngine, OciEngine};
use eadem_store::Store;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    args::{EngineChoice, Firmness, Global},
    config::Config,
    console::Console,
    exit::Exit,
    project::Past,
    report::Report,
};

/// The parts that a command works with.
pub(crate) struct Wiring {
    pub(crate) store: Arc<Store>,
    network: Network,
    engine: Watched,
    cancel: &'static Cancel,
    run: RunId,
    keep_failed: bool,
    weak: bool,
    machine: Machine,
    /// What of an earlier eadem could not be removed.
    pub(crate) left: Option<String>,
}

/// Set by an interrupt.
static CANCEL: Cancel = Cancel::new();

fn machine() -> Machine {
    Machine {
        processors: thread::available_parallelism().map_or(1, NonZero::get),
        release: rustix::system::uname().release().to_string_lossy().into_owned(),
    }
}

/// Whether a room is there to be ended in order.
static IN_ROOM: AtomicBool = AtomicBool::new(false);

/// Becomes the launcher of a room if this process was started as one.
pub(crate) fn room_launcher() -> Option<ExitCode> {
    let is_launcher = std::env::args_os().nth(1).is_some_and(|word| word == eadem_sandbox::LAUNCHER_WORD);
    is_launcher.then(eadem_sandbox::launcher_main)
}

impl Wiring {
    pub(crate) fn new(global: &Global, console: &Console) -> Result<Self, Report> {
        let config = Config::read()?;
        if let Some(jobs) = global.jobs {
            use_threads(jobs.into())?;
        }
        let store = Arc::new(open_store(&config, global.store.as_deref(), console)?);
        let left = sweep(&store);
        let network = Network::new(network_options(&config, global.offline)?, Arc::clone(&store))?;
        let engine = Watched(choose_engine(global, store.rooms_dir())?);
        end_on_interrupt(console);
        Ok(Self {
            store,
            network,
            engine,
            cancel: &CANCEL,
            run: RunId::new(now(), nonce()),
            keep_failed: global.keep_failed,
            machine: machine(),
            weak: global.isolation == Firmness::Weak,
            left,
        })
    }

    /// A commit of the user's project, and what reads its files.
    pub(crate) fn commit(&self, root: &Path, word: &str) -> Result<(String, Past), GitError> {
        let commit = Commit::find(root, word)?;
        let (id, of_git) =
            (commit.id().to_owned(), |error| Report::io("cannot read a commit", io::Error::other(error)));
        Ok((id, Box::new(move |path| commit.read(path).map_err(of_git))))
    }

    pub(crate) fn bench<'a>(
        &'a self,
        project_root: &'a Path,
        events: &'a (dyn Fn(Event) + Sync),
    ) -> Bench<'a> {
        Bench {
            store: &self.store,
            fetcher: &self.network,
            engine: &self.engine,
            events,
            cancel: self.cancel,
            clock: &now,
            run: &self.run,
            keep_failed: self.keep_failed,
            weak: self.weak,
            machine: &self.machine,
            project_root,
        }
    }
}

/// The store alone, for commands that need nothing else.
pub(crate) fn store(global: &Global, console: &Console) -> Result<Store, Report> {
    open_store(&Config::read()?, global.store.as_deref(), console)
}

/// The engine that was asked for, whose rooms have their directories below `rooms_dir`.
pub(crate) fn choose_engine(global: &Global, rooms_dir: PathBuf) -> Result<Box<dyn Engine>, Report> {
    match &global.engine {
        EngineChoice::Native if global.isolation == Firmness::Weak => {
            Ok(Box::new(NativeEngine::new(rooms_dir).weak()))
        }
        _ if global.isolation == Firmness::Weak => {
            Err(Report::new(Exit::Usage, "weak isolation is for the native engine alone")
                .hint("leave out --engine, or --isolation weak"))
        }
        EngineChoice::Native => Ok(Box::new(NativeEngine::new(rooms_dir))),
        EngineChoice::Docker => Ok(Box::new(docker_engine(rooms_dir)?)),
        EngineChoice::Oci(runtime) => Ok(Box::new(OciEngine::new(runtime, rooms_dir))),
    }
}

/// What the native engine finds here, also where it can make no room.
pub(crate) fn native_abilities(rooms_dir: PathBuf) -> Vec<Ability> {
    NativeEngine::new(rooms_dir).examine().0
}

/// The servers that would be asked, by somebody who wants to know whether they are there.
pub(crate) fn reach(config: &Config) -> Result<Reach, Report> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let options = NetworkOptions {
        connect_timeout: PATIENCE,
        stall_timeout: PATIENCE,
        ..network_options(config, false)?
    };
    Ok(Reach::new(&options)?)
}

/// Which container daemons answer.
pub(crate) fn daemons() -> Vec<Ability> {
    eadem_docker::examine(&surroundings())
}

fn docker_engine(rooms_dir: PathBuf) -> Result<DockerEngine, Report> {
    DockerEngine::new(surroundings(), rooms_dir)
        .map_err(|error| Report::io("cannot prepare the docker engine", error))
}

/// Which daemon is asked is decided by the variables that Docker's own client reads.
fn surroundings() -> Surroundings {
    /// What ssh needs to find the user's keys and agent, and nothing else.
    const SSH: [&str; 5] = ["HOME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "USER"];
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let home = text("HOME").map(|home| Path::new(&home).join(".docker"));
    Surroundings {
        host: text("DOCKER_HOST"),
        tls: text("DOCKER_TLS_VERIFY").is_some(),
        certificates: text("DOCKER_CERT_PATH").map(PathBuf::from).or(home),
        runtime_dir: text("XDG_RUNTIME_DIR").map(PathBuf::from),
        ssh: SSH.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect(),
    }
}

/// A room that stays is in nobody's way, so it keeps nobody from working.
fn sweep(store: &Store) -> Option<String> {
    let dir = store.rooms_dir();
    let error = eadem_sandbox::sweep(&dir).err()?;
    Some(format!("what an earlier eadem left in {} may still be there: {error}", dir.display()))
}

fn open_store(config: &Config, typed: Option<&Path>, console: &Console) -> Result<Store, Report> {
    let dir = config.store(typed)?;
    let store = Store::open_saying(&dir, &|| console.talk("waiting for `eadem store gc`"))?;
    let (uid, gid) = eadem_sandbox::outer_ids();
    // An ordinary user's files are his already, and he may give them to nobody.
    let differs = uid != rustix::process::geteuid().as_raw();
    Ok(store.with_layer_owner(differs.then_some((uid, gid))))
}

fn network_options(config: &Config, offline: bool) -> Result<NetworkOptions, Report> {
    let mut package_mirrors = config.mirrors.packages.clone();
    let apt = Path::new("/etc/apt");
    package_mirrors
        .extend(eadem_fetch::apt_mirrors(apt).map_err(|error| Report::io("cannot read /etc/apt", error))?);
    Ok(NetworkOptions {
        offline,
        crate_mirrors: config.mirrors.crates.clone(),
        crate_index: config.mirrors.crate_index.clone(),
        package_mirrors,
        ..NetworkOptions::default()
    })
}

impl From<NetworkError> for Report {
    fn from(error: NetworkError) -> Self {
        let exit = match &error {
            // Those of apt are looked through before; what is left stands in eadem's configuration.
            NetworkError::Address { .. } => Exit::Invalid,
            NetworkError::Client(_) | NetworkError::Threads(_) => Exit::Machine,
        };
        Self::of(exit, &error)
    }
}

fn use_threads(n: usize) -> Result<(), Report> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build_global()
        .map_err(|error| Report::new(Exit::Machine, format!("cannot start {n} threads: {error}")))
}

/// An interrupt ends a build in order, and everything else, or a second one, at once: whatever is cut
/// off leaves nothing that the next start does not remove.
///
/// A terminal that is closed and a job that is cancelled mean the same: a daemon's containers do not end
/// with eadem, and there may be no next start.
fn end_on_interrupt(console: &Console) {
    // Without handlers eadem ends as programs do.
    let Ok(mut signals) = Signals::new(interrupts()) else { return };
    let console = console.another();
    thread::spawn(move || {
        for _ in signals.forever() {
            if CANCEL.is_cancelled() {
                end_at_once();
            }
            if !IN_ROOM.load(Ordering::SeqCst) {
                break;
            }
            CANCEL.cancel();
        }
        say_interrupted(console);
        end_at_once();
    });
}

/// Says why eadem ends, unless nobody takes what it says.
fn say_interrupted(console: Console) {
    const PATIENCE: Duration = Duration::from_millis(200);
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        console.fail(Report::new(Exit::Interrupted, "interrupted"));
        // Nobody waits any more who was not patient.
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(PATIENCE);
}

/// Under nohup a terminal that is closed ends nothing.
fn interrupts() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let is_heard = |signal: &i32| ignored & (1 << (signal - 1)) == 0;
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_heard).collect()
}

#[expect(clippy::exit, reason = "the other threads may be waiting for the network")]
fn end_at_once() {
    eadem_terminal::restore_terminal();
    std::process::exit(Exit::Interrupted.code().into());
}

/// The engine, and whether it has a room just now.
struct Watched(Box<dyn Engine>);

impl Engine for Watched {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn probe(&self) -> Result<Abilities, EngineError> {
        self.0.probe()
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        in_room(|| self.0.run(round, inputs, out, watch))
    }

    fn terminal(&self) -> Option<&dyn Terminal> {
        self.0.terminal().map(|_| self as &dyn Terminal)
    }

    fn workshop(&self) -> Option<&dyn Workshop> {
        self.0.workshop().map(|_| self as &dyn Workshop)
    }
}

impl Workshop for Watched {
    fn serve(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        door: &dyn Door,
    ) -> Result<Outcome, EngineError> {
        let workshop = self.0.workshop().expect("was there when this was made");
        in_room(|| workshop.serve(round, inputs, out, watch, door))
    }

    fn run_apart(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
        stdout: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<Outcome, EngineError> {
        let workshop = self.0.workshop().expect("was there when this was made");
        // It runs while another room is served, which is what is counted.
        workshop.run_apart(round, inputs, out, watch, stdout)
    }
}

impl Terminal for Watched {
    fn enter(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        kept: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        in_room(|| self.inner().enter(round, inputs, kept, watch))
    }

    fn discard(&self, kept: &Path) -> Result<(), EngineError> {
        self.inner().discard(kept)
    }
}

impl Watched {
    fn inner(&self) -> &dyn Terminal {
        self.0.terminal().expect("this one stands for the engine's own, which is always there or never")
    }
}

fn in_room<T>(work: impl FnOnce() -> T) -> T {
    IN_ROOM.store(true, Ordering::SeqCst);
    let done = work();
    IN_ROOM.store(false, Ordering::SeqCst);
    done
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Tells runs of the same second apart.
fn nonce() -> u32 {
    let part = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_micros());
    (std::process::id() << 20) ^ part
}
