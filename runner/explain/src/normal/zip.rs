//! zip: local headers, contents, the directory and its end, without a gap between them.

use std::{collections::BTreeMap, io::Cursor};

use eadem_model::Normalisation as N;
use zip::{CompressionMethod, ZipArchive};

use super::{
    form::{Form, Part, are_apart},
    mask::{Field, Taken, mask, push},
    packing,
};
use crate::archive::Content;

/// The lengths of what comes before names, and of the end.
const LOCAL: usize = 30;
const CENTRAL: usize = 46;
const END: usize = 22;
/// Set if sizes and checksum stand behind the content.
const DESCRIBED: u64 = 8;
/// How hard was tried to pack.
const EFFORT: u64 = 6;
/// A member is unpacked to look whether its checksum is true, up to so many bytes.
const LARGEST: u64 = 64 << 20;

/// Around the flags: which reader is needed, how it was packed, when it was changed; then checksum, sizes and the
/// length of extra fields, which are looked at.
fn fields(flags: usize) -> [Field; 5] {
    [
        (Some(N::ZipCompression), flags - 2..flags),
        (Some(N::ZipCompression), flags + 2..flags + 4),
        (Some(N::ZipTimes), flags + 4..flags + 8),
        (None, flags + 8..flags + 20),
        (None, flags + 22..flags + 24),
    ]
}

/// The members in the order of the directory; none if anything is damaged, or too large for plain zip.
pub(super) fn form(bytes: &[u8], most: usize) -> Option<Form<'_>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    (archive.len() < most).then_some(())?;
    let directory = usize::try_from(archive.central_directory_start()).ok()?;
    let (mut parts, mut tiles, mut at) = (Vec::new(), BTreeMap::new(), directory);
    for index in 0..archive.len() {
        let member = Member::of(bytes, &archive.by_index_raw(index).ok()?)?;
        (member.central == at).then_some(())?;
        tiles.insert(member.local, (member.end, index));
        let (part, end) = member.part(bytes)?;
        parts.push(part);
        at = end;
    }
    let places = tiled(&tiles, parts.len(), directory)?;
    let end = end(bytes, at, directory)?;
    let turned =
        are_apart(parts.iter().map(|part| (&part.name[..], part.name.ends_with(b"/")))).then(|| end.clone());
    let frame = [places, end].concat();
    Some(Form { parts, frame, turned, order: N::ZipOrder, taken: Taken::new(), is_package: false })
}

/// In which order members stand before the directory; none unless they fill it up.
fn tiled(tiles: &BTreeMap<usize, (usize, usize)>, n: usize, directory: usize) -> Option<Vec<u8>> {
    let (mut at, mut places) = (0, Vec::new());
    for (start, (end, index)) in tiles {
        (*start == at).then_some(())?;
        at = *end;
        places.extend(index.to_le_bytes());
    }
    (tiles.len() == n && at == directory).then_some(places)
}

/// What counts of the end: all but where the directory is, which was looked at.
fn end(bytes: &[u8], at: usize, directory: usize) -> Option<Vec<u8>> {
    let end = bytes.get(at..)?;
    let length = number(end, 20, 2)? as usize;
    (end.starts_with(b"PK\x05\x06") && end.len() == END + length).then_some(())?;
    let said = [number(end, 12, 4)?, number(end, 16, 4)?];
    (said == [(at - directory) as u64, directory as u64]).then_some(())?;
    mask(end, &[(None, 12..20)], &mut Taken::new())
}

/// Where a member's parts are.
struct Member<'a> {
    local: usize,
    central: usize,
    end: usize,
    content: Content<'a>,
    packed: u64,
}

impl<'a> Member<'a> {
    fn of(bytes: &'a [u8], file: &zip::read::ZipFile<'_, Cursor<&'a [u8]>>) -> Option<Self> {
        let (start, packed) = (usize::try_from(file.data_start()?).ok()?, file.compressed_size());
        let end = start.checked_add(usize::try_from(packed).ok()?)?;
        let raw = bytes.get(start..end)?;
        let content = match file.compression() {
            CompressionMethod::Stored => Content::Plain(raw),
            CompressionMethod::Deflated => Content::Deflated(raw),
            CompressionMethod::ZSTD => Content::Zstd(raw),
            _ => return None,
        };
        let [local, central] = [file.header_start(), file.central_header_start()].map(usize::try_from);
        let mut member = Self { local: local.ok()?, central: central.ok()?, end, content, packed };
        member.end += member.descriptor(bytes)?;
        Some(member)
    }

    /// The length of what stands behind the content; none unless that and the local header say the same as the
    /// directory of how the content is packed.
    fn descriptor(&self, bytes: &[u8]) -> Option<usize> {
        (bytes.get(self.local + 6..self.local + 10)? == bytes.get(self.central + 8..self.central + 12)?)
            .then_some(())?;
        let said = bytes.get(self.central + 16..self.central + 28)?;
        let local = bytes.get(self.local + 14..self.local + 26)?;
        if number(bytes, self.central + 8, 2)? & DESCRIBED == 0 {
            return (local == said).then_some(0);
        }
        (local == said || local == [0; 12]).then_some(())?;
        let behind = bytes.get(self.end..)?;
        let marked = behind.strip_prefix(b"PK\x07\x08").filter(|rest| rest.starts_with(said)).map(|_| 16);
        marked.or_else(|| behind.starts_with(said).then_some(12))
    }

    /// What counts of it, and where its entry of the directory ends.
    fn part(self, bytes: &'a [u8]) -> Option<(Part<'a>, usize)> {
        let (mut kept, mut taken) = (Vec::new(), Taken::new());
        let mut name = &[][..];
        let heads =
            [(self.local, 6, LOCAL, 0), (self.central, 8, CENTRAL, number(bytes, self.central + 32, 2)?)];
        let mut end = 0;
        for (at, flags, length, comment) in heads {
            let lengths = [number(bytes, at + flags + 20, 2)?, number(bytes, at + flags + 22, 2)?];
            let [of_name, of_extra] = lengths.map(|it| it as usize);
            let extra = at + length + of_name;
            end = extra + of_extra + comment as usize;
            name = bytes.get(at + length..extra)?;
            push(&mut kept, &head(bytes.get(at..at + length)?, flags, &mut taken)?);
            push(&mut kept, name);
            extras(bytes.get(extra..extra + of_extra)?, &mut kept, &mut taken)?;
            push(&mut kept, bytes.get(extra + of_extra..end)?);
        }
        self.check(bytes)?;
        Some((Part { name: name.to_vec(), kept, taken, content: self.content }, end))
    }

    /// Whether checksum and sizes are true.
    fn check(&self, bytes: &[u8]) -> Option<()> {
        let content = packing::content(self.content, LARGEST)?;
        let mut checksum = flate2::Crc::new();
        checksum.update(&content);
        let wanted = [u64::from(checksum.sum()), self.packed, content.len() as u64];
        let is_true = |n: usize| number(bytes, self.central + 16 + 4 * n, 4) == Some(wanted[n]);
        (0..3).all(is_true).then_some(())
    }
}

/// A header without what does not count; the flags tell how hard was tried to pack.
fn head(header: &[u8], flags: usize, taken: &mut Taken) -> Option<Vec<u8>> {
    let mut fields = fields(flags).to_vec();
    if header.len() == CENTRAL {
        // The writer's version, which goes with the method, and where the local header is.
        fields.push((Some(N::ZipCompression), 4..5));
        fields.push((None, CENTRAL - 4..CENTRAL));
    }
    let mut kept = mask(header, &fields, taken)?;
    let effort = number(header, flags, 2)? & EFFORT;
    kept[flags] &= !(EFFORT as u8);
    taken.entry(N::ZipCompression).or_default().extend(effort.to_le_bytes());
    Some(kept)
}

/// Extra fields: those of times and owners do not count.
fn extras(mut bytes: &[u8], kept: &mut Vec<u8>, taken: &mut Taken) -> Option<()> {
    while !bytes.is_empty() {
        let length = 4 + number(bytes, 2, 2)? as usize;
        let field = bytes.get(..length)?;
        match number(bytes, 0, 2)? {
            0x5455 | 0x000a => push(taken.entry(N::ZipTimes).or_default(), field),
            0x7875 | 0x7855 => push(taken.entry(N::ZipOwners).or_default(), field),
            _ => push(kept, field),
        }
        bytes = &bytes[length..];
    }
    Some(())
}

/// A number of a few bytes, the lowest first.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}
