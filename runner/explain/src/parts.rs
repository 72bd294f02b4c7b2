//! What is left when parts that only changed places are taken away: linkers sort what they merge.

use std::ops::Range;

use crate::{
    region::{Region, Regions},
    window::runs,
};

/// Longer stretches are not taken apart, in bytes.
const LONGEST: usize = 32 << 20;
/// More parts on one side are not put in order.
const PARTS: usize = 1 << 20;
/// More parts that one side alone has are not paired.
const ALONE: usize = 512;
/// Shorter texts are as likely numbers.
const SHORTEST: usize = 5;
/// What has fewer letters, one of so many bytes, is no text.
const FEW: usize = 16;
/// The bytes of a number.
const WORD: usize = 8;

/// As few letters at the end of a text may belong to a number beside it.
const EDGE: usize = 3;

/// Texts that changed, each with the one that is most like it; none if there are none, or too many.
pub(crate) fn texts(first: &[u8], second: &[u8], regions: &Regions) -> Vec<Region> {
    let Some(hull) = hull(first, second, regions) else { return Vec::new() };
    let sides = [&first[hull.first], &second[hull.second]];
    let [one, two] = sides.map(|bytes| -> Vec<&[u8]> {
        runs(bytes).filter(|run| run.len() >= SHORTEST).take(PARTS + 1).collect()
    });
    let letters: usize = one.iter().chain(&two).map(|run| run.len()).sum();
    if letters * FEW < sides[0].len() + sides[1].len() {
        return Vec::new();
    }
    let Some(alone) = alone(one, two) else { return Vec::new() };
    let (pairs, noise): (Vec<_>, Vec<_>) =
        paired(alone).into_iter().partition(|(left, right)| are_alike(left, right));
    let pairs = if pairs.is_empty() { noise } else { pairs };
    pairs
        .into_iter()
        .map(|(left, right)| Region { first: place(first, left), second: place(second, right) })
        .collect()
}

/// Where a part of bytes stands in them.
fn place(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - bytes.as_ptr().addr();
    start..start + part.len()
}

/// Whether two texts have half of their letters in common, and neither is the other one with a few more.
fn are_alike(left: &[u8], right: &[u8]) -> bool {
    alike(left, right) * 2 >= left.len().min(right.len()) && !is_edge(left, right)
}

/// Whether one text is the other one with a few letters more.
fn is_edge(left: &[u8], right: &[u8]) -> bool {
    let (short, long) = if left.len() < right.len() { (left, right) } else { (right, left) };
    long.len() - short.len() <= EDGE && (long.starts_with(short) || long.ends_with(short))
}

/// Numbers of eight bytes that changed.
pub(crate) fn words(first: &[u8], second: &[u8], region: &Region) -> Vec<Region> {
    let alone = alone(whole_words(first, &region.first), whole_words(second, &region.second));
    let pairs = alone.filter(|(left, right)| left.len() == right.len()).map(paired).unwrap_or_default();
    pairs
        .into_iter()
        .map(|(left, right)| Region { first: place(first, left), second: place(second, right) })
        .collect()
}

fn whole_words<'a>(bytes: &'a [u8], range: &Range<usize>) -> Vec<&'a [u8]> {
    let start = range.start - range.start % WORD;
    let end = range.end.next_multiple_of(WORD).min(bytes.len()).max(start);
    if end - start > LONGEST { Vec::new() } else { bytes[start..end].chunks_exact(WORD).collect() }
}

/// From the first region to the last one, with the letters around.
fn hull(first: &[u8], second: &[u8], regions: &Regions) -> Option<Region> {
    let (head, last) = (regions.kept.first()?, regions.kept.last()?);
    let is_all = regions.total == regions.kept.len();
    let grown = |bytes: &[u8], start: usize, end: usize| {
        let before = bytes[..start].iter().rev().take(4096).take_while(|byte| is_part(**byte)).count();
        let behind = bytes[end..].iter().take(4096).take_while(|byte| is_part(**byte)).count();
        start - before..end + behind
    };
    let hull = Region {
        first: grown(first, head.first.start, if is_all { last.first.end } else { first.len() }),
        second: grown(second, head.second.start, if is_all { last.second.end } else { second.len() }),
    };
    (hull.first.len().max(hull.second.len()) <= LONGEST).then_some(hull)
}

fn is_part(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

type Alone<'a> = (Vec<&'a [u8]>, Vec<&'a [u8]>);

/// The parts that each side has alone.
fn alone<'a>(mut first: Vec<&'a [u8]>, mut second: Vec<&'a [u8]>) -> Option<Alone<'a>> {
    if first.len().max(second.len()) > PARTS {
        return None;
    }
    first.sort_unstable();
    second.sort_unstable();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut one, mut two) = (first.into_iter().peekable(), second.into_iter().peekable());
    while left.len().max(right.len()) <= ALONE {
        match (one.peek(), two.peek()) {
            (Some(a), Some(b)) if a == b => {
                one.next();
                two.next();
            }
            (Some(a), Some(b)) if a < b => left.extend(one.next()),
            (Some(_), None) => left.extend(one.next()),
            (_, Some(_)) => right.extend(two.next()),
            (None, None) => return Some((left, right)),
        }
    }
    None
}

/// Pairs each part with the one that is most like it.
fn paired<'a>((left, mut right): Alone<'a>) -> Vec<(&'a [u8], &'a [u8])> {
    let mut pairs = Vec::new();
    for part in left {
        let best = right.iter().enumerate().max_by_key(|(_, other)| alike(part, other)).map(|(at, _)| at);
        pairs.extend(best.map(|at| (part, right.remove(at))));
    }
    pairs
}

/// How many bytes two parts have in common at their start and at their end.
fn alike(left: &[u8], right: &[u8]) -> usize {
    let before = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let behind = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left == right).count();
    before + behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_found_among_what_changed_places() {
        let first = b"zeta\0/one/main.rs\0alpha\0\x01\x02beta\0";
        let second = b"alpha\0beta\0\x01\x02zeta\0/other/main.rs\0";
        let regions = crate::content::regions(first, second);
        assert_eq!(texts(first, second, &regions), [Region { first: 5..17, second: 18..32 }]);
    }

    #[test]
    fn a_number_that_changed_is_found_among_others() {
        let bytes = |numbers: [u64; 3]| numbers.map(u64::to_le_bytes).concat();
        let (first, second) = (bytes([1, 2, 3]), bytes([4, 1, 3]));
        let region = Region { first: 0..16, second: 0..16 };
        assert_eq!(words(&first, &second, &region), [Region { first: 8..16, second: 0..8 }]);
    }
}
