//! Shows bytes that differ.

use std::{fmt::Write, ops::Range};

use eadem_model::Window;

use crate::region::Region;

/// Bytes in a row of a hex dump.
const ROW: usize = 16;
/// The bytes of a window.
const SHOWN: usize = 3 * ROW;
/// How far around a difference its text is taken.
const AROUND: usize = 256;
/// The longest text of one side.
const LONGEST: usize = 4096;
/// Shorter runs of letters are no text.
const SHORTEST: usize = 4;

/// The window of a region; offsets are counted from `start` on each side.
pub(crate) fn window(first: &[u8], second: &[u8], region: &Region, start: [u64; 2]) -> Window {
    let lead = (region.first.start % ROW).min(region.second.start);
    let (left, right) = (region.first.start - lead, region.second.start - lead);
    let texts = texts(first, second, region).into_iter().next().map(|texts| texts.map(|text| short(&text)));
    Window {
        offsets: [start[0] + left as u64, start[1] + right as u64],
        hex: [hex(first, left), hex(second, right)],
        texts,
    }
}

fn hex(bytes: &[u8], start: usize) -> String {
    let shown = &bytes[start.min(bytes.len())..bytes.len().min(start + SHOWN)];
    shown.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A text of bounded length, cut in its middle.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 160;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let head: String = text.chars().take(MOST / 2).collect();
    let tail: Vec<char> = text.chars().rev().take(MOST / 2).collect();
    format!("{head} … {}", tail.into_iter().rev().collect::<String>())
}

/// The texts of a region that differ, each with what stands around it; none if they are no pairs.
pub(crate) fn texts(first: &[u8], second: &[u8], region: &Region) -> Vec<[String; 2]> {
    let (left, right) = (around(first, &region.first), around(second, &region.second));
    let (left, right): (Vec<_>, Vec<_>) = (runs(&first[left]).collect(), runs(&second[right]).collect());
    let pairs = left.iter().zip(&right).filter(|(left, right)| left != right);
    let is_text = |text: &&&[u8]| text.len() >= SHORTEST;
    if left.len() != right.len() {
        return Vec::new();
    }
    let pairs = pairs.filter(|(left, right)| is_text(left) && is_text(right));
    let pair = |(left, right): (&&[u8], &&[u8])| {
        [left, right].map(|text| String::from_utf8_lossy(text).into_owned())
    };
    pairs.map(pair).collect()
}

/// Where the text of a region stands on both sides; none unless it is one text.
pub(crate) fn text_place(first: &[u8], second: &[u8], region: &Region) -> Option<Region> {
    let place = |bytes: &[u8], range: &Range<usize>| {
        let around = around(bytes, range);
        let mut runs = runs(&bytes[around.clone()]).filter(|run| run.len() >= SHORTEST);
        let run = runs.next().filter(|_| runs.next().is_none())?;
        let start = run.as_ptr().addr() - bytes.as_ptr().addr();
        Some(start..start + run.len())
    };
    Some(Region { first: place(first, &region.first)?, second: place(second, &region.second)? })
}

/// A range with the letters before and behind it.
fn around(bytes: &[u8], range: &Range<usize>) -> Range<usize> {
    let end = range.end.min(range.start + LONGEST);
    let before = bytes[..range.start].iter().rev().take(AROUND).take_while(|byte| is_letter(**byte)).count();
    let behind = bytes[end..].iter().take(AROUND).take_while(|byte| is_letter(**byte)).count();
    range.start - before..end + behind
}

/// Runs of letters between other bytes.
pub(crate) fn runs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| !is_letter(*byte)).filter(|run| !run.is_empty())
}

fn is_letter(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_shows_whole_rows_and_the_text_that_differs() {
        let (first, second) = (b"0123456789abcdef\0/build/one\0", b"0123456789abcdef\0/build/two\0");
        let region = Region { first: 24..27, second: 24..27 };
        let window = window(first, second, &region, [0x100, 0x200]);
        assert_eq!(window.offsets, [0x110, 0x210]);
        assert_eq!(window.hex[0], "002f6275696c642f6f6e6500");
        assert_eq!(window.texts, Some(["/build/one".to_owned(), "/build/two".to_owned()]));
    }
}
