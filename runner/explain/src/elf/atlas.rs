//! Where each address of the first file is in the second.

use super::{
    Nature, Pair,
    image::{Image, Section},
    symbol::Matches,
};
use crate::{content, region::Region};

/// Addresses that moved together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: u64,
    end: u64,
    to: u64,
}

/// As many distances are tried for what is relative to an unknown place.
const DISTANCES: usize = 64;

/// The pieces, by their addresses in the first file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Atlas {
    pieces: Vec<Piece>,
    /// How far code moved, each distance once.
    pub(crate) code: Vec<u64>,
    /// How much longer texts became, each length once.
    pub(crate) lengths: Vec<i64>,
    /// Places of data that changed and moved.
    twins: Vec<(u64, u64)>,
}

impl Atlas {
    /// Puts together what symbols, regions and sections say. Object files have no addresses.
    pub(crate) fn of(first: &Image<'_>, second: &Image<'_>, pairs: &[Pair], matches: &Matches) -> Self {
        let mut atlas = Self { lengths: lengths(first, second, pairs), ..Self::default() };
        if first.is_relocatable() || second.is_relocatable() {
            return atlas;
        }
        for pair in pairs {
            let (left, right) = (&first.sections[pair.first], &second.sections[pair.second]);
            if !left.is_loaded() || !right.is_loaded() {
                continue;
            }
            atlas.add_twins(pair, left, right);
            match &pair.regions {
                Some(regions) => atlas.add_regions(&regions.kept, left, right),
                None => atlas.add(left.address, left.range().end, right.address),
            }
            if pair.nature == Nature::Code || left.data.is_empty() {
                atlas.add_symbols(first, second, matches, pair.first);
            }
        }
        atlas.pieces.sort_by_key(|piece| piece.start);
        atlas.twins.sort_unstable();
        atlas
    }

    /// Adds addresses that follow those added before, if they are of the same section.
    fn add(&mut self, start: u64, end: u64, to: u64) {
        match self.pieces.last_mut() {
            Some(last) if last.end == start && last.to.wrapping_sub(last.start) == to.wrapping_sub(start) => {
                last.end = end;
            }
            _ => self.pieces.push(Piece { start, end, to }),
        }
    }

    fn add_regions(&mut self, regions: &[Region], left: &Section<'_>, right: &Section<'_>) {
        let (mut at, mut to) = (left.address, right.address);
        for region in regions {
            let [start, end] = [region.first.start, region.first.end].map(|it| left.address + it as u64);
            self.add(at, start, to);
            self.add(start, end, right.address + region.second.start as u64);
            (at, to) = (end, right.address + region.second.end as u64);
        }
        self.add(at, left.range().end.max(at), to);
    }

    fn add_twins(&mut self, pair: &Pair, left: &Section<'_>, right: &Section<'_>) {
        let Some(regions) = pair.regions.as_ref().filter(|regions| regions.are_moved() || regions.total == 1)
        else {
            return;
        };
        let sides = [left.data, right.data];
        let changed =
            content::changed_texts(sides, regions).into_iter().chain(content::moved_words(sides, regions));
        let place =
            |it: Region| (left.address + it.first.start as u64, right.address + it.second.start as u64);
        self.twins.extend(changed.map(place));
    }

    /// Functions may have moved within their section: takes its piece apart.
    fn add_symbols(&mut self, first: &Image<'_>, second: &Image<'_>, matches: &Matches, section: usize) {
        let Some(whole) = self.pieces.pop() else { return };
        let (mut at, mut to) = (whole.start, whole.to);
        for (left, right) in &matches.both {
            let (left, right) = (&first.symbols[*left as usize], &second.symbols[*right as usize]);
            let is_here = left.section as usize == section && left.address > at && left.address < whole.end;
            if is_here && right.address.wrapping_sub(left.address) != to.wrapping_sub(at) {
                self.note(at, left.address, to);
                (at, to) = (left.address, right.address);
            }
        }
        self.note(at, whole.end, to);
    }

    fn note(&mut self, start: u64, end: u64, to: u64) {
        let distance = to.wrapping_sub(start);
        if self.code.len() < DISTANCES && !self.code.contains(&distance) {
            self.code.push(distance);
        }
        self.pieces.push(Piece { start, end, to });
    }

    /// How far the bytes at an address moved.
    pub(crate) fn distance(&self, address: u64) -> Option<u64> {
        let after = self.pieces.partition_point(|piece| piece.start <= address);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        (address <= piece.end).then(|| piece.to.wrapping_sub(piece.start))
    }

    /// Whether one address in the first file is another one in the second. The end of a piece is also a place.
    pub(crate) fn leads(&self, from: u64, to: u64) -> bool {
        let after = self.pieces.partition_point(|piece| piece.start <= from);
        let near = after.saturating_sub(2)..after;
        let fits =
            |piece: &Piece| from <= piece.end && from.wrapping_sub(piece.start).wrapping_add(piece.to) == to;
        self.pieces[near].iter().any(fits) || self.twins.binary_search(&(from, to)).is_ok()
    }
}

/// The differences of length that data show.
fn lengths(first: &Image<'_>, second: &Image<'_>, pairs: &[Pair]) -> Vec<i64> {
    let mut lengths = Vec::new();
    for pair in pairs {
        let Some(regions) = &pair.regions else { continue };
        let sides = [first.sections[pair.first].data, second.sections[pair.second].data];
        let of = |left: usize, right: usize| right as i64 - left as i64;
        let inserted = regions.kept.iter().map(|region| of(region.first.len(), region.second.len()));
        let texts = content::moved_texts(sides, regions);
        lengths.extend(inserted.chain(texts.iter().map(|text| of(text.first.len(), text.second.len()))));
    }
    lengths.retain(|longer| *longer != 0);
    lengths.sort_unstable();
    lengths.dedup();
    lengths.truncate(DISTANCES);
    lengths
}
