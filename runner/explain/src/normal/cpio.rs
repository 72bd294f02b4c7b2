//! cpio in its `newc` form.

use std::collections::BTreeMap;

use eadem_model::Normalisation as N;

use super::{
    form::{Form, Part, are_apart},
    mask::{Field, Taken, mask, push},
};
use crate::archive::Content;

const HEADER: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";
/// The kind of a file among the bits of its mode, and a directory's.
const KIND: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;

/// Fields that do not count, and the size, which was looked at.
const FIELDS: [Field; 4] = [
    (Some(N::CpioInodes), 6..14),
    (Some(N::CpioTimes), 46..54),
    (None, 54..62),
    (Some(N::CpioInodes), 62..78),
];

/// The members with the trailer; none if anything is damaged.
pub(super) fn form(bytes: &[u8], most: usize) -> Option<Form<'_>> {
    let mut walk = Walk { bytes, at: 0, inodes: BTreeMap::new(), is_loose: true };
    let mut parts: Vec<(Part<'_>, bool)> = Vec::new();
    while parts.last().is_none_or(|(part, _)| part.name != TRAILER) {
        parts.push(walk.part(parts.len())?);
        (parts.len() < most).then_some(())?;
    }
    let padding = bytes.get(walk.at..)?;
    padding.iter().all(|byte| *byte == 0).then_some(())?;
    let taken = Taken::from([(N::CpioPadding, padding.len().to_le_bytes().to_vec())]);
    let names = parts.iter().map(|(part, is_directory)| (&part.name[..], *is_directory));
    let turned = (walk.is_loose && are_apart(names)).then(Vec::new);
    let parts = parts.into_iter().map(|(part, _)| part).collect();
    Some(Form { parts, frame: Vec::new(), turned, order: N::CpioOrder, taken, is_package: false })
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The first member of each file that has several names.
    inodes: BTreeMap<[u32; 3], usize>,
    /// Whether no member needs another one.
    is_loose: bool,
}

impl<'a> Walk<'a> {
    /// The next member, and whether it is a directory.
    fn part(&mut self, index: usize) -> Option<(Part<'a>, bool)> {
        let header = self.bytes.get(self.at..self.at + HEADER)?;
        let number = |at: usize| u32::from_str_radix(std::str::from_utf8(&header[at..at + 8]).ok()?, 16).ok();
        let (mode, links) = (number(14)?, number(38)?);
        let (name, name_padding) = self.stretch(HEADER, number(94)?)?;
        let (content, padding) = self.stretch(0, number(54)?)?;
        let mut taken = Taken::new();
        let mut kept = mask(header, &FIELDS, &mut taken)?;
        for stretch in [name, name_padding, padding] {
            push(&mut kept, stretch);
        }
        if links > 1 && mode & KIND != DIRECTORY {
            self.is_loose = false;
            let first = *self.inodes.entry([number(6)?, number(62)?, number(70)?]).or_insert(index);
            kept.extend(first.to_le_bytes());
        }
        let name = name.strip_suffix(b"\0")?.to_vec();
        Some((Part { name, kept, taken, content: Content::Plain(content) }, mode & KIND == DIRECTORY))
    }

    /// The next so many bytes after a header, and what fills them up to four.
    fn stretch(&mut self, skipped: usize, length: u32) -> Option<(&'a [u8], &'a [u8])> {
        let start = self.at + skipped;
        let end = start.checked_add(length as usize)?;
        let stretch = self.bytes.get(start..end)?;
        self.at = end.checked_next_multiple_of(4)?;
        Some((stretch, self.bytes.get(end..self.at)?))
    }
}
