//! cpio in its `newc` form: initial RAM file systems, RPM packages.

use std::io::Cursor;

use cpio::newc;

use super::{Content, Member};

/// The members up to the trailer.
pub(super) fn members(bytes: &[u8], most: usize) -> Option<Vec<Member<'_>>> {
    let (mut members, mut cursor) = (Vec::new(), Cursor::new(bytes));
    while members.len() < most {
        let reader = newc::Reader::new(&mut cursor).ok()?;
        if reader.entry().is_trailer() {
            break;
        }
        let (name, attributes) = (reader.entry().name().to_owned(), attributes(reader.entry()));
        let length = reader.entry().file_size() as usize;
        drop(reader);
        let start = usize::try_from(cursor.position()).ok()?;
        let content = Content::Plain(bytes.get(start..start + length)?);
        cursor.set_position((start + length.next_multiple_of(4)) as u64);
        members.push(Member { name, attributes, content });
    }
    Some(members)
}

fn attributes(entry: &newc::Entry) -> Vec<(&'static str, String)> {
    vec![
        ("mtime", entry.mtime().to_string()),
        ("owner", entry.uid().to_string()),
        ("group", entry.gid().to_string()),
        ("mode", format!("{:o}", entry.mode())),
        ("inode", entry.ino().to_string()),
        ("links", entry.nlink().to_string()),
        ("device", format!("{}:{}", entry.dev_major(), entry.dev_minor())),
    ]
}
