//! The order of Debian's versions: `[EPOCH:]UPSTREAM[-REVISION]`.

use std::cmp::Ordering;

/// Compares two versions as the distribution does.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (parts(left), parts(right));
    let epoch = number(left.epoch, right.epoch);
    epoch.then_with(|| part(left.upstream, right.upstream)).then_with(|| part(left.revision, right.revision))
}

struct Parts<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

fn parts(version: &str) -> Parts<'_> {
    let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    Parts { epoch, upstream, revision }
}

/// Compares by turns a run of other characters and a run of digits.
fn part(mut left: &str, mut right: &str) -> Ordering {
    while !(left.is_empty() && right.is_empty()) {
        let (left_text, left_rest) = split(left, |byte| !byte.is_ascii_digit());
        let (right_text, right_rest) = split(right, |byte| !byte.is_ascii_digit());
        let (left_digits, left_rest) = split(left_rest, |byte| byte.is_ascii_digit());
        let (right_digits, right_rest) = split(right_rest, |byte| byte.is_ascii_digit());
        let order = text(left_text, right_text).then_with(|| number(left_digits, right_digits));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
    // A byte that is not ASCII never ends a run of digits' complement, so `end` is a border.
    text.split_at(end)
}

/// Compares runs without digits: `~` before the end, the end before letters, letters before the rest.
fn text(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let longest = left.len().max(right.len());
    let weights = |text: &[u8], at: usize| weight(text.get(at).copied());
    (0..longest)
        .map(|at| weights(left, at).cmp(&weights(right, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(byte) if byte.is_ascii_alphabetic() => u16::from(byte),
        Some(byte) => 256 + u16::from(byte),
    }
}

/// Compares runs of digits of any length.
fn number(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_distributions_order() {
        use Ordering::{Equal, Greater, Less};
        for (left, order, right) in [
            ("1.0", Equal, "1.0"),
            ("1.0", Equal, "0:1.0"),
            ("1.0", Equal, "1.0-0"),
            ("1.00", Equal, "1.0"),
            ("1.0", Less, "1.0-1"),
            ("1.0~rc1", Less, "1.0"),
            ("1.0~~", Less, "1.0~"),
            ("1.0~", Less, "1.0"),
            ("1.0~rc1-1", Less, "1.0-1"),
            ("1.0", Less, "1.0a"),
            ("1.0a", Less, "1.0+b1"),
            ("1.0+b1", Less, "1.0.1"),
            ("1.9", Less, "1.10"),
            ("9", Less, "1:1"),
            ("2:1", Greater, "1:9"),
            ("1-1-1", Greater, "1-1"),
            ("1.2-3", Less, "1.2.1-1"),
            ("4:14.2.0-1", Greater, "14.2.0-6~"),
            ("2.41-12+deb13u1", Greater, "2.41-12"),
            ("1.3.dfsg+really1.3.1-1+b1", Greater, "1.3.dfsg-1"),
            ("20240101", Less, "20240102"),
            ("99999999999999999999999", Less, "100000000000000000000000"),
            ("1.0+git", Greater, "1.0"),
            ("a", Less, "b"),
            ("A", Less, "a"),
            ("1.0-1.1", Greater, "1.0-1"),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }
}
