//! The two rounds of a verification: of units one by one, or of the whole build in one room each.

use std::time::Duration;

use eadem_cargo::{Ledger, Pass, Reuse};
use eadem_model::{Round, RoundRecord};

use crate::{
    Bench, BuildFailure, FlowError, Job, Proofs,
    round::Ran,
    units::{Climbed, Stand, climb, one_room, with_falls},
};

/// What the rounds gave, as far as they went.
#[derive(Default)]
pub(crate) struct Rounds<'a> {
    pub(crate) records: Vec<RoundRecord>,
    /// Why the last one did not end well.
    pub(crate) failure: Option<BuildFailure>,
    /// What is known of their units, if they were cut.
    pub(crate) units: Option<OfUnits<'a>>,
}

/// What the passes over units know, and where they were made.
pub(crate) struct OfUnits<'a> {
    pub(crate) ledger: Ledger,
    pub(crate) stand: Stand<'a>,
}

impl Rounds<'_> {
    fn take(&mut self, ran: Ran) {
        self.records.push(ran.record);
        self.failure = ran.failure;
    }
}

/// Runs a baseline's round and a varied one, on the highest rung that the recipe allows and that bears.
pub(crate) fn run<'a>(
    bench: &Bench<'a>,
    job: &Job,
    rounds: [&Round; 2],
    proofs: Proofs,
) -> Result<Rounds<'a>, FlowError> {
    let (of_units, fell) = climb(bench, job, |stand| unit_by_unit(bench, job, stand, rounds, proofs))?;
    match of_units {
        Some(rounds) => {
            let with_falls = |record| with_falls(Ran { record, failure: None }, fell.clone()).record;
            let records = rounds.records.into_iter().map(with_falls).collect();
            Ok(Rounds { records, ..rounds })
        }
        None => room_by_room(bench, job, rounds, &fell),
    }
}

fn room_by_room<'a>(
    bench: &Bench<'a>,
    job: &Job,
    rounds: [&Round; 2],
    fell: &[String],
) -> Result<Rounds<'a>, FlowError> {
    let mut done = Rounds::default();
    for (index, round) in rounds.into_iter().enumerate() {
        if index > 0 {
            // By the machine's clock, which no room moves, files were written until now.
            wait_for_another_second(bench, (bench.clock)());
        }
        done.take(one_room(bench, job, (round, index + 1), fell.to_vec())?);
        if done.failure.is_some() {
            break;
        }
    }
    Ok(done)
}

/// The second round is what cargo makes of units that were each checked alone; where one differs, cargo makes
/// it once more of what differs.
fn unit_by_unit<'a>(
    bench: &Bench<'a>,
    job: &Job,
    stand: &Stand<'a>,
    [first, second]: [&Round; 2],
    proofs: Proofs,
) -> Result<Climbed<Rounds<'a>>, FlowError> {
    let ledger = Ledger::default();
    let reuse = match proofs {
        Proofs::Use => Reuse::Stored,
        Proofs::Ignore => Reuse::Nothing,
    };
    let mut rounds = Rounds::default();
    match stand.drive(bench, job, (first, 1), Pass::First(reuse, &ledger))? {
        Climbed::Fell(why, to) => return Ok(Climbed::Fell(why, to)),
        Climbed::Bore(ran) => rounds.take(ran),
    }
    if rounds.failure.is_some() {
        return Ok(Climbed::Bore(rounds));
    }
    wait_for_another_second(bench, (bench.clock)());
    let mut ran = match stand.drive(bench, job, (second, 2), Pass::Alone(&ledger))? {
        Climbed::Fell(why, to) => return Ok(Climbed::Fell(why, to)),
        Climbed::Bore(ran) => ran,
    };
    if ran.failure.is_none() && !ledger.is_settled() {
        ran = match stand.drive(bench, job, (second, 3), Pass::Following(&ledger))? {
            Climbed::Fell(why, to) => return Ok(Climbed::Fell(why, to)),
            Climbed::Bore(last) => last,
        };
    }
    if let Some(units) = &mut ran.record.units {
        units.check = Some(ledger.check());
    }
    rounds.take(ran);
    rounds.units = Some(OfUnits { ledger, stand: *stand });
    Ok(Climbed::Bore(rounds))
}

/// A program that writes down the second in which it runs must not be taken for reproducible.
fn wait_for_another_second(bench: &Bench<'_>, second: u64) {
    while (bench.clock)() == second {
        std::thread::sleep(Duration::from_millis(10));
    }
}
