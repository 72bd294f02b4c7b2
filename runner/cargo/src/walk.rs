//! A walk through a build: cargo plans and drives it as ever, and nothing of the sources runs.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use eadem_model::{Digest, Door, Entry, Tree, UnitKind, UnitRecord, Usage, Wire, document::Version1};

use eadem_store::StoreError;

use crate::{
    Call, DriveError, Fall, Graph, Needs,
    deliver::{Client, hand_over},
    execute::Bench,
    stub,
    trouble::Trouble,
    unit::Unit,
    wire::Request,
};

/// A unit that a build would have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// The package and its version.
    pub package: String,
    /// What the unit does.
    pub kind: UnitKind,
    /// The crate, if it compiles one.
    pub crate_name: Option<String>,
    /// How it stands.
    pub standing: Standing,
}

/// Whether a unit would have to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// What it gave is in the store, under this key.
    Hit(Digest),
    /// It would run, under this key.
    Miss(Digest),
    /// It hangs on what another one gives, which would have to run first.
    Unknown,
}

/// One walk.
pub(crate) struct Walk<'a> {
    bench: Bench<'a>,
    proxy: String,
    graph: Mutex<Graph>,
    state: Mutex<Walked>,
}

/// What came of a walk.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) planned: Vec<Planned>,
    pub(crate) trouble: Trouble,
    /// Files and directories that only have the name of what a unit would give.
    guessed: BTreeSet<String>,
    /// Whether such a directory is one that other build scripts are told of.
    guessed_links: bool,
}

impl Door for Walk<'_> {
    fn answer(&self, wire: &mut dyn Wire) {
        let request = match Request::receive(wire) {
            Ok(request) => request,
            Err(error) => {
                return self.state().trouble.note(Fall::strange(&error));
            }
        };
        let mut client = Client::new(wire);
        if let Err(error) = self.serve(request, &mut client) {
            client.refuse(&error.to_string());
            self.state().trouble.fail(error);
        }
    }

    fn close(&self) {
        self.bench.cancel.cancel();
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(bench: Bench<'a>, proxy: String) -> Self {
        Self { bench, proxy, graph: Mutex::default(), state: Mutex::default() }
    }

    /// The units in an order that does not depend on which of them cargo reached first.
    pub(crate) fn finish(self) -> Walked {
        let mut walked = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        walked.planned.sort();
        walked
    }

    fn state(&self) -> MutexGuard<'_, Walked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, request: Request, client: &mut Client<'_>) -> Result<(), DriveError> {
        let root = |path: &str| self.bench.sources.package_root(self.bench.places, path);
        let unit = Unit::read(request, &self.proxy, &self.graph(), &root)?;
        if unit.kind == UnitKind::Query {
            return self.ask(unit, client);
        }
        let standing = self.standing(&unit)?;
        let record = match standing {
            Standing::Hit(key) => self.known(&key)?,
            _ => None,
        };
        self.state().count(&unit, standing);
        match record {
            Some(record) => self.deliver(unit, &record, client),
            None => self.pretend(unit, client),
        }
    }

    /// Questions are answered by the toolchain alone: no source is in their rooms.
    fn ask(&self, unit: Unit, client: &mut Client<'_>) -> Result<(), DriveError> {
        let work = self.bench.work(&unit)?;
        let key = work.key;
        if let Some(record) = self.known(&key)? {
            return self.deliver(unit, &record, client);
        }
        let ran = self.bench.run(&unit, work)?;
        let Some(record) = ran.record else {
            client.told(&ran.stdout, &ran.stderr, &ran.ending);
            return Ok(());
        };
        self.bench.store.put_unit(&key, &record)?;
        self.deliver(unit, &record, client)
    }

    /// What the store has of a unit; what is damaged would be made again, and stays until then.
    fn known(&self, key: &Digest) -> Result<Option<UnitRecord>, DriveError> {
        match self.bench.store.unit(key) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            known => Ok(known?),
        }
    }

    fn standing(&self, unit: &Unit) -> Result<Standing, DriveError> {
        if self.state().is_open(unit) {
            return Ok(Standing::Unknown);
        }
        let key = self.bench.work(unit)?.key;
        let known = self.known(&key)?.is_some();
        Ok(if known { Standing::Hit(key) } else { Standing::Miss(key) })
    }

    fn deliver(&self, unit: Unit, record: &UnitRecord, client: &mut Client<'_>) -> Result<(), DriveError> {
        hand_over(self.bench.store, &self.graph, unit, record, client).map(drop)
    }

    /// Gives names for what the unit would give: cargo goes on, and knows no better.
    fn pretend(&self, unit: Unit, client: &mut Client<'_>) -> Result<(), DriveError> {
        let nothing = self.bench.store.put_blob(b"")?;
        let names = if unit.kind == UnitKind::RunScript { Vec::new() } else { names(&unit)? };
        let dir = unit.out_dir.clone().unwrap_or_default();
        self.state().guess(&unit, &dir, &names);
        let executable = |name: &str| !name.contains('.');
        let entry = |name: &str| Entry::File { digest: nothing, size: 0, executable: executable(name) };
        let entries = names.iter().map(|name| Ok((name.parse()?, entry(name))));
        let tree = Tree { entries: entries.collect::<Result<_, DriveError>>()? };
        let record = UnitRecord {
            eadem_unit: Version1,
            kind: unit.kind,
            package: unit.package.clone(),
            tree,
            stdout: nothing,
            stderr: nothing,
            usage: Usage::default(),
            checked: None,
            unseen: None,
        };
        self.deliver(unit, &record, client)
    }
}

fn names(unit: &Unit) -> Result<Vec<String>, DriveError> {
    Ok(stub::names(&Call::read(&unit.argv[1..])?))
}

impl Walked {
    fn count(&mut self, unit: &Unit, standing: Standing) {
        let package = unit.package.clone();
        let crate_name = unit.call.crate_name.clone();
        self.planned.push(Planned { package, kind: unit.kind, crate_name, standing });
    }

    /// Whether something that the unit needs is only guessed.
    fn is_open(&self, unit: &Unit) -> bool {
        let Needs { files, trees, .. } = &unit.needs;
        let is_guess = files.keys().chain(trees.keys()).any(|path| self.guessed.contains(path));
        is_guess || (unit.kind == UnitKind::RunScript && self.is_open_script(unit))
    }

    /// Cargo runs the program of a build script by another name in the same directory; and what a build script
    /// is told of others depends on what those said.
    fn is_open_script(&self, unit: &Unit) -> bool {
        let dir = unit.argv.first().and_then(|program| program.rsplit_once('/'));
        self.guessed_links || dir.is_some_and(|(dir, _)| self.guessed.contains(dir))
    }

    fn guess(&mut self, unit: &Unit, dir: &str, names: &[String]) {
        if unit.kind != UnitKind::Compile {
            self.guessed.insert(dir.to_owned());
        }
        if unit.kind == UnitKind::RunScript {
            self.guessed_links |= unit.env.contains_key("CARGO_MANIFEST_LINKS");
        }
        self.guessed.extend(names.iter().map(|name| format!("{dir}/{name}")));
    }
}
