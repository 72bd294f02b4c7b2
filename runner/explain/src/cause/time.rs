//! The rule of clocks: the shapes in which times are written.

use std::sync::LazyLock;

use regex::Regex;

use super::{Sides, cause, gathered, moment::Moment, quoted};
use eadem_model::{Cause, Confidence, Reason};

use crate::known::Span;

/// What stands for a time on both sides.
const MARK: &str = "\u{1}time\u{1}";

/// ISO 8601 and RFC 3339, RFC 2822, `date`, `__DATE__` and `__TIME__`, seconds and milliseconds since 1970.
static TIMES: LazyLock<Regex> = LazyLock::new(|| {
    const DAY: &str = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? ";
    const MONTH: &str = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*";
    const CLOCK: &str =
        "[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?";
    let shapes = [
        format!("[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{CLOCK})?"),
        format!("(?:{DAY})?[0-9]{{1,2}} {MONTH} [0-9]{{4}}(?: {CLOCK})?"),
        format!("{DAY}{MONTH} [ 0-9][0-9] {CLOCK}(?: [A-Z]{{3,4}})? [0-9]{{4}}"),
        format!("{MONTH} [ 0-9]?[0-9],? [0-9]{{4}}(?: {CLOCK})?"),
        "[0-9]{2}:[0-9]{2}:[0-9]{2}".to_owned(),
        "(?-u:\\b)(?:20[0-9]{2})(?:0[1-9]|1[0-2])[0-3][0-9](?:[T_-]?[0-2][0-9][0-5][0-9][0-5][0-9])?(?-u:\\b)"
            .to_owned(),
        // From 2001 to 2096.
        "(?-u:\\b)[123][0-9]{9}(?:[0-9]{3}|[0-9]{6}|[0-9]{9}|\\.[0-9]{1,9})?(?-u:\\b)".to_owned(),
    ];
    Regex::new(&shapes.join("|")).expect("the expression is a constant")
});

/// Takes the times out of both sides, if each pair is known: both are those of their builds, or one moment in two
/// time zones. What is told is proven only if both sides are equal then.
pub(super) fn take_known(sides: &mut Sides, spans: &[Span; 2]) -> Vec<Cause> {
    let pairs = differing(sides);
    let causes: Option<Vec<Cause>> = pairs.iter().flatten().map(|pair| told_of(pair, spans)).collect();
    match (causes, pairs) {
        (Some(causes), Some(_)) if !causes.is_empty() => {
            mark(sides);
            gathered(causes)
        }
        _ => Vec::new(),
    }
}

fn told_of(pair: &Sides, spans: &[Span; 2]) -> Option<Cause> {
    let [first, second] = pair.each_ref().map(|text| Moment::parse(text));
    let (first, second) = (first?, second?);
    if first.is_within(&spans[0]) && second.is_within(&spans[1]) {
        return Some(cause(Reason::Timestamp, quoted(pair), Confidence::Proven));
    }
    let timezone = || cause(Reason::Known("timezone".to_owned()), quoted(pair), Confidence::Proven);
    first.is_elsewhere(&second, spans).then(timezone)
}

/// Takes the times out of both sides, if there are as many.
pub(super) fn take(sides: &mut Sides) -> Vec<Cause> {
    let pairs = differing(sides).unwrap_or_default();
    let Some(pair) = pairs.first() else { return Vec::new() };
    let causes = vec![cause(Reason::Timestamp, quoted(pair), Confidence::Likely)];
    mark(sides);
    causes
}

/// The pairs of times that differ; none if one side has more times.
fn differing(sides: &Sides) -> Option<Vec<Sides>> {
    let times = |side: &str| TIMES.find_iter(side).map(|it| it.as_str().to_owned()).collect::<Vec<_>>();
    let [first, second] = sides.each_ref().map(|side| times(side));
    let is_pair = first.len() == second.len();
    let pairs = first.into_iter().zip(second).filter(|(left, right)| left != right);
    is_pair.then(|| pairs.map(|(left, right)| [left, right]).collect())
}

fn mark(sides: &mut Sides) {
    *sides = sides.each_ref().map(|side| TIMES.replace_all(side, MARK).into_owned());
}
