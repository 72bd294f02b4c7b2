//! Finds where two byte strings part and where they meet again.
//!
//! In one pass, without a table of all bytes: at a difference, the next equal stretch is looked for at the same
//! distance first, then at others, in windows that grow.

use crate::region::{Region, Regions};

/// As many equal bytes mean that two places are the same.
const ANCHOR: usize = 32;
/// How far a stretch of changed bytes goes that does not move what follows.
const STILL: usize = 4096;
/// Windows in which moved bytes are looked for.
const REACH: [usize; 4] = [1 << 10, 16 << 10, 256 << 10, 4 << 20];
/// How many places are looked at in all.
const WORK: usize = 96 << 20;
/// Every such place of the first side can be found again.
const STRIDE: usize = 8;

/// The length of what is equal at the start.
pub(crate) fn equal_length(first: &[u8], second: &[u8]) -> usize {
    let length = first.len().min(second.len());
    let (first, second) = (&first[..length], &second[..length]);
    let mut at = 0;
    for step in [64 << 10, 1 << 10, 8] {
        while at + step <= length && first[at..at + step] == second[at..at + step] {
            at += step;
        }
    }
    at + first[at..].iter().zip(&second[at..]).take_while(|(left, right)| left == right).count()
}

/// Compares byte for byte at the same places; what one side has more differs.
pub(crate) fn in_place(first: &[u8], second: &[u8]) -> Regions {
    let mut regions = Regions::default();
    let length = first.len().min(second.len());
    let mut at = equal_length(first, second);
    while at < length {
        let end = at + first[at..length].iter().zip(&second[at..]).take_while(|(l, r)| l != r).count();
        regions.push(Region { first: at..end, second: at..end }, (end - at) as u64);
        at = end + equal_length(&first[end..], &second[end..]);
    }
    if first.len() != second.len() {
        let more = first.len().max(second.len()) - length;
        regions.push(Region { first: length..first.len(), second: length..second.len() }, more as u64);
    }
    regions.close();
    regions
}

/// Compares with what is inserted or removed in between.
pub(crate) fn shifted(first: &[u8], second: &[u8]) -> Regions {
    let (mut regions, mut work) = (Regions::default(), WORK);
    let (mut left, mut right) = (0, 0);
    loop {
        let equal = equal_length(&first[left..], &second[right..]);
        (left, right) = (left + equal, right + equal);
        if left == first.len() && right == second.len() {
            break;
        }
        let (more, other) = meet(&first[left..], &second[right..], &mut work);
        let region = Region { first: left..left + more, second: right..right + other };
        let differing = count(&first[region.first.clone()], &second[region.second.clone()]);
        (left, right) = (region.first.end, region.second.end);
        regions.push(region, differing);
    }
    regions.close();
    regions
}

fn count(first: &[u8], second: &[u8]) -> u64 {
    let equal = first.iter().zip(second).filter(|(left, right)| left == right).count();
    let longest = first.len().max(second.len());
    if first.len() == second.len() { (longest - equal) as u64 } else { longest as u64 }
}

/// How far it is on each side to where both meet again.
fn meet(first: &[u8], second: &[u8], work: &mut usize) -> (usize, usize) {
    let still = still(first, second);
    if let Some(length) = still.filter(|length| *length <= 4 * ANCHOR) {
        return (length, length);
    }
    for reach in REACH {
        let cost = reach.min(second.len());
        if still.is_some_and(|length| length <= reach) || *work < cost {
            break;
        }
        *work -= cost;
        if let Some(found) = moved(&first[..first.len().min(reach)], &second[..cost]) {
            return found;
        }
    }
    match still {
        Some(length) => (length, length),
        None if *work < REACH[0] => (first.len(), second.len()),
        None => (first.len().min(REACH[3]), second.len().min(REACH[3])),
    }
}

/// Where both are equal again at the same distance.
fn still(first: &[u8], second: &[u8]) -> Option<usize> {
    let length = first.len().min(second.len());
    let ends_alike = first.len() == second.len() && length <= ANCHOR;
    let near = 1..STILL.min(length.saturating_sub(ANCHOR - 1));
    near.into_iter()
        .find(|at| is_anchor(&first[*at..], &second[*at..]))
        .or_else(|| ends_alike.then(|| length - tail(first, second)))
}

/// How many bytes are equal at the end.
fn tail(first: &[u8], second: &[u8]) -> usize {
    first.iter().rev().zip(second.iter().rev()).take_while(|(left, right)| left == right).count()
}

/// Whether both begin with the same bytes, and with more than one value of them.
fn is_anchor(first: &[u8], second: &[u8]) -> bool {
    first.len() >= ANCHOR
        && second.len() >= ANCHOR
        && first[..ANCHOR] == second[..ANCHOR]
        && first[1..ANCHOR] != first[..ANCHOR - 1]
}

/// Where a part of the first side is found in the second.
fn moved(first: &[u8], second: &[u8]) -> Option<(usize, usize)> {
    let table = Table::of(first);
    let found = (0..second.len().saturating_sub(ANCHOR - 1)).find_map(|right| {
        let left = table.find(&second[right..])?;
        is_anchor(&first[left..], &second[right..]).then_some((left, right))
    });
    let Some((left, right)) = found else { return ends(first, second) };
    let back = tail(&first[..left], &second[..right]);
    Some((left - back, right - back))
}

/// Short ends have no room for an anchor.
fn ends(first: &[u8], second: &[u8]) -> Option<(usize, usize)> {
    let short = first.len().max(second.len()) < REACH[0];
    let equal = tail(first, second);
    (short && equal > 0).then(|| (first.len() - equal, second.len() - equal))
}

/// Places of bytes by what stands there; of two equal ones, the first.
struct Table {
    places: Vec<u32>,
    bits: u32,
}

impl Table {
    fn of(bytes: &[u8]) -> Self {
        let bits = (bytes.len() / STRIDE * 2).max(16).next_power_of_two().trailing_zeros();
        let mut table = Self { places: vec![u32::MAX; 1 << bits], bits };
        for at in (0..bytes.len().saturating_sub(ANCHOR - 1)).step_by(STRIDE) {
            let slot = table.slot(&bytes[at..]);
            if let Some(place) =
                slot.and_then(|slot| table.places.get_mut(slot)).filter(|it| **it == u32::MAX)
            {
                *place = u32::try_from(at).unwrap_or(u32::MAX);
            }
        }
        table
    }

    fn slot(&self, bytes: &[u8]) -> Option<usize> {
        let word = u64::from_le_bytes(*bytes.first_chunk()?);
        Some((word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - self.bits)) as usize)
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let place = self.places[self.slot(bytes)?];
        (place != u32::MAX).then_some(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without any repetition of eight.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn region(first: std::ops::Range<usize>, second: std::ops::Range<usize>) -> Region {
        Region { first, second }
    }

    #[test]
    fn what_was_inserted_is_the_only_difference() {
        let first = noise(100_000);
        let mut second = first.clone();
        second.splice(5_000..5_000, *b"inserted");
        let regions = shifted(&first, &second);
        assert_eq!(regions.kept, [region(5_000..5_000, 5_000..5_008)]);
        assert_eq!(shifted(&second, &first).kept, [region(5_000..5_008, 5_000..5_000)]);
    }

    #[test]
    fn a_change_that_moves_nothing_stays_small() {
        let first = noise(100_000);
        let mut second = first.clone();
        second[77] ^= 1;
        second[99_999] ^= 1;
        let wanted = [region(77..78, 77..78), region(99_999..100_000, 99_999..100_000)];
        assert_eq!(shifted(&first, &second).kept, wanted);
        assert_eq!(in_place(&first, &second).kept, wanted);
        assert_eq!(in_place(&first, &second).differing, 2);
    }

    #[test]
    fn what_has_nothing_in_common_is_one_stretch() {
        let regions = shifted(&[0; 50_000], &[1; 70_000]);
        assert_eq!(regions.kept, [region(0..50_000, 0..70_000)]);
        assert_eq!(shifted(b"", b"abc").kept, [region(0..0, 0..3)]);
    }

    #[test]
    fn a_short_text_with_another_middle_is_aligned() {
        assert_eq!(shifted(b"in /one/x.c", b"in /other/x.c").kept, [region(5..7, 5..9)]);
    }
}
