//! ar: static libraries, Rust's rlibs, Debian's packages.

use object::read::archive::ArchiveFile;

use super::{Content, Member};

/// The members; of the table of symbols only when it was made.
pub(super) fn members(bytes: &[u8], most: usize) -> Option<Vec<Member<'_>>> {
    let archive = ArchiveFile::parse(bytes).ok().filter(|archive| !archive.is_thin())?;
    let members = archive.members().take(most).map(|member| of(bytes, &member.ok()?));
    symbols(bytes).map(Some).into_iter().chain(members).collect()
}

/// What GNU ar says of its table of symbols, which is the first member and has no other name than `/`.
fn symbols(bytes: &[u8]) -> Option<Member<'_>> {
    let header = bytes.get(8..68).filter(|header| header.starts_with(b"/ "))?;
    let time = String::from_utf8_lossy(&header[16..28]).trim_end().to_owned();
    let name = "/ (the table of symbols)".to_owned();
    Some(Member { name, attributes: vec![("mtime", time)], content: Content::Plain(&[]) })
}

fn of<'a>(bytes: &'a [u8], member: &object::read::archive::ArchiveMember<'a>) -> Option<Member<'a>> {
    let decimal = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let attributes = vec![
        ("mtime", decimal(member.date())),
        ("owner", decimal(member.uid())),
        ("group", decimal(member.gid())),
        ("mode", member.mode().map(|mode| format!("{mode:o}")).unwrap_or_default()),
    ];
    let name = String::from_utf8_lossy(member.name()).into_owned();
    Some(Member { name, attributes, content: Content::Plain(member.data(bytes).ok()?) })
}
