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
    needs,
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
    /// The earlier run whose proof answered, if nothing was built.
    pub proof: Option<RunId>,
}

impl Verification {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        self.record.verdict.unwrap_or(Verdict::Inconclusive)
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
pub fn verify(bench: &Bench<'_>, job: &Job, terms: &Terms) -> Result<Verification, FlowError> {
    let mut verification = between_rounds(bench, job, terms)?;
    if terms.against.is_empty() && terms.base.is_none() {
        return Ok(verification);
    }
    // The base is compared with first: what was published says nothing of the rounds.
    let record = match &terms.base {
        Some(base) => since(base, verification.record),
        None => verification.record,
    };
    let record = published::compare(bench.store, record, &terms.against)?;
    // Of this run, also where an earlier one's proof answered.
    verification.record = Record { run: bench.run.clone(), ..record };
    bench.store.put_record(&verification.record)?;
    Ok(verification)
}

/// A record beside what its base was. Only a base that varied as much tells whether this differs since.
fn since(base: &Base, record: Record) -> Record {
    let did_not = matches!(base.verdict, Verdict::Reproducible | Verdict::Excepted);
    let as_much = record.varied().is_subset(&base.varied);
    let regressed = record.verdict == Some(Verdict::Differs) && did_not && as_much;
    let verdict = if regressed { Some(Verdict::Regressed) } else { record.verdict };
    Record { verdict, base: Some(base.clone()), ..record }
}

fn between_rounds(bench: &Bench<'_>, job: &Job, terms: &Terms) -> Result<Verification, FlowError> {
    let needs::Prepared { plan, needs } = needs::prepare(bench, job)?;
    let (first, second) = (Round::baseline(plan.clone()), Round::varied_in(plan, &terms.vary));
    let digest = first.plan.digest();
    if terms.proofs == Proofs::Use
        && let Some(record) = proof(bench, job, &digest, [&first, &second])?
    {
        return Ok(answer(job, record));
    }
    bench.store.put_plan(&first.plan)?;
    let mut rounds = rounds::run(bench, job, [&first, &second], terms.proofs)?;
    let records = std::mem::take(&mut rounds.records);
    let record = Record { needs, ..build::record(bench, job, digest, records) };
    if let Some(failure) = rounds.failure {
        bench.store.put_record(&Record { verdict: Some(verdict_of(&failure)), ..record })?;
        return Err(FlowError::Build(Box::new(failure)));
    }
    compare(bench, job, record, &Ground { plan: &first.plan, terms, units: rounds.units.as_ref() })
}

/// What an equal recipe's record says of this one. What that was compared with besides is another matter.
fn answer(job: &Job, record: Record) -> Verification {
    let proof = Some(record.run.clone());
    let record = Record {
        recipe: job.recipe.name.clone(),
        verdict: Some(Verdict::Reproducible),
        exceptions: excepted(&job.recipe.expect, &[]),
        published: Vec::new(),
        base: None,
        ..record
    };
    Verification { record, differences: Vec::new(), proof }
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
    let same: Vec<Record> = records.into_iter().filter(is_same).collect();
    // What differed once may be equal by chance.
    if same.iter().any(|record| record.rounds.len() == rounds.len() && !record.is_equal()) {
        return Ok(None);
    }
    let Some(newest) = same.into_iter().next() else { return Ok(None) };
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
    // Other bytes than somebody published are no difference between the rounds.
    let differs_from_published = record.published.iter().any(|published| !published.is_same());
    let agrees = record.verdict == Some(Verdict::Reproducible) || differs_from_published;
    let proves = agrees && record.plan == *plan && whole && record.is_equal();
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
        expected(bench, record, ground.terms)
    } else {
        differing(bench, job, record, ground)?
    };
    bench.store.put_record(&record)?;
    Ok(Verification { record, differences, proof: None })
}

/// What came of each exception of a recipe.
fn excepted(exceptions: &[Exception], differences: &[OutputDifference]) -> Vec<Excepted> {
    let happened = |exception: &Exception| differences.iter().any(|one| exception.covers(&one.entries.path));
    let excepted =
        |exception: &Exception| Excepted { happened: happened(exception), exception: exception.clone() };
    exceptions.iter().map(excepted).collect()
}

/// The record of rounds that differ where the recipe says so: nobody asks why.
fn expected(bench: &Bench<'_>, record: Record, terms: &Terms) -> Record {
    let explanation = match &record.rounds[..] {
        [first, second] => explanation::of_rounds(bench, first, second),
        _ => None,
    };
    let verdict = if is_whole(&record, terms) { Verdict::Excepted } else { Verdict::Inconclusive };
    Record { verdict: Some(verdict), explanation, ..record }
}

fn equal(record: &Record, terms: &Terms) -> Verdict {
    if is_whole(record, terms) { Verdict::Reproducible } else { Verdict::Inconclusive }
}

/// Weak rooms prove nothing, nor do others for whoever wants every variation.
fn is_whole(record: &Record, terms: &Terms) -> bool {
    let weak = record.rounds.iter().any(|round| round.outcome.isolation == Isolation::Weak);
    let skipped = record.rounds.iter().any(|round| !round.outcome.skipped.is_empty());
    !(weak || terms.strict && skipped)
}

/// The record of rounds that differ, with what can be found out about that.
fn differing(
    bench: &Bench<'_>,
    job: &Job,
    mut record: Record,
    &Ground { plan, terms, units }: &Ground<'_>,
) -> Result<Record, FlowError> {
    let [first, second] = &record.rounds[..] else { return Ok(record) };
    // Whoever is interrupted now has the rounds, and no verdict.
    bench.store.put_record(&Record { verdict: Some(Verdict::Inconclusive), ..record.clone() })?;
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
