//! The network as the floors above see it.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use eadem_model::{Attempt, CrateRelease, Event, Fault, FetchError, Fetcher, Name, Phase, Want};
use eadem_store::Store;
use reqwest::Url;
use semver::Version;
use tame_index::KrateName;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    batch::{Batch, Failure, Online},
    client::Client,
    error::NetworkError,
    job::{Job, jobs},
    options::NetworkOptions,
    patience::Patience,
    place::Places,
    progress::Step,
    registry::Registry,
    shown::shown,
    trouble::Trouble,
};

/// Threads that serve sockets and hash; the disk has threads of its own.
const N_THREADS: usize = 2;

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The same for the snapshot archive, which slows everybody down.
const LONGEST_SNAPSHOT_PAUSE: Duration = Duration::from_secs(300);

/// Tries at the snapshot archive beyond those at other places: there is nobody after it.
const MORE_SNAPSHOT_TRIES: usize = 3;

/// Brings bytes from the network into one store.
///
/// Its calls block, so they must not be made from asynchronous code.
pub struct Network {
    options: NetworkOptions,
    store: Arc<Store>,
    /// Nothing, with `--offline`: what is not there cannot be used by mistake.
    open: Option<Open>,
}

struct Open {
    runtime: Runtime,
    online: Arc<Online>,
}

impl Network {
    /// Makes ready to fetch into `store`; asks nobody yet.
    pub fn new(options: NetworkOptions, store: Arc<Store>) -> Result<Self, NetworkError> {
        let open = if options.offline { None } else { Some(Open::new(&options, &store)?) };
        Ok(Self { options, store, open })
    }
}

impl Open {
    fn new(options: &NetworkOptions, store: &Arc<Store>) -> Result<Self, NetworkError> {
        let (tries, first_pause) = (options.tries, options.first_pause);
        let online = Online {
            client: Client::new(options).map_err(NetworkError::Client)?,
            store: store.clone(),
            places: Places::new(options)?,
            registry: Registry::new(options.crate_index.as_deref())?,
            patience: Patience { tries, first_pause, longest_pause: LONGEST_PAUSE },
            snapshot_patience: Patience {
                tries: tries + MORE_SNAPSHOT_TRIES,
                first_pause: first_pause * 4,
                longest_pause: LONGEST_SNAPSHOT_PAUSE,
            },
            snapshot_turn: tokio::sync::Mutex::new(()),
        };
        Ok(Self { runtime: runtime().map_err(NetworkError::Threads)?, online: Arc::new(online) })
    }

    /// Runs a batch to its end, telling steps from the thread that called.
    fn run(&self, batch: Batch, tell: impl Fn(Step)) -> Result<(), FetchError> {
        let batch = Arc::new(batch);
        let (steps, told) = channel();
        let mut workers = JoinSet::new();
        for lane in batch.workers() {
            let (batch, steps) = (batch.clone(), steps.clone());
            workers.spawn_on(async move { batch.work(lane, steps).await }, self.runtime.handle());
        }
        drop(steps);
        drain(&told, tell);
        let failures = self.runtime.block_on(workers.join_all());
        first(failures.into_iter().flatten())
    }
}

impl Fetcher for Network {
    fn fetch(
        &self,
        subject: &str,
        wants: &[Want],
        events: &(dyn Fn(Event) + Sync),
    ) -> Result<(), FetchError> {
        let jobs = jobs(wants, |digest| self.store.has_blob(digest));
        let Some(job) = jobs.first() else { return Ok(()) };
        let Some(open) = &self.open else {
            return Err(FetchError::Offline { origin: job.title.clone() });
        };
        let (phase, subject) = (Phase::Download, || subject.to_owned());
        events(Event::Start { phase, subject: subject(), total: total(&jobs) });
        let NetworkOptions { n_crates_at_once, n_packages_at_once, .. } = self.options;
        let batch = Batch::new(open.online.clone(), jobs, n_crates_at_once, n_packages_at_once);
        open.run(batch, |Step { by, at }| events(Event::Advance { phase, subject: subject(), by, at }))?;
        events(Event::Done { phase, subject: subject() });
        Ok(())
    }

    fn find_crate(&self, name: &str, version: &Version) -> Result<CrateRelease, FetchError> {
        let unknown = || FetchError::NoSuchCrate { name: name.to_owned(), version: version.to_string() };
        let origin = || format!("the index entry of crate {name} {version}");
        let krate = KrateName::try_from(name).map_err(|_| unknown())?;
        let Some(Open { runtime, online }) = &self.open else {
            return Err(FetchError::Offline { origin: origin() });
        };
        let release = online.registry.release(&online.client, online.patience, krate, version);
        let release = runtime.block_on(release);
        let release =
            release.map_err(|attempt| FetchError::Nowhere { origin: origin(), attempts: vec![attempt] })?;
        release.ok_or_else(unknown)
    }

    fn in_release(
        &self,
        suite: &Name,
        accept: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Vec<u8>, FetchError> {
        let origin = format!("InRelease of {suite}");
        let Some(open) = &self.open else { return Err(FetchError::Offline { origin }) };
        let mut attempts = Vec::new();
        for url in open.online.places.of_in_release(suite.as_str()) {
            match open.in_release(&url, accept) {
                Ok(bytes) => return Ok(bytes),
                Err(fault) => attempts.push(Attempt { place: shown(&url), fault }),
            }
        }
        Err(FetchError::Nowhere { origin, attempts })
    }
}

impl Open {
    fn in_release(&self, url: &Url, accept: &dyn Fn(&[u8]) -> Result<(), String>) -> Result<Vec<u8>, Fault> {
        let Online { client, patience, .. } = &*self.online;
        let bytes =
            self.runtime.block_on(patience.ask(|| client.document(url))).map_err(Trouble::into_fault)?;
        accept(&bytes).map_err(Fault::Refused)?;
        Ok(bytes)
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(N_THREADS)
        .thread_name("eadem-fetch")
        .enable_all()
        .build()
}

/// The bytes of all jobs whose size is known, or 0 if there is one without: half a total misleads.
fn total(jobs: &[Job]) -> u64 {
    jobs.iter().map(|job| job.size).sum::<Option<u64>>().unwrap_or(0)
}

/// Tells steps until every worker is done.
fn drain(told: &Receiver<Step>, tell: impl Fn(Step)) {
    told.iter().for_each(tell);
}

/// The failure of the earliest job.
fn first(failures: impl Iterator<Item = Failure>) -> Result<(), FetchError> {
    match failures.min_by_key(|(index, _)| *index) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}
