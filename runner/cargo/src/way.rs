//! How a session comes by what its units give.

use eadem_model::UnitRecord;

use crate::{
    DriveError,
    execute::{Bench, Ran, Work},
    unit::Unit,
};

/// A way to come by what units give.
pub(crate) trait Way: Sync {
    /// Finds or makes what a unit gives.
    ///
    /// # Errors
    /// What broke; a unit that ran and failed is [`Given::Failed`].
    fn obtain(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError>;
}

/// What a unit gives.
pub(crate) enum Given {
    /// It was known.
    Known(UnitRecord),
    /// It ran.
    Made(UnitRecord),
    /// It ran, and did not end well.
    Failed(Ran),
}

/// Takes from the store what is there, and keeps there what had to be run.
pub(crate) struct Once;

impl Way for Once {
    fn obtain(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError> {
        let key = work.key;
        if let Some(record) = bench.store.unit(&key)? {
            return Ok(Given::Known(record));
        }
        let ran = bench.run(unit, work)?;
        let Some(record) = ran.record else { return Ok(Given::Failed(ran)) };
        bench.store.put_unit(&key, &record)?;
        Ok(Given::Made(record))
    }
}
