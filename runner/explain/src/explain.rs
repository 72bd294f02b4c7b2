//! The two ways in, and what they carry along.

use std::{cell::RefCell, collections::BTreeMap};

use eadem_model::{Cause, Change, Explanation, Finding, Normalised, Spot};

use crate::{Blobs, Bounds, Knowledge, Node, bounds::Budget, content, normal, tree};

/// Explains how the bytes of two files differ.
pub fn files(first: &[u8], second: &[u8], known: &Knowledge, bounds: Bounds) -> Explanation {
    let search = Search::new(known, bounds);
    search.compare(0, &[], first, second);
    search.finish()
}

/// A side's tree: what stands at each name, and where the files' bytes come from.
pub type Side<'a> = (&'a BTreeMap<String, Node>, &'a dyn Blobs);

/// Explains how two trees differ, name by name.
///
/// A file that cannot be read is named in [`Explanation::unread`].
pub fn trees(first: Side<'_>, second: Side<'_>, known: &Knowledge, bounds: Bounds) -> Explanation {
    let search = Search::new(known, bounds);
    tree::compare(&search, first, second);
    search.finish()
}

/// What is known, what may be spent, and what was found.
#[derive(Debug)]
pub(crate) struct Search<'k> {
    pub(crate) known: &'k Knowledge,
    pub(crate) budget: Budget,
    findings: RefCell<Vec<Finding>>,
    unread: RefCell<Vec<String>>,
    normalised: RefCell<Vec<Normalised>>,
}

impl<'k> Search<'k> {
    pub(crate) fn new(known: &'k Knowledge, bounds: Bounds) -> Self {
        let (findings, unread, normalised) = Default::default();
        Self { known, budget: Budget::new(bounds), findings, unread, normalised }
    }

    /// Compares the bytes of an output, and says whether they are equal once they are normalised.
    ///
    /// All that was found of the output comes behind the first `before` findings.
    pub(crate) fn compare(&self, before: usize, place: &[Spot], first: &[u8], second: &[u8]) {
        content::compare(self, place, first, second);
        if self.n_findings() == before
            || self.is_full()
            || self.findings.borrow()[before..].iter().any(is_content)
        {
            return;
        }
        if let Some(normalisations) = normal::needed(first, second, self.budget.bounds) {
            let output = place.first().map(|_| worded(place));
            self.normalised.borrow_mut().push(Normalised { output, normalisations });
        }
    }

    /// Adds a finding, if there is room.
    pub(crate) fn find(&self, place: &[Spot], change: Change, causes: Vec<Cause>) {
        self.add(Finding { place: place.to_vec(), change, causes, follows: Vec::new() });
    }

    /// Adds a finding that was made elsewhere.
    pub(crate) fn add(&self, finding: Finding) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() < self.budget.bounds.findings {
            findings.push(finding);
        } else {
            self.budget.say(format!("only the first {} differences are listed", findings.len()));
        }
    }

    /// How many there are.
    pub(crate) fn n_findings(&self) -> usize {
        self.findings.borrow().len()
    }

    /// Whether another one would have a place.
    pub(crate) fn is_full(&self) -> bool {
        self.n_findings() >= self.budget.bounds.findings
    }

    /// Changes those that were added since there were `n`.
    pub(crate) fn since(&self, n: usize, change: impl FnMut(&mut Finding)) {
        self.findings.borrow_mut().iter_mut().skip(n).for_each(change);
    }

    /// Notes a file that cannot be read.
    pub(crate) fn unread(&self, why: String) {
        self.unread.borrow_mut().push(why);
    }

    fn finish(self) -> Explanation {
        let unread = self.unread.into_inner();
        let normalised = self.normalised.into_inner();
        Explanation { findings: self.findings.into_inner(), bounded: self.budget.said(), unread, normalised }
    }
}

/// Whether a finding is of what no normalisation takes out, so that there is no need to look.
fn is_content(finding: &Finding) -> bool {
    match finding.change {
        Change::Only { .. } | Change::Kind { .. } | Change::Lines { .. } | Change::Moved { .. } => true,
        // Of an output itself, and not of what an archive says.
        Change::Attribute { .. } => matches!(finding.place[..], [Spot::File(_)]),
        Change::Order { .. } | Change::Bytes { .. } | Change::Packing => false,
    }
}

/// A place one step further in.
pub(crate) fn within(place: &[Spot], step: Spot) -> Vec<Spot> {
    place.iter().cloned().chain([step]).collect()
}

/// A place in words, as it is said of what was not looked into.
pub(crate) fn worded(place: &[Spot]) -> String {
    let name = |step: &Spot| match step {
        Spot::File(name) | Spot::Packed(name) | Spot::Member(name) => name.clone(),
        Spot::Section(name) | Spot::Symbol(name) => name.clone(),
    };
    if place.is_empty() {
        "the file".to_owned()
    } else {
        place.iter().map(name).collect::<Vec<_>>().join(" → ")
    }
}
