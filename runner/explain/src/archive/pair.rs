//! Which member of one archive is which of the other.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use super::Member;

/// Members that belong together, by their places in both archives.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) both: Vec<(usize, usize)>,
    pub(super) first: Vec<usize>,
    pub(super) second: Vec<usize>,
}

/// What a compiler puts into names, and what may differ between builds.
static HASH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8,}|[0-9a-z]{13,}").expect("the expression is a constant"));

impl Pairs {
    /// Pairs by name; of what is left, by name without hashes. Equal names pair in their order.
    pub(super) fn of(first: &[Member<'_>], second: &[Member<'_>]) -> Self {
        let all =
            Self { both: Vec::new(), first: (0..first.len()).collect(), second: (0..second.len()).collect() };
        let named = all.paired(|member| member.name.clone(), first, second);
        let mut pairs =
            named.paired(|member| HASH.replace_all(&member.name, "*").into_owned(), first, second);
        pairs.both.sort_unstable();
        pairs
    }

    fn paired(
        mut self,
        key: impl Fn(&Member<'_>) -> String,
        first: &[Member<'_>],
        second: &[Member<'_>],
    ) -> Self {
        let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for at in self.second.iter().rev() {
            by_key.entry(key(&second[*at])).or_default().push(*at);
        }
        let mut alone = Vec::new();
        for at in std::mem::take(&mut self.first) {
            match by_key.get_mut(&key(&first[at])).and_then(Vec::pop) {
                Some(other) => self.both.push((at, other)),
                None => alone.push(at),
            }
        }
        self.first = alone;
        self.second = by_key.into_values().flatten().collect();
        self.second.sort_unstable();
        self
    }

    /// The names at the first place where the order of common members parts.
    pub(super) fn order(&self, first: &[Member<'_>], second: &[Member<'_>]) -> Option<[String; 2]> {
        let mut sorted: Vec<usize> = self.both.iter().map(|(_, right)| *right).collect();
        sorted.sort_unstable();
        let parted = self.both.iter().zip(&sorted).find(|((_, right), wanted)| right != *wanted);
        parted.map(|((left, _), right)| [first[*left].name.clone(), second[*right].name.clone()])
    }
}
