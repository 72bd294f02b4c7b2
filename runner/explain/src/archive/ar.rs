//! ar: static libraries, Rust's rlibs, Debian's packages.

use object::read::archive::ArchiveFile;

use super::{Content, Member};

/// The members, without the table of symbols.
pub(super) fn members(bytes: &[u8], most: usize) -> Option<Vec<Member<'_>>> {
    let archive = ArchiveFile::parse(bytes).ok().filter(|archive| !archive.is_thin())?;
    archive.members().take(most).map(|member| of(bytes, &member.ok()?)).collect()
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
