//! An archive that a daemon sent of a directory, as it can be unpacked in that directory.
//!
//! Podman finds a volume by its own path alone, so that an archive cannot be unpacked beside it; and the
//! first part of each name stands for the directory.

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use tar::{Archive, Builder, Entry, EntryType, Header};

use crate::{layer, output::below};

/// Writes an archive again, the first part of each name left out.
pub(crate) fn write(from: impl Read, to: impl Write) -> io::Result<()> {
    let mut to = Builder::new(to);
    for entry in Archive::new(from).entries()? {
        append(entry?, &mut to)?;
    }
    to.into_inner()?.flush()
}

fn append(mut entry: Entry<'_, impl Read>, to: &mut Builder<impl Write>) -> io::Result<()> {
    let name = entry.path_bytes().into_owned();
    let way = Path::new(OsStr::from_bytes(below(&name))).to_owned();
    let kind = entry.header().entry_type();
    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
    let mut header = header(&entry)?;
    match kind {
        // The directory itself is the room's, with the mode that a build finds.
        _ if way.as_os_str().is_empty() => Ok(()),
        EntryType::Symlink => layer::append_link(to, &mut header, &way, &target),
        // Names of files in the same archive have the same first part.
        EntryType::Link => layer::append_link(to, &mut header, &way, below(&target)),
        _ => to.append_data(&mut header, &way, &mut entry),
    }
}

fn header(entry: &Entry<'_, impl Read>) -> io::Result<Header> {
    let (old, mut new) = (entry.header(), Header::new_gnu());
    new.set_entry_type(old.entry_type());
    new.set_mode(old.mode()?);
    new.set_uid(old.uid()?);
    new.set_gid(old.gid()?);
    new.set_mtime(old.mtime()?);
    new.set_size(if old.entry_type().is_file() { entry.size() } else { 0 });
    // The only device that a program of a room can make.
    new.set_device_major(0)?;
    new.set_device_minor(0)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hard_links_lose_their_first_part_and_symbolic_links_nothing() {
        let mut sent = Builder::new(Vec::new());
        let mut add = |kind, name: &str, link: &str, content: &[u8]| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o640);
            header.set_uid(7);
            header.set_gid(8);
            header.set_mtime(9);
            header.set_size(content.len() as u64);
            if !link.is_empty() {
                header.set_link_name_literal(link).expect("is short");
            }
            sent.append_data(&mut header, name, content).expect("is written");
        };
        let long = format!("target/{}/file", "n".repeat(120));
        add(EntryType::Directory, "target/", "", b"");
        add(EntryType::Regular, &long, "", b"content");
        add(EntryType::Link, "target/twin", "target/file", b"");
        add(EntryType::Symlink, "target/link", "../target//x/", b"");
        add(EntryType::Fifo, "target/fifo", "", b"");
        let mut bytes = Vec::new();
        write(&sent.into_inner().expect("is whole")[..], &mut bytes).expect("is written");
        let mut archive = Archive::new(&bytes[..]);
        let line = |entry: io::Result<Entry<'_, &[u8]>>| {
            let mut entry = entry.expect("readable");
            let mut content = String::new();
            entry.read_to_string(&mut content).expect("readable");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let link = entry.link_name_bytes().map(|link| text(&link)).unwrap_or_default();
            assert_eq!(
                (entry.header().uid().expect("a number"), entry.header().mtime().expect("a number")),
                (7, 9)
            );
            format!("{:?} {} {link} {content}", entry.header().entry_type(), text(&entry.path_bytes()))
        };
        let lines: Vec<String> = archive.entries().expect("an archive").map(line).collect();
        let file = format!("Regular {}/file  content", "n".repeat(120));
        let expected = [&file, "Link twin file ", "Symlink link ../target//x/ ", "Fifo fifo  "];
        assert_eq!(lines, expected);
    }
}
