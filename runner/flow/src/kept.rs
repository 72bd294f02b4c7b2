//! Keeps what a failed build left, and lets go of it when there is nothing left to look into.

use std::path::PathBuf;

use eadem_model::{Digest, Ending, Event, Kept, Name, RoundRecord, Terminal, document::Version1};
use eadem_store::{KeptPlace, StoreError};

use crate::{Bench, FlowError};

/// What became of a failed build's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is kept.
    Kept,
    /// It is gone, and could have been kept.
    Gone,
    /// It is gone, and the engine could not show it anyway.
    Unseen,
}

/// The place where a round's state goes if the build fails, if that is wanted; nobody else has it until
/// the round ends.
pub(crate) struct Keeping<'a>(Option<KeptPlace<'a>>);

impl<'a> Keeping<'a> {
    /// Takes the place and empties it, so that nothing older is taken for this build's.
    ///
    /// Where that cannot be, the build goes on without; a state that somebody looks into stays as it is.
    pub(crate) fn start(bench: &Bench<'a>, recipe: &Name) -> Self {
        if !bench.keep_failed {
            return Self(None);
        }
        match Self::empty(bench, recipe) {
            Ok(place) => Self(Some(place)),
            Err(error) => {
                let message = format!("the state of this build will not be kept: {error}");
                bench.tell(Event::Warning { message });
                Self(None)
            }
        }
    }

    fn empty(bench: &Bench<'a>, recipe: &Name) -> Result<KeptPlace<'a>, FlowError> {
        let (terminal, place) = (terminal(bench)?, hold(bench, recipe)?);
        place.forget()?;
        terminal.discard(&place.state_dir())?;
        Ok(place)
    }

    /// Where the engine is to put the state.
    pub(crate) fn dir(&self) -> Option<PathBuf> {
        self.0.as_ref().map(KeptPlace::state_dir)
    }

    /// Says what was kept. After a build that ended well nothing is, nor what an older one left.
    ///
    /// What goes wrong here is no fault of the build, and is only told.
    pub(crate) fn end(
        self,
        bench: &Bench<'a>,
        recipe: &Name,
        round: (usize, Digest),
        record: &RoundRecord,
    ) -> State {
        self.settle(bench, recipe, round, record).unwrap_or_else(|error| {
            let message = format!("what is kept of {recipe} cannot be settled: {error}");
            bench.tell(Event::Warning { message });
            State::Unseen
        })
    }

    fn settle(
        self,
        bench: &Bench<'a>,
        recipe: &Name,
        round: (usize, Digest),
        record: &RoundRecord,
    ) -> Result<State, FlowError> {
        if record.outcome.ending == Ending::Success {
            let place = match self.0 {
                None if bench.store.has_kept(recipe) => bench.store.kept(recipe)?,
                place => place,
            };
            place.map_or(Ok(false), |place| discard(bench, &place))?;
        } else if let Some(place) = self.0.filter(|place| place.state_dir().is_dir()) {
            place.write(&note(bench, round, record))?;
            return Ok(State::Kept);
        }
        Ok(if bench.engine.terminal().is_some() { State::Gone } else { State::Unseen })
    }
}

fn note(bench: &Bench<'_>, (n_round, plan): (usize, Digest), record: &RoundRecord) -> Kept {
    Kept {
        eadem_kept: Version1,
        run: bench.run.clone(),
        n_round,
        plan,
        engine: record.engine.clone(),
        setting: record.setting.clone(),
        ending: record.outcome.ending.clone(),
    }
}

/// Removes what is kept, if this engine can; another's is left to the other.
pub(crate) fn discard(bench: &Bench<'_>, place: &KeptPlace<'_>) -> Result<bool, FlowError> {
    let ours = match place.read() {
        Ok(kept) => kept.is_none_or(|kept| kept.engine == bench.engine.name()),
        Err(StoreError::Damaged { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    let state = place.state_dir();
    let Some(terminal) = bench.engine.terminal().filter(|_| ours && state.exists()) else { return Ok(false) };
    place.forget()?;
    terminal.discard(&state)?;
    Ok(true)
}

/// The engine's way into rooms.
pub(crate) fn terminal<'a>(bench: &Bench<'a>) -> Result<&'a dyn Terminal, FlowError> {
    bench.engine.terminal().ok_or_else(|| FlowError::NoTerminal { engine: bench.engine.name().to_owned() })
}

/// The place of what a failed build left, if nobody else has it.
pub(crate) fn hold<'a>(bench: &Bench<'a>, recipe: &Name) -> Result<KeptPlace<'a>, FlowError> {
    bench.store.kept(recipe)?.ok_or_else(|| FlowError::KeptInUse { recipe: recipe.clone() })
}
