//! tar, with the extensions of GNU and POSIX.

use std::io::Cursor;

use tar::{Archive, Entry};

use super::{Content, Member};

/// Extensions that say something of a member.
const EXTENSIONS: [(&str, &str); 3] = [("mtime", "exact mtime"), ("atime", "atime"), ("ctime", "ctime")];

/// The members in their order.
pub(super) fn members(bytes: &[u8], most: usize) -> Option<Vec<Member<'_>>> {
    let mut archive = Archive::new(Cursor::new(bytes));
    let entries = archive.entries_with_seek().ok()?;
    entries.take(most).map(|entry| of(bytes, &mut entry.ok()?)).collect()
}

fn of<'a>(bytes: &'a [u8], entry: &mut Entry<'_, Cursor<&'a [u8]>>) -> Option<Member<'a>> {
    let start = usize::try_from(entry.raw_file_position()).ok()?;
    let length = usize::try_from(entry.header().entry_size().ok()?).ok()?;
    let content = bytes.get(start..start.checked_add(length)?)?;
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let mut attributes = attributes(entry);
    attributes.extend(extensions(entry));
    Some(Member { name, attributes, content: Content::Plain(content) })
}

fn attributes(entry: &Entry<'_, Cursor<&[u8]>>) -> Vec<(&'static str, String)> {
    let header = entry.header();
    let text =
        |bytes: Option<&[u8]>| bytes.map(|it| String::from_utf8_lossy(it).into_owned()).unwrap_or_default();
    let who = |name: Option<&[u8]>, id: Option<u64>| format!("{} {}", id.unwrap_or_default(), text(name));
    let link = entry.link_name_bytes();
    vec![
        ("mtime", header.mtime().map(|it| it.to_string()).unwrap_or_default()),
        ("owner", who(header.username_bytes(), header.uid().ok()).trim_end().to_owned()),
        ("group", who(header.groupname_bytes(), header.gid().ok()).trim_end().to_owned()),
        ("mode", header.mode().map(|mode| format!("{mode:04o}")).unwrap_or_default()),
        ("kind", format!("{:?}", header.entry_type())),
        ("link", text(link.as_deref())),
    ]
}

fn extensions(entry: &mut Entry<'_, Cursor<&[u8]>>) -> Vec<(&'static str, String)> {
    let Ok(Some(extensions)) = entry.pax_extensions() else { return Vec::new() };
    let known = extensions.flatten().filter_map(|extension| {
        let (_, shown) = EXTENSIONS.iter().find(|(key, _)| extension.key_bytes() == key.as_bytes())?;
        Some((*shown, String::from_utf8_lossy(extension.value_bytes()).into_owned()))
    });
    known.collect()
}
