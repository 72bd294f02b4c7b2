//! What a recipe needs of others: built first, and shown in its rooms.

use std::sync::Arc;

use eadem_model::{Plan, Record, RoomPath, Supplied, Supply, Tree};

use crate::{
    Bench, FlowError, Job,
    build::{build, recorded},
    prepare::bring,
};

/// Another recipe's outputs that a job is to see.
#[derive(Debug, Clone)]
pub struct Needed {
    /// Where its rooms show them.
    pub at: RoomPath,
    /// What makes them.
    pub job: Arc<Job>,
}

/// A job's plan, with all that it names laid out in the store.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) needs: Vec<Supplied>,
}

/// Lays out all that a job's rooms show: fetches what is missing, and builds what it needs of other recipes unless
/// records answer.
pub(crate) fn prepare(bench: &Bench<'_>, job: &Job) -> Result<Prepared, FlowError> {
    // First, since a local directory may have changed since it was locked.
    bring(bench, job)?;
    let built = |needed: &Needed| supply(bench, needed, &build(bench, &needed.job)?.tree);
    let needs = job.needs.iter().map(built).collect::<Result<Vec<_>, _>>()?;
    Ok(Prepared { plan: job.plan(&needs), needs })
}

/// The plan of a job as records know what it needs of others: nothing is fetched or built; without an answer if
/// something that is needed was not built yet.
pub(crate) fn planned(bench: &Bench<'_>, job: &Job) -> Result<Option<Plan>, FlowError> {
    let mut needs = Vec::new();
    for needed in &job.needs {
        let Some(plan) = planned(bench, &needed.job)? else { return Ok(None) };
        let Some((_, tree)) = recorded(bench, &needed.job, &plan.digest())? else { return Ok(None) };
        needs.push(supply(bench, needed, &tree)?);
    }
    Ok(Some(job.plan(&needs)))
}

/// The newest record of a job's verification, however long ago and whatever its sources are by now.
pub fn last_verified(bench: &Bench<'_>, job: &Job) -> Result<Option<Record>, FlowError> {
    let Some(plan) = planned(bench, job)? else { return Ok(None) };
    let (records, _) = bench.store.readable_records(&plan.digest())?;
    Ok(records.into_iter().find(|record| record.verdict.is_some()))
}

fn supply(bench: &Bench<'_>, Needed { at, job }: &Needed, tree: &Tree) -> Result<Supplied, FlowError> {
    let supply = Supply { layer: bench.store.lay_out_tree(tree)?, at: at.clone() };
    Ok(Supplied { recipe: job.recipe.name.clone(), tree: tree.digest(), supply })
}
