//! `build`: one round, or the record of an equal one.

use eadem_model::{Digest, Event, Isolation, Record, Round, RoundRecord, RunId, Setting, Tree};

use crate::{
    Bench, FlowError, Job,
    needs::{Prepared, prepare},
    units,
};

/// What a build gave.
#[derive(Debug)]
pub struct Built {
    /// The plan's digest.
    pub plan: Digest,
    /// The outputs.
    pub tree: Tree,
    /// What answered, if the build was not run again.
    pub recorded: Option<Recorded>,
}

/// An earlier build of an equal plan. Whichever engine made its room, the plan decides the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The run.
    pub run: RunId,
    /// The engine that made the room.
    pub engine: String,
}

/// Builds a job once, offline, from verified inputs, unless a record answers.
pub fn build(bench: &Bench<'_>, job: &Job) -> Result<Built, FlowError> {
    let Prepared { plan, needs } = prepare(bench, job)?;
    let digest = plan.digest();
    if let Some((recorded, tree)) = recorded(bench, job, &digest)? {
        return Ok(Built { plan: digest, tree, recorded: Some(recorded) });
    }
    bench.store.put_plan(&plan)?;
    let ran = units::run(bench, job, &Round::baseline(plan))?;
    let tree = ran.record.tree.clone();
    bench.store.put_record(&Record { needs, ..record(bench, job, digest, vec![ran.record]) })?;
    ran.failure.map_or(Ok(()), |failure| Err(FlowError::Build(Box::new(failure))))?;
    let tree = tree.expect("a round that ended well leaves a tree");
    Ok(Built { plan: digest, tree, recorded: None })
}

/// This run's record of what rounds gave, without a verdict.
pub(crate) fn record(bench: &Bench<'_>, job: &Job, plan: Digest, rounds: Vec<RoundRecord>) -> Record {
    let (run, recipe) = (bench.run.clone(), job.recipe.name.clone());
    Record::new(run, recipe, plan, rounds)
}

/// The newest record of the plan's baseline whose outputs are still there.
pub(crate) fn recorded(
    bench: &Bench<'_>,
    job: &Job,
    plan: &Digest,
) -> Result<Option<(Recorded, Tree)>, FlowError> {
    let baseline = Setting::baseline();
    let (records, unreadable) = bench.store.readable_records(plan)?;
    for error in unreadable {
        bench.tell(Event::Warning { message: format!("{error}; it is passed over") });
    }
    for record in records {
        let strict = |round: &RoundRecord| round.outcome.isolation == Isolation::Strict || bench.weak;
        let fits =
            |round: &RoundRecord| round.setting == baseline && strict(round) && units::fits(job, round);
        let round = record.rounds.iter().find(|round| fits(round));
        if let Some((tree, engine)) =
            round.and_then(|round| Some((round.tree.clone()?, round.engine.clone())))
            && bench.still_has(&tree)?
        {
            bench.store.note_answer(&record);
            return Ok(Some((Recorded { run: record.run, engine }, tree)));
        }
    }
    Ok(None)
}
