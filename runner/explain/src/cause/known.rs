//! The rule of known values.

use super::{Sides, cause, quoted};
use eadem_model::{Cause, Confidence, Reason};

use crate::known::Known;

/// Puts the second side's values in the place of the first's.
pub(super) fn take(sides: &mut Sides, known: &[Known]) -> Vec<Cause> {
    if let Some(used) = crate::known::substitute(known, sides[0].as_bytes(), sides[1].as_bytes()) {
        sides[0] = sides[1].clone();
        let causes = used.into_iter().map(|one| told(one, proof(one)));
        return causes.collect();
    }
    let mut causes = Vec::new();
    let mut longest: Vec<&Known> = known.iter().filter(|one| one.differs()).collect();
    longest.sort_by_key(|one| std::cmp::Reverse(one.values[0].len()));
    for one in longest {
        if sides[0].contains(&one.values[0]) && sides[1].contains(&one.values[1]) {
            sides[0] = sides[0].replace(&one.values[0], &one.values[1]);
            causes.push(told(one, Confidence::Likely));
        }
    }
    causes
}

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
