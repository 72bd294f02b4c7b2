//! tar: blocks of 512 bytes, each of them looked at.

use eadem_model::Normalisation as N;
use tar::{EntryType, Header, PaxExtensions};

use super::{
    Place,
    form::{Form, Part, are_apart},
    mask::{Field, Taken, mask, push},
};
use crate::archive::Content;

const BLOCK: usize = 512;
/// Where the name of the format stands, and GNU's.
const MAGIC: std::ops::Range<usize> = 257..265;
const GNU: &[u8] = b"ustar  \0";
/// A program with one of these bits runs as its owner.
const RUNS_AS_OWNER: u32 = 0o6000;
/// What extensions say of times.
const TIMES: [&[u8]; 4] = [b"mtime", b"atime", b"ctime", b"LIBARCHIVE.creationtime"];
/// What extensions say of owners.
const OWNERS: [&[u8]; 4] = [b"uid", b"gid", b"uname", b"gname"];

/// The members; none if anything is damaged, or one of them is sparse.
pub(super) fn form<'a>(bytes: &'a [u8], place: Place, most: usize) -> Option<Form<'a>> {
    let (mut parts, mut walk) =
        (Vec::new(), Walk { rest: bytes, is_package: place.is_package, is_loose: true });
    while let Some(part) = walk.part()? {
        parts.push(part);
        (parts.len() < most).then_some(())?;
    }
    let mut taken = Taken::new();
    taken.insert(N::TarPadding, walk.rest.len().to_le_bytes().to_vec());
    walk.rest.iter().all(|byte| *byte == 0).then_some(())?;
    let names = parts.iter().map(|part: &Part<'_>| (&part.name[..], part.kept.first() == Some(&b'5')));
    let turned = (walk.is_loose && are_apart(names)).then(Vec::new);
    Some(Form { parts, frame: Vec::new(), turned, order: N::TarOrder, taken, is_package: false })
}

/// What is left of an archive.
struct Walk<'a> {
    rest: &'a [u8],
    is_package: bool,
    /// Whether no member needs another one before it.
    is_loose: bool,
}

/// A header with what follows it.
struct Entry<'a> {
    header: &'a [u8],
    kind: EntryType,
    content: &'a [u8],
    padding: &'a [u8],
}

/// What headers before a member say of it.
#[derive(Default)]
struct Before {
    name: Option<Vec<u8>>,
    kept: Vec<u8>,
    taken: Taken,
}

impl<'a> Walk<'a> {
    /// The next member with the headers before it; none inside if there is no further one.
    fn part(&mut self) -> Option<Option<Part<'a>>> {
        let mut before = Before::default();
        while let Some(entry) = self.entry()? {
            match entry.kind {
                EntryType::XHeader => Self::extend(&mut before, &entry)?,
                EntryType::GNULongName | EntryType::GNULongLink => self.lengthen(&mut before, &entry)?,
                EntryType::GNUSparse => return None,
                _ => return self.member(before, &entry).map(Some),
            }
        }
        before.kept.is_empty().then_some(None)
    }

    fn entry(&mut self) -> Option<Option<Entry<'a>>> {
        let Some(header) = self.rest.get(..BLOCK).filter(|block| block.iter().any(|byte| *byte != 0)) else {
            return Some(None);
        };
        let parsed = Header::from_byte_slice(header);
        let sum: u32 = mask(header, &[], &mut Taken::new())?.iter().map(|byte| u32::from(*byte)).sum();
        let own: u32 = header[148..156].iter().map(|byte| u32::from(*byte)).sum();
        (parsed.cksum().ok()? == sum - own + 8 * u32::from(b' ')).then_some(())?;
        let length = usize::try_from(parsed.entry_size().ok()?).ok()?;
        let behind = &self.rest[BLOCK..];
        let content = behind.get(..length)?;
        let padding = behind.get(length..length.checked_next_multiple_of(BLOCK)?)?;
        self.rest = &behind[length + padding.len()..];
        Some(Some(Entry { header, kind: parsed.entry_type(), content, padding }))
    }

    fn member(&mut self, before: Before, entry: &Entry<'a>) -> Option<Part<'a>> {
        let parsed = Header::from_byte_slice(entry.header);
        self.is_loose &= !matches!(entry.kind, EntryType::Link | EntryType::XGlobalHeader);
        let Before { name, kept: said, mut taken } = before;
        let name = name.unwrap_or_else(|| parsed.path_bytes().into_owned());
        let owns = self.is_package || parsed.mode().ok()? & RUNS_AS_OWNER != 0;
        let mut kept = vec![entry.kind.as_byte()];
        kept.extend(mask(entry.header, &fields(entry.header, owns), &mut taken)?);
        push(&mut kept, entry.padding);
        push(&mut kept, &said);
        if owns {
            // What extensions say of owners counts as well.
            push(&mut kept, taken.remove(&N::TarOwners).as_deref().unwrap_or_default());
        }
        Some(Part { name, kept, taken, content: Content::Plain(entry.content) })
    }

    /// What a header of POSIX says of the member behind it. Another size than in that one's header is not read.
    fn extend(before: &mut Before, entry: &Entry<'a>) -> Option<()> {
        let fields: [Field; 3] = [(Some(N::TarTimes), 136..148), (None, 124..136), (None, 148..156)];
        let rest = mask(entry.header, &fields, &mut before.taken)?;
        before.taken.entry(N::TarExtensions).or_default().extend(rest);
        for record in PaxExtensions::new(entry.content) {
            let record = record.ok()?;
            (record.key_bytes() != b"size").then_some(())?;
            before.record(record.key_bytes(), record.value_bytes());
        }
        entry.padding.iter().all(|byte| *byte == 0).then_some(())
    }

    fn lengthen(&self, before: &mut Before, entry: &Entry<'a>) -> Option<()> {
        let owns = self.is_package;
        push(&mut before.kept, &mask(entry.header, &fields(entry.header, owns), &mut before.taken)?);
        push(&mut before.kept, entry.content);
        push(&mut before.kept, entry.padding);
        if entry.kind == EntryType::GNULongName {
            before.name = entry.content.split(|byte| *byte == 0).next().map(<[u8]>::to_vec);
        }
        Some(())
    }
}

impl Before {
    fn record(&mut self, key: &[u8], value: &[u8]) {
        let normalisation = match key {
            _ if TIMES.contains(&key) => Some(N::TarTimes),
            _ if OWNERS.contains(&key) => Some(N::TarOwners),
            _ => None,
        };
        let bytes = normalisation.map_or(&mut self.kept, |name| self.taken.entry(name).or_default());
        push(bytes, key);
        push(bytes, value);
        if key == b"path" {
            self.name = Some(value.to_vec());
        }
    }
}

/// Fields of a member's header that do not count, or follow from the rest: size and checksum were looked at.
fn fields(header: &[u8], owns: bool) -> Vec<Field> {
    let is_gnu = header.get(MAGIC) == Some(GNU);
    let is_posix = header.get(MAGIC).is_some_and(|magic| magic.starts_with(b"ustar\0"));
    let times = [(Some(N::TarTimes), 136..148)].into_iter();
    let gnu_times = [(Some(N::TarTimes), 345..369)].into_iter().filter(|_| is_gnu);
    let owners = [(Some(N::TarOwners), 108..124)].into_iter();
    let names = [(Some(N::TarOwners), 265..329)].into_iter().filter(|_| is_gnu || is_posix);
    let owners = owners.chain(names).filter(|_| !owns);
    times.chain(gnu_times).chain(owners).chain([(None, 124..136), (None, 148..156)]).collect()
}
