//! What differs between two rounds, one by one: a unit that does so by itself, or an output of one room.

use eadem_cargo::Ledger;
use eadem_explain::Knowledge;
use eadem_model::{
    Cause, Confidence, Digest, Exception, Explanation, Finding, Reason, RoundRecord, Spot, Tree, TreePath,
    UnitsCheck,
};
use eadem_store::Store;

use crate::explanation;

/// Something that differs, and how.
pub(crate) struct Suspect {
    /// What it is, in words.
    pub(crate) name: String,
    what: What,
    /// As the first round had it, and as the second.
    pub(crate) trees: [Tree; 2],
    /// Of the two.
    pub(crate) explanation: Explanation,
    /// Whether the recipe says that it differs.
    pub(crate) is_expected: bool,
}

enum What {
    Unit(Digest),
    Output(TreePath),
}

impl Suspect {
    /// The key, if it is a unit.
    pub(crate) fn key(&self) -> Option<Digest> {
        match &self.what {
            What::Unit(key) => Some(*key),
            What::Output(_) => None,
        }
    }

    /// The path, if it is an output.
    pub(crate) fn path(&self) -> Option<&TreePath> {
        match &self.what {
            What::Unit(_) => None,
            What::Output(path) => Some(path),
        }
    }

    /// Whether nothing is left to find out by trying.
    pub(crate) fn is_explained(&self) -> bool {
        self.is_expected || !self.explanation.findings.iter().any(is_unexplained)
    }

    /// The places whose cause is not known for certain, and may be found by trying.
    pub(crate) fn unexplained(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.explanation.findings.iter_mut().filter(|finding| is_unexplained(finding))
    }
}

fn is_unexplained(finding: &Finding) -> bool {
    // No trial holds the time still; and where memory leaks, whatever moves it is no cause.
    let is_beyond = |reason: &Reason| matches!(reason, Reason::Timestamp | Reason::Address | Reason::Padding);
    let explains = |cause: &Cause| cause.confidence == Confidence::Proven || is_beyond(&cause.cause);
    let is_unknown = |cause: &Cause| cause.confidence == Confidence::Unknown;
    let explained = finding.causes.iter().any(explains) && !finding.causes.iter().any(is_unknown);
    finding.follows.is_empty() && !explained
}

/// The units that differ by themselves.
pub(crate) fn of_units(
    store: &Store,
    ledger: &Ledger,
    check: &UnitsCheck,
    known: &Knowledge,
) -> Vec<Suspect> {
    let suspect = |(suspect, blame): (eadem_cargo::Suspect, &eadem_model::Blame)| {
        let eadem_cargo::Suspect { key, trees } = suspect;
        let explanation = explanation::explain_trees(store, &trees[0], &trees[1], known);
        Suspect { name: blame.name(), what: What::Unit(key), trees, explanation, is_expected: false }
    };
    ledger.suspects().into_iter().zip(&check.guilty).map(suspect).collect()
}

/// The outputs that differ, with what is known of each.
pub(crate) fn of_outputs(
    rounds: [&RoundRecord; 2],
    whole: &Explanation,
    expected: &[Exception],
) -> Vec<Suspect> {
    let [Some(first), Some(second)] = rounds.map(|round| round.tree.as_ref()) else { return Vec::new() };
    let suspect = |path: TreePath| {
        let is_of = |finding: &&Finding| finding.place.first() == Some(&Spot::File(path.to_string()));
        let findings = whole.findings.iter().filter(is_of).cloned().collect();
        Suspect {
            name: path.to_string(),
            trees: [first, second].map(|tree| only(tree, &path)),
            explanation: Explanation { findings, ..Explanation::default() },
            is_expected: expected.iter().any(|exception| exception.covers(&path)),
            what: What::Output(path),
        }
    };
    first.differences(second).into_iter().map(|difference| suspect(difference.path)).collect()
}

fn only(tree: &Tree, path: &TreePath) -> Tree {
    let entry = tree.entries.get(path).map(|entry| (path.clone(), entry.clone()));
    Tree { entries: entry.into_iter().collect() }
}
