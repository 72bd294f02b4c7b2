//! Gives a unit its room.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use eadem_model::{
    Cancel, Digest, Ending, EngineError, Entry, Event, Input, Inputs, Isolation, Limits, Output, Plan,
    RoomPath, Root, Round, Rung, Setting, Skipped, Text, Tree, TreePath, UnitKind, UnitNews, UnitRecord,
    UnitStep, Unseen, Veil, View, Watch, Workshop, document::Version1,
};
use eadem_store::{StartDir, Store};

use crate::{
    Declared, DriveError, InputKind, Places, Shape, UnitKey,
    argument_file::{self, ArgumentFile},
    environment::keyed,
    graph::lies_in,
    source::Sources,
    unit::Unit,
};

/// Who looks for more places than this is shown all sources: each is a mount.
const MANY: usize = 16;

/// Where a tree of outputs holds what a unit wrote.
const OUT: &str = "out";

/// What rooms of units are made with.
pub(crate) struct Bench<'a> {
    pub(crate) store: &'a Store,
    pub(crate) workshop: &'a dyn Workshop,
    /// The plan of the whole build.
    pub(crate) plan: &'a Plan,
    /// In which surroundings units run.
    pub(crate) setting: &'a Setting,
    /// Where the driver's room has the roots.
    pub(crate) places: &'a Places,
    pub(crate) sources: Sources<'a>,
    /// What the recipe lets units of a package see besides.
    pub(crate) declared: &'a Declared,
    pub(crate) rung: Rung,
    /// Whether a unit that looks for more than it is shown may see it.
    pub(crate) may_widen: bool,
    pub(crate) events: &'a (dyn Fn(Event) + Sync),
    pub(crate) cancel: Cancel,
    /// What build scripts wrote, by its place in the driver's room, where rooms of this setting see other
    /// bytes than those that are kept.
    pub(crate) shown: Mutex<BTreeMap<String, Entry>>,
    /// What of the setting rooms of units went without, and why, by the variation: the driver's own room may have
    /// had it.
    pub(crate) skipped: &'a Mutex<BTreeMap<String, String>>,
    /// Takes what happens to units.
    pub(crate) news: &'a (dyn Fn(UnitNews) + Sync),
}

/// How a unit's room ended.
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// What it gave, if it ended well.
    pub(crate) record: Option<UnitRecord>,
    /// The sources that it looked for and that its room does not show, by their places in the driver's room.
    pub(crate) sought: BTreeSet<String>,
    /// Whether its room was as the setting wants it, and firmly closed.
    pub(crate) is_faithful: bool,
}

/// A unit with everything that decides its bytes.
pub(crate) struct Work {
    pub(crate) key: Digest,
    /// What its room shows besides the sources of its package.
    pub(crate) view: View,
    /// What an earlier run looked for that its room did not show, and the key of that run: now its room shows it.
    pub(crate) unseen: Option<(Digest, Unseen)>,
    plan: Plan,
    start: Tree,
}

impl Bench<'_> {
    /// Tells what happens to a unit; nobody waits for questions.
    pub(crate) fn tell(&self, unit: &Unit, step: UnitStep) {
        if unit.kind != UnitKind::Query {
            let (package, crate_name) = (unit.package.clone(), unit.call.crate_name.clone());
            (self.news)(UnitNews { kind: unit.kind, package, crate_name, step });
        }
    }

    /// What the store has of a unit; what is damaged of it is removed.
    pub(crate) fn recorded(&self, key: &Digest) -> Result<Option<UnitRecord>, DriveError> {
        self.store.unit(key).or_else(|error| {
            (self.events)(Event::Warning { message: self.store.discard(error)? });
            Ok(None)
        })
    }

    /// Makes a unit's plan and its key.
    pub(crate) fn work(&self, unit: &Unit) -> Result<Work, DriveError> {
        let view = if self.rung == Rung::Whole { View::All } else { View::These(BTreeSet::new()) };
        let work = self.work_with(view, unit)?;
        match self.recorded(&work.key)?.and_then(|record| record.unseen) {
            Some(unseen) => {
                let wide = self.work_with(unseen.view.clone(), unit)?;
                Ok(Work { unseen: Some((work.key, unseen)), ..wide })
            }
            None => Ok(work),
        }
    }

    /// The same, for a unit that is shown certain sources besides those of its package.
    pub(crate) fn work_with(&self, view: View, unit: &Unit) -> Result<Work, DriveError> {
        let argv: Vec<Text> = unit.argv.iter().map(|word| self.places.text(word)).collect();
        let env: BTreeMap<String, Text> =
            unit.env.iter().map(|(name, value)| (name.clone(), self.places.text(value))).collect();
        let cwd = match unit.kind {
            UnitKind::Query => Text::root(Root::Home),
            _ => self.places.text(&unit.cwd),
        };
        let sources = self.inputs(&view, unit)?;
        let veils = self.veils(&view, unit, &sources)?;
        let inputs = self.digests(unit, &sources)?;
        let keyed = keyed(&env);
        let key = UnitKey { kind: unit.kind, argv: &argv, env: &keyed, cwd: &cwd, inputs }.digest(self.plan);
        let mut start = self.start(unit)?;
        let argv = match argument_file::of(unit)? {
            Some(file) => self.with_file(&mut start, &file)?,
            None => argv,
        };
        let outputs = unit
            .out_dir
            .iter()
            .map(|dir| Output { path: OUT.parse().expect("a clean path"), from: self.places.text(dir) });
        let plan = Plan {
            inputs: sources,
            argv,
            env,
            cwd,
            outputs: outputs.collect(),
            start: Some(start.digest()),
            limits: limits_of_unit(&self.plan.limits),
            veils,
            ..self.plan.clone()
        };
        Ok(Work { key, view, unseen: None, plan, start })
    }

    fn inputs(&self, view: &View, unit: &Unit) -> Result<Vec<Input>, DriveError> {
        let also = match view {
            View::All if unit.kind != UnitKind::Query => return Ok(self.sources.all().cloned().collect()),
            View::All => &BTreeSet::new(),
            View::These(also) => also,
        };
        let roots = self.roots(unit, also);
        Ok(roots.iter().map(|root| self.sources.input(self.places, root)).collect::<Result<_, _>>()?)
    }

    /// What a unit's room has only names of; questions are of the toolchain alone.
    fn veils(&self, view: &View, unit: &Unit, shown: &[Input]) -> Result<Vec<Veil>, DriveError> {
        match (view, unit.kind) {
            (View::All, _) | (_, UnitKind::Query) => Ok(Vec::new()),
            _ => Ok(self.sources.veils(shown)?),
        }
    }

    /// What a unit sees of the sources of its own, of others and besides; none lies in another one.
    pub(crate) fn roots(&self, unit: &Unit, also: &BTreeSet<String>) -> BTreeSet<String> {
        let name = unit.package.split(' ').next().unwrap_or_default();
        let declared = self.declared.get(name).filter(|_| unit.kind != UnitKind::Query);
        let mut roots = unit.needs.sources.clone();
        roots.extend(declared.into_iter().flatten().map(|dir| self.places.of_source(dir)));
        roots.extend(also.iter().cloned());
        let is_outermost = |root: &&String| !roots.iter().any(|other| other != *root && lies_in(root, other));
        roots.iter().filter(is_outermost).cloned().collect()
    }

    /// A view that shows besides what a unit looked for, if it can be shown by itself; else all.
    pub(crate) fn wider(&self, view: &View, sought: &BTreeSet<String>) -> View {
        let is_one = |path: &String| self.sources.input(self.places, path).is_ok();
        let View::These(also) = view else { return View::All };
        let these: BTreeSet<_> = also.union(sought).cloned().collect();
        let is_more = these.len() > also.len() && these.len() <= MANY;
        if is_more && sought.iter().all(is_one) { View::These(these) } else { View::All }
    }

    fn digests(&self, unit: &Unit, sources: &[Input]) -> Result<Vec<(Text, InputKind, Digest)>, DriveError> {
        let mut digests = Vec::new();
        for input in sources {
            let at = input.below.iter().fold(Text::root(input.at), |at, below| at.then(&format!("/{below}")));
            digests.push((at, InputKind::Source, self.sources.content(input)?));
        }
        for (path, entry) in &unit.needs.files {
            let tree = Tree { entries: [(OUT.parse().expect("a clean path"), entry.clone())].into() };
            digests.push((self.places.text(path), InputKind::File, tree.digest()));
        }
        for (path, tree) in &unit.needs.trees {
            digests.push((self.places.text(path), InputKind::Tree, tree.digest()));
        }
        Ok(digests)
    }

    /// What lies in the unit's target directory when it starts.
    fn start(&self, unit: &Unit) -> Result<Tree, DriveError> {
        let mut start = Tree::default();
        for dir in unit.out_dir.iter().chain(unit.needs.trees.keys()) {
            add(&mut start, self.below_target(dir)?, Entry::Directory);
        }
        for (dir, tree) in &unit.needs.trees {
            let below = self.below_target(dir)?;
            for (path, entry) in &tree.entries {
                add(&mut start, below.join(path.as_str())?, self.as_shown(dir, path, entry));
            }
        }
        for (path, entry) in &unit.needs.files {
            add(&mut start, self.below_target(path)?, entry.clone());
        }
        Ok(start)
    }

    /// An entry of a build script's outputs as units see it in this setting.
    fn as_shown(&self, dir: &str, path: &TreePath, entry: &Entry) -> Entry {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.get(&format!("{dir}/{path}")).unwrap_or(entry).clone()
    }

    /// Lets units see these entries in a build script's output directory, whatever is kept of it.
    pub(crate) fn show(&self, dir: &str, entries: impl IntoIterator<Item = (TreePath, Entry)>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.extend(entries.into_iter().map(|(path, entry)| (format!("{dir}/{path}"), entry)));
    }

    /// Lays long arguments down as a file, and gives what the compiler is called with instead.
    fn with_file(&self, start: &mut Tree, file: &ArgumentFile) -> Result<Vec<Text>, DriveError> {
        let place = |root| self.setting.place(root).as_str().to_owned();
        let content = file.content(|word| self.places.text(word).resolve(place));
        let size = content.len() as u64;
        let entry = Entry::File { digest: self.store.put_blob(&content)?, size, executable: false };
        add(start, format!("0/{}", argument_file::NAME).parse()?, entry);
        let named = Text::from("@").then_root(Root::Target).then(&format!("/{}", argument_file::NAME));
        Ok(file.program.iter().map(|word| self.places.text(word)).chain([named]).collect())
    }

    fn note_skipped(&self, skipped: &[Skipped]) {
        let mut noted = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        noted.extend(skipped.iter().map(|Skipped { variation, reason }| (variation.clone(), reason.clone())));
    }

    /// Where the driver's room has what a unit's room has at a place.
    fn in_drivers_room(&self, place: &RoomPath) -> String {
        let at = |root| self.places.at(root).to_owned();
        Places::of(self.setting).text(place.as_str()).resolve(at)
    }

    /// Engines know the target directory by its number.
    fn below_target(&self, path: &str) -> Result<TreePath, DriveError> {
        match self.places.locate(path) {
            Some((Root::Target, Some(below))) => Ok(format!("0/{below}").parse()?),
            _ => Err(Shape::new(format!("`{path}` is not in the target directory")).into()),
        }
    }

    /// Runs a unit in a new room.
    pub(crate) fn run(&self, unit: &Unit, work: Work) -> Result<Ran, DriveError> {
        self.tell(unit, UnitStep::Began);
        let Work { plan, start, .. } = work;
        self.sources.expect(&plan.inputs)?;
        let inputs =
            StartInputs { store: self.store, tree: start.digest(), dir: self.store.lay_start(&start)? };
        let (stdout, stderr) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let watch = Watch {
            events: self.events,
            log: &|bytes| take(&stderr, bytes),
            cancel: &self.cancel,
            keep: None,
        };
        let mut sink = self.store.tree_writer();
        let round = Round { plan, setting: self.setting.clone() };
        let outcome = self
            .workshop
            .run_apart(&round, &inputs, &mut sink, &watch, &|bytes| take(&stdout, bytes))
            .map_err(unkeepable)?;
        // What it was shown was further names of blobs: one that was written to meanwhile spoils the result.
        self.store.expect_tree(&start)?;
        self.note_skipped(&outcome.skipped);
        let is_faithful = outcome.skipped.is_empty() && outcome.isolation == Isolation::Strict;
        let ending = settled(outcome.ending);
        let is_quoted = |path: &String| unit.needs.quoted.iter().any(|root| lies_in(path, root));
        let sought = outcome.sought.iter().map(|place| self.in_drivers_room(place));
        let sought = sought.filter(|path| !is_quoted(path)).collect();
        let (stdout, stderr) = (owned(stdout), owned(stderr));
        let record = if ending == Ending::Success {
            let tree = below_out(sink.finish()?)?;
            Some(UnitRecord {
                eadem_unit: Version1,
                kind: unit.kind,
                package: unit.package.clone(),
                tree,
                stdout: self.store.put_blob(&stdout)?,
                stderr: self.store.put_blob(&stderr)?,
                usage: outcome.usage,
                checked: None,
                unseen: None,
            })
        } else {
            None
        };
        Ok(Ran { ending, stdout, stderr, record, sought, is_faithful })
    }
}

/// What a unit writes and says is not what the build leaves and says: it may write what the build may write, and
/// say what is usual, since its words are held in memory.
fn limits_of_unit(limits: &Limits) -> Limits {
    let output_bytes = limits.disk_bytes.max(limits.output_bytes);
    let log_bytes = Limits::default().log_bytes.max(limits.log_bytes);
    Limits { output_bytes, log_bytes, ..limits.clone() }
}

/// What a unit leaves beside its outputs may have any name in one room, and none that is no text here.
fn unkeepable(error: EngineError) -> DriveError {
    match error {
        EngineError::Io { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
            Shape::new(source.to_string()).into()
        }
        error => error.into(),
    }
}

/// A unit that wrote nothing has nothing where its outputs were looked for.
fn settled(ending: Ending) -> Ending {
    match ending {
        Ending::MissingOutput(path) if path.as_str() == OUT => Ending::Success,
        ending => ending,
    }
}

/// What was written, by its names below the output directory.
fn below_out(tree: Tree) -> Result<Tree, DriveError> {
    let mut below = Tree::default();
    for (path, entry) in tree.entries {
        if let Some(name) = path.as_str().strip_prefix(OUT).and_then(|name| name.strip_prefix('/')) {
            below.entries.insert(name.parse()?, entry);
        }
    }
    Ok(below)
}

/// Adds an entry and the directories above it.
pub(crate) fn add(tree: &mut Tree, path: TreePath, entry: Entry) {
    let mut parent = path.parent();
    while let Some(path) = parent {
        tree.entries.entry(path.clone()).or_insert(Entry::Directory);
        parent = path.parent();
    }
    tree.entries.insert(path, entry);
}

fn take(to: &Mutex<Vec<u8>>, bytes: &[u8]) {
    to.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
}

fn owned(bytes: Mutex<Vec<u8>>) -> Vec<u8> {
    bytes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The store's layers, and one tree as a further one.
pub(crate) struct StartInputs<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tree: Digest,
    pub(crate) dir: StartDir,
}

impl Inputs for StartInputs<'_> {
    fn layer_dir(&self, diff_id: &Digest) -> io::Result<PathBuf> {
        if *diff_id == self.tree {
            Ok(self.dir.path().to_owned())
        } else if self.store.has_layer(diff_id) {
            Ok(self.store.layer_dir(diff_id))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}
