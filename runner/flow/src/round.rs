//! Runs one round and keeps what it gives.

use std::path::PathBuf;

use eadem_model::{At, Ending, Event, Phase, Round, RoundRecord, Watch};

use crate::{Bench, BuildFailure, FlowError, Job, log::Follower, prepare::StoreInputs};

/// Runs a round of a job in a room; the job is prepared.
pub(crate) fn run(
    bench: &Bench<'_>,
    job: &Job,
    round: &Round,
    n_round: usize,
) -> Result<RoundRecord, FlowError> {
    let subject = format!("{} (round {n_round})", job.recipe.name);
    let total = job.lock.sources.len() as u64;
    bench.tell(Event::Start { phase: Phase::Build, subject: subject.clone(), total });
    let writer = bench.store.log_writer(bench.run, job.recipe.name.as_str(), n_round)?;
    let log = writer.name().to_owned();
    let follower = Follower::new(&subject, bench.events, writer);
    let started = (bench.clock)();

    let mut sink = bench.store.tree_writer();
    let watch = Watch { events: bench.events, log: &|bytes| follower.take(bytes), cancel: bench.cancel };
    let outcome = bench.engine.run(round, &StoreInputs(bench.store), &mut sink, &watch);

    let (writer, fault, tail) = follower.finish();
    writer.finish()?;
    let path = bench.store.log_path(&log);
    fault.map_or(Ok(()), Err).at(&path).map_err(eadem_store::StoreError::from)?;
    let outcome = outcome?;
    if outcome.ending != Ending::Success {
        return Err(failed(job, n_round, outcome.ending, tail, path));
    }
    let tree = sink.finish()?;
    if let Some(output) = job.recipe.outputs.iter().find(|output| tree.leads_out(output)) {
        return Err(failed(job, n_round, Ending::MissingOutput(output.clone()), tail, path));
    }
    bench.tell(Event::Done { phase: Phase::Build, subject });
    let engine = bench.engine.name().to_owned();
    Ok(RoundRecord { engine, setting: round.setting.clone(), started, outcome, tree: Some(tree), log })
}

fn failed(job: &Job, n_round: usize, ending: Ending, tail: Vec<String>, log: PathBuf) -> FlowError {
    FlowError::Build(Box::new(BuildFailure { recipe: job.recipe.name.clone(), n_round, ending, tail, log }))
}
