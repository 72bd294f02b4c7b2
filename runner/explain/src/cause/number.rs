//! The rules of bytes that are no text: seconds since 1970, addresses, and bytes without any likeness.

use std::ops::Range;

use eadem_model::{Cause, Confidence, Reason};

use super::{cause, known, quoted};
use crate::{
    known::{Knowledge, Known, Span},
    region::Region,
};

/// From 2001 to 2100, in seconds since 1970: what eight bytes have to be.
const EPOCHS: Range<u64> = 1_000_000_000..4_102_444_800;
/// From 2020 to 2040: what four bytes have to be, which are a time by chance more often.
const RECENT: Range<u64> = 1_577_836_800..2_208_988_800;
/// How near to each other four bytes have to be: two days in seconds.
const NEAR: u64 = 2 * 86_400;
/// Where Linux puts programs, libraries and stacks on 64 bits.
const ADDRESSES: [Range<u64>; 2] = [0x5500_0000_0000..0x5700_0000_0000, 0x7e00_0000_0000..0x8000_0000_0000];
/// As many bytes that all differ are no number.
const LONG: usize = 8;

/// Smaller numbers are everywhere.
const SMALL: u64 = 1000;
/// Longer regions are not taken apart, in bytes.
const LONGEST: usize = 4096;
/// Into how many parts clocks divide a second.
const PARTS: [u64; 4] = [1, 1000, 1_000_000, 1_000_000_000];

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
pub(crate) fn of_bytes(
    sides: [&[u8]; 2],
    region: &Region,
    known: &Knowledge,
    ground: Ground,
) -> Option<Cause> {
    let [first, second] = sides;
    clock(sides, region, known, ground)
        .or_else(|| words(sides, region, known, ground))
        .or_else(|| immediate(sides, region, known, ground))
        .or_else(|| random(&first[region.first.clone()], &second[region.second.clone()]))
}

/// Tries each number of a longer region: all that differs has to be of one kind.
fn words([first, second]: [&[u8]; 2], region: &Region, known: &Knowledge, ground: Ground) -> Option<Cause> {
    let length = region.first.len();
    if length != region.second.len() || length > LONGEST {
        return None;
    }
    let (left, right) = (&first[region.first.clone()], &second[region.second.clone()]);
    let mut causes: Vec<Cause> = Vec::new();
    let mut at = 0;
    while let Some(next) = (at..length).find(|at| left[*at] != right[*at]) {
        let place = |start: usize| start + next..start + next + 1;
        let one = Region { first: place(region.first.start), second: place(region.second.start) };
        let (cause, end) = number([first, second], &one, known, ground)?;
        causes.push(cause);
        at = end - region.first.start;
    }
    causes.iter().all(|cause| cause.cause == causes[0].cause).then(|| causes.swap_remove(0))
}

/// A time within each build, where instructions differ because they take it in other widths.
fn immediate(sides: [&[u8]; 2], region: &Region, known: &Knowledge, ground: Ground) -> Option<Cause> {
    let spans = known.spans.as_ref().filter(|_| ground == Ground::Code)?;
    let find = |bytes: &[u8], range: &Range<usize>, span: &Span| {
        let around = range.start.saturating_sub(4)..bytes.len().min(range.end + 4);
        let numbers = bytes.get(around)?.windows(4).filter_map(<[u8]>::first_chunk);
        numbers.map(|four| u64::from(u32::from_le_bytes(*four))).find(|number| span.has(*number))
    };
    let first = find(sides[0], &region.first, &spans[0])?;
    Some(told([first, find(sides[1], &region.second, &spans[1])?], "little"))
}

/// Tries the numbers that a region can be a part of.
fn clock(sides: [&[u8]; 2], region: &Region, known: &Knowledge, ground: Ground) -> Option<Cause> {
    number(sides, region, known, ground).map(|(cause, _)| cause)
}

/// The same, with the end of the number on the first side.
fn number(
    [first, second]: [&[u8]; 2],
    region: &Region,
    known: &Knowledge,
    ground: Ground,
) -> Option<(Cause, usize)> {
    let length = region.first.len();
    if length == 0 || length > 8 || length != region.second.len() {
        return None;
    }
    (0..8_usize).find_map(|back| {
        let (left, right) = (region.first.start.checked_sub(back)?, region.second.start.checked_sub(back)?);
        [4, 8].into_iter().filter(|width| back + length <= *width).find_map(|width| {
            let stands = ground.holds_a_number(&first[..left], width);
            let (one, two) = (first.get(left..left + width)?, second.get(right..right + width)?);
            Some((value(one, two, known, stands)?, left + width))
        })
    })
}

/// What two numbers are, in either order of their bytes.
fn value(first: &[u8], second: &[u8], known: &Knowledge, stands: bool) -> Option<Cause> {
    let little = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let big = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let pairs = [([little(first), little(second)], "little"), ([big(first), big(second)], "big")];
    pairs.into_iter().find_map(|(values, order)| {
        let known_one = stated(values, known, order, stands);
        known_one.or_else(|| shaped(values, first.len(), order).filter(|_| stands))
    })
}

/// Numbers that are known: a value of each side, or a time within each build.
fn stated(values: [u64; 2], known: &Knowledge, order: &str, stands: bool) -> Option<Cause> {
    let texts = values.map(|value| value.to_string());
    let is_told =
        |one: &&Known| one.values == texts && (one.is_improbable() || (stands && values[0] >= SMALL));
    if let Some(one) = known.values.iter().find(is_told) {
        return Some(known::told(one, known::proof(one)));
    }
    let spans = known.spans.as_ref()?;
    PARTS.into_iter().find_map(|parts| {
        let seconds = values.map(|value| value / parts);
        is_within(seconds, spans).then(|| Cause { confidence: Confidence::Proven, ..told(seconds, order) })
    })
}

fn is_within([first, second]: [u64; 2], [left, right]: &[Span; 2]) -> bool {
    left.has(first) && right.has(second)
}

/// Numbers of which nothing is known but what they look like.
fn shaped([left, right]: [u64; 2], width: usize, order: &str) -> Option<Cause> {
    let near = width == 8 || left.abs_diff(right) <= NEAR;
    let span = if width == 8 { EPOCHS } else { RECENT };
    if near && span.contains(&left) && span.contains(&right) {
        return Some(told([left, right], order));
    }
    let is_address = |value| width == 8 && ADDRESSES.iter().any(|range| range.contains(&value));
    let evidence = || quoted(&[left, right].map(|value| format!("{value:#x}")));
    (order == "little" && is_address(left) && is_address(right))
        .then(|| cause(Reason::Address, evidence(), Confidence::Likely))
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

fn told([first, second]: [u64; 2], order: &str) -> Cause {
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
        let known = vec![Known {
            name: "time".to_owned(),
            values: ["1764150000".to_owned(), "2964150000".to_owned()],
        }];
        of_bytes([first, second], &regions.kept[0], &known.into(), Ground::Data)
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

    #[test]
    fn a_time_within_each_build_is_proven_wherever_it_stands() {
        let span = |start, ahead| Span { start, end: start + 9, ahead, east: 0 };
        let spans = Some([span(1_795_753_768, 0), span(1_795_753_780, 478_792_000)]);
        let known = Knowledge { values: Vec::new(), spans };
        let told = |first: &[u8], second: &[u8]| {
            let regions = crate::align::in_place(first, second);
            let cause = of_bytes([first, second], &regions.kept[0], &known, Ground::Table)?;
            Some((cause.cause, cause.confidence))
        };
        let proven = Some((Reason::Timestamp, Confidence::Proven));
        let (first, second) = (1_795_753_769_u32, 2_274_545_782_u32);
        assert_eq!(told(&first.to_le_bytes(), &second.to_le_bytes()), proven);
        assert_eq!(told(&first.to_be_bytes(), &second.to_be_bytes()), proven);
        let nanoseconds = |seconds: u32| (u64::from(seconds) * 1_000_000_000 + 7).to_le_bytes();
        assert_eq!(told(&nanoseconds(first), &nanoseconds(second)), proven);
        let twice =
            |seconds: u32| [b"\xb8".as_slice(), &seconds.to_le_bytes(), &seconds.to_le_bytes()].concat();
        assert_eq!(told(&twice(first), &twice(second)), proven);
        assert_eq!(told(&first.to_le_bytes(), &(second + 60).to_le_bytes()), None);
    }

    #[test]
    fn words_that_point_into_memory_are_addresses() {
        let table = |addresses: [u64; 3]| addresses.map(u64::to_le_bytes).concat();
        let (first, second) =
            (table([0x7fff_ffff_e0c8, 7, 0x5555_5555_92a0]), table([0x7fff_ffff_dfb8, 7, 0x5563_1234_52a0]));
        assert_eq!(told(&first, &second), Some((Reason::Address, Confidence::Likely)));
        assert_eq!(told(&0x4000_u64.to_le_bytes(), &0x4040_u64.to_le_bytes()), None);
    }

    #[test]
    fn a_time_past_2038_takes_another_instruction_and_is_found() {
        let span = |start, ahead| Span { start, end: start + 9, ahead, east: 0 };
        let spans = Some([span(1_795_753_768, 0), span(1_795_753_780, 478_792_000)]);
        let known = Knowledge { values: Vec::new(), spans };
        let first = [b"\x48\xc7\xc0".as_slice(), &1_795_753_769_u32.to_le_bytes()].concat();
        let second = [b"\x48\xb8".as_slice(), &2_274_545_782_u64.to_le_bytes()].concat();
        let told = |ground| {
            let whole = Region { first: 1..first.len(), second: 1..second.len() };
            of_bytes([&first, &second], &whole, &known, ground).map(|it| (it.cause, it.confidence))
        };
        assert_eq!(told(Ground::Code), Some((Reason::Timestamp, Confidence::Likely)));
        assert_eq!(told(Ground::Data), None);
    }
}
