//! ELF: what a linker computes from the rest of the file.

use std::ops::Range;

use eadem_model::Normalisation as N;
use object::{
    Endianness, File, Object, ObjectSection, SectionFlags,
    elf::{NT_GNU_BUILD_ID, SHF_ALLOC, SHT_NOTE, SHT_PROGBITS, SectionType},
};

use super::{Equal, Pass};

/// A build-id is a digest, so no code of any use has a place in it.
const LONGEST: usize = 64;
const BUILD_ID: &str = ".note.gnu.build-id";
const DEBUG_LINK: &str = ".gnu_debuglink";

/// Compares all bytes but those of the two sections.
pub(super) fn compare(pass: &Pass, first: &[u8], second: &[u8]) -> Equal {
    (first.len() == second.len()).then_some(())?;
    let ranges = blanks(first)?;
    (ranges == blanks(second)?).then_some(())?;
    let mut at = 0;
    for (normalisation, range) in ranges {
        (first.get(at..range.start)? == second.get(at..range.start)?).then_some(())?;
        if first[range.clone()] != second[range.clone()] {
            pass.need(normalisation);
        }
        at = range.end;
    }
    (first[at..] == second[at..]).then_some(())
}

/// Where a file has what does not count, in the order of the file.
fn blanks(bytes: &[u8]) -> Option<Vec<(N, Range<usize>)>> {
    let file = File::parse(bytes).ok()?;
    let id = build_id(&file, bytes);
    let link = debug_link(&file, bytes, id.clone().map(|range| &bytes[range]).unwrap_or_default());
    let id = id.map(|range| (N::ElfBuildId, range));
    let mut blanks: Vec<_> = id.into_iter().chain(link.map(|range| (N::ElfDebugLink, range))).collect();
    blanks.sort_by_key(|(_, range)| range.start);
    blanks.windows(2).all(|two| two[0].1.end <= two[1].1.start).then_some(blanks)
}

/// The build-id itself: the section has to be one note of this kind and nothing more.
fn build_id(file: &File<'_>, bytes: &[u8]) -> Option<Range<usize>> {
    let range = section(file, BUILD_ID, SHT_NOTE)?;
    let note = bytes.get(range.clone())?;
    let number = |at: usize| word(file, note.get(at..at + 4)?);
    let (name, length, kind) = (number(0)?, number(4)? as usize, number(8)?);
    let is_it = name == 4 && kind == NT_GNU_BUILD_ID.0 && note.get(12..16)? == b"GNU\0";
    (is_it && length <= LONGEST && note.len() == 16 + length).then_some(range.start + 16..range.end)
}

/// The checksum of a debug link, with the name if that is the file's own build-id.
fn debug_link(file: &File<'_>, bytes: &[u8], id: &[u8]) -> Option<Range<usize>> {
    let range = section(file, DEBUG_LINK, SHT_PROGBITS)?;
    let link = bytes.get(range.clone())?;
    let name = link.split(|byte| *byte == 0).next()?;
    (link.len() == (name.len() + 1).next_multiple_of(4) + 4).then_some(())?;
    let hex: String = id.iter().skip(1).map(|byte| format!("{byte:02x}")).collect();
    let is_id = !hex.is_empty() && name == format!("{hex}.debug").as_bytes();
    let is_padded = link[name.len()..link.len() - 4].iter().all(|byte| *byte == 0);
    Some(if is_id && is_padded { range } else { range.end - 4..range.end })
}

/// Where a section's bytes are; none unless there is one of the name, of that type. Notes are part of the program.
fn section(file: &File<'_>, name: &str, of: SectionType) -> Option<Range<usize>> {
    let mut sections = file.sections().filter(|section| section.name_bytes() == Ok(name.as_bytes()));
    let section = sections.next().filter(|_| sections.next().is_none())?;
    let SectionFlags::Elf { sh_flags, sh_type } = section.flags() else { return None };
    let is_loaded = sh_flags & SHF_ALLOC == SHF_ALLOC;
    let (start, size) = section.file_range()?;
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    (sh_type == of && is_loaded == (of == SHT_NOTE)).then_some(start..end)
}

fn word(file: &File<'_>, bytes: &[u8]) -> Option<u32> {
    let bytes = *bytes.first_chunk()?;
    Some(match file.endianness() {
        Endianness::Little => u32::from_le_bytes(bytes),
        Endianness::Big => u32::from_be_bytes(bytes),
    })
}
