//! A world with an engine that makes no rooms.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use eadem_flow::{
    Bench, Built, FlowError, Job, Machine, Proofs, Terms, USUAL_TRIALS, Verification, build, verify,
};
use eadem_model::{
    Abilities, Architecture, Cancel, CrateRelease, Digest, Ending, Engine, EngineError, Event, FetchError,
    Fetcher, Image, ImageLock, Inputs, Isolation, LockedImage, LockedResult, LockedSource, Name, Outcome,
    OutputSink, Recipe, RecipeLock, Round, RunId, Setting, Skipped, Terminal, Usage, Variation, Want, Watch,
    document::{Version1, parse},
};
use eadem_store::{Layer, Node, Store};
use serde_json::json;

pub(crate) const IMAGE: &str = "
eadem: 1
name: tiny
architecture: amd64
debian: {suite: none, keyring: {file: k, sha256: KEY}, packages: [a]}
";

pub(crate) const RECIPE: &str = "
eadem: 1
name: one
image: tiny
source: {crate: one, version: 1.0.0}
outputs: [bin/one, bin/two]
";

/// Writes what a function of the setting gives, and counts its runs.
pub(crate) struct Fake {
    pub(crate) write: fn(&Setting) -> [String; 2],
    pub(crate) ending: Ending,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) n_runs: AtomicU64,
    /// The first run that ends as said; those before end well.
    pub(crate) fails_from: u64,
    pub(crate) keep_failed: bool,
    /// The rooms that were entered; none can be if there is no list.
    pub(crate) entered: Option<Mutex<Vec<(Round, bool)>>>,
}

impl Fake {
    pub(crate) fn new(write: fn(&Setting) -> [String; 2]) -> Self {
        let (ending, n_runs) = (Ending::Success, AtomicU64::new(0));
        Self { write, ending, skipped: vec![], n_runs, fails_from: 1, keep_failed: false, entered: None }
    }
}

impl Engine for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn probe(&self) -> Result<Abilities, EngineError> {
        Ok(Abilities::default())
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        let n_run = self.n_runs.fetch_add(1, Ordering::SeqCst) + 1;
        let ending = if n_run < self.fails_from { Ending::Success } else { self.ending.clone() };
        let room = round.room()?;
        for layer in room.rootfs.iter().chain(room.inputs.iter().map(|input| &input.layer)) {
            inputs.layer_dir(layer).expect("a prepared layer is there");
        }
        (watch.log)(b"   Compiling one v0.1.0 (/build/src)\nlast words\n");
        if ending == Ending::Success {
            for (output, text) in room.outputs.iter().zip((self.write)(&round.setting)) {
                let taken = match text.strip_prefix("-> ") {
                    Some(target) => out.symlink(&output.path, target),
                    None => out.file(&output.path, true, &mut text.as_bytes()),
                };
                taken.expect("taken");
            }
        }
        if let Some(kept) = watch.keep {
            let _ = std::fs::remove_dir_all(kept);
            std::fs::create_dir(kept).expect("its parent is there");
        }
        let skipped = self.skipped.clone();
        let isolation = Isolation::Strict;
        Ok(Outcome {
            ending,
            usage: Usage::default(),
            skipped,
            limits: vec![],
            isolation,
            lacks: vec![],
            sought: [].into(),
        })
    }

    fn terminal(&self) -> Option<&dyn Terminal> {
        self.entered.as_ref().map(|_| self as &dyn Terminal)
    }
}

impl Terminal for Fake {
    fn enter(
        &self,
        round: &Round,
        _: &dyn Inputs,
        kept: Option<&Path>,
        _: &Watch<'_>,
    ) -> Result<Ending, EngineError> {
        let entered = self.entered.as_ref().expect("there is a terminal");
        entered.lock().expect("one thread").push((round.clone(), kept.is_some_and(Path::is_dir)));
        Ok(Ending::Failed(5))
    }

    fn discard(&self, kept: &Path) -> Result<(), EngineError> {
        let _ = std::fs::remove_dir_all(kept);
        Ok(())
    }
}

impl Fake {
    /// One whose builds fail, whose state is kept, and whose rooms can be entered.
    pub(crate) fn failing() -> Self {
        let entered = Some(Mutex::default());
        Self { ending: Ending::Failed(101), keep_failed: true, entered, ..Self::new(steady) }
    }

    pub(crate) fn last_entered(&self) -> (Round, bool) {
        let entered = self.entered.as_ref().expect("there is a terminal").lock().expect("one thread");
        entered.last().cloned().expect("somebody entered")
    }
}

/// There is no network: everything is in the store.
pub(crate) struct NoNetwork;

impl Fetcher for NoNetwork {
    fn fetch(&self, _: &str, wants: &[Want], _: &(dyn Fn(Event) + Sync)) -> Result<(), FetchError> {
        wants.first().map_or(Ok(()), |want| Err(FetchError::Offline { origin: want.origin.to_string() }))
    }

    fn find_crate(&self, name: &str, _: &semver::Version) -> Result<CrateRelease, FetchError> {
        Err(FetchError::Offline { origin: name.to_owned() })
    }

    fn in_release(
        &self,
        suite: &Name,
        _: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Vec<u8>, FetchError> {
        Err(FetchError::Offline { origin: suite.to_string() })
    }
}

/// A store with one image layer and one source layer, and the job that uses them.
pub(crate) struct World {
    pub(crate) _dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) job: Job,
    pub(crate) clock: &'static AtomicU64,
}

pub(crate) fn image() -> Image {
    parse("images/tiny.yaml", &IMAGE.replace("KEY", &Digest::of(b"").to_string())).expect("a good image")
}

/// Puts an image of one layer into the store by hand, and locks it.
pub(crate) fn image_lock(store: &Store) -> ImageLock {
    let mut layer = Layer::new();
    layer.add("usr/bin/cargo".parse().expect("clean"), Node::file("x", 1)).expect("new");
    let layer = store.put_layer(layer).expect("stored");
    let put = |value: &serde_json::Value| store.put_blob(value.to_string().as_bytes()).expect("stored");
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}});
    let descriptor = |kind: &str, digest: Digest, size: u64| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size});
    let manifest = json!({
        "schemaVersion": 2,
        "config": descriptor("config.v1+json", put(&config), config.to_string().len() as u64),
        "layers": [descriptor("layer.v1.tar+gzip", layer.blob, layer.size)],
    });
    ImageLock {
        eadem_lock: Version1,
        image: image().name,
        meaning: image().meaning(),
        architecture: Architecture::Amd64,
        suite: "none".parse().expect("a name"),
        snapshot: "20260101T000000Z".to_owned(),
        fixups: 1,
        links: [].into(),
        packages: vec![],
        result: LockedResult {
            diff_ids: vec![layer.diff_id],
            config: put(&config),
            manifest: put(&manifest),
            compressor: "none".to_owned(),
        },
    }
}

pub(crate) fn recipe_lock(recipe: &Recipe, image: &ImageLock, layer: Digest) -> RecipeLock {
    let (name, version) = ("one".to_owned(), semver::Version::new(1, 0, 0));
    let own = LockedSource::Own { name, version, sha256: Digest::of(b"crate"), size: 5 };
    RecipeLock {
        eadem_lock: Version1,
        recipe: recipe.name.clone(),
        meaning: recipe.meaning(),
        image: LockedImage {
            name: image.image.clone(),
            config: image.result.config,
            diff_ids: image.result.diff_ids.clone(),
        },
        sources: vec![own],
        layer,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut layer = Layer::new();
        layer.add("src/main.rs".parse().expect("clean"), Node::file("x", 1)).expect("new");
        let layer = store.lay_out(layer).expect("laid out");
        let recipe: Recipe = parse("recipes/one.yaml", RECIPE).expect("a good recipe");
        let image_lock = image_lock(&store);
        let lock = recipe_lock(&recipe, &image_lock, layer);
        let origin = serde_json::to_vec(&lock.sources).expect("text keys");
        store.note_origin(&layer, &Digest::of(&origin)).expect("noted");
        let job = Job::new(recipe, lock, &image(), image_lock).expect("true locks");
        Self { _dir: dir, store, job, clock: Box::leak(Box::new(AtomicU64::new(1))) }
    }

    /// Each look at the clock is a second later.
    pub(crate) fn at_bench<T>(&self, engine: &Fake, n_run: u32, work: impl FnOnce(&Bench<'_>) -> T) -> T {
        work(&Bench {
            store: &self.store,
            fetcher: &NoNetwork,
            engine,
            events: &|_| (),
            cancel: &Cancel::new(),
            clock: &|| self.clock.fetch_add(1, Ordering::SeqCst),
            run: &RunId::new(u64::from(n_run), n_run),
            keep_failed: engine.keep_failed,
            weak: false,
            machine: &Machine { processors: 2, release: "6.12.48".to_owned() },
            project_root: Path::new("/nonexistent"),
        })
    }

    pub(crate) fn verify(
        &self,
        engine: &Fake,
        n_run: u32,
        proofs: Proofs,
    ) -> Result<Verification, FlowError> {
        let terms = Terms {
            proofs,
            vary: Variation::ALL.into(),
            strict: false,
            trials: USUAL_TRIALS,
            against: vec![],
            base: None,
        };
        self.verify_so(engine, n_run, &terms)
    }

    pub(crate) fn verify_so(
        &self,
        engine: &Fake,
        n_run: u32,
        terms: &Terms,
    ) -> Result<Verification, FlowError> {
        self.at_bench(engine, n_run, |bench| verify(bench, &self.job, terms))
    }

    pub(crate) fn build(&self, engine: &Fake, n_run: u32) -> Result<Built, FlowError> {
        self.at_bench(engine, n_run, |bench| build(bench, &self.job))
    }
}

pub(crate) fn steady(_: &Setting) -> [String; 2] {
    ["same".to_owned(), "bytes".to_owned()]
}
