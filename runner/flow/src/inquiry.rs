//! Why two rounds differ: by chance, or by which of the variations.

use std::collections::BTreeSet;

use eadem_explain::Knowledge;
use eadem_model::{
    Cause, Confidence, Explanation, Finding, Plan, Reason, RoundRecord, Tree, Trial, Variation,
};

use crate::{
    Bench, FlowError, Job,
    bisect::{Culprit, culprit},
    explanation,
    rounds::OfUnits,
    suspect::{self, Suspect},
    trial::{Differing, Trials},
};

/// What an inquiry found out.
pub(crate) struct Found {
    /// How the outputs differ, and why.
    pub(crate) explanation: Explanation,
    /// The same of each unit that differs by itself.
    pub(crate) of_units: Vec<Explanation>,
    /// Whether two equal rounds differ as well, and not in the time alone.
    pub(crate) is_flaky: bool,
    /// The further rounds.
    pub(crate) trials: Vec<Trial>,
}

/// What is inquired into.
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rounds: [&'a RoundRecord; 2],
    pub(crate) units: Option<&'a OfUnits<'a>>,
    /// How many further rounds there may be.
    pub(crate) most: usize,
}

/// Looks at what differs, builds the first round again, and then with some of the variations until it is known which
/// of them makes the difference, as far as the bytes do not tell.
pub(crate) fn inquire(bench: &Bench<'_>, job: &Job, case: &Case<'_>) -> Result<Found, FlowError> {
    let [first, second] = case.rounds;
    let known = explanation::knowledge(bench.machine, first, second);
    let mut explanation = explanation::of_rounds(bench, first, second).unwrap_or_default();
    let check = second.units.as_ref().and_then(|units| units.check.as_ref());
    let mut suspects = match (case.units, check) {
        (Some(units), Some(check)) => suspect::of_units(bench.store, &units.ledger, check, &known),
        _ => suspect::of_outputs(case.rounds, &explanation, &job.recipe.expect),
    };
    let (causes, is_flaky, trials) = searched(bench, job, case, &suspects)?;
    for (suspect, causes) in suspects.iter_mut().zip(causes) {
        let is_chance = causes.iter().any(|cause| cause.cause == Reason::Random);
        // A shape that is known says more than that it is chance.
        let takes = |finding: &&mut Finding| !is_chance || has_unknown(finding);
        suspect.unexplained().filter(takes).for_each(|finding| add(finding, &causes));
    }
    let told: Vec<Explanation> = suspects.into_iter().map(|suspect| suspect.explanation).collect();
    if case.units.is_none() {
        explanation.findings = told.into_iter().flat_map(|one| one.findings).collect();
        return Ok(Found { explanation, of_units: Vec::new(), is_flaky, trials });
    }
    join(&mut explanation, &told);
    Ok(Found { explanation, of_units: told, is_flaky, trials })
}

/// What is unknown of an output comes from the unit that differs by itself, if there is one alone.
///
/// Where that does so for one reason, all else follows from it.
fn join(explanation: &mut Explanation, of_units: &[Explanation]) {
    let [of_unit] = of_units else { return };
    let causes: Vec<Cause> = of_unit.causes().into_iter().cloned().collect();
    let confidence = |cause: &Cause| if causes.len() == 1 { cause.confidence } else { Confidence::Likely };
    let known = causes.iter().filter(|cause| cause.confidence != Confidence::Unknown);
    let known: Vec<Cause> =
        known.map(|cause| Cause { confidence: confidence(cause), ..cause.clone() }).collect();
    for finding in explanation.findings.iter_mut().filter(|finding| finding.follows.is_empty()) {
        surer(finding, &known);
        if is_unknown(finding) {
            add(finding, &known);
        }
    }
}

/// What is surer of the units is so of what they left.
fn surer(finding: &mut Finding, known: &[Cause]) {
    for cause in &mut finding.causes {
        let same = known.iter().find(|other| other.cause == cause.cause);
        if let Some(other) = same.filter(|other| other.confidence < cause.confidence) {
            *cause = other.clone();
        }
    }
}

fn has_unknown(finding: &Finding) -> bool {
    finding.causes.is_empty() || finding.causes.iter().any(|cause| cause.confidence == Confidence::Unknown)
}

fn is_unknown(finding: &Finding) -> bool {
    finding.causes.iter().all(|cause| cause.confidence == Confidence::Unknown)
}

/// The causes that trials give to each suspect, and whether chance is one.
type Searched = (Vec<Vec<Cause>>, bool, Vec<Trial>);

fn searched(
    bench: &Bench<'_>,
    job: &Job,
    case: &Case<'_>,
    suspects: &[Suspect],
) -> Result<Searched, FlowError> {
    let Case { plan, rounds, units, most } = *case;
    let mut trials = Trials {
        bench,
        job,
        plan,
        rounds,
        units,
        suspects,
        most,
        made: Vec::new(),
        last: None,
        is_over: false,
    };
    let Some(again) = trials.run(&BTreeSet::new())? else {
        return Ok((vec![Vec::new(); suspects.len()], false, told(trials)));
    };
    let known = trials.last.as_ref().map(|last| explanation::knowledge_of_equals(rounds[0], last));
    let known = known.unwrap_or_default();
    let is_chance = |(suspect, tree): (_, &Option<Tree>)| is_chance(bench, suspect, tree.as_ref(), &known);
    let by_chance: Vec<bool> = suspects.iter().zip(&again).map(is_chance).collect();
    let mut causes = Vec::new();
    for (index, suspect) in suspects.iter().enumerate() {
        causes.push(match (&again[index], by_chance[index]) {
            (_, true) => vec![chance()],
            (Some(_), false) => Vec::new(),
            (None, false) if suspect.is_explained() => Vec::new(),
            (None, false) => variations(&mut trials, index)?,
        });
    }
    let is_flaky = causes.iter().flatten().any(|cause| cause.cause == Reason::Random);
    Ok((causes, is_flaky, told(trials)))
}

fn told(trials: Trials<'_>) -> Vec<Trial> {
    trials.made.into_iter().map(|(trial, _)| trial).collect()
}

/// Whether something differs in two equal rounds, and in more than the time, which is never the same.
fn is_chance(bench: &Bench<'_>, suspect: &Suspect, again: Option<&Tree>, known: &Knowledge) -> bool {
    let Some(again) = again.filter(|_| !suspect.is_expected) else { return false };
    let explanation = explanation::explain_trees(bench.store, &suspect.trees[0], again, known);
    // The shape of a time may be chance; a time of the very rounds is none.
    let is_time = |finding: &Finding| {
        let proven =
            |cause: &Cause| cause.cause == Reason::Timestamp && cause.confidence == Confidence::Proven;
        !finding.follows.is_empty() || finding.causes.iter().all(proven)
    };
    explanation.findings.is_empty() || !explanation.findings.iter().all(is_time)
}

/// Searches for the variations that make one suspect differ, one after the other.
fn variations(trials: &mut Trials<'_>, index: usize) -> Result<Vec<Cause>, FlowError> {
    let all = trials.rounds[1].varied(trials.rounds[0]);
    let (mut left, mut culprits) = (all.clone(), Vec::new());
    let differs = |differing: Option<Differing>| differing.map(|differing| differing[index].is_some());
    loop {
        let order: Vec<Variation> = left.iter().copied().collect();
        let Some(found) = culprit(&order, |these| trials.run(these).map(differs))? else {
            // What is left of the search was not made.
            return Ok(causes(&culprits, false));
        };
        if found.alone == Some(false) && trials.run(&all)?.map(|tree| tree[index].is_none()) == Some(true) {
            return Ok(vec![chance()]);
        }
        left.remove(&found.variation);
        culprits.push(found);
        match trials.run(&left).map(differs)? {
            Some(true) => {}
            rest => return Ok(causes(&culprits, rest == Some(false))),
        }
    }
}

/// A variation is proven to be the cause if it is enough by itself, and nothing differs without it.
fn causes(culprits: &[Culprit], is_all: bool) -> Vec<Cause> {
    let proven = is_all && matches!(culprits, [Culprit { alone: Some(true), .. }]);
    culprits.iter().map(|culprit| of_variation(*culprit, proven)).collect()
}

fn of_variation(Culprit { variation, alone }: Culprit, proven: bool) -> Cause {
    let cause = match variation {
        Variation::Source | Variation::Cargo | Variation::Target => Reason::BuildPath,
        Variation::Hostname => Reason::Hostname,
        Variation::User => Reason::User,
        Variation::Home => Reason::Home,
        other => Reason::Known(other.to_string()),
    };
    let evidence = match (proven, alone) {
        (true, _) => format!("it differs where `{variation}` varies, and only there"),
        (false, Some(true)) => format!("it differs where `{variation}` alone varies, and perhaps elsewhere"),
        (false, Some(false)) => {
            format!("it differs where `{variation}` varies with others, and not with it alone")
        }
        (false, None) => format!("it differs where `{variation}` varies with others; more was not tried"),
    };
    let confidence = if proven { Confidence::Proven } else { Confidence::Likely };
    Cause { remedy: eadem_explain::remedy(&cause), cause, evidence, confidence }
}

fn chance() -> Cause {
    let cause = Reason::Random;
    Cause {
        remedy: eadem_explain::remedy(&cause),
        cause,
        evidence: "equal rounds differ as well: random numbers, a race, or the order of a hash table"
            .to_owned(),
        confidence: Confidence::Likely,
    }
}

/// What was found out by trying comes first, and in the place of what was not known.
fn add(finding: &mut Finding, causes: &[Cause]) {
    if !causes.is_empty() {
        let is_new = |cause: &Cause| causes.iter().all(|other| other.cause != cause.cause);
        finding.causes.retain(|cause| cause.confidence != Confidence::Unknown && is_new(cause));
        finding.causes.splice(..0, causes.iter().cloned());
    }
}
