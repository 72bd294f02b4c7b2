//! ar: static libraries, Rust's rlibs, Debian's packages.

use eadem_model::Normalisation as N;
use object::read::archive::ArchiveFile;

use super::{
    form::{Form, Part},
    mask::{Field, Taken, mask, push},
};
use crate::archive::Content;

const HEADER: usize = 60;
/// The first member of a Debian package.
const PACKAGE: &[u8] = b"debian-binary";

/// The members; none if anything is damaged.
pub(super) fn form(bytes: &[u8], most: usize) -> Option<Form<'_>> {
    let mut walk = Walk { bytes, at: 8, table: None, names: &[] };
    let (mut parts, mut taken, mut starts) = (Vec::new(), Taken::new(), Vec::new());
    while walk.at < bytes.len() {
        let start = walk.at;
        if let Some(part) = walk.part(&mut taken)? {
            parts.push(part);
            starts.push(start as u64);
        }
        (parts.len() < most).then_some(())?;
    }
    let symbols = walk.table.map_or(Some(Vec::new()), |table| symbols(bytes, table, &starts))?;
    let is_package = parts.first().is_some_and(|part| part.name.starts_with(PACKAGE));
    let turned = if is_package { None } else { turned(&parts, &symbols) };
    let mut frame = names(walk.names);
    symbols.iter().for_each(|(name, at)| push(&mut frame, &[name, &at.to_le_bytes()[..]].concat()));
    Some(Form { parts, frame, turned, order: N::ArOrder, taken, is_package })
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What GNU's table of symbols holds.
    table: Option<&'a [u8]>,
    /// Names that are too long for a header.
    names: &'a [u8],
}

/// Fields that `ar` in its deterministic mode blanks, and the size, which was looked at.
const FIELDS: [Field; 4] = [
    (Some(N::ArTimes), 16..28),
    (Some(N::ArOwners), 28..40),
    (Some(N::ArPermissions), 40..48),
    (None, 48..58),
];

impl<'a> Walk<'a> {
    /// The next member; none inside if it is a table.
    fn part(&mut self, of_tables: &mut Taken) -> Option<Option<Part<'a>>> {
        let header = self.bytes.get(self.at..self.at + HEADER)?;
        let size: usize = std::str::from_utf8(&header[48..58]).ok()?.trim_end().parse().ok()?;
        let start = self.at + HEADER;
        let content = self.bytes.get(start..start.checked_add(size)?)?;
        let padding = self.bytes.get(start + size..(start + size).next_multiple_of(2)).unwrap_or_default();
        self.at = start + size + padding.len();
        let mut taken = Taken::new();
        let mut kept = mask(header, &FIELDS, &mut taken)?;
        push(&mut kept, padding);
        match header[..16].trim_ascii_end() {
            b"/" if self.table.is_none() => self.table = Some(content),
            b"//" if self.names.is_empty() => self.names = content,
            name => {
                let name = self.name(name, &mut kept)?;
                return Some(Some(Part { name, kept, taken, content: Content::Plain(content) }));
            }
        }
        taken.into_iter().for_each(|(name, bytes)| of_tables.entry(name).or_default().extend(bytes));
        Some(None)
    }

    /// A name; where one stands in the table of names does not count.
    fn name(&self, name: &[u8], kept: &mut [u8]) -> Option<Vec<u8>> {
        let Some(at) = name.strip_prefix(b"/").filter(|at| at.first().is_some_and(u8::is_ascii_digit)) else {
            return Some(name.to_vec());
        };
        let at: usize = std::str::from_utf8(at).ok()?.parse().ok()?;
        kept[..16].fill(0);
        self.names.get(at..)?.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec)
    }
}

/// The long names in their order.
fn names(table: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = table.split(|byte| *byte == b'\n').collect();
    names.sort_unstable();
    names.join(&b'\n')
}

/// Symbols with the number of the member that each is in; none unless the table says this and nothing more.
fn symbols<'a>(bytes: &'a [u8], table: &[u8], starts: &[u64]) -> Option<Vec<(&'a [u8], usize)>> {
    let archive = ArchiveFile::parse(bytes).ok()?;
    let (mut symbols, mut offsets, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for symbol in archive.symbols().ok()?? {
        let symbol = symbol.ok()?;
        symbols.push((symbol.name(), starts.binary_search(&symbol.offset().0).ok()?));
        offsets.extend(u32::try_from(symbol.offset().0).ok()?.to_be_bytes());
        texts.extend([symbol.name(), b"\0"].concat());
    }
    let whole = [&u32::try_from(symbols.len()).ok()?.to_be_bytes(), &offsets[..], &texts].concat();
    let padding = table.strip_prefix(&whole[..])?;
    padding.iter().all(|byte| *byte == 0).then_some(symbols)
}

/// What counts where members change places: nothing may be in two of them.
fn turned(parts: &[Part<'_>], symbols: &[(&[u8], usize)]) -> Option<Vec<u8>> {
    let mut names: Vec<&[u8]> = parts.iter().map(|part| &part.name[..]).collect();
    names.sort_unstable();
    let mut symbols: Vec<[&[u8]; 2]> =
        symbols.iter().map(|(name, at)| [*name, &parts[*at].name[..]]).collect();
    symbols.sort_unstable();
    let are_single = names.windows(2).all(|two| two[0] != two[1]);
    let are_in_one = symbols.windows(2).all(|two| two[0][0] != two[1][0]);
    let mut frame = Vec::new();
    symbols.as_flattened().iter().for_each(|stretch| push(&mut frame, stretch));
    (are_single && are_in_one).then_some(frame)
}
