//! Why texts and bytes differ: rules that take away from both sides what they know.
//!
//! A rule replaces what it recognises by the same mark on both sides. When both are equal then, the rules that
//! had something to replace are the causes; if not, something unknown remains, and is said to.

mod known;
mod locale;
mod mark;
mod moment;
mod number;
mod order;
mod padding;
mod path;
mod remedy;
mod time;

use eadem_model::{Cause, Confidence, Reason};

use crate::known::{Knowledge, Known};

pub(crate) use number::{Ground, of_bytes};
pub(crate) use order::{is_permutation, strings_are_permuted};
pub(crate) use padding::of_padding;
pub use remedy::remedy;

/// The two sides of a text, as far as they are not explained yet.
pub(crate) type Sides = [String; 2];

/// Texts that are longer are not looked at with rules.
const LONGEST: usize = 64 << 10;

/// Why two texts differ.
pub(crate) fn of_texts(first: &str, second: &str, known: &Knowledge) -> Vec<Cause> {
    if first.len().max(second.len()) > LONGEST {
        return vec![unknown("the texts are too long to be looked at".to_owned())];
    }
    if is_permutation(&mut first.split_whitespace(), &mut second.split_whitespace()) {
        return vec![cause(Reason::Order, "the same words in another order".to_owned(), Confidence::Likely)];
    }
    let mut sides = [first.to_owned(), second.to_owned()];
    let mut causes = known_ones(&mut sides, known);
    for rule in [time::take, path::take, mark::take, locale::take] {
        if sides[0] != sides[1] {
            causes.extend(rule(&mut sides));
        }
    }
    causes.extend(known::take_numbers(&mut sides, &known.values));
    if sides[0] != sides[1] {
        causes.push(unknown(quoted(&difference(&sides[0], &sides[1]))));
    }
    causes
}

/// Takes away what is known of the builds; that proves something only if nothing else differs.
fn known_ones(sides: &mut Sides, known: &Knowledge) -> Vec<Cause> {
    let mut causes = known::take_alone(sides, &known.values);
    if let Some(spans) = &known.spans {
        // Before the names of time zones, which are a part of times.
        causes.extend(time::take_known(sides, spans));
    }
    causes.extend(known::take(sides, &known.values));
    if sides[0] != sides[1] {
        causes.iter_mut().for_each(|cause| cause.confidence = Confidence::Likely);
    }
    causes
}

/// The causes that known values are, if putting one side's for the other's makes bytes equal.
pub(crate) fn of_known(used: &[&Known]) -> Vec<Cause> {
    used.iter().map(|one| known::told(one, known::proof(one))).collect()
}

/// A cause with the remedy of its reason.
pub(crate) fn cause(reason: Reason, evidence: String, confidence: Confidence) -> Cause {
    Cause { remedy: remedy(&reason), cause: reason, evidence, confidence }
}

/// What no rule knows.
pub(crate) fn unknown(evidence: String) -> Cause {
    cause(Reason::Unknown, evidence, Confidence::Unknown)
}

/// Each reason once, the surest first.
pub(crate) fn gathered(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort_by(|left, right| (left.confidence, &left.cause).cmp(&(right.confidence, &right.cause)));
    causes.dedup_by(|left, right| (left.confidence, &left.cause) == (right.confidence, &right.cause));
    causes
}

/// Words of both sides, to be read beside each other.
pub(crate) fn quoted(sides: &Sides) -> String {
    let [first, second] = sides.each_ref().map(|side| crate::window::short(side));
    format!("`{first}` and `{second}`")
}

/// What is between the common start and the common end, in whole words.
fn difference(first: &str, second: &str) -> Sides {
    let (left, right) = (words(first), words(second));
    let before = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
    let most = left.len().min(right.len()) - before;
    let behind = left.iter().rev().zip(right.iter().rev()).take(most).take_while(|(l, r)| l == r).count();
    [left[before..left.len() - behind].concat(), right[before..right.len() - behind].concat()]
}

fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(|c: char| c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(first: &str, second: &str) -> Vec<(Reason, Confidence)> {
        let known =
            vec![Known { name: "hostname".to_owned(), values: ["hq83x7".to_owned(), "zk11f4q".to_owned()] }];
        of_texts(first, second, &known.into())
            .into_iter()
            .map(|cause| (cause.cause, cause.confidence))
            .collect()
    }

    #[test]
    fn each_shape_has_its_cause() {
        use {
            Confidence::{Likely, Proven},
            Reason::{BuildPath, Home, Hostname, NameHash, Order, Random, TemporaryName, Timestamp},
        };
        for (first, second, wanted) in [
            ("on hq83x7.", "on zk11f4q.", vec![(Hostname, Proven)]),
            ("/build/one/src/main.rs", "/build/other/src/main.rs", vec![(BuildPath, Likely)]),
            ("/home/ann/x/a.c", "/home/bob/x/a.c", vec![(Home, Likely)]),
            ("/tmp/ccZx81.o", "/tmp/ccAb72.o", vec![(TemporaryName, Likely)]),
            ("2026-11-26T10:11:12Z", "2026-11-27T00:00:09Z", vec![(Timestamp, Likely)]),
            ("Thu, 26 Nov 2026 10:11:12 +0000", "Fri, 27 Nov 2026 10:11:12 +0000", vec![(Timestamp, Likely)]),
            ("Nov 26 2026", "Nov  7 2027", vec![(Timestamp, Likely)]),
            ("at 10:11:12", "at 10:11:13", vec![(Timestamp, Likely)]),
            ("built 1764150000", "built 1764150009", vec![(Timestamp, Likely)]),
            ("built 1764150000.125", "built 1764150009.75", vec![(Timestamp, Likely)]),
            ("_ZN1a17h0123456789abcdefE", "_ZN1a17hfedcba9876543210E", vec![(NameHash, Likely)]),
            ("b a c", "a b c", vec![(Order, Likely)]),
            (
                "id 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                "id 16fd2706-8baf-433b-82eb-8c7fada847da",
                vec![(Random, Confidence::Unknown)],
            ),
            ("7 processors", "8 processors", vec![(Reason::Unknown, Confidence::Unknown)]),
        ] {
            assert_eq!(told(first, second), wanted, "{first} / {second}");
        }
    }

    #[test]
    fn several_causes_in_one_text_are_all_named() {
        let causes = told("hq83x7 at 10:11:12 in /a/b/c.c with 7", "zk11f4q at 10:11:13 in /a/d/c.c with 8");
        let reasons: Vec<Reason> = causes.into_iter().map(|(reason, _)| reason).collect();
        assert_eq!(reasons, [Reason::Hostname, Reason::Timestamp, Reason::BuildPath, Reason::Unknown]);
    }

    #[test]
    fn a_known_value_beside_something_else_is_not_proven() {
        assert_eq!(told("hq83x7 1", "zk11f4q 2")[0], (Reason::Hostname, Confidence::Likely));
    }
}
