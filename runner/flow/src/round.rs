//! Runs one round and keeps what it gives.

use eadem_model::{At, Ending, Event, Outcome, Phase, Round, RoundRecord, Tree, Watch};
use eadem_store::{StoreError, TreeWriter};

use crate::{
    Bench, BuildFailure, FlowError, Job,
    kept::Keeping,
    log::{Counts, Follower},
    prepare::StoreInputs,
};

/// What a round gave: its record, and why it did not end well.
pub(crate) struct Ran {
    pub(crate) record: RoundRecord,
    pub(crate) failure: Option<BuildFailure>,
}

/// Runs a round of a job in a room; the job is prepared.
pub(crate) fn run(bench: &Bench<'_>, job: &Job, round: &Round, n_round: usize) -> Result<Ran, FlowError> {
    let engine = |sink: &mut TreeWriter<'_>, watch: &Watch<'_>| {
        Ok(bench.engine.run(round, &StoreInputs(bench.store), sink, watch)?)
    };
    let total = job.lock.sources.len() as u64;
    run_by(&engine, bench, job, round, &Course { n_round, total, counts: Counts::Crates })
}

/// Which round of a job it is, and what is told of how far it has come.
pub(crate) struct Course {
    /// From 1.
    pub(crate) n_round: usize,
    /// How much there is to do; 0 if unknown.
    pub(crate) total: u64,
    pub(crate) counts: Counts,
}

/// What the logs count on from after the rounds and their passes.
pub(crate) const FIRST_TRIAL: usize = 4;

/// What the user is told that a round is.
pub(crate) fn subject(job: &Job, n_round: usize) -> String {
    let name = &job.recipe.name;
    match n_round {
        1 | 2 => format!("{name} (round {n_round})"),
        // A third pass gives the second round's outputs.
        3 => format!("{name} (round 2, what differs)"),
        n => format!("{name} (trial {})", n - FIRST_TRIAL + 1),
    }
}

/// What runs a round.
type Way<'a> = dyn Fn(&mut TreeWriter<'_>, &Watch<'_>) -> Result<Outcome, FlowError> + 'a;

/// Runs a round in a certain way.
pub(crate) fn run_by(
    way: &Way<'_>,
    bench: &Bench<'_>,
    job: &Job,
    round: &Round,
    course: &Course,
) -> Result<Ran, FlowError> {
    let Course { n_round, total, counts } = *course;
    let subject = subject(job, n_round);
    bench.tell(Event::Start { phase: Phase::Build, subject: subject.clone(), total });
    let writer = bench.store.log_writer(bench.run, job.recipe.name.as_str(), n_round)?;
    let log = writer.name().to_owned();
    let follower = Follower::new(&subject, bench.events, counts, writer);
    let started = (bench.clock)();

    let mut sink = bench.store.tree_writer();
    let keeping = Keeping::start(bench, &job.recipe.name);
    let keep = keeping.dir();
    let watch = Watch {
        events: bench.events,
        log: &|bytes| follower.take(bytes),
        cancel: bench.cancel,
        keep: keep.as_deref(),
    };
    let outcome = way(&mut sink, &watch);

    let (writer, fault, tail) = follower.finish();
    writer.finish()?;
    let path = bench.store.log_path(&log);
    fault.map_or(Ok(()), Err).at(&path).map_err(StoreError::from)?;
    let (outcome, tree) = judge(job, outcome?, sink)?;
    let engine = bench.engine.name().to_owned();
    let record =
        RoundRecord { engine, setting: round.setting.clone(), started, outcome, tree, log, units: None };
    let state = keeping.end(bench, &job.recipe.name, (n_round, round.plan.digest()), &record);
    let ending = record.outcome.ending.clone();
    if ending == Ending::Success {
        bench.tell(Event::Done { phase: Phase::Build, subject });
        return Ok(Ran { record, failure: None });
    }
    let (recipe, run) = (job.recipe.name.clone(), bench.run.clone());
    let failure = BuildFailure { recipe, run, n_round, ending, tail, log: path, state };
    Ok(Ran { record, failure: Some(failure) })
}

/// What a round left, if it ended well in the store's eyes too: a link that leads out is no output.
fn judge(
    job: &Job,
    mut outcome: Outcome,
    sink: TreeWriter<'_>,
) -> Result<(Outcome, Option<Tree>), FlowError> {
    if outcome.ending != Ending::Success {
        return Ok((outcome, None));
    }
    let tree = sink.finish()?;
    if let Some(output) = job.recipe.outputs.iter().find(|output| tree.leads_out(output)) {
        outcome.ending = Ending::MissingOutput(output.clone());
        return Ok((outcome, None));
    }
    Ok((outcome, Some(tree)))
}
