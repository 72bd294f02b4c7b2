//! The rule of known values.

use super::{Sides, cause, quoted};
use eadem_model::{Cause, Confidence, Reason};

use crate::known::Known;

/// Puts the second side's values in the place of the first's; short numbers are for [`take_numbers`].
///
/// What is told is proven only if both sides are equal then.
pub(super) fn take(sides: &mut Sides, known: &[Known]) -> Vec<Cause> {
    if let Some(used) = crate::known::substitute(known, sides[0].as_bytes(), sides[1].as_bytes())
        && !used.iter().any(|one| one.is_number())
    {
        sides[0] = sides[1].clone();
        return used.into_iter().map(|one| told(one, proof(one))).collect();
    }
    let mut causes = Vec::new();
    let mut longest: Vec<&Known> = known.iter().filter(|one| one.differs() && !one.is_number()).collect();
    longest.sort_by_key(|one| std::cmp::Reverse(one.values[0].len()));
    for one in longest {
        if sides[0].contains(&one.values[0]) && sides[1].contains(&one.values[1]) {
            sides[0] = sides[0].replace(&one.values[0], &one.values[1]);
            causes.push(told(one, proof(one)));
        }
    }
    causes
}

/// Puts short numbers in the place of others, if that makes both sides equal.
pub(super) fn take_numbers(sides: &mut Sides, known: &[Known]) -> Vec<Cause> {
    let Some(used) = crate::known::substitute(known, sides[0].as_bytes(), sides[1].as_bytes()) else {
        return Vec::new();
    };
    sides[0] = sides[1].clone();
    used.into_iter().map(|one| told(one, Confidence::Likely)).collect()
}

/// Takes away lines with a value that one of the builds alone has.
pub(super) fn take_alone(sides: &mut Sides, known: &[Known]) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (one, side) in known.iter().flat_map(|one| [(one, 0), (one, 1)]) {
        let value = &one.values[side];
        let is_alone = one.values[1 - side].is_empty() && value.len() >= LONG;
        if is_alone && sides[side].contains(value) {
            let lines = sides[side].split_inclusive('\n').filter(|line| !line.contains(value));
            sides[side] = lines.collect();
            let confidence = Confidence::Proven;
            causes.push(cause(reason(&one.name), format!("`{value}` on one side alone"), confidence));
        }
    }
    causes
}

/// Shorter values of one build alone prove nothing.
const LONG: usize = 12;

/// What equal bytes after a substitution prove.
pub(super) fn proof(known: &Known) -> Confidence {
    if known.is_improbable() { Confidence::Proven } else { Confidence::Likely }
}

/// The cause that a known value is.
pub(super) fn told(known: &Known, confidence: Confidence) -> Cause {
    cause(reason(&known.name), quoted(&known.values), confidence)
}

fn reason(name: &str) -> Reason {
    match name {
        "path" | "source" | "target" | "cargo" => Reason::BuildPath,
        "time" | "clock" => Reason::Timestamp,
        "hostname" => Reason::Hostname,
        "user" => Reason::User,
        "home" => Reason::Home,
        other => Reason::Known(other.to_owned()),
    }
}
