//! `shell`: the room of a build, with somebody in it.

use eadem_model::{Ending, Kept, LimitsSpec, Name, Plan, Round, Setting, Text, Watch};
use eadem_store::KeptPlace;

use crate::{
    Bench, FlowError, Job,
    kept::{self, hold, terminal},
    needs::prepare,
    prepare::StoreInputs,
    step,
};

/// What somebody wants of a room.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The program and its arguments; a shell of the image if there are none.
    pub command: &'a [String],
    /// The kind of terminal that somebody sits at, if it is one.
    pub terminal: Option<&'a str>,
    /// Which files the build's directories hold at first.
    pub files: Files,
}

/// What the writable directories of a room hold at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// What the last failed build left, if that was kept.
    Kept,
    /// Nothing, as when a build begins.
    None,
}

/// A room that can be entered.
pub struct Visit<'a> {
    round: Round,
    found: Found<'a>,
}

/// What there is of a kept state.
enum Found<'a> {
    Nothing,
    /// One that fits.
    Fits(KeptPlace<'a>, Kept),
    /// One of another plan or engine.
    Other(Kept),
}

/// Prepares everything for a room in which somebody does what the build would do.
///
/// The plan is the build's but for the program, the kind of terminal and what would be taken out; the
/// setting is that of the round whose state was kept, since the state holds its paths.
pub fn visit<'a>(bench: &Bench<'a>, job: &Job, wish: &Wish<'_>) -> Result<Visit<'a>, FlowError> {
    terminal(bench)?;
    let plan = prepare(bench, job)?.plan;
    let found = match wish.files {
        Files::Kept => find(bench, &job.recipe.name, &plan)?,
        Files::None => Found::Nothing,
    };
    let setting = match &found {
        Found::Fits(_, kept) => kept.setting.clone(),
        _ => Setting::baseline(),
    };
    let mut plan = entered(bench, plan, wish);
    if let Some(build) = &job.recipe.build {
        plan.argv = step::visitor(build, plan.argv);
    }
    Ok(Visit { round: Round { plan, setting }, found })
}

impl Visit<'_> {
    /// The kept state that the room shows, and changes.
    pub fn kept(&self) -> Option<&Kept> {
        if let Found::Fits(_, kept) = &self.found { Some(kept) } else { None }
    }

    /// A kept state that the room does not show: it is of another plan or engine.
    pub fn passed_over(&self) -> Option<&Kept> {
        if let Found::Other(kept) = &self.found { Some(kept) } else { None }
    }

    /// Makes the room and waits for the end of the program in it.
    pub fn enter(&self, bench: &Bench<'_>) -> Result<Ending, FlowError> {
        let watch = Watch { events: bench.events, log: &|_| (), cancel: bench.cancel, keep: None };
        let state = if let Found::Fits(place, _) = &self.found { Some(place.state_dir()) } else { None };
        let inputs = StoreInputs(bench.store);
        Ok(terminal(bench)?.enter(&self.round, &inputs, state.as_deref(), &watch)?)
    }
}

/// Removes what the last failed build of a recipe left; `false` if nothing was kept.
///
/// # Errors
/// [`FlowError::KeptInUse`] while somebody is in it.
pub fn discard_kept(bench: &Bench<'_>, recipe: &Name) -> Result<bool, FlowError> {
    terminal(bench)?;
    kept::discard(bench, &hold(bench, recipe)?)
}

fn find<'a>(bench: &Bench<'a>, recipe: &Name, plan: &Plan) -> Result<Found<'a>, FlowError> {
    // Nobody needs to wait where there is nothing to share.
    if !bench.store.has_kept(recipe) {
        return Ok(Found::Nothing);
    }
    let place = hold(bench, recipe)?;
    let Some(kept) = place.read()? else { return Ok(Found::Nothing) };
    let fits = kept.plan == plan.digest() && kept.engine == bench.engine.name();
    Ok(if fits { Found::Fits(place, kept) } else { Found::Other(kept) })
}

fn entered(bench: &Bench<'_>, mut plan: Plan, wish: &Wish<'_>) -> Plan {
    plan.argv = match wish.command {
        [] => vec![Text::from(shell(bench, &plan))],
        command => command.iter().map(|word| Text::from(word.as_str())).collect(),
    };
    plan.outputs = Vec::new();
    if let Some(kind) = wish.terminal {
        plan.env.insert("TERM".to_owned(), Text::from(kind));
        // Somebody who thinks is no build that hangs; a limit that the recipe names is meant.
        if plan.limits.wall_seconds == LimitsSpec::default().wall_seconds.get() {
            plan.limits.wall_seconds = u64::MAX;
        }
    }
    plan
}

/// The better one of the image's shells.
fn shell(bench: &Bench<'_>, plan: &Plan) -> &'static str {
    let has = |name: &str| {
        let in_layer = |layer| bench.store.layer_dir(layer).join(name).symlink_metadata().is_ok();
        plan.rootfs.iter().any(in_layer)
    };
    if has("usr/bin/bash") || has("bin/bash") { "/bin/bash" } else { "/bin/sh" }
}
