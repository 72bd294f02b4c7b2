//! Checks units one by one in a second setting, and then lets what differs have its effect.

use std::collections::BTreeMap;

use eadem_model::{Entry, Setting, TreePath, UnitKind, UnitProof, UnitRecord};

use crate::{
    DriveError, Ledger,
    compare::{Compared, Comparison, entries_in},
    execute::{Bench, Ran, Work},
    respell::Respelling,
    trial::of_outputs,
    unit::Unit,
    way::{Given, Once, Reuse, Way},
};

/// Runs each unit in the second setting, with what the first pass gave as its inputs; whatever comes of it,
/// those that follow get what the first pass gave.
///
/// So whoever differs does so by itself.
pub(crate) struct Alone<'a>(pub(crate) &'a Ledger);

/// Gives what guilty units gave in the second setting, and runs again what reads it.
pub(crate) struct Following<'a>(pub(crate) &'a Ledger);

impl Way for Alone<'_> {
    fn obtain(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError> {
        if unit.kind == UnitKind::Query {
            return Once::quietly(Reuse::Stored).obtain(bench, unit, work);
        }
        let key = work.key;
        let first = self.0.planned(&key, unit)?;
        self.0.pass_taint(unit, &first);
        if let Some(proof) = first.checked.as_ref().filter(|proof| answers(proof, bench.setting)) {
            let shown = entries_in(bench.setting, &first, &proof.templates, bench.store)?;
            show(bench, unit, &shown);
            self.0.note_proof(key, shown);
            return Ok(Given::Known(first));
        }
        let ran = bench.run(unit, work)?;
        match &ran.record {
            Some(second) => self.settle(bench, unit, (key, &first), (second, ran.is_faithful))?,
            None if self.0.is_tainted(unit) => self.0.note_unsettled(key, unit, &first),
            None => return Ok(Given::Failed(ran)),
        }
        Ok(Given::Made(UnitRecord { usage: usage(&ran), ..first }))
    }
}

impl Alone<'_> {
    fn settle(
        &self,
        bench: &Bench<'_>,
        unit: &Unit,
        (key, first): (eadem_model::Digest, &UnitRecord),
        (second, is_faithful): (&UnitRecord, bool),
    ) -> Result<(), DriveError> {
        let comparison = Comparison { store: bench.store, second: bench.setting };
        match comparison.of(first, second)? {
            Compared::Alike(templates) => {
                let shown = own(second, templates.keys());
                show(bench, unit, &shown);
                if is_faithful {
                    let varied = bench.setting.variations(&Setting::baseline());
                    let variations = varied.iter().map(ToString::to_string).collect();
                    let checked = Some(UnitProof { variations, templates });
                    bench.store.put_unit(&key, &UnitRecord { checked, ..first.clone() })?;
                }
                self.0.note_alike(key, shown);
            }
            Compared::Different(outputs) => {
                show(bench, unit, &moved(bench, first, second)?);
                let second = comparison.for_the_driver(second.clone())?;
                let trees = [of_outputs(first, &outputs, bench)?, of_outputs(&second, &outputs, bench)?];
                self.0.note_guilty(key, unit, (outputs, trees), second);
            }
        }
        Ok(())
    }
}

impl Way for Following<'_> {
    fn obtain(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError> {
        use crate::ledger::Second;
        if unit.kind == UnitKind::Query {
            return Once::quietly(Reuse::Stored).obtain(bench, unit, work);
        }
        match (self.0.second(&work.key), self.0.first(&work.key)) {
            (Some(Second::Alike(shown)), Some(first)) => {
                show(bench, unit, &shown);
                Ok(Given::Known(first))
            }
            (Some(Second::Guilty(second)), _) => Ok(Given::Known(*second)),
            _ => self.run(bench, unit, work),
        }
    }
}

impl Following<'_> {
    fn run(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError> {
        let ran = bench.run(unit, work)?;
        let Some(second) = ran.record else { return Ok(Given::Failed(ran)) };
        let comparison = Comparison { store: bench.store, second: bench.setting };
        let outputs = match self.0.counterpart(unit) {
            None => second.tree.entries.keys().map(TreePath::to_string).collect(),
            Some(first) => match comparison.of(&first, &second)? {
                Compared::Different(outputs) => outputs,
                Compared::Alike(templates) => {
                    show(bench, unit, &own(&second, templates.keys()));
                    return Ok(Given::Made(UnitRecord { usage: second.usage, ..first }));
                }
            },
        };
        self.0.note_follower(unit, outputs);
        Ok(Given::Made(comparison.for_the_driver(second)?))
    }
}

/// Whether a proof covers all that this setting varies.
fn answers(proof: &UnitProof, setting: &Setting) -> bool {
    let varied = setting.variations(&Setting::baseline());
    varied.iter().all(|wanted| proof.variations.iter().any(|had| had == wanted.as_str()))
}

fn usage(ran: &Ran) -> eadem_model::Usage {
    ran.record.as_ref().map(|record| record.usage).unwrap_or_default()
}

fn show(bench: &Bench<'_>, unit: &Unit, entries: &BTreeMap<TreePath, Entry>) {
    if let Some(dir) = unit.out_dir.as_ref().filter(|_| unit.kind == UnitKind::RunScript) {
        bench.show(dir, entries.clone());
    }
}

/// The second run's own entries at these paths.
fn own<'a>(second: &UnitRecord, paths: impl Iterator<Item = &'a TreePath>) -> BTreeMap<TreePath, Entry> {
    paths.filter_map(|path| Some((path.clone(), second.tree.entries.get(path)?.clone()))).collect()
}

/// The first run's outputs with the second's places, where the second names any: those that read them look
/// for what is there.
fn moved(
    bench: &Bench<'_>,
    first: &UnitRecord,
    second: &UnitRecord,
) -> Result<BTreeMap<TreePath, Entry>, DriveError> {
    let baseline = Setting::baseline();
    let names_places = Respelling::between(bench.setting, &baseline);
    let there = Respelling::between(&baseline, bench.setting);
    let mut moved = BTreeMap::new();
    for (path, entry) in &first.tree.entries {
        let (Entry::File { digest, executable, .. }, Some(Entry::File { digest: other, .. })) =
            (entry, second.tree.entries.get(path))
        else {
            continue;
        };
        if digest == other || names_places.apply(&bench.store.read_blob(other)?).is_none() {
            continue;
        }
        if let Some(bytes) = there.apply(&bench.store.read_blob(digest)?) {
            let (digest, size) = (bench.store.put_blob(&bytes)?, bytes.len() as u64);
            moved.insert(path.clone(), Entry::File { digest, size, executable: *executable });
        }
    }
    Ok(moved)
}
