//! `verify`: two rounds that share their inputs and nothing else.

use std::io::{BufReader, Read};

use eadem_model::{
    At, Difference, Digest, Ending, Entry, Event, Isolation, OutputDifference, Phase, Record, Round,
    RoundRecord, RunId, Tree, Verdict,
};
use eadem_store::{Store, StoreError};

use crate::{Bench, BuildFailure, FlowError, Job, build, explanation, prepare, rounds, units};

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

/// Builds a job in two different rooms and compares, unless a proof answers.
pub fn verify(bench: &Bench<'_>, job: &Job, proofs: Proofs) -> Result<Verification, FlowError> {
    // First, since a local directory may have changed since it was locked.
    prepare(bench, job)?;
    let plan = job.plan();
    let (first, second) = (Round::baseline(plan.clone()), Round::varied(plan));
    let digest = first.plan.digest();
    if proofs == Proofs::Use
        && let Some(record) = proof(bench, job, &digest, [&first, &second])?
    {
        return Ok(Verification { record, differences: Vec::new(), is_proof: true });
    }
    bench.store.put_plan(&first.plan)?;
    let rounds = rounds::run(bench, job, [&first, &second], proofs)?;
    if let Some(failure) = rounds.failure {
        let record = build::record(bench, job, digest, rounds.records);
        bench.store.put_record(&Record { verdict: Some(verdict_of(&failure)), ..record })?;
        return Err(FlowError::Build(Box::new(failure)));
    }
    compare(bench, build::record(bench, job, digest, rounds.records))
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
    let proves = record.verdict == Some(Verdict::Reproducible) && record.plan == *plan && whole && equal;
    proves.then_some(tree)
}

fn compare(bench: &Bench<'_>, record: Record) -> Result<Verification, FlowError> {
    let subject = record.recipe.to_string();
    bench.tell(Event::Start { phase: Phase::Compare, subject: subject.clone(), total: 0 });
    let differences = differences(bench.store, &record)?;
    let verdict = judge(&record, differences.is_empty());
    let explanation = match (verdict, &record.rounds[..]) {
        (Verdict::Differs, [first, second]) => explanation::of_rounds(bench.store, first, second),
        _ => None,
    };
    let record = Record { verdict: Some(verdict), explanation, ..record };
    bench.store.put_record(&record)?;
    bench.tell(Event::Done { phase: Phase::Compare, subject });
    Ok(Verification { record, differences, is_proof: false })
}

/// Weak rooms prove nothing.
fn judge(record: &Record, is_equal: bool) -> Verdict {
    let weak = record.rounds.iter().any(|round| round.outcome.isolation == Isolation::Weak);
    match (is_equal, weak) {
        (false, _) => Verdict::Differs,
        (true, true) => Verdict::Inconclusive,
        (true, false) => Verdict::Reproducible,
    }
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
