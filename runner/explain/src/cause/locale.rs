//! The rule of locales: programs quote in the characters that theirs has.

use super::{Sides, cause, quoted};
use eadem_model::{Cause, Confidence, Reason};

/// Takes typographic quotation marks out of both sides, if nothing else differs.
pub(super) fn take(sides: &mut Sides) -> Vec<Cause> {
    let plain = sides.each_ref().map(|side| plain(side));
    if plain[0] != plain[1] {
        return Vec::new();
    }
    let differing = super::difference(&sides[0], &sides[1]);
    *sides = plain;
    vec![cause(Reason::Known("locale".to_owned()), quoted(&differing), Confidence::Likely)]
}

fn plain(text: &str) -> String {
    let mark = |c: char| match c {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        other => other,
    };
    text.chars().map(mark).collect()
}
