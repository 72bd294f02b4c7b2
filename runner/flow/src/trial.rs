//! Further rounds, which tell why the first two differ.

use std::collections::BTreeSet;

use eadem_cargo::Pass;
use eadem_model::{Ending, Event, Plan, Round, RoundRecord, Tree, TreePath, Trial, Variation};

use crate::{
    Bench, BuildFailure, FlowError, Job,
    round::{FIRST_TRIAL, Ran},
    rounds::OfUnits,
    suspect::Suspect,
    units::{Climbed, one_room},
};

/// What a trial gave of each suspect: what differs from the first round, or nothing if nothing does.
pub(crate) type Differing = Vec<Option<Tree>>;

/// Rounds of the same plan in settings that lie between the first round's and the second's.
pub(crate) struct Trials<'a> {
    pub(crate) bench: &'a Bench<'a>,
    pub(crate) job: &'a Job,
    pub(crate) plan: &'a Plan,
    /// The first round and the second.
    pub(crate) rounds: [&'a RoundRecord; 2],
    pub(crate) units: Option<&'a OfUnits<'a>>,
    pub(crate) suspects: &'a [Suspect],
    /// How many there may be.
    pub(crate) most: usize,
    /// Those that were made.
    pub(crate) made: Vec<(Trial, Differing)>,
    /// The round of the last one.
    pub(crate) last: Option<RoundRecord>,
    /// Whether one of them could not be made.
    pub(crate) is_over: bool,
}

impl Trials<'_> {
    /// Varies these alone, unless that was tried before. Nothing: it cannot be tried, and that was said.
    pub(crate) fn run(&mut self, these: &BTreeSet<Variation>) -> Result<Option<Differing>, FlowError> {
        if let Some((_, known)) = self.made.iter().find(|(trial, _)| trial.varied == *these) {
            return Ok(Some(known.clone()));
        }
        if self.made.len() >= self.most || self.is_over {
            return Ok(None);
        }
        let differing = self.make(these)?;
        self.is_over = differing.is_none();
        Ok(differing)
    }

    fn make(&mut self, these: &BTreeSet<Variation>) -> Result<Option<Differing>, FlowError> {
        let setting = self.rounds[0].setting.clone().with(&self.rounds[1].setting, these);
        let ran = match self.ran(&Round { plan: self.plan.clone(), setting }) {
            Err(error) => return Ok(self.give_up(&error.to_string())),
            Ok(ran) => ran,
        };
        let differing = match ran {
            Ran { failure: Some(failure), .. } if failure.ending == Ending::Cancelled => {
                return Err(FlowError::Build(Box::new(failure)));
            }
            Ran { failure: Some(failure), .. } => return Ok(self.give_up(&ended(&failure))),
            Ran { record, .. } => self.differing(&record).map(|differing| (record, differing)),
        };
        let Some((record, differing)) = differing else {
            return Ok(self.give_up("it made other units than the first round"));
        };
        let trial = self.told(these, &record, &differing);
        self.last = Some(record);
        self.made.push((trial, differing.clone()));
        Ok(Some(differing))
    }

    fn ran(&self, round: &Round) -> Result<Ran, FlowError> {
        let n_round = FIRST_TRIAL + self.made.len();
        let Some(OfUnits { ledger, stand }) = self.units else {
            return one_room(self.bench, self.job, (round, n_round), Vec::new());
        };
        match stand.drive(self.bench, self.job, (round, n_round), Pass::Trial(ledger))? {
            Climbed::Bore(ran) => Ok(ran),
            Climbed::Fell(why, rung) => {
                Err(FlowError::Rung { recipe: self.job.recipe.name.clone(), rung, why })
            }
        }
    }

    /// What a trial tells of each suspect; nothing if it does not tell of each.
    fn differing(&self, record: &RoundRecord) -> Option<Differing> {
        if let Some(OfUnits { ledger, .. }) = self.units {
            let mut trial = ledger.take_trial();
            return self.suspects.iter().map(|suspect| trial.remove(&suspect.key()?)).collect();
        }
        let (first, tree) = (self.rounds[0].tree.as_ref()?, record.tree.as_ref()?);
        let changed = |suspect: &Suspect| suspect.path().and_then(|path| changed(first, tree, path));
        Some(self.suspects.iter().map(changed).collect())
    }

    fn told(&self, these: &BTreeSet<Variation>, record: &RoundRecord, differing: &Differing) -> Trial {
        let differed = self.suspects.iter().zip(differing).filter(|(_, tree)| tree.is_some());
        let differed = differed.map(|(suspect, _)| suspect.name.clone()).collect();
        Trial { varied: these.clone(), differed, log: record.log.clone() }
    }

    fn give_up(&self, why: &str) -> Option<Differing> {
        let message = format!("why `{}` differs is not looked for any further: {why}", self.job.recipe.name);
        self.bench.tell(Event::Warning { message });
        None
    }
}

/// One entry of a tree, if it is not as the first has it.
fn changed(first: &Tree, second: &Tree, path: &TreePath) -> Option<Tree> {
    let entry = second.entries.get(path);
    (first.entries.get(path) != entry)
        .then(|| Tree { entries: entry.map(|entry| (path.clone(), entry.clone())).into_iter().collect() })
}

fn ended(failure: &BuildFailure) -> String {
    format!("a further round did not end well; its log is {}", failure.log.display())
}
