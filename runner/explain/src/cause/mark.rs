//! The rule of identifiers: hashes in names, addresses, made-up names, and digits without any likeness.

use std::sync::LazyLock;

use regex::Regex;

use super::{Sides, cause, quoted};
use eadem_model::{Cause, Confidence, Reason};

/// Rust's two manglings, and the suffix that cargo gives to file names.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("17h[0-9a-f]{16}E|Cs[0-9A-Za-z]{8,13}_|-[0-9a-f]{16}(?-u:\\b)")
        .expect("the expression is a constant")
});

/// Where Linux puts programs, libraries and stacks on 64 bits: `0x55…`, `0x56…`, `0x7e…`, `0x7f…`.
static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("0x(?:7[ef]|5[56])[0-9a-f]{10}(?-u:\\b)").expect("the expression is a constant")
});

/// As `mktemp` and its like make names up; with their directory they are paths.
static TEMPORARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("(?-u:\\b)te?mp[._-]?[0-9A-Za-z_]{6,}").expect("the expression is a constant")
});

/// UUIDs, and hexadecimal digits that are too many for a number.
static RANDOM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?:0x)?[0-9a-fA-F]{12,}")
        .expect("the expression is a constant")
});

/// Takes identifiers out of both sides, if there are as many.
pub(super) fn take(sides: &mut Sides) -> Vec<Cause> {
    let rules = [
        (&NAMES, Reason::NameHash, Confidence::Likely),
        (&ADDRESSES, Reason::Address, Confidence::Likely),
        (&TEMPORARY, Reason::TemporaryName, Confidence::Likely),
        (&RANDOM, Reason::Random, Confidence::Unknown),
    ];
    let mut causes = Vec::new();
    for (shape, reason, confidence) in rules {
        if let Some(evidence) = mark(sides, shape) {
            causes.push(cause(reason, evidence, confidence));
        }
    }
    causes
}

fn mark(sides: &mut Sides, shape: &Regex) -> Option<String> {
    let [first, second] = sides
        .each_ref()
        .map(|side| shape.find_iter(side).map(|it| it.as_str().to_owned()).collect::<Vec<_>>());
    let (left, right) = first.iter().zip(&second).find(|(left, right)| left != right)?;
    let evidence = quoted(&[left.clone(), right.clone()]);
    let is_pair = first.len() == second.len();
    if is_pair {
        *sides = sides.each_ref().map(|side| shape.replace_all(side, "\u{1}id\u{1}").into_owned());
    }
    is_pair.then_some(evidence)
}
