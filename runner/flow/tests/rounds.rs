//! Build and verify with an engine that makes no rooms: what is run, what is kept, what is compared.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use eadem_flow::{Bench, Built, FlowError, Job, Proofs, Verification, build, verify};
use eadem_model::{
    Architecture, Cancel, CrateRelease, Digest, Ending, Engine, EngineError, Event, FetchError, Fetcher,
    Image, ImageLock, Inputs, LockedImage, LockedResult, LockedSource, Name, Outcome, OutputSink, Recipe,
    RecipeLock, Round, RunId, Setting, Skipped, Usage, Verdict, Want, Watch,
    document::{Version1, parse},
};
use eadem_store::{Layer, Node, Store, StoreError};
use serde_json::json;

const IMAGE: &str = "
eadem: 1
name: tiny
architecture: amd64
debian: {suite: none, keyring: {file: k, sha256: KEY}, packages: [a]}
";

const RECIPE: &str = "
eadem: 1
name: one
image: tiny
source: {crate: one, version: 1.0.0}
outputs: [bin/one, bin/two]
";

/// Writes what a function of the setting gives, and counts its runs.
struct Fake {
    write: fn(&Setting) -> [String; 2],
    ending: Ending,
    skipped: Vec<Skipped>,
    n_runs: AtomicU64,
}

impl Fake {
    fn new(write: fn(&Setting) -> [String; 2]) -> Self {
        Self { write, ending: Ending::Success, skipped: vec![], n_runs: AtomicU64::new(0) }
    }
}

impl Engine for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn probe(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn run(
        &self,
        round: &Round,
        inputs: &dyn Inputs,
        out: &mut dyn OutputSink,
        watch: &Watch<'_>,
    ) -> Result<Outcome, EngineError> {
        self.n_runs.fetch_add(1, Ordering::SeqCst);
        let room = round.room()?;
        for layer in room.rootfs.iter().chain(room.inputs.iter().map(|input| &input.layer)) {
            inputs.layer_dir(layer).expect("a prepared layer is there");
        }
        (watch.log)(b"   Compiling one v0.1.0 (/build/src)\nlast words\n");
        if self.ending == Ending::Success {
            for (output, text) in room.outputs.iter().zip((self.write)(&round.setting)) {
                out.file(&output.path, true, &mut text.as_bytes()).expect("taken");
            }
        }
        let ending = self.ending.clone();
        let skipped = self.skipped.clone();
        Ok(Outcome { ending, usage: Usage::default(), skipped, limits: vec![], log_dropped: 0 })
    }
}

/// There is no network: everything is in the store.
struct NoNetwork;

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
struct World {
    _dir: tempfile::TempDir,
    store: Store,
    job: Job,
    clock: AtomicU64,
}

fn image() -> Image {
    parse("images/tiny.yaml", &IMAGE.replace("KEY", &Digest::of(b"").to_string())).expect("a good image")
}

/// Puts an image of one layer into the store by hand, and locks it.
fn image_lock(store: &Store) -> ImageLock {
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

fn recipe_lock(recipe: &Recipe, image: &ImageLock, layer: Digest) -> RecipeLock {
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
    fn new() -> Self {
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
        Self { _dir: dir, store, job, clock: AtomicU64::new(1) }
    }

    /// Each look at the clock is a second later.
    fn at_bench<T>(&self, engine: &Fake, n_run: u32, work: impl FnOnce(&Bench<'_>) -> T) -> T {
        work(&Bench {
            store: &self.store,
            fetcher: &NoNetwork,
            engine,
            events: &|_| (),
            cancel: &Cancel::new(),
            clock: &|| self.clock.fetch_add(1, Ordering::SeqCst),
            run: &RunId::new(u64::from(n_run), n_run),
            project_root: Path::new("/nonexistent"),
        })
    }

    fn verify(&self, engine: &Fake, n_run: u32, proofs: Proofs) -> Result<Verification, FlowError> {
        self.at_bench(engine, n_run, |bench| verify(bench, &self.job, proofs))
    }

    fn build(&self, engine: &Fake, n_run: u32) -> Result<Built, FlowError> {
        self.at_bench(engine, n_run, |bench| build(bench, &self.job))
    }
}

fn steady(_: &Setting) -> [String; 2] {
    ["same".to_owned(), "bytes".to_owned()]
}

fn host_and_path(setting: &Setting) -> [String; 2] {
    [format!("on {}", setting.hostname), format!("at {}", setting.roots.target)]
}

#[test]
fn rounds_that_agree_are_reproducible_and_prove_it_for_the_next_time() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let first = world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!((first.verdict, first.proof), (Verdict::Reproducible, None));
    let second = world.verify(&engine, 2, Proofs::Use).expect("verified");
    assert_eq!((second.verdict, second.proof), (Verdict::Reproducible, Some(RunId::new(1, 1))));
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 2);
}

#[test]
fn a_fresh_verification_uses_no_proof() {
    let (world, engine) = (World::new(), Fake::new(steady));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!(world.verify(&engine, 2, Proofs::Ignore).expect("verified").proof, None);
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 4);
}

#[test]
fn every_output_that_differs_is_listed_with_its_first_offset() {
    let (world, engine) = (World::new(), Fake::new(host_and_path));
    let found = world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!(found.verdict, Verdict::Differs);
    let listed: Vec<_> = found
        .differences
        .iter()
        .map(|difference| (difference.entries.path.to_string(), difference.first_offset))
        .collect();
    assert_eq!(listed, [("bin/one".to_owned(), Some(3)), ("bin/two".to_owned(), Some(5))]);
}

#[test]
fn rounds_that_differed_are_built_again() {
    let (world, engine) = (World::new(), Fake::new(host_and_path));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    world.verify(&engine, 2, Proofs::Use).expect("verified");
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 4);
}

#[test]
fn rounds_start_in_different_seconds() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let rounds = world.verify(&engine, 1, Proofs::Use).expect("verified").rounds;
    assert_ne!(rounds[0].started, rounds[1].started);
}

#[test]
fn a_second_equal_build_is_answered_from_the_record() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let first = world.build(&engine, 1).expect("built");
    let second = world.build(&engine, 2).expect("answered");
    assert_eq!(second.recorded, Some(RunId::new(1, 1)));
    assert_eq!(first.tree, second.tree);
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_record_whose_outputs_are_damaged_answers_nothing() {
    let (world, engine) = (World::new(), Fake::new(steady));
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    let output = world.store.file_path(&Digest::of(b"same"));
    std::fs::remove_file(&output).expect("there");
    std::fs::write(&output, "evil").expect("written");
    assert!(matches!(world.build(&engine, 2), Err(FlowError::Store(StoreError::Damaged { .. }))));
    assert!(matches!(
        world.verify(&engine, 3, Proofs::Use),
        Err(FlowError::Store(StoreError::Damaged { .. }))
    ));
    std::fs::remove_file(&output).expect("there");
    assert_eq!(world.verify(&engine, 4, Proofs::Use).expect("verified").proof, None);
}

#[test]
fn a_newer_verification_that_differs_refutes_an_older_proof() {
    let (world, steady, moody) = (World::new(), Fake::new(steady), Fake::new(host_and_path));
    world.verify(&steady, 1, Proofs::Use).expect("verified");
    assert_eq!(world.verify(&moody, 2, Proofs::Ignore).expect("verified").verdict, Verdict::Differs);
    assert_eq!(world.verify(&moody, 3, Proofs::Use).expect("verified").verdict, Verdict::Differs);
}

#[test]
fn rounds_that_went_without_a_variation_prove_nothing() {
    let skipped = vec![Skipped { variation: "processors".to_owned(), reason: "one".to_owned() }];
    let (world, engine) = (World::new(), Fake { skipped, ..Fake::new(steady) });
    world.verify(&engine, 1, Proofs::Use).expect("verified");
    assert_eq!(world.verify(&engine, 2, Proofs::Use).expect("verified").proof, None);
}

#[test]
fn a_lock_that_pins_another_source_than_the_recipe_names_is_stale() {
    let world = World::new();
    let Job { recipe, mut lock, image: image_lock } = world.job.clone();
    let (name, version) = ("other".to_owned(), semver::Version::new(1, 0, 0));
    lock.sources = vec![LockedSource::Own { name, version, sha256: Digest::of(b"crate"), size: 5 }];
    assert!(matches!(Job::new(recipe, lock, &image(), image_lock), Err(FlowError::Stale { .. })));
}

#[test]
fn a_failed_build_is_not_recorded_and_shows_its_last_lines() {
    let world = World::new();
    let engine = Fake { ending: Ending::Failed(101), ..Fake::new(steady) };
    for n_run in 1..=2 {
        let Err(FlowError::Build(failure)) = world.build(&engine, n_run) else { panic!("the build fails") };
        assert_eq!(failure.tail.last().map(String::as_str), Some("last words"));
        assert_eq!(failure.ending, Ending::Failed(101));
    }
    assert_eq!(engine.n_runs.load(Ordering::SeqCst), 2);
    assert!(world.store.records(&world.job.plan().digest()).expect("readable").is_empty());
}

#[test]
fn the_log_of_a_round_is_kept_whole() {
    let (world, engine) = (World::new(), Fake::new(steady));
    let found = world.verify(&engine, 1, Proofs::Use).expect("verified");
    let log = world.store.read_log(&found.rounds[1].log).expect("there");
    assert!(log.ends_with(b"last words\n"));
}

#[test]
fn a_lock_of_another_recipe_or_image_is_stale() {
    let world = World::new();
    let Job { recipe, lock, image: image_lock } = world.job.clone();
    let changed = Recipe { epoch: 7, ..recipe.clone() };
    let stale = |job: Result<Job, FlowError>| matches!(job, Err(FlowError::Stale { .. }));
    assert!(stale(Job::new(changed, lock.clone(), &image(), image_lock.clone())));
    let mut other = image();
    other.debian.packages.push("b".to_owned());
    assert!(stale(Job::new(recipe.clone(), lock.clone(), &other, image_lock.clone())));
    let mut anew = image_lock;
    anew.result.diff_ids.push(Digest::of(b"another"));
    assert!(stale(Job::new(recipe, lock, &image(), anew)));
}

#[test]
fn the_plan_of_a_job_is_the_known_one() {
    let world = World::new();
    assert_eq!(
        world.job.plan().digest().to_string(),
        "sha256:89fd42e6c051398a7fb7cb925a094d74a222c2e55a27502f7936e33938a7befc"
    );
}
