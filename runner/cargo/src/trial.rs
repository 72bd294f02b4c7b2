//! Runs again, in a setting to be tried, what differed; all else is as the first pass had it.

use eadem_model::{Digest, Entry, Setting, Tree, UnitKind, UnitRecord};

use crate::{
    DriveError, Ledger,
    compare::{Compared, Comparison, STDOUT, entries_in},
    execute::{Bench, Work},
    unit::Unit,
    way::{Given, Once, Reuse, Way},
};

/// Runs each guilty unit with what the first pass gave as its inputs, and gives cargo what the first pass gave.
pub(crate) struct Trial<'a>(pub(crate) &'a Ledger);

impl Way for Trial<'_> {
    fn obtain(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError> {
        if unit.kind == UnitKind::Query {
            return Once::quietly(Reuse::Stored).obtain(bench, unit, work);
        }
        let key = work.key;
        let first = self.0.planned(&key, unit)?;
        if !self.0.is_guilty(&key) {
            show(bench, unit, &first, &key)?;
            return Ok(Given::Known(first));
        }
        let ran = bench.run(unit, work)?;
        let Some(record) = &ran.record else { return Ok(Given::Failed(ran)) };
        let comparison = Comparison { store: bench.store, second: bench.setting };
        let tree = match comparison.of(&first, record)? {
            Compared::Alike(_) => None,
            Compared::Different(outputs) => {
                Some(of_outputs(&comparison.for_the_driver(record.clone())?, &outputs, bench)?)
            }
        };
        self.0.note_trial(key, tree);
        Ok(Given::Made(UnitRecord { usage: record.usage, ..first }))
    }
}

/// Lets those that read a build script's files see them with the places of this setting.
fn show(bench: &Bench<'_>, unit: &Unit, first: &UnitRecord, key: &Digest) -> Result<(), DriveError> {
    let is_moved = *bench.setting != Setting::baseline() && unit.kind == UnitKind::RunScript;
    let Some(dir) = unit.out_dir.as_ref().filter(|_| is_moved) else { return Ok(()) };
    if let Some(proof) = bench.recorded(key)?.and_then(|record| record.checked) {
        bench.show(dir, entries_in(bench.setting, first, &proof.templates, bench.store)?);
    }
    Ok(())
}

/// What differs of a unit's outputs, as a tree; what it printed stands there as a file.
pub(crate) fn of_outputs(
    record: &UnitRecord,
    outputs: &[String],
    bench: &Bench<'_>,
) -> Result<Tree, DriveError> {
    let mut tree = Tree::default();
    for (path, entry) in &record.tree.entries {
        if outputs.iter().any(|output| output == path.as_str()) {
            tree.entries.insert(path.clone(), entry.clone());
        }
    }
    if record.kind == UnitKind::RunScript && outputs.iter().any(|output| output == STDOUT) {
        let size = bench.store.read_blob(&record.stdout)?.len() as u64;
        let entry = Entry::File { digest: record.stdout, size, executable: false };
        tree.entries.insert(STDOUT.parse().expect("a clean path"), entry);
    }
    Ok(tree)
}
