//! Which symbol of one file is which of the other.

use super::{
    Pair,
    image::{Image, Symbol},
    name::stable,
};

/// More names are not taken apart.
const NAMED: usize = 100_000;

/// Symbols of both files that are the same thing, by their places in both tables.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// In the order of the first file's addresses.
    pub(crate) both: Vec<(u32, u32)>,
    /// Those of the first file alone.
    pub(crate) first: Vec<u32>,
    /// Those of the second file alone.
    pub(crate) second: Vec<u32>,
}

impl Matches {
    /// Matches by section and name; of what is left, by name without hashes.
    pub(crate) fn of(first: &Image<'_>, second: &Image<'_>, pairs: &[Pair]) -> Self {
        let (left, right) = (&first.symbols, &second.symbols);
        let mut section = vec![u32::MAX; first.sections.len()];
        pairs.iter().for_each(|pair| section[pair.first] = u32::try_from(pair.second).unwrap_or(u32::MAX));
        let same = |(left, right): &(&Symbol<'_>, &Symbol<'_>)| {
            left.name == right.name && section[left.section as usize] == right.section
        };
        // Mostly, both tables have the same order.
        let head = left.iter().zip(right).take_while(same).count();
        let mut matches = Self {
            both: (0..head as u32).map(|at| (at, at)).collect(),
            first: (head as u32..left.len() as u32).collect(),
            second: (head as u32..right.len() as u32).collect(),
        };
        matches.merge(
            |at| (section[left[at].section as usize], left[at].name, left[at].address),
            |at| (right[at].section, right[at].name, right[at].address),
        );
        if matches.first.len().max(matches.second.len()) <= NAMED {
            matches.merge_stable(left, right, |at| section[left[at].section as usize]);
        }
        matches.both.sort_unstable_by_key(|(at, _)| (left[*at as usize].section, left[*at as usize].address));
        matches
    }

    /// Takes what has equal sections and names out of what is left; those of one name in their order.
    fn merge<'a>(
        &mut self,
        left: impl Fn(usize) -> (u32, &'a [u8], u64),
        right: impl Fn(usize) -> (u32, &'a [u8], u64),
    ) {
        self.first.sort_by_key(|at| left(*at as usize));
        self.second.sort_by_key(|at| right(*at as usize));
        let (first, second) = (std::mem::take(&mut self.first), std::mem::take(&mut self.second));
        let (mut one, mut two) = (first.into_iter().peekable(), second.into_iter().peekable());
        while let (Some(at), Some(other)) = (one.peek().copied(), two.peek().copied()) {
            let (from, to) = (left(at as usize), right(other as usize));
            match (from.0, from.1).cmp(&(to.0, to.1)) {
                std::cmp::Ordering::Less => self.first.extend(one.next()),
                std::cmp::Ordering::Greater => self.second.extend(two.next()),
                std::cmp::Ordering::Equal => self.both.extend(one.next().zip(two.next())),
            }
        }
        self.first.extend(one);
        self.second.extend(two);
    }

    /// The same by names without hashes.
    fn merge_stable(&mut self, left: &[Symbol<'_>], right: &[Symbol<'_>], section: impl Fn(usize) -> u32) {
        let (first, second) = (std::mem::take(&mut self.first), std::mem::take(&mut self.second));
        let names = |table: &[Symbol<'_>], all: &[u32]| -> Vec<Vec<u8>> {
            all.iter().map(|at| stable(table[*at as usize].name)).collect()
        };
        let (first_names, second_names) = (names(left, &first), names(right, &second));
        let count = |all: &[u32]| (0..all.len() as u32).collect();
        let mut inner = Self { both: Vec::new(), first: count(&first), second: count(&second) };
        inner.merge(
            |at| (section(first[at] as usize), &first_names[at], at as u64),
            |at| (right[second[at] as usize].section, &second_names[at], at as u64),
        );
        self.both.extend(inner.both.iter().map(|(at, other)| (first[*at as usize], second[*other as usize])));
        self.first.extend(inner.first.iter().map(|at| first[*at as usize]));
        self.second.extend(inner.second.iter().map(|at| second[*at as usize]));
    }
}
