//! How a recipe stands after a verification.

use eadem_model::Verdict;

/// A verdict, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing(Option<Verdict>);

/// How grave a standing is for whoever reads many reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// All is well.
    Good,
    /// The outputs are not what they should be.
    Bad,
    /// Nothing is known of the outputs.
    Open,
}

impl Standing {
    /// Every one, the gravest first.
    pub(crate) const ALL: [Self; 8] = [
        Self(Some(Verdict::Regressed)),
        Self(Some(Verdict::Differs)),
        Self(Some(Verdict::Flaky)),
        Self(Some(Verdict::BuildFailed)),
        Self(None),
        Self(Some(Verdict::Inconclusive)),
        Self(Some(Verdict::Excepted)),
        Self(Some(Verdict::Reproducible)),
    ];

    /// The one that a verdict gives.
    pub const fn of(verdict: Option<Verdict>) -> Self {
        Self(verdict)
    }

    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Some(verdict) => verdict.as_str(),
            None => "not-verified",
        }
    }

    /// How grave it is.
    pub(crate) const fn weight(self) -> Weight {
        match self.0 {
            Some(Verdict::Reproducible | Verdict::Excepted) => Weight::Good,
            Some(Verdict::Differs | Verdict::Flaky | Verdict::Regressed | Verdict::BuildFailed) => {
                Weight::Bad
            }
            Some(Verdict::Inconclusive) | None => Weight::Open,
        }
    }

    /// A sign beside the word, since nothing is said by colour alone.
    pub(crate) const fn sign(self) -> &'static str {
        match self.weight() {
            Weight::Good => "✓",
            Weight::Bad => "✗",
            Weight::Open => "?",
        }
    }

    /// What it means, as a sentence.
    pub(crate) const fn meaning(self) -> &'static str {
        match self.0 {
            Some(Verdict::Reproducible) => "All rounds left the same bytes.",
            Some(Verdict::Excepted) => {
                "The rounds left different bytes where the recipe says so, and nowhere else."
            }
            Some(Verdict::Differs) => "The rounds left different bytes.",
            Some(Verdict::Flaky) => "Two equal rounds left different bytes, too.",
            Some(Verdict::Regressed) => "The rounds left different bytes, and at the base they did not.",
            Some(Verdict::BuildFailed) => "The build itself failed.",
            Some(Verdict::Inconclusive) => "The verification came to no verdict.",
            None => "Nothing was verified.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Standing::ALL.map(Standing::as_str).into();
        assert_eq!(words.len(), Standing::ALL.len());
    }
}
