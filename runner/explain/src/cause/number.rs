//! The rules of bytes that are no text: seconds since 1970, and bytes without any likeness.

use std::ops::Range;

use eadem_model::{Cause, Confidence, Reason};

use super::{cause, known, quoted};
use crate::{known::Known, region::Region};

/// From 2001 to 2100, in seconds since 1970: what eight bytes have to be.
const EPOCHS: Range<u64> = 1_000_000_000..4_102_444_800;
/// From 2020 to 2040: what four bytes have to be, which are a time by chance more often.
const RECENT: Range<u64> = 1_577_836_800..2_208_988_800;
/// How near to each other four bytes have to be: two days in seconds.
const NEAR: u64 = 2 * 86_400;
/// As many bytes that all differ are no number.
const LONG: usize = 8;

/// What bytes are part of, which decides what numbers they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Anything: numbers stand at multiples of their width.
    Data,
    /// Machine code: numbers stand behind the instruction that takes them.
    Code,
    /// Tables of a linker or for a debugger: there are no times in them.
    Table,
}

/// Why the bytes of a region differ, if a rule knows it.
pub(crate) fn of_bytes(sides: [&[u8]; 2], region: &Region, known: &[Known], ground: Ground) -> Option<Cause> {
    let [first, second] = sides;
    clock(sides, region, known, ground)
        .or_else(|| random(&first[region.first.clone()], &second[region.second.clone()]))
}

/// Tries the numbers that a region can be a part of.
fn clock([first, second]: [&[u8]; 2], region: &Region, known: &[Known], ground: Ground) -> Option<Cause> {
    let length = region.first.len();
    if length == 0 || length > 8 || length != region.second.len() {
        return None;
    }
    (0..8_usize).find_map(|back| {
        let (left, right) = (region.first.start.checked_sub(back)?, region.second.start.checked_sub(back)?);
        [4, 8].into_iter().filter(|width| back + length <= *width).find_map(|width| {
            let stands = ground.holds_a_number(&first[..left], width);
            let (left, right) = (first.get(left..left + width)?, second.get(right..right + width)?);
            epoch(left, right, known, stands)
        })
    })
}

fn epoch(first: &[u8], second: &[u8], known: &[Known], stands: bool) -> Option<Cause> {
    let little = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let big = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let pairs = [(little(first), little(second), "little"), (big(first), big(second), "big")];
    pairs.into_iter().find_map(|(left, right, order)| {
        let proof =
            known.iter().find(|one| one.values[0] == left.to_string() && one.values[1] == right.to_string());
        if let Some(proof) = proof {
            return Some(known::told(proof, known::proof(proof)));
        }
        let near = first.len() == 8 || left.abs_diff(right) <= NEAR;
        let span = if first.len() == 8 { EPOCHS } else { RECENT };
        (stands && near && span.contains(&left) && span.contains(&right)).then(|| told(left, right, order))
    })
}

impl Ground {
    /// Whether a number of `width` bytes may stand behind these bytes.
    fn holds_a_number(self, before: &[u8], width: usize) -> bool {
        match self {
            Self::Data => before.len().is_multiple_of(width),
            // x86: `mov` of a number to a register.
            Self::Code => before.last().is_some_and(|byte| matches!(byte, 0xb8..=0xbf)),
            Self::Table => false,
        }
    }
}

fn told(first: u64, second: u64, order: &str) -> Cause {
    let evidence = format!("the seconds {first} and {second}, {order} end first");
    cause(Reason::Timestamp, evidence, Confidence::Likely)
}

/// Bytes of equal length with nothing in common.
fn random(first: &[u8], second: &[u8]) -> Option<Cause> {
    let equal = first.iter().zip(second).filter(|(left, right)| left == right).count();
    let alike = first.len() != second.len() || first.len() < LONG || equal * 8 > first.len();
    let hex = |bytes: &[u8]| bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    (!alike && spread(first) && spread(second))
        .then(|| cause(Reason::Random, quoted(&[hex(first), hex(second)]), Confidence::Unknown))
}

/// Whether bytes have nearly as many values as they can.
fn spread(bytes: &[u8]) -> bool {
    let mut values: Vec<u8> = bytes.iter().take(32).copied().collect();
    let length = values.len();
    values.sort_unstable();
    values.dedup();
    values.len() * 4 >= length * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(first: &[u8], second: &[u8]) -> Option<(Reason, Confidence)> {
        let regions = crate::align::in_place(first, second);
        let known =
            [Known { name: "time".to_owned(), values: ["1764150000".to_owned(), "2964150000".to_owned()] }];
        of_bytes([first, second], &regions.kept[0], &known, Ground::Data)
            .map(|cause| (cause.cause, cause.confidence))
    }

    #[test]
    fn seconds_are_recognised_in_both_byte_orders() {
        let at = |seconds: u32| seconds.to_le_bytes();
        let likely = Some((Reason::Timestamp, Confidence::Likely));
        assert_eq!(told(&at(1_764_150_000), &at(1_764_150_009)), likely);
        assert_eq!(told(&1_764_150_000_u32.to_be_bytes(), &1_764_150_009_u32.to_be_bytes()), likely);
        assert_eq!(told(&1_764_150_000_u64.to_le_bytes(), &1_964_150_009_u64.to_le_bytes()), likely);
        assert_eq!(
            told(&at(1_764_150_000), &at(2_964_150_000)),
            Some((Reason::Timestamp, Confidence::Proven))
        );
    }

    #[test]
    fn four_bytes_that_are_far_from_each_other_are_no_time() {
        assert_eq!(told(&1_764_150_000_u32.to_le_bytes(), &1_964_150_009_u32.to_le_bytes()), None);
        assert_eq!(told(&7_u32.to_le_bytes(), &8_u32.to_le_bytes()), None);
    }

    #[test]
    fn bytes_without_likeness_look_random() {
        let (first, second) = (*b"\x91\x02\xfe\x55\x13\xa7\xc8\x3d", *b"\x0b\xee\x61\x9a\x74\x20\x5f\xd1");
        assert_eq!(told(&first, &second), Some((Reason::Random, Confidence::Unknown)));
    }
}
