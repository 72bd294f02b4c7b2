//! Garbage: what nothing names that is to stay.
//!
//! What stays: what the locks of projects name, images that have a name, pins, records of runs and units that
//! are young enough, and what these name. With a limit to the size, of the young records those that were
//! not used for the longest time go, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use eadem_model::{AtError, Digest, Record};
use serde::Serialize;

use crate::{
    Alone, Claims, Kind, StoreError,
    census::{Census, Page, list, size},
    store::Store,
    usage::Kinds,
};

/// What is to stay.
#[derive(Debug)]
pub struct Keep<'a> {
    /// What locks of projects name.
    pub claims: &'a Claims,
    /// Records that were written or used since then stay: seconds since 1970.
    pub since: u64,
    /// What of units that stay was not used since then may be compressed.
    pub cold_since: u64,
    /// The store is to take no more bytes than this.
    pub max_bytes: Option<u64>,
}

/// Something that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Garbage {
    /// What it is.
    pub kind: Kind,
    /// Where it lies.
    pub path: PathBuf,
    /// The bytes that it takes on the disk.
    pub bytes: u64,
}

/// What a look for garbage found.
#[derive(Debug)]
pub struct Collection {
    /// What goes: records first, then what they name.
    pub garbage: Vec<Garbage>,
    /// What units gave that may be compressed.
    pub cold: Vec<Digest>,
    /// The bytes of what stays, before that.
    pub left: u64,
}

impl Store {
    /// Finds what goes; removes nothing.
    pub fn find_garbage(&self, keep: &Keep<'_>) -> Result<Collection, StoreError> {
        let census = self.census()?;
        let records = self.all_records()?.0;
        let kinds = Kinds::of(&census, keep.claims, &records);
        let mut mark = Mark::new(self, &census, &records, keep)?;
        if let Some(max) = keep.max_bytes {
            mark.shrink(max);
        }
        Ok(Collection { cold: mark.cold(self, &kinds, keep.cold_since), ..mark.sweep(self, &kinds) })
    }

    /// Removes what was found while one was alone.
    pub fn remove_garbage(&self, _: &Alone<'_>, collection: &Collection) -> Result<(), StoreError> {
        for garbage in &collection.garbage {
            remove(&garbage.path)?;
        }
        for plan in list(&self.dir().join("records"))? {
            // Those that hold records stay.
            let _ = fs::remove_dir(plan);
        }
        // Nobody holds any but that of the store.
        for lock in list(&self.dir().join("locks"))?.iter().filter(|path| path.is_file()) {
            if !lock.ends_with("store") {
                remove(lock)?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), AtError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(AtError { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A record, with what it keeps.
struct Holding<'a> {
    page: &'a Page,
    used: u64,
    blobs: BTreeSet<Digest>,
    is_pinned: bool,
}

/// What stays.
struct Mark<'a> {
    census: &'a Census,
    holdings: Vec<Holding<'a>>,
    /// How many holdings name a blob; roots count, too.
    blobs: BTreeMap<Digest, u32>,
    layers: BTreeSet<Digest>,
    logs: BTreeSet<&'a Path>,
    /// The bytes of what is no matter of this.
    others: u64,
}

impl<'a> Mark<'a> {
    fn new(
        store: &Store,
        census: &'a Census,
        records: &[Record],
        keep: &Keep<'_>,
    ) -> Result<Self, StoreError> {
        let pins = store.pins()?;
        let pinned: BTreeSet<Digest> = pins.iter().flat_map(|pin| &pin.digests).copied().collect();
        let runs = pins.iter().flat_map(|pin| &pin.runs);
        let runs: BTreeSet<PathBuf> = runs.map(|(plan, run)| store.record_path(plan, run)).collect();
        let roots = roots(store, census, keep.claims, &pinned);
        let mut mark = Self {
            census,
            holdings: Vec::new(),
            blobs: BTreeMap::new(),
            layers: census.layers.keys().filter(|layer| roots.contains(*layer)).copied().collect(),
            logs: BTreeSet::new(),
            others: others(store)?,
        };
        mark.hold(&roots);
        mark.mark_runs(&runs, keep.since);
        let used = mark.units_of_runs();
        mark.mark_units(&pinned, &used, keep.since);
        mark.mark_trees(records);
        Ok(mark)
    }

    fn hold(&mut self, names: &BTreeSet<Digest>) {
        for blob in names.iter().filter(|name| self.census.blobs.contains_key(*name)) {
            *self.blobs.entry(*blob).or_default() += 1;
        }
    }

    fn mark_runs(&mut self, pinned: &BTreeSet<PathBuf>, since: u64) {
        let census = self.census;
        for (run, page) in &census.runs {
            let is_pinned = pinned.contains(&page.path);
            if is_pinned || page.used >= since {
                self.hold(&page.names);
                let (used, blobs) = (page.used, page.names.clone());
                self.holdings.push(Holding { page, used, blobs, is_pinned });
                let own = census.logs.iter().filter(|(other, _)| other == run);
                self.logs.extend(own.map(|(_, log)| log.path.as_path()));
            }
        }
        let young = census.logs.iter().filter(|(run, _)| run.seconds() >= since);
        self.logs.extend(young.map(|(_, log)| log.path.as_path()));
    }

    /// The units that runs which stay have used, and whether a pin is the reason.
    fn units_of_runs(&self) -> BTreeMap<Digest, bool> {
        let mut used = BTreeMap::new();
        for holding in &self.holdings {
            for key in holding.blobs.iter().filter(|name| self.census.units.contains_key(*name)) {
                *used.entry(*key).or_default() |= holding.is_pinned;
            }
        }
        used
    }

    fn mark_units(&mut self, pinned: &BTreeSet<Digest>, of_runs: &BTreeMap<Digest, bool>, since: u64) {
        for (key, page) in &self.census.units {
            let is_pinned = pinned.contains(key) || of_runs.get(key) == Some(&true);
            if is_pinned || of_runs.contains_key(key) || page.used >= since {
                self.hold(&page.names);
                let (used, blobs) = (page.used, page.names.clone());
                self.holdings.push(Holding { page, used, blobs, is_pinned });
            }
        }
    }

    /// Trees stand in records entry by entry, and are blobs, too.
    fn mark_trees(&mut self, records: &[Record]) {
        let trees = |record: &Record| {
            let trees = record.rounds.iter().filter_map(|round| round.tree.as_ref());
            trees.map(eadem_model::Tree::digest).collect::<BTreeSet<_>>()
        };
        for record in records {
            let file = format!("{}.json", record.run);
            let plan = record.plan.hex();
            let is_it =
                |holding: &&mut Holding<'_>| holding.page.path.ends_with(Path::new(&plan).join(&file));
            let Some(holding) = self.holdings.iter_mut().find(is_it) else { continue };
            let trees = trees(record);
            holding.blobs.extend(&trees);
            self.hold(&trees);
        }
    }

    /// Lets go of what was not used for the longest time, until the rest is small enough.
    fn shrink(&mut self, max: u64) {
        self.holdings.sort_by_key(|holding| (holding.is_pinned, holding.used));
        let mut bytes = self.bytes();
        let mut n = 0;
        while bytes > max && self.holdings.get(n).is_some_and(|holding| !holding.is_pinned) {
            bytes = bytes.saturating_sub(self.holdings[n].page.bytes);
            for blob in self.holdings[n].blobs.clone() {
                bytes = bytes.saturating_sub(self.release(&blob));
            }
            n += 1;
        }
        self.holdings.drain(..n);
        self.drop_logs();
    }

    /// What becomes free if one holding less names a blob.
    fn release(&mut self, blob: &Digest) -> u64 {
        match self.blobs.get_mut(blob) {
            Some(1) => {
                self.blobs.remove(blob);
                self.census.blobs[blob]
            }
            Some(n) => {
                *n -= 1;
                0
            }
            None => 0,
        }
    }

    /// Logs of runs whose records went go with them.
    fn drop_logs(&mut self) {
        let census = self.census;
        let stays = |run| self.holdings.iter().any(|holding| holding.page.path.file_stem() == run);
        let gone = census.runs.iter().filter(|(_, page)| !stays(page.path.file_stem()));
        let gone: BTreeSet<_> = gone.map(|(run, _)| run).collect();
        let logs = census.logs.iter().filter(|(run, _)| gone.contains(run));
        for (_, page) in logs {
            self.logs.remove(page.path.as_path());
        }
    }

    /// The bytes of what stays.
    fn bytes(&self) -> u64 {
        let blobs = self.blobs.keys().map(|blob| self.census.blobs[blob]);
        let layers = self.layers.iter().map(|layer| self.census.layers[layer]);
        let logs = self.census.logs.iter().filter(|(_, page)| self.logs.contains(page.path.as_path()));
        let pages = self.holdings.iter().map(|holding| holding.page.bytes);
        self.others + blobs.chain(layers).chain(logs.map(|(_, page)| page.bytes)).chain(pages).sum::<u64>()
    }

    fn sweep(&self, store: &Store, kinds: &Kinds) -> Collection {
        let mut garbage = self.pages_that_go();
        for (layer, bytes) in self.census.layers.iter().filter(|(layer, _)| !self.layers.contains(*layer)) {
            let (path, kind) = (store.layer_dir(layer), Kind::Unpacked);
            garbage.push(Garbage { kind, path: path.with_extension("origin"), bytes: 0 });
            garbage.push(Garbage { kind, path: store.contents_path(layer), bytes: 0 });
            garbage.push(Garbage { kind, path, bytes: *bytes });
        }
        for (blob, bytes) in self.census.blobs.iter().filter(|(blob, _)| !self.blobs.contains_key(*blob)) {
            let (kind, warm, cold) = (kinds.kind(blob), store.file_path(blob), store.cold_path(blob));
            // Killed in between, eadem leaves both.
            let extra = if warm.exists() && cold.exists() { 0 } else { *bytes };
            garbage.push(Garbage { kind, path: warm, bytes: *bytes });
            garbage.push(Garbage { kind, path: cold, bytes: extra });
        }
        garbage.retain(|garbage| garbage.path.exists());
        Collection { garbage, cold: Vec::new(), left: self.bytes() }
    }

    /// Records and logs that nothing keeps.
    fn pages_that_go(&self) -> Vec<Garbage> {
        let stays: BTreeSet<&Path> =
            self.holdings.iter().map(|holding| holding.page.path.as_path()).collect();
        let census = self.census;
        let records = census.runs.iter().map(|(_, page)| page).chain(census.units.values());
        let records = records.filter(|page| !stays.contains(page.path.as_path()));
        let logs = census.logs.iter().map(|(_, page)| page);
        let logs = logs.filter(|page| !self.logs.contains(page.path.as_path()));
        let garbage =
            |kind: Kind| move |page: &Page| Garbage { kind, path: page.path.clone(), bytes: page.bytes };
        records.map(garbage(Kind::Records)).chain(logs.map(garbage(Kind::Logs))).collect()
    }

    /// What units gave that nobody used lately, and that is worth the work.
    fn cold(&self, store: &Store, kinds: &Kinds, since: u64) -> Vec<Digest> {
        let warm = self.holdings.iter().filter(|holding| holding.used >= since);
        let warm: BTreeSet<&Digest> = warm.flat_map(|holding| &holding.blobs).collect();
        let is_cold = |blob: &&Digest| {
            kinds.kind(blob) == Kind::UnitOutputs
                && self.census.blobs[*blob] >= LARGE
                && !warm.contains(*blob)
                && store.file_path(blob).is_file()
        };
        self.blobs.keys().filter(is_cold).copied().collect()
    }
}

/// What stays whether it was used or not: blobs and layers.
fn roots(store: &Store, census: &Census, claims: &Claims, pinned: &BTreeSet<Digest>) -> BTreeSet<Digest> {
    let mut roots: BTreeSet<Digest> = claims.images.union(&claims.recipes).copied().collect();
    roots.extend(pinned);
    roots.extend(census.images.values().flatten());
    roots.extend(claims.manifests.iter().flat_map(|manifest| store.names_in_blob(manifest)));
    roots
}

/// The bytes of what is no matter of a collection.
fn others(store: &Store) -> Result<u64, AtError> {
    let mut bytes = 0;
    for dir in ["kept", "rooms", "tmp"] {
        for path in list(&store.dir().join(dir))? {
            bytes += size(&path)?;
        }
    }
    Ok(bytes)
}

/// Smaller blobs are not compressed.
const LARGE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use eadem_model::{
        Ending, Isolation, Name, Outcome, OutputSink, RoundRecord, RunId, Rung, Setting, Tree, UnitKind,
        UnitRecord, UnitsRecord, Usage, document::Version1,
    };
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

    use super::*;
    use crate::Pin;

    /// A day, in seconds since 1970.
    const NOW: u64 = 1_800_000_000;

    struct Bench {
        _dir: tempfile::TempDir,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let store = Store::open(dir.path()).expect("a store");
            Self { _dir: dir, store }
        }

        fn tree(&self, content: &str) -> Tree {
            let mut writer = self.store.tree_writer();
            writer.file(&"out".parse().expect("clean"), false, &mut content.as_bytes()).expect("taken");
            writer.finish().expect("finished")
        }

        /// A unit that wrote its own name, used so long ago.
        fn unit(&self, name: &str, age: u64) -> Digest {
            let nothing = self.store.put_blob(b"").expect("stored");
            let record = UnitRecord {
                eadem_unit: Version1,
                kind: UnitKind::Compile,
                package: "unit 1.0.0".to_owned(),
                tree: self.tree(name),
                stdout: nothing,
                stderr: nothing,
                usage: Usage::default(),
                checked: None,
                unseen: None,
            };
            let key = Digest::of(name.as_bytes());
            self.store.put_unit(&key, &record).expect("kept");
            self.date(&self.store.unit_path(&key), age);
            key
        }

        /// Makes a record one that was used so long ago.
        fn date(&self, path: &Path, age: u64) {
            let used = Timespec { tv_sec: i64::try_from(NOW - age).expect("small"), tv_nsec: 0 };
            let used = Timestamps { last_access: used, last_modification: used };
            utimensat(CWD, path, &used, AtFlags::empty()).expect("ours");
        }

        /// A run so long ago, that left a tree and used units.
        fn run(&self, content: &str, age: u64, keys: &[Digest]) -> Record {
            let run = RunId::new(NOW - age, 1);
            let log = self.store.log_writer(&run, "r", 1).expect("starts");
            let name = log.name().to_owned();
            log.finish().expect("ends");
            let units = UnitsRecord {
                rung: Rung::PerPackage,
                total: 0,
                hits: 0,
                cpu_ms: 0,
                fell: Vec::new(),
                also: Vec::new(),
                keys: keys.iter().copied().collect(),
                check: None,
            };
            let outcome = Outcome {
                ending: Ending::Success,
                usage: Usage::default(),
                skipped: Vec::new(),
                limits: Vec::new(),
                isolation: Isolation::Strict,
                lacks: Vec::new(),
                sought: BTreeSet::new(),
            };
            let round = RoundRecord {
                engine: "native".to_owned(),
                setting: Setting::baseline(),
                started: NOW - age,
                outcome,
                tree: Some(self.tree(content)),
                log: name,
                units: Some(units),
            };
            let plan = self.store.put_blob(format!("plan of {content}").as_bytes()).expect("stored");
            let recipe: Name = "r".parse().expect("a name");
            let record = Record::new(run, recipe, plan, vec![round]);
            self.store.put_record(&record).expect("kept");
            self.date(&self.store.record_path(&record.plan, &record.run), age);
            record
        }

        fn collect(&self, claims: &Claims, max_bytes: Option<u64>) -> Collection {
            let keep = Keep { claims, since: NOW - 100, cold_since: NOW - 20, max_bytes };
            let found = self.store.find_garbage(&keep).expect("readable");
            let alone = self.store.alone().expect("looks").expect("nobody else is here");
            self.store.remove_garbage(&alone, &found).expect("removed");
            drop(alone);
            assert!(self.store.find_garbage(&keep).expect("readable").garbage.is_empty(), "some stays");
            assert!(self.store.check().expect("readable").faults.is_empty(), "too much went");
            found
        }

        fn has(&self, content: &str) -> bool {
            self.store.has_blob(&Digest::of(content.as_bytes()))
        }

        fn has_unit(&self, name: &str) -> bool {
            self.store.unit(&Digest::of(name.as_bytes())).expect("readable").is_some()
        }
    }

    #[test]
    fn what_was_used_lately_stays_with_all_that_it_names() {
        let bench = Bench::new();
        bench.unit("young", 50);
        let used = bench.unit("used", 500);
        bench.unit("old", 500);
        let record = bench.run("result", 50, &[used]);
        bench.run("past", 500, &[]);
        bench.store.put_blob(b"stray").expect("stored");
        let layer = bench.store.lay_out(crate::Layer::new()).expect("laid out");
        let found = bench.collect(&Claims::default(), None);
        assert!(bench.has_unit("young") && bench.has_unit("used") && !bench.has_unit("old"));
        assert!(bench.has("result") && bench.has("plan of result"));
        let tree = record.rounds[0].tree.as_ref().expect("it has one");
        assert!(bench.store.has_blob(&tree.digest()));
        assert!(!bench.has("past") && !bench.has("plan of past") && !bench.has("stray") && !bench.has("old"));
        assert!(!bench.store.has_layer(&layer));
        assert_eq!(bench.store.all_records().expect("readable").0, [record]);
        assert_eq!(bench.store.logs().expect("readable").len(), 1);
        assert!(found.garbage.iter().any(|garbage| garbage.kind == Kind::Unpacked));
    }

    #[test]
    fn a_build_that_still_answers_is_as_good_as_new() {
        let bench = Bench::new();
        let used = bench.unit("used", 500);
        let record = bench.run("result", 500, &[used]);
        bench.store.note_answer(&record);
        bench.date(&bench.store.record_path(&record.plan, &record.run), 50);
        bench.collect(&Claims::default(), None);
        assert!(bench.has("result") && bench.has_unit("used"));
        assert_eq!(bench.store.logs().expect("readable").len(), 1);
    }

    #[test]
    fn what_locks_and_pins_name_stays_whatever_its_age() {
        let bench = Bench::new();
        let claimed = bench.store.put_blob(b"claimed").expect("stored");
        let layer = bench.store.lay_out(crate::Layer::new()).expect("laid out");
        let mut claims = Claims::default();
        claims.recipes.extend([claimed, layer]);
        let (unit, used) = (bench.unit("pinned", 500), bench.unit("used", 500));
        let record = bench.run("result", 500, &[used]);
        let pin = |name: &str, digests: &[Digest], runs| {
            let digests = digests.iter().copied().collect();
            let pin = Pin { eadem_pin: Version1, name: name.to_owned(), digests, runs };
            bench.store.put_pin(&pin).expect("kept");
        };
        pin("unit", &[unit], Vec::new());
        pin("run", &[], vec![(record.plan, record.run.clone())]);
        bench.collect(&claims, Some(0));
        assert!(bench.has("claimed") && bench.store.has_layer(&layer));
        assert!(bench.has_unit("pinned") && bench.has_unit("used") && bench.has("result"));
        assert_eq!(bench.store.logs().expect("readable").len(), 1);
        assert!(bench.store.remove_pin("unit").expect("removed"));
        assert!(!bench.store.remove_pin("unit").expect("looks"));
        bench.collect(&claims, None);
        assert!(!bench.has_unit("pinned") && bench.has_unit("used"));
    }

    #[test]
    fn a_limit_takes_first_what_was_not_used_for_the_longest_time() {
        let bench = Bench::new();
        let big = |letter: &str| letter.repeat(100_000);
        for (letter, age) in [("a", 30), ("b", 10), ("c", 20)] {
            bench.unit(&big(letter), age);
        }
        bench.run(&big("a"), 5, &[]);
        let all = bench.collect(&Claims::default(), None).left;
        let found = bench.collect(&Claims::default(), Some(all - 50_000));
        // The oldest frees next to nothing, since a run left the same bytes.
        assert!(!bench.has_unit(&big("a")) && !bench.has_unit(&big("c")) && bench.has_unit(&big("b")));
        assert!(bench.has(&big("a")) && found.left <= all - 50_000);
        bench.collect(&Claims::default(), Some(0));
        assert!(!bench.has(&big("a")) && !bench.has_unit(&big("b")));
        assert!(bench.store.logs().expect("readable").is_empty());
    }

    #[test]
    fn what_units_gave_and_nobody_used_lately_may_be_compressed_if_it_is_large() {
        let bench = Bench::new();
        let big = |letter: &str| letter.repeat(100_000);
        for (name, age) in [(big("a"), 30), (big("b"), 10), ("small".to_owned(), 30), (big("c"), 30)] {
            bench.unit(&name, age);
        }
        bench.run(&big("c"), 30, &[]);
        let found = bench.collect(&Claims::default(), None);
        assert_eq!(found.cold, [Digest::of(big("a").as_bytes())]);
        let alone = bench.store.alone().expect("looks").expect("nobody else is here");
        assert!(bench.store.freeze(&alone, &found.cold[0]).expect("is compressed") > 90_000);
        drop(alone);
        let again = bench.collect(&Claims::default(), None);
        assert!(again.cold.is_empty() && again.garbage.is_empty() && again.left < found.left - 90_000);
        assert!(bench.has_unit(&big("a")));
        assert_eq!(bench.collect(&Claims::default(), None).cold, found.cold);
        bench.collect(&Claims::default(), Some(0));
        assert!(!bench.has(&big("a")));
    }
}
