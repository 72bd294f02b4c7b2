//! What a verification knows of the units of a build.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use eadem_model::{Blame, Digest, Duty, Entry, Tree, TreePath, UnitKind, UnitRecord, UnitsCheck};

use crate::{Shape, unit::Unit};

/// What the passes of one verification tell each other of its units.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    first: BTreeMap<Digest, UnitRecord>,
    by_identity: BTreeMap<Identity, Digest>,
    second: BTreeMap<Digest, Second>,
    blamed: BTreeSet<Identity>,
    tainted: BTreeSet<String>,
    check: UnitsCheck,
    suspects: Vec<Suspect>,
    trials: BTreeMap<Digest, Option<Tree>>,
}

/// A unit that differs by itself, and how.
#[derive(Debug, Clone)]
pub struct Suspect {
    /// The unit's key.
    pub key: Digest,
    /// What differs of its outputs, as the first and the second pass had it.
    pub trees: [Tree; 2],
}

/// What tells a unit from the others of its build, whatever its inputs hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    kind: UnitKind,
    package: String,
    place: Vec<String>,
}

/// How a unit did in the second setting.
#[derive(Debug, Clone)]
pub(crate) enum Second {
    /// As in the first; some of a build script's outputs are shown as they are in that setting.
    Alike(BTreeMap<TreePath, Entry>),
    /// It differs by itself: what it gave.
    Guilty(Box<UnitRecord>),
    /// It could not run with what the first pass gave, which names places of the first.
    Unsettled,
}

impl Ledger {
    /// Whether some unit gave something else in the second setting, or could not be asked.
    pub fn is_settled(&self) -> bool {
        self.book().second.values().all(|second| matches!(second, Second::Alike(_)))
    }

    /// What was found out.
    pub fn check(&self) -> UnitsCheck {
        self.book().check.clone()
    }

    /// The guilty units, in the order of [`UnitsCheck::guilty`].
    pub fn suspects(&self) -> Vec<Suspect> {
        self.book().suspects.clone()
    }

    /// What the trial since the last call made of the guilty units that ran: what differs of the outputs of each,
    /// or nothing if they are as the first pass had them.
    pub fn take_trial(&self) -> BTreeMap<Digest, Option<Tree>> {
        std::mem::take(&mut self.book().trials)
    }

    pub(crate) fn note_trial(&self, key: Digest, tree: Option<Tree>) {
        self.book().trials.insert(key, tree);
    }

    pub(crate) fn is_guilty(&self, key: &Digest) -> bool {
        matches!(self.book().second.get(key), Some(Second::Guilty(_)))
    }

    /// What the first pass had of a unit, which cargo asks for again.
    pub(crate) fn planned(&self, key: &Digest, unit: &Unit) -> Result<UnitRecord, Shape> {
        let Unit { kind, package, .. } = unit;
        self.first(key).ok_or_else(|| {
            Shape::new(format!(
                "in another room cargo plans otherwise: the first round had no such {kind} of {package}"
            ))
        })
    }

    pub(crate) fn note_first(&self, key: Digest, unit: &Unit, record: &UnitRecord) {
        let mut book = self.book();
        book.by_identity.insert(Identity::of(unit), key);
        book.first.insert(key, record.clone());
    }

    pub(crate) fn first(&self, key: &Digest) -> Option<UnitRecord> {
        self.book().first.get(key).cloned()
    }

    /// What the first pass had in a unit's place.
    pub(crate) fn counterpart(&self, unit: &Unit) -> Option<UnitRecord> {
        let book = self.book();
        book.by_identity.get(&Identity::of(unit)).and_then(|key| book.first.get(key)).cloned()
    }

    pub(crate) fn second(&self, key: &Digest) -> Option<Second> {
        self.book().second.get(key).cloned()
    }

    pub(crate) fn note_proof(&self, key: Digest, shown: BTreeMap<TreePath, Entry>) {
        let mut book = self.book();
        book.check.proofs += 1;
        book.second.insert(key, Second::Alike(shown));
    }

    pub(crate) fn note_alike(&self, key: Digest, shown: BTreeMap<TreePath, Entry>) {
        let mut book = self.book();
        book.check.ran += 1;
        book.second.insert(key, Second::Alike(shown));
    }

    pub(crate) fn note_guilty(
        &self,
        key: Digest,
        unit: &Unit,
        (outputs, trees): (Vec<String>, [Tree; 2]),
        gave: UnitRecord,
    ) {
        let mut book = self.book();
        book.check.ran += 1;
        book.taint(unit, &gave);
        book.blamed.insert(Identity::of(unit));
        book.check.guilty.push(blame(unit, outputs));
        book.suspects.push(Suspect { key, trees });
        book.second.insert(key, Second::Guilty(Box::new(gave)));
    }

    pub(crate) fn note_unsettled(&self, key: Digest, unit: &Unit, first: &UnitRecord) {
        let mut book = self.book();
        book.taint(unit, first);
        book.second.insert(key, Second::Unsettled);
    }

    /// Lists a unit that differs because of its inputs, unless it is guilty besides.
    pub(crate) fn note_follower(&self, unit: &Unit, outputs: Vec<String>) {
        let mut book = self.book();
        if book.blamed.insert(Identity::of(unit)) {
            book.check.followers.push(blame(unit, outputs));
        }
    }

    /// Whether something that a unit reads comes, however far, from a unit that differs.
    pub(crate) fn is_tainted(&self, unit: &Unit) -> bool {
        self.book().is_tainted(unit)
    }

    /// Remembers that what a unit gives may come from a unit that differs.
    pub(crate) fn pass_taint(&self, unit: &Unit, gave: &UnitRecord) {
        let mut book = self.book();
        if book.is_tainted(unit) {
            book.taint(unit, gave);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn taint(&mut self, unit: &Unit, gave: &UnitRecord) {
        if let Some(dir) = &unit.out_dir {
            self.tainted.insert(dir.clone());
            self.tainted.extend(gave.tree.entries.keys().map(|path| format!("{dir}/{path}")));
        }
    }

    fn is_tainted(&self, unit: &Unit) -> bool {
        unit.needs.files.keys().chain(unit.needs.trees.keys()).any(|path| {
            // The program of a build script is called by another name than the one that was written.
            let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
            self.tainted.contains(path) || unit.kind == UnitKind::RunScript && self.tainted.contains(dir)
        })
    }
}

impl Identity {
    fn of(unit: &Unit) -> Self {
        let mut place = unit.call.crate_types.clone();
        place.extend(
            [&unit.call.crate_name, &unit.call.extra_filename, &unit.out_dir].into_iter().flatten().cloned(),
        );
        Self { kind: unit.kind, package: unit.package.clone(), place }
    }
}

fn blame(unit: &Unit, outputs: Vec<String>) -> Blame {
    let duty = match unit.kind {
        UnitKind::RunScript => Duty::RunScript,
        UnitKind::CompileScript => Duty::CompileScript,
        UnitKind::Compile | UnitKind::Query if unit.built.proc_macro => Duty::CompileMacro,
        UnitKind::Compile | UnitKind::Query => Duty::Compile,
    };
    let macros = macros(&unit.call.externs, unit.needs.files.keys());
    Blame { package: unit.package.clone(), duty, outputs, macros, explanation: None }
}

/// The crates of the proc macros that a compilation is given by name, or else of those that its dependencies can hand
/// on: many a crate of macros is reached through another one.
fn macros<'a>(externs: &[String], read: impl Iterator<Item = &'a String>) -> Vec<String> {
    let named: Vec<String> = externs.iter().filter_map(|path| macro_name(path)).collect();
    if named.is_empty() { read.filter_map(|path| macro_name(path)).collect() } else { named }
}

/// The crate of a proc macro, by its file.
fn macro_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?.strip_prefix("lib")?.strip_suffix(".so")?;
    Some(name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_that_are_handed_on_are_named_where_none_is_given_by_name() {
        let paths = |names: &[&str]| names.iter().map(|name| format!("/t/deps/{name}")).collect::<Vec<_>>();
        let read = paths(&["libconst_random-1.rmeta", "libconst_random_macro-2.so", "libserde_derive-3.so"]);
        assert_eq!(macros(&paths(&["libserde_derive-3.so"]), read.iter()), ["serde_derive"]);
        let externs = paths(&["libconst_random-1.rmeta"]);
        assert_eq!(macros(&externs, read.iter()), ["const_random_macro", "serde_derive"]);
        assert_eq!(macros(&externs, read[..1].iter()), [""; 0]);
    }

    #[test]
    fn a_proc_macro_is_told_by_its_file() {
        assert_eq!(macro_name("/t/release/deps/libserde_derive-0f1e.so").as_deref(), Some("serde_derive"));
        assert_eq!(macro_name("/t/release/deps/liblibc-0f1e.rlib"), None);
    }
}
