//! How a session comes by what its units give.

use eadem_model::{Digest, Rung, UnitRecord, UnitStep};

use crate::{
    DriveError, Fall, Ledger, diagnosis,
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

    /// Finds out why a unit failed, and on which rung it may do better.
    ///
    /// What did well once fails for the room that it is in: the whole build may bear that room.
    fn judge(&self, unit: &Unit, _ran: &Ran) -> Fall {
        Fall { why: diagnosis::failed(unit), to: Some(Rung::OneRoom) }
    }
}

/// What a unit gives.
pub(crate) enum Given {
    /// It was known.
    Known(UnitRecord),
    /// It ran.
    Made(UnitRecord),
    /// Nobody waits for it any more.
    Cancelled,
    /// It ran, and did not end well.
    Failed(Ran),
    /// It ran, and however it ended, with all sources in its room it may do otherwise.
    Sought(Ran),
}

impl Given {
    /// How this is told of the unit.
    pub(crate) fn step(&self) -> UnitStep {
        match self {
            Self::Known(record) => UnitStep::Taken { wall_ms: record.usage.wall_ms },
            Self::Made(record) => UnitStep::Ran { wall_ms: record.usage.wall_ms },
            Self::Cancelled | Self::Failed(_) | Self::Sought(_) => UnitStep::Failed,
        }
    }
}

/// Whether what the store has of units may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// What is there answers.
    Stored,
    /// Every unit runs, and its record is replaced.
    Nothing,
}

/// Takes from the store what is there, and keeps there what had to be run.
pub(crate) struct Once<'a> {
    reuse: Reuse,
    ledger: Option<&'a Ledger>,
}

impl<'a> Once<'a> {
    /// Nobody is to know what came of it.
    pub(crate) fn quietly(reuse: Reuse) -> Self {
        Self { reuse, ledger: None }
    }

    /// Notes what came of it.
    pub(crate) fn noted(reuse: Reuse, ledger: &'a Ledger) -> Self {
        Self { reuse, ledger: Some(ledger) }
    }

    fn find(&self, bench: &Bench<'_>, key: &Digest) -> Result<Option<UnitRecord>, DriveError> {
        match self.reuse {
            Reuse::Stored => Ok(bench.recorded(key)?.filter(|record| record.unseen.is_none())),
            Reuse::Nothing => Ok(None),
        }
    }

    fn known(&self, bench: &Bench<'_>, key: Digest, unit: &Unit, record: UnitRecord) -> Given {
        bench.store.note_use(&key);
        self.note(key, unit, &record);
        Given::Known(record)
    }

    fn note(&self, key: Digest, unit: &Unit, record: &UnitRecord) {
        if let Some(ledger) = self.ledger {
            ledger.note_first(key, unit, record);
        }
    }
}

impl Way for Once<'_> {
    fn obtain(&self, bench: &Bench<'_>, unit: &Unit, work: Work) -> Result<Given, DriveError> {
        let key = work.key;
        if let Some(record) = self.find(bench, &key)? {
            return Ok(self.known(bench, key, unit, record));
        }
        let waits = || bench.tell(unit, UnitStep::Waits);
        let Some(turn) = bench.store.unit_turn(&key, &bench.cancel, &waits)? else {
            return Ok(Given::Cancelled);
        };
        // Who had the turn before may have left a record.
        if let Some(record) = self.find(bench, &key)? {
            return Ok(self.known(bench, key, unit, record));
        }
        let ran = bench.run(unit, work)?;
        if !ran.sought.is_empty() {
            return Ok(Given::Sought(ran));
        }
        let Some(record) = ran.record else { return Ok(Given::Failed(ran)) };
        bench.store.put_unit(&key, &record)?;
        drop(turn);
        self.note(key, unit, &record);
        Ok(Given::Made(record))
    }

    fn judge(&self, unit: &Unit, ran: &Ran) -> Fall {
        diagnosis::of(unit, ran)
    }
}
