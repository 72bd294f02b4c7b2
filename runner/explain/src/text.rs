//! Texts, line by line.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use eadem_model::{Cause, Change, Confidence, Hunk, Reason, Spot};

use crate::{
    align::equal_length,
    cause::{self, gathered, is_permutation, of_texts},
    content,
    explain::Search,
    window::short,
};

/// More lines that are not alike are compared as bytes.
const MOST: usize = 4000;
/// More lines are not put in order.
const SORTED: usize = 1 << 19;
/// As many stretches are looked at with rules.
const RULED: usize = 64;
/// Lines of one stretch that are shown.
const SHOWN: usize = 4;
/// Longer stretches are looked at as bytes.
const LONG: usize = 4096;

/// Compares the lines of two texts; says nothing if there are too many.
pub(crate) fn compare(search: &Search<'_>, place: &[Spot], first: &[u8], second: &[u8]) {
    let head = head(first, second);
    let (first, second) = (&first[head.end..], &second[head.end..]);
    let tail = tail(first, second);
    let sides = [&first[..first.len() - tail], &second[..second.len() - tail]];
    if sides.iter().any(|side| n_lines(side) > SORTED) {
        return;
    }
    let sides = sides.map(lines);
    let sides = [&sides[0][..], &sides[1][..]];
    if is_permutation(&mut sides[0].iter(), &mut sides[1].iter()) {
        return order(search, place, sides);
    }
    if sides.iter().all(|side| side.len() <= MOST) {
        hunks(search, place, sides, head.n_lines);
    }
}

/// Whole lines that are equal at the start.
struct Head {
    end: usize,
    n_lines: usize,
}

fn head(first: &[u8], second: &[u8]) -> Head {
    let equal = &first[..equal_length(first, second)];
    let end = equal.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Head { end, n_lines: n_lines(&equal[..end]) }
}

/// The length of whole lines that are equal at the end.
fn tail(first: &[u8], second: &[u8]) -> usize {
    let equal = first.iter().rev().zip(second.iter().rev()).take_while(|(left, right)| left == right).count();
    let bytes = &first[first.len() - equal..];
    bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| equal - at - 1)
}

fn n_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

fn shown(line: &[u8]) -> String {
    short(String::from_utf8_lossy(line).trim_end_matches('\n'))
}

fn order(search: &Search<'_>, place: &[Spot], sides: [&[&[u8]]; 2]) {
    let values = sides.map(|side| side.first().map(|line| shown(line)).unwrap_or_default());
    let evidence = "the same lines in another order".to_owned();
    let causes = vec![cause::cause(Reason::Order, evidence, Confidence::Likely)];
    search.find(place, Change::Order { parts: eadem_model::Parts::Lines, values }, causes);
}

fn hunks(search: &Search<'_>, place: &[Spot], sides: [&[&[u8]]; 2], before: usize) {
    let differ = |op: &DiffOp| !matches!(op, DiffOp::Equal { .. });
    let ops: Vec<DiffOp> =
        capture_diff_slices(Algorithm::Myers, sides[0], sides[1]).into_iter().filter(differ).collect();
    let parts = |op: &DiffOp| [&sides[0][op.old_range()], &sides[1][op.new_range()]];
    let hunk = |op: &DiffOp| {
        let [first, second] =
            parts(op).map(|lines| lines.iter().take(SHOWN).map(|line| shown(line)).collect());
        Hunk { lines: [op.old_range().start, op.new_range().start].map(|n| n + before + 1), first, second }
    };
    let windows = ops.iter().take(search.budget.bounds.windows).map(hunk).collect();
    let causes = ops.iter().take(RULED).flat_map(|op| hunk_causes(search, parts(op))).collect();
    search.find(place, Change::Lines { hunks: windows, total: ops.len() }, gathered(causes));
}

fn hunk_causes(search: &Search<'_>, parts: [&[&[u8]]; 2]) -> Vec<Cause> {
    let [first, second] = parts.map(<[&[u8]]>::concat);
    if first.len().max(second.len()) > LONG {
        return content::causes(
            search.known,
            [&first, &second],
            &content::regions(&first, &second),
            cause::Ground::Data,
        );
    }
    of_texts(&String::from_utf8_lossy(&first), &String::from_utf8_lossy(&second), search.known)
}
