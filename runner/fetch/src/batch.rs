//! Many downloads at once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::Sender,
    },
};

use eadem_model::{Attempt, Fault, FetchError};
use eadem_store::Store;
use reqwest::Url;
use tokio::{select, sync::watch};

use crate::{
    client::Client,
    download::Download,
    job::Job,
    patience::Patience,
    place::{Place, Places},
    progress::{Progress, Step},
    registry::Registry,
    shown::shown,
    trouble::{Remedy, Trouble},
};

/// What all batches share.
pub(crate) struct Online {
    /// Who asks.
    pub(crate) client: Client,
    /// Where bytes go.
    pub(crate) store: Arc<Store>,
    /// Whom to ask.
    pub(crate) places: Places,
    /// Whom to ask about crates.
    pub(crate) registry: Registry,
    /// How often.
    pub(crate) patience: Patience,
    /// How often the snapshot archive is asked.
    pub(crate) snapshot_patience: Patience,
    /// Held while the snapshot archive is asked.
    pub(crate) snapshot_turn: tokio::sync::Mutex<()>,
}

/// Jobs that are worked at in order, by several workers in each lane.
///
/// When a job fails, later ones are given up and earlier ones are finished: so the failure that is
/// reported is the first in order, whichever came first in time.
pub(crate) struct Batch {
    online: Arc<Online>,
    jobs: Vec<Job>,
    lanes: Vec<Lane>,
    first_failed: watch::Sender<usize>,
    /// Hosts to which no connection came about; they are not waited for again.
    dead: Mutex<BTreeSet<String>>,
}

/// Jobs that share a number of workers.
struct Lane {
    jobs: Vec<usize>,
    next: AtomicUsize,
    n_workers: usize,
}

/// A job's place in the order, and why it failed.
pub(crate) type Failure = (usize, FetchError);

impl Batch {
    /// Sorts jobs into lanes, each with its number of workers.
    pub(crate) fn new(online: Arc<Online>, jobs: Vec<Job>, n_crates: usize, n_packages: usize) -> Self {
        let lane = |package: bool, n_workers: usize| {
            let members = jobs.iter().enumerate().filter(|(_, job)| job.is_package() == package);
            Lane::new(members.map(|(index, _)| index).collect(), n_workers)
        };
        let lanes = vec![lane(false, n_crates), lane(true, n_packages)];
        let first_failed = watch::Sender::new(usize::MAX);
        Self { online, jobs, lanes, first_failed, dead: Mutex::default() }
    }

    /// The lane of each worker that is needed.
    pub(crate) fn workers(&self) -> Vec<usize> {
        let lanes = self.lanes.iter().enumerate();
        lanes
            .flat_map(|(index, lane)| std::iter::repeat_n(index, lane.n_workers.min(lane.jobs.len())))
            .collect()
    }

    /// Works at a lane's jobs until there are no more or an earlier one has failed.
    pub(crate) async fn work(&self, lane: usize, steps: Sender<Step>) -> Option<Failure> {
        let mut first_failed = self.first_failed.subscribe();
        while let Some(index) = self.lanes[lane].next() {
            select! {
                biased;
                _ = first_failed.wait_for(|first| *first < index) => return None,
                brought = self.bring(index, &steps) => if let Err(error) = brought {
                    self.first_failed.send_modify(|first| *first = index.min(*first));
                    return Some((index, error));
                },
            }
        }
        None
    }

    /// Asks every place of a job until one has the right bytes.
    async fn bring(&self, index: usize, steps: &Sender<Step>) -> Result<(), FetchError> {
        let job = &self.jobs[index];
        let progress = Progress::new(&job.title, steps.clone());
        let mut attempts = Vec::new();
        for origin in &job.origins {
            let places = self.online.places.of(origin);
            for place in places.unwrap_or_else(|refused| keep(&mut attempts, refused)) {
                match self.ask(job, &place, &progress).await? {
                    None => return Ok(()),
                    Some(attempt) => attempts.push(attempt),
                }
            }
        }
        Err(FetchError::Nowhere { origin: job.title.clone(), attempts })
    }

    /// Asks one place; `Ok(Some)` says why it did not serve.
    async fn ask(
        &self,
        job: &Job,
        place: &Place,
        progress: &Progress,
    ) -> Result<Option<Attempt>, FetchError> {
        let online = &self.online;
        match place {
            Place::Known(url) => self.download(job, url, online.patience, progress).await,
            Place::Snapshot(url) => {
                let _turn = online.snapshot_turn.lock().await;
                self.download(job, url, online.snapshot_patience, progress).await
            }
            Place::Registry { name, version } => {
                match online.registry.address(&online.client, online.patience, name, version).await {
                    Ok(url) => self.download(job, &url, online.patience, progress).await,
                    Err(attempt) => Ok(Some(attempt)),
                }
            }
        }
    }

    async fn download(
        &self,
        job: &Job,
        url: &Url,
        patience: Patience,
        progress: &Progress,
    ) -> Result<Option<Attempt>, FetchError> {
        if self.is_dead(url) {
            let fault = Fault::Unavailable("no connection came about there before".to_owned());
            return Ok(Some(Attempt { place: shown(url), fault }));
        }
        let Online { client, store, .. } = &*self.online;
        let download = Download { client, store, job, progress };
        match patience.ask(|| download.from(url)).await {
            Ok(()) => Ok(None),
            Err(Trouble::Store(error)) => Err(error),
            Err(Trouble::Place { fault, remedy }) => {
                self.bury(url, remedy);
                Ok(Some(Attempt { place: shown(url), fault }))
            }
        }
    }

    fn is_dead(&self, url: &Url) -> bool {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).contains(url.authority())
    }

    fn bury(&self, url: &Url, remedy: Remedy) {
        if remedy == Remedy::Reconnect {
            let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
            dead.insert(url.authority().to_owned());
        }
    }
}

impl Lane {
    fn new(jobs: Vec<usize>, n_workers: usize) -> Self {
        Self { jobs, next: AtomicUsize::new(0), n_workers: n_workers.max(1) }
    }

    fn next(&self) -> Option<usize> {
        self.jobs.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

/// Keeps an attempt and gives no places.
fn keep(attempts: &mut Vec<Attempt>, refused: Attempt) -> Vec<Place> {
    attempts.push(refused);
    Vec::new()
}
