//! The rule of clocks: the shapes in which times are written.

use std::sync::LazyLock;

use regex::Regex;

use super::{Sides, cause, quoted};
use eadem_model::{Cause, Confidence, Reason};

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

/// Takes the times out of both sides, if there are as many.
pub(super) fn take(sides: &mut Sides) -> Vec<Cause> {
    let times = sides
        .each_ref()
        .map(|side| TIMES.find_iter(side).map(|it| it.as_str().to_owned()).collect::<Vec<_>>());
    let [first, second] = &times;
    if first.len() != second.len() {
        return Vec::new();
    }
    let Some((left, right)) = first.iter().zip(second).find(|(left, right)| left != right) else {
        return Vec::new();
    };
    let evidence = quoted(&[left.clone(), right.clone()]);
    *sides = sides.each_ref().map(|side| TIMES.replace_all(side, MARK).into_owned());
    vec![cause(Reason::Timestamp, evidence, Confidence::Likely)]
}
