//! Words that differ because what they name has moved.

use super::{
    Both, Nature,
    image::{Image, Section},
};
use crate::{
    align::equal_length,
    region::{Region, Regions},
};

/// Larger numbers are no lengths of texts.
const LENGTH: i64 = 1 << 20;
/// As many equal bytes at two addresses say that the same thing is there.
const SAME: usize = 4;
/// As many, if all have one value.
const UNIFORM: usize = 16;

/// A section of both files, read as words.
pub(crate) struct Words<'a> {
    both: &'a Both<'a>,
    sides: [&'a Section<'a>; 2],
    nature: Nature,
}

/// What came of looking at words.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// How many words name something that moved.
    pub(crate) moved: u64,
    /// What else differs.
    pub(crate) rest: Regions,
}

impl<'a> Words<'a> {
    pub(crate) fn new(both: &'a Both<'a>, sides: [&'a Section<'a>; 2], nature: Nature) -> Self {
        Self { both, sides, nature }
    }

    /// Looks at two ranges of equal length; offsets in what is returned are those of the section.
    pub(crate) fn look(&self, region: &Region) -> Looked {
        let mut looked = Looked::default();
        let [first, second] = self.sides.map(|side| side.data);
        let (left, right) = (&first[region.first.clone()], &second[region.second.clone()]);
        let mut at = equal_length(left, right);
        while at < left.len().min(right.len()) {
            let places = [region.first.start + at, region.second.start + at];
            let next = match self.moved(places) {
                Some(width) => {
                    looked.moved += 1;
                    at + width
                }
                None => {
                    let [first, second] = places;
                    looked.rest.push(Region { first: first..first + 1, second: second..second + 1 }, 1);
                    at + 1
                }
            };
            at = next.min(left.len());
            at += equal_length(&left[at..], &right[at.min(right.len())..]);
        }
        looked.rest.close();
        looked
    }

    /// How many bytes from these places on belong to a word that is explained.
    fn moved(&self, places: [usize; 2]) -> Option<usize> {
        let four = (0..4).find(|back| self.word(places, *back, 4).is_some_and(|word| self.four(&word)));
        if let Some(back) = four {
            return Some(4 - back);
        }
        let eight = (0..8).find(|back| self.word(places, *back, 8).is_some_and(|word| self.eight(&word)));
        eight.map(|back| 8 - back).or_else(|| self.longer(places).then_some(1))
    }

    fn word(&self, places: [usize; 2], back: usize, width: usize) -> Option<Word> {
        let read = |side: usize| {
            let at = places[side].checked_sub(back)?;
            let bytes = self.sides[side].data.get(at..at + width)?;
            let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            let value = if self.both.first.is_little() {
                bytes.iter().rev().fold(0, fold)
            } else {
                bytes.iter().fold(0, fold)
            };
            Some((self.sides[side].address.wrapping_add(at as u64), value))
        };
        let ((left, first), (right, second)) = (read(0)?, read(1)?);
        Some(Word { addresses: [left, right], values: [first, second] })
    }

    /// A word of four bytes: relative to its end, its start or the section, or absolute.
    fn four(&self, word: &Word) -> bool {
        let signed = word.values.map(|value| i64::from(value as u32 as i32) as u64);
        let from =
            |base: [u64; 2]| self.leads(base[0].wrapping_add(signed[0]), base[1].wrapping_add(signed[1]));
        let end = word.addresses.map(|address| address.wrapping_add(4));
        match self.nature {
            Nature::Code => from(end),
            _ => {
                let sections = self.sides.map(|side| side.address);
                from(word.addresses)
                    || from(sections)
                    || self.leads(word.values[0], word.values[1])
                    || self.table(word)
            }
        }
    }

    /// An entry of a table of jumps: relative to a place of this section that is not known.
    fn table(&self, word: &Word) -> bool {
        let Some(own) = self.both.atlas.distance(word.addresses[0]) else { return false };
        let grown = (word.values[1] as u32).wrapping_sub(word.values[0] as u32);
        self.both.atlas.code.iter().any(|distance| distance.wrapping_sub(own) as u32 == grown)
    }

    fn eight(&self, word: &Word) -> bool {
        self.leads(word.values[0], word.values[1])
    }

    /// Whether both addresses are the same place, or have the same bytes.
    fn leads(&self, from: u64, to: u64) -> bool {
        self.both.atlas.leads(from, to) || self.same(from, to)
    }

    /// Texts may have changed places: what is named is the same if its bytes are.
    fn same(&self, from: u64, to: u64) -> bool {
        let bytes = |image: &'a Image<'a>, address: u64| {
            let section = image.section_at(address).filter(|section| section.nature == Nature::Data)?;
            Some(section.from(address)).filter(|bytes| !bytes.is_empty())
        };
        let (Some(left), Some(right)) = (bytes(&self.both.first, from), bytes(&self.both.second, to)) else {
            return false;
        };
        let equal = equal_length(&left[..left.len().min(UNIFORM)], &right[..right.len().min(UNIFORM)]);
        let is_text = left[..equal].contains(&0) && left[0] != 0;
        let is_varied = equal >= SAME && left[1..equal] != left[..equal - 1];
        is_text || is_varied || equal == UNIFORM || self.is_table(from, left, to, right)
    }

    /// Whether tables of jumps are at both addresses: entries of four bytes, relative to the table's start.
    fn is_table(&self, from: u64, left: &[u8], to: u64, right: &[u8]) -> bool {
        let entry = |bytes: &[u8], at: usize| {
            let bytes = *bytes.get(at..)?.first_chunk()?;
            let entry = if self.both.first.is_little() {
                i32::from_le_bytes(bytes)
            } else {
                i32::from_be_bytes(bytes)
            };
            Some(i64::from(entry) as u64)
        };
        [0, 4].into_iter().all(|at| {
            let (Some(one), Some(two)) = (entry(left, at), entry(right, at)) else { return false };
            self.both.atlas.leads(from.wrapping_add(one), to.wrapping_add(two))
        })
    }

    /// A number that grew as much as a text did.
    fn longer(&self, places: [usize; 2]) -> bool {
        [8, 4, 1].into_iter().any(|width| {
            let Some(word) = self.word(places, 0, width) else { return false };
            let [first, second] = word.values.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
            let small = (0..LENGTH).contains(&first) && (0..LENGTH).contains(&second);
            small && self.both.atlas.lengths.contains(&(second - first))
        })
    }
}

/// The same word in both files.
struct Word {
    addresses: [u64; 2],
    values: [u64; 2],
}
