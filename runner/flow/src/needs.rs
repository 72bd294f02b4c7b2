//! What a recipe needs of others: built first, and shown in its rooms.

use std::sync::Arc;

use eadem_model::{Plan, RoomPath, Supplied, Supply, Tree};

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
pub(crate) struct Ground {
    pub(crate) plan: Plan,
    pub(crate) needs: Vec<Supplied>,
}

/// Lays out all that a job's rooms show: fetches what is missing, and builds what it needs of other recipes unless
/// records answer.
pub(crate) fn prepare(bench: &Bench<'_>, job: &Job) -> Result<Ground, FlowError> {
    // First, since a local directory may have changed since it was locked.
    bring(bench, job)?;
    let built = |needed: &Needed| supply(bench, needed, &build(bench, &needed.job)?.tree);
    let needs = job.needs.iter().map(built).collect::<Result<Vec<_>, _>>()?;
    Ok(Ground { plan: job.plan(&needs), needs })
}

/// The same, but builds nothing; without an answer if something that is needed was not built yet.
pub(crate) fn prepare_recorded(bench: &Bench<'_>, job: &Job) -> Result<Option<Ground>, FlowError> {
    bring(bench, job)?;
    let mut needs = Vec::new();
    for needed in &job.needs {
        let Some(ground) = prepare_recorded(bench, &needed.job)? else { return Ok(None) };
        let Some((_, tree)) = recorded(bench, &needed.job, &ground.plan.digest())? else {
            return Ok(None);
        };
        needs.push(supply(bench, needed, &tree)?);
    }
    Ok(Some(Ground { plan: job.plan(&needs), needs }))
}

fn supply(bench: &Bench<'_>, Needed { at, job }: &Needed, tree: &Tree) -> Result<Supplied, FlowError> {
    let supply = Supply { layer: bench.store.lay_out_tree(tree)?, at: at.clone() };
    Ok(Supplied { recipe: job.recipe.name.clone(), tree: tree.digest(), supply })
}
