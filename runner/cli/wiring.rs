//! Chooses what serves the floors: which store, which engine, which network.

use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use eadem_fetch::{Network, NetworkError, NetworkOptions};
use eadem_flow::Bench;
use eadem_model::{At, Cancel, Engine, EngineError, Event, Inputs, Outcome, OutputSink, Round, RunId, Watch};
use eadem_sandbox::NativeEngine;
use eadem_store::Store;

use crate::{args::Global, config::Config, exit::Exit, report::Report};

/// The parts that a command works with.
pub(crate) struct Wiring {
    pub(crate) store: Arc<Store>,
    network: Network,
    engine: Watched,
    cancel: &'static Cancel,
    run: RunId,
}

/// Set from the terminal's interrupt.
static CANCEL: Cancel = Cancel::new();

/// Whether a room is there to be ended in order.
static IN_ROOM: AtomicBool = AtomicBool::new(false);

/// Becomes the launcher of a room if this process was started as one.
pub(crate) fn room_launcher() -> Option<ExitCode> {
    let is_launcher = std::env::args_os().nth(1).is_some_and(|word| word == eadem_sandbox::LAUNCHER_WORD);
    is_launcher.then(eadem_sandbox::launcher_main)
}

impl Wiring {
    pub(crate) fn new(global: &Global) -> Result<Self, Report> {
        let config = Config::read()?;
        if let Some(jobs) = global.jobs {
            use_threads(jobs.into())?;
        }
        let store = Arc::new(open_store(&config, global.store.as_deref())?);
        let network = Network::new(network_options(&config, global.offline)?, Arc::clone(&store))?;
        let engine = Watched(NativeEngine::new(store.rooms_dir()));
        end_on_interrupt();
        Ok(Self { store, network, engine, cancel: &CANCEL, run: RunId::new(now(), nonce()) })
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
            project_root,
        }
    }
}

fn open_store(config: &Config, typed: Option<&Path>) -> Result<Store, Report> {
    let dir = config.store(typed)?;
    let store = Store::open(&dir)?;
    eadem_sandbox::sweep(&store.rooms_dir()).at(store.rooms_dir())?;
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
fn end_on_interrupt() {
    // A handler can only be missing where somebody has set one already: then theirs stands.
    let _ = ctrlc::set_handler(|| {
        if CANCEL.is_cancelled() || !IN_ROOM.load(Ordering::SeqCst) {
            end_at_once();
        }
        CANCEL.cancel();
    });
}

#[expect(clippy::exit, reason = "the other threads may be waiting for the network")]
fn end_at_once() {
    std::process::exit(i32::from(Exit::Interrupted as u8));
}

/// The native engine, and whether it has a room just now.
struct Watched(NativeEngine);

impl Engine for Watched {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn probe(&self) -> Result<(), EngineError> {
        self.0.probe()
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        IN_ROOM.store(true, Ordering::SeqCst);
        let outcome = self.0.run(round, inputs, out, watch);
        IN_ROOM.store(false, Ordering::SeqCst);
        outcome
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Tells runs of the same second apart.
fn nonce() -> u32 {
    let part = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_micros());
    (std::process::id() << 20) ^ part
}
