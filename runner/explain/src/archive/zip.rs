//! zip: Java's and Android's packages, Python's wheels.

use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive, read::ZipFile};

use super::{Content, Member};

/// The members in the order of the directory.
pub(super) fn members(bytes: &[u8], most: usize) -> Option<Vec<Member<'_>>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    (0..archive.len().min(most)).map(|index| of(bytes, &archive.by_index_raw(index).ok()?)).collect()
}

fn of<'a>(bytes: &'a [u8], file: &ZipFile<'_, Cursor<&'a [u8]>>) -> Option<Member<'a>> {
    let start = usize::try_from(file.data_start()?).ok()?;
    let length = usize::try_from(file.compressed_size()).ok()?;
    let raw = bytes.get(start..start.checked_add(length)?)?;
    let content = match file.compression() {
        CompressionMethod::Deflated => Content::Deflated(raw),
        CompressionMethod::ZSTD => Content::Zstd(raw),
        _ => Content::Plain(raw),
    };
    let mode = file.unix_mode().map(|mode| format!("{mode:04o}")).unwrap_or_default();
    let time = file.last_modified().map(|time| time.to_string()).unwrap_or_default();
    let comment = file.comment().to_owned();
    let attributes = vec![("mtime", time), ("mode", mode), ("comment", comment)];
    Some(Member { name: String::from_utf8_lossy(file.name_raw()).into_owned(), attributes, content })
}
