//! The crates of a build, for people to look at.

use std::collections::{BTreeMap, BTreeSet};

use eadem_model::{Record, UnitKind};
use eadem_store::Store;

use crate::Job;

/// The packages of a job, and what each depends on, all as `NAME VERSION`.
pub fn dependencies(store: &Store, job: &Job) -> BTreeMap<String, BTreeSet<String>> {
    eadem_source::dependencies(store, &job.lock)
}

/// The packages that units of a record's rounds are of, as far as the store still has them.
pub fn built_packages(store: &Store, record: &Record) -> BTreeSet<String> {
    let units = record.rounds.iter().filter_map(|round| round.units.as_ref());
    let keys: BTreeSet<_> = units.flat_map(|units| &units.keys).collect();
    let known = keys.into_iter().filter_map(|key| store.unit_record(key).unwrap_or_default());
    known.filter(|unit| unit.kind != UnitKind::Query).map(|unit| unit.package).collect()
}
