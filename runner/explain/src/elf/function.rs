//! Machine code, function by function.

use super::{Both, Pair, image::Symbol, line::Lines, name::demangled};
use eadem_model::{Cause, Change, Confidence, Reason, Spot};

use crate::{
    align,
    cause::{self, Ground, quoted},
    content,
    explain::{Search, within},
    region::{Region, Regions},
};

/// As many functions are listed.
const LISTED: usize = 40;

/// Compares the functions of a section; without any, its bytes.
pub(super) fn compare(search: &Search<'_>, place: &[Spot], both: &Both<'_>, pair: &Pair) {
    let code = Code { search, place, both, pair };
    let functions = code.functions();
    let (mut moved, mut changed) = (0, Vec::new());
    for (left, right) in &functions {
        match code.look(*left, *right) {
            Some((words, rest)) if rest.total == 0 => moved += words,
            Some((_, rest)) => changed.push((*left, *right, rest)),
            None => {}
        }
    }
    let alone = code.alone();
    if functions.is_empty() || (moved == 0 && changed.is_empty() && alone.is_empty()) {
        return super::data::compare(search, place, both, pair);
    }
    code.list(&changed, &alone);
    if moved > 0 {
        search.find(place, Change::Moved { addresses: moved }, Vec::new());
    }
}

struct Code<'a> {
    search: &'a Search<'a>,
    place: &'a [Spot],
    both: &'a Both<'a>,
    pair: &'a Pair,
}

type Changed<'a> = (Symbol<'a>, Symbol<'a>, Regions);

impl<'a> Code<'a> {
    /// The functions of this section, each once.
    fn functions(&self) -> Vec<(Symbol<'a>, Symbol<'a>)> {
        let Both { first, second, matches, .. } = self.both;
        let here = |symbol: &Symbol<'_>| {
            symbol.section as usize == self.pair.first && symbol.is_code && symbol.size > 0
        };
        let pairs = matches
            .both
            .iter()
            .map(|(left, right)| (first.symbols[*left as usize], second.symbols[*right as usize]));
        let mut functions: Vec<_> = pairs.filter(|(left, _)| here(left)).collect();
        functions.dedup_by_key(|(left, right)| (left.address, right.address, left.size, right.size));
        functions
    }

    /// Functions that one side alone has.
    fn alone(&self) -> Vec<(Symbol<'a>, u8)> {
        let Both { first, second, matches, .. } = self.both;
        let left = matches.first.iter().map(|at| (first.symbols[*at as usize], 1));
        let right = matches.second.iter().map(|at| (second.symbols[*at as usize], 2));
        let here = |(symbol, side): &(Symbol<'_>, u8)| {
            let section = if *side == 1 { self.pair.first } else { self.pair.second };
            symbol.section as usize == section && symbol.is_code && symbol.size > 0
        };
        left.chain(right).filter(here).collect()
    }

    /// What of a function moved, and what differs; none if it is equal or lies outside its section.
    fn look(&self, left: Symbol<'a>, right: Symbol<'a>) -> Option<(u64, Regions)> {
        let region = Region { first: self.range(0, left)?, second: self.range(1, right)? };
        let [first, second] = self.bytes();
        let (one, two) = (&first[region.first.clone()], &second[region.second.clone()]);
        if one == two {
            return None;
        }
        if one.len() == two.len() {
            let looked = self.both.words(self.pair).look(&region);
            return Some((looked.moved, looked.rest));
        }
        let mut regions = align::shifted(one, two);
        for found in &mut regions.kept {
            found.first = found.first.start + region.first.start..found.first.end + region.first.start;
            found.second = found.second.start + region.second.start..found.second.end + region.second.start;
        }
        Some((0, regions))
    }

    fn bytes(&self) -> [&'a [u8]; 2] {
        [self.both.first.sections[self.pair.first].data, self.both.second.sections[self.pair.second].data]
    }

    /// A function's bytes in its section.
    fn range(&self, side: usize, symbol: Symbol<'_>) -> Option<std::ops::Range<usize>> {
        let image = [&self.both.first, &self.both.second][side];
        let section = &image.sections[[self.pair.first, self.pair.second][side]];
        let offset = symbol.address.checked_sub(if image.is_relocatable() { 0 } else { section.address })?;
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(symbol.size).ok()?)?;
        (end <= section.data.len()).then_some(start..end)
    }

    fn list(&self, changed: &[Changed<'a>], alone: &[(Symbol<'a>, u8)]) {
        let lines = Lines::of([&self.both.first, &self.both.second], self.search.budget.left());
        for (left, right, rest) in changed.iter().take(LISTED) {
            self.tell(*left, *right, rest, &lines);
        }
        for (symbol, side) in alone.iter().take(LISTED) {
            let place = within(self.place, Spot::Symbol(demangled(symbol.name)));
            self.search.find(&place, Change::Only { side: *side }, Vec::new());
        }
        let more =
            (changed.len() + alone.len()).saturating_sub(changed.len().min(LISTED) + alone.len().min(LISTED));
        if more > 0 {
            self.search.budget.say(format!("{more} more functions differ than are listed"));
        }
    }

    fn tell(&self, left: Symbol<'a>, right: Symbol<'a>, rest: &Regions, lines: &Lines<'a>) {
        let [first, second] = self.bytes();
        let sections =
            [&self.both.first.sections[self.pair.first], &self.both.second.sections[self.pair.second]];
        let start = sections.map(|section| section.address);
        let at = rest.kept.first().map_or(0, |region| region.first.start as u64);
        let source = lines.find(start[0] + at, left.address).map(|line| format!(" ({line})"));
        let name = format!("{}{}", demangled(left.name), source.unwrap_or_default());
        let change = match content::change(self.search, first, second, rest, start) {
            Change::Bytes { differing, total, windows, .. } => {
                Change::Bytes { sizes: [left.size, right.size], differing, total, windows }
            }
            other => other,
        };
        self.search.find(
            &within(self.place, Spot::Symbol(name)),
            change,
            self.causes(rest, [left.size, right.size]),
        );
    }

    /// A rule may know a number in the code; else the code itself is another one.
    fn causes(&self, rest: &Regions, sizes: [u64; 2]) -> Vec<Cause> {
        let [first, second] = self.bytes();
        let known = content::causes(self.search.known, [first, second], rest, Ground::Code);
        let sure: Vec<Cause> =
            known.into_iter().filter(|cause| cause.confidence != Confidence::Unknown).collect();
        if !sure.is_empty() {
            return sure;
        }
        let evidence = if sizes[0] == sizes[1] {
            "instructions of the function differ".to_owned()
        } else {
            format!("the function has {} bytes", quoted(&sizes.map(|size| size.to_string())))
        };
        vec![cause::cause(Reason::Code, evidence, Confidence::Unknown)]
    }
}
