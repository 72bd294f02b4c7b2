//! `verify`: two rounds that share their inputs and nothing else.

use std::{
    collections::BTreeSet,
    io::{BufReader, Read},
};

use eadem_model::{
    At, Base, Difference, Digest, Ending, Entry, Event, Excepted, Exception, Isolation, OutputDifference,
    Phase, Plan, Record, Round, RoundRecord, RunId, Tree, Variation, Verdict,
};
use eadem_store::{Store, StoreError};

use crate::{
    Bench, BuildFailure, FlowError, Job, build, explanation,
    inquiry::{Case, inquire},
    prepare,
    published::{self, Claim},
    rounds::{self, OfUnits},
    units,
};

/// What a verification found.
#[derive(Debug)]
pub struct Verification {
    /// The record, with the verdict: of this run, or of the one whose proof answered.
    pub record: Record,
    /// Every output that differs.
    pub differences: Vec<OutputDifference>,
    /// Whether an earlier run's proof answered, and nothing was built.
    pub is_proof: bool,
}

impl Verification {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        self.record.verdict.unwrap_or(Verdict::Inconclusive)
    }

    /// The earlier run whose proof answered.
    pub fn proof(&self) -> Option<&RunId> {
        self.is_proof.then_some(&self.record.run)
    }
}

/// Whether earlier verifications may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proofs {
    /// An earlier one with the same plan and the same settings answers.
    Use,
    /// Both rounds are built in any case.
    Ignore,
}

/// How a job is to be verified.
#[derive(Debug)]
pub struct Terms {
    /// Whether earlier verifications may answer.
    pub proofs: Proofs,
    /// What differs between the rounds.
    pub vary: BTreeSet<Variation>,
    /// Whether a variation that could not be applied makes the verdict inconclusive.
    pub strict: bool,
    /// How many further rounds may be made to find out why outputs differ.
    pub trials: usize,
    /// What the outputs are compared with besides; empty: with nothing.
    pub against: Vec<Claim>,
    /// What the verdict is compared with: what differs now and did not then has regressed.
    pub base: Option<Base>,
}

/// How many trials are enough for a cause, and for a second one.
pub const USUAL_TRIALS: usize = 12;

/// Builds a job in two different rooms and compares, unless a proof answers.
///
/// # Errors
/// [`FlowError::Unclaimed`] if nothing was published that could be compared with an output.
pub fn verify(bench: &Bench<'_>, job: &Job, terms: &Terms) -> Result<Verification, FlowError> {
    let mut verification = between_rounds(bench, job, terms)?;
    if !terms.against.is_empty() {
        let compared = published::compare(bench.store, &verification.record, &terms.against)?;
        verification.record = compared.ok_or_else(|| unclaimed(job, terms))?;
    }
    if let Some(base) = &terms.base {
        verification.record = since(base, verification.record);
    }
    if !terms.against.is_empty() || terms.base.is_some() {
        // Of this run, also where an earlier one's proof answered.
        let run = bench.run.clone();
        bench.store.put_record(&Record { run, ..verification.record.clone() })?;
    }
    Ok(verification)
}

/// A record beside what its base was.
fn since(base: &Base, record: Record) -> Record {
    let differs = record.verdict.is_some_and(Verdict::is_difference);
    let did_not = matches!(base.verdict, Verdict::Reproducible | Verdict::Excepted);
    let verdict = if differs && did_not { Some(Verdict::Regressed) } else { record.verdict };
    Record { verdict, base: Some(base.clone()), ..record }
}

fn unclaimed(job: &Job, terms: &Terms) -> FlowError {
    FlowError::Unclaimed {
        recipe: job.recipe.name.clone(),
        outputs: job.recipe.outputs.clone(),
        named: terms.against.iter().map(|claim| claim.name.clone()).collect(),
    }
}

fn between_rounds(bench: &Bench<'_>, job: &Job, terms: &Terms) -> Result<Verification, FlowError> {
    // First, since a local directory may have changed since it was locked.
    prepare(bench, job)?;
    let plan = job.plan();
    let (first, second) = (Round::baseline(plan.clone()), Round::varied_in(plan, &terms.vary));
    let digest = first.plan.digest();
    if terms.proofs == Proofs::Use
        && let Some(record) = proof(bench, job, &digest, [&first, &second])?
    {
        // What it was compared with besides is another matter.
        let record =
            Record { verdict: Some(Verdict::Reproducible), published: Vec::new(), base: None, ..record };
        return Ok(Verification { record, differences: Vec::new(), is_proof: true });
    }
    bench.store.put_plan(&first.plan)?;
    let mut rounds = rounds::run(bench, job, [&first, &second], terms.proofs)?;
    let records = std::mem::take(&mut rounds.records);
    let record = build::record(bench, job, digest, records);
    if let Some(failure) = rounds.failure {
        bench.store.put_record(&Record { verdict: Some(verdict_of(&failure)), ..record })?;
        return Err(FlowError::Build(Box::new(failure)));
    }
    compare(bench, job, record, &Ground { plan: &first.plan, terms, units: rounds.units.as_ref() })
}

/// Only a build that failed by itself says something about the build.
fn verdict_of(failure: &BuildFailure) -> Verdict {
    match failure.ending {
        Ending::Cancelled => Verdict::Inconclusive,
        _ => Verdict::BuildFailed,
    }
}

/// Finds a proof: the newest verification of the same two rounds, if they agreed in everything.
///
/// A newer one in which they differed, or one failed, refutes every older one; one that came to no
/// verdict says nothing.
fn proof(
    bench: &Bench<'_>,
    job: &Job,
    plan: &Digest,
    rounds: [&Round; 2],
) -> Result<Option<Record>, FlowError> {
    let is_same = |record: &Record| {
        let n_rounds = record.rounds.len();
        let whole = match record.verdict {
            None | Some(Verdict::Inconclusive) => false,
            Some(Verdict::BuildFailed) => n_rounds <= rounds.len(),
            Some(_) => n_rounds == rounds.len(),
        };
        let fits = |(was, is): (&RoundRecord, &Round)| was.setting == is.setting && units::fits(job, was);
        whole && record.rounds.iter().zip(rounds).all(fits)
    };
    let records = match bench.store.records(plan) {
        // It may be the newest word on these rounds, so no older one counts.
        Err(error @ StoreError::Damaged { .. }) => {
            bench.tell(Event::Warning { message: format!("{error}; so no proof is taken from the store") });
            return Ok(None);
        }
        records => records?,
    };
    let Some(newest) = records.into_iter().find(is_same) else { return Ok(None) };
    let Some(tree) = agreed_tree(&newest, plan) else { return Ok(None) };
    if !bench.still_has(tree)? {
        return Ok(None);
    }
    bench.store.note_answer(&newest);
    Ok(Some(newest))
}

/// What both rounds of a record left, if it is a proof: a variation that was skipped proves nothing.
fn agreed_tree<'a>(record: &'a Record, plan: &Digest) -> Option<&'a Tree> {
    let whole = record
        .rounds
        .iter()
        .all(|round| round.outcome.skipped.is_empty() && round.outcome.isolation == Isolation::Strict);
    let tree = record.rounds.first()?.tree.as_ref()?;
    let equal = record.rounds.iter().all(|round| round.tree.as_ref() == Some(tree));
    // Other bytes than somebody published are no difference between the rounds.
    let differs_from_published = record.published.iter().any(|published| !published.is_same());
    let agrees = record.verdict == Some(Verdict::Reproducible) || differs_from_published;
    let proves = agrees && record.plan == *plan && whole && equal;
    proves.then_some(tree)
}

/// What the trees of a record came from.
struct Ground<'a> {
    plan: &'a Plan,
    terms: &'a Terms,
    units: Option<&'a OfUnits<'a>>,
}

fn compare(
    bench: &Bench<'_>,
    job: &Job,
    record: Record,
    ground: &Ground<'_>,
) -> Result<Verification, FlowError> {
    let subject = record.recipe.to_string();
    bench.tell(Event::Start { phase: Phase::Compare, subject: subject.clone(), total: 0 });
    let differences = differences(bench.store, &record)?;
    bench.tell(Event::Done { phase: Phase::Compare, subject });
    let record = Record { exceptions: excepted(&job.recipe.expect, &differences), ..record };
    let is_expected = |one: &OutputDifference| {
        job.recipe.expect.iter().any(|exception| exception.covers(&one.entries.path))
    };
    let record = if differences.is_empty() {
        Record { verdict: Some(equal(&record, ground.terms)), ..record }
    } else if differences.iter().all(is_expected) {
        expected(bench, record)
    } else {
        differing(bench, job, record, ground)?
    };
    bench.store.put_record(&record)?;
    Ok(Verification { record, differences, is_proof: false })
}

/// What came of each exception of a recipe.
fn excepted(exceptions: &[Exception], differences: &[OutputDifference]) -> Vec<Excepted> {
    let happened = |exception: &Exception| differences.iter().any(|one| exception.covers(&one.entries.path));
    let excepted =
        |exception: &Exception| Excepted { happened: happened(exception), exception: exception.clone() };
    exceptions.iter().map(excepted).collect()
}

/// The record of rounds that differ where the recipe says so: nobody asks why.
fn expected(bench: &Bench<'_>, record: Record) -> Record {
    let explanation = match &record.rounds[..] {
        [first, second] => explanation::of_rounds(bench.store, first, second),
        _ => None,
    };
    Record { verdict: Some(Verdict::Excepted), explanation, ..record }
}

/// Weak rooms prove nothing, nor do others for whoever wants every variation.
fn equal(record: &Record, terms: &Terms) -> Verdict {
    let weak = record.rounds.iter().any(|round| round.outcome.isolation == Isolation::Weak);
    let skipped = record.rounds.iter().any(|round| !round.outcome.skipped.is_empty());
    if weak || terms.strict && skipped { Verdict::Inconclusive } else { Verdict::Reproducible }
}

/// The record of rounds that differ, with what can be found out about that.
fn differing(
    bench: &Bench<'_>,
    job: &Job,
    mut record: Record,
    &Ground { plan, terms, units }: &Ground<'_>,
) -> Result<Record, FlowError> {
    let [first, second] = &record.rounds[..] else { return Ok(record) };
    // Whoever is interrupted now knows as much.
    bench.store.put_record(&Record { verdict: Some(Verdict::Differs), ..record.clone() })?;
    let case = Case { plan, rounds: [first, second], units, most: terms.trials };
    let found = inquire(bench, job, &case)?;
    let check = record.rounds[1].units.as_mut().and_then(|units| units.check.as_mut());
    for (blame, explanation) in check.into_iter().flat_map(|check| &mut check.guilty).zip(found.of_units) {
        blame.explanation = Some(explanation);
    }
    let verdict = if found.is_flaky { Verdict::Flaky } else { Verdict::Differs };
    let explanation = Some(found.explanation);
    Ok(Record { verdict: Some(verdict), explanation, trials: found.trials, ..record })
}

/// Every output in which the first two rounds of a record differ.
pub fn differences(store: &Store, record: &Record) -> Result<Vec<OutputDifference>, StoreError> {
    let trees: Vec<_> = record.rounds.iter().filter_map(|round| round.tree.as_ref()).collect();
    let [first, second, ..] = &trees[..] else { return Ok(Vec::new()) };
    first.differences(second).into_iter().map(|entries| locate(store, entries)).collect()
}

/// Finds where two files part, if the store still has them.
fn locate(store: &Store, entries: Difference) -> Result<OutputDifference, StoreError> {
    let first_offset = match (&entries.first, &entries.second) {
        (Some(Entry::File { digest: first, .. }), Some(Entry::File { digest: second, .. })) => {
            first_difference(store, first, second)?
        }
        _ => None,
    };
    Ok(OutputDifference { entries, first_offset })
}

fn first_difference(store: &Store, first: &Digest, second: &Digest) -> Result<Option<u64>, StoreError> {
    if first == second || !store.has_blob(first) || !store.has_blob(second) {
        return Ok(None);
    }
    let bytes = |digest: &Digest| Ok::<_, StoreError>(BufReader::new(store.open_blob(digest)?).bytes());
    let (mut left, mut right) = (bytes(first)?, bytes(second)?);
    for offset in 0.. {
        let left = left.next().transpose().at(store.file_path(first))?;
        let right = right.next().transpose().at(store.file_path(second))?;
        if left != right || left.is_none() {
            return Ok(Some(offset));
        }
    }
    Ok(None)
}
