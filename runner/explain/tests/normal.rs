//! Which outputs are equal after normalisation, and by which one; whatever else differs beside that says no.

mod support;

use std::{fs, io::Write, path::PathBuf, process::Command};

use eadem_explain::{Bounds, Knowledge, files};
use support::{ar, bzip2, cpio, gzip, tar, xz, zip, zstd};

const TEXT: &[u8] = b"one line\nand another one\n";
const OTHER: &[u8] = b"one line\nand another two\n";

/// The names of all that had to be taken out; nothing if that does not make two files equal.
fn needed(first: &[u8], second: &[u8]) -> String {
    let explanation = files(first, second, &Knowledge::default(), Bounds::default());
    assert!(!explanation.findings.is_empty(), "they differ");
    let names = explanation.normalised.iter().flat_map(|one| &one.normalisations);
    names.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Expects two files to be equal by these names, in both directions.
fn expect(first: &[u8], second: &[u8], names: &str) {
    assert_eq!(needed(first, second), names);
    assert_eq!(needed(second, first), names);
}

/// Places at which a file may change by itself while both stay equal once normalised.
fn free(first: &[u8], second: &[u8]) -> Vec<usize> {
    let stays = |at: &usize| {
        let mut changed = second.to_vec();
        changed[*at] ^= 1;
        changed != first && !needed(first, &changed).is_empty()
    };
    (0..second.len()).filter(stays).collect()
}

fn packed_hard(content: &[u8], name: &str, time: u32) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().mtime(time).filename(name);
    let mut writer = builder.write(Vec::new(), flate2::Compression::best());
    writer.write_all(content).expect("it goes to memory");
    writer.finish().expect("it goes to memory")
}

/// A small tar with a change of each header.
fn tar_with(change: impl Fn(&mut tar::Header), content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["a", "b"] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        change(&mut header);
        builder.append_data(&mut header, name, content).expect("it goes to memory");
    }
    builder.into_inner().expect("it goes to memory")
}

#[test]
fn times_of_archives_are_no_content() {
    for (make, name) in [(tar as fn(&[_]) -> Vec<u8>, "tar"), (ar, "ar"), (cpio, "cpio"), (zip, "zip")] {
        let first = make(&[("a", TEXT, 1, 0), ("b", TEXT, 1, 0)]);
        let later = make(&[("a", TEXT, 2, 0), ("b", TEXT, 3, 0)]);
        expect(&first, &later, &format!("{name}: times"));
        expect(&first, &make(&[("a", TEXT, 2, 0), ("b", OTHER, 3, 0)]), "");
        expect(&first, &make(&[("a", TEXT, 2, 0), ("c", TEXT, 3, 0)]), "");
        expect(&first, &make(&[("a", TEXT, 2, 0)]), "");
    }
}

#[test]
fn owners_are_no_content_but_of_packages_and_of_programs_that_run_as_them() {
    let owned = |id: u32| tar(&[("a", TEXT, 1, id)]);
    expect(&owned(0), &owned(7), "tar: owners");
    let package = |id| ar(&[("debian-binary", b"2.0\n", 1, 0), ("data.tar.xz", &xz(&owned(id)), 1, id)]);
    expect(&package(0), &package(7), "");
    let library = |id| ar(&[("a.o", TEXT, 1, id)]);
    expect(&library(0), &library(7), "ar: owners");
    let set = |id, mode| {
        let change = |header: &mut tar::Header| (header.set_uid(id), header.set_mode(mode)).0;
        tar_with(change, TEXT)
    };
    expect(&set(0, 0o755), &set(7, 0o755), "tar: owners");
    expect(&set(0, 0o4755), &set(7, 0o4755), "");
    let named = |name| tar_with(|header| header.set_username(name).expect("it is short"), TEXT);
    expect(&named("root"), &named("ann"), "tar: owners");
    let initramfs = |id| cpio(&[("a", TEXT, 1, id)]);
    expect(&initramfs(0), &initramfs(7), "");
}

#[test]
fn permissions_kinds_and_links_are_content() {
    let mode = |mode| tar_with(|header| header.set_mode(mode), TEXT);
    expect(&mode(0o644), &mode(0o640), "");
    let kind = |kind| tar_with(|header| header.set_entry_type(kind), b"");
    expect(&kind(tar::EntryType::Fifo), &kind(tar::EntryType::Regular), "");
    let linked = |to| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mtime(if to == "x" { 1 } else { 2 });
        builder.append_link(&mut header, "a", to).expect("it goes to memory");
        builder.into_inner().expect("it goes to memory")
    };
    expect(&linked("x"), &linked("y"), "");
}

#[test]
fn the_order_of_members_is_no_content_where_none_needs_another_one() {
    for (make, name) in [(tar as fn(&[_]) -> Vec<u8>, "tar"), (ar, "ar"), (cpio, "cpio"), (zip, "zip")] {
        let (a, b): (support::Entry<'_>, support::Entry<'_>) = (("a", TEXT, 1, 0), ("b", OTHER, 1, 0));
        expect(&make(&[a, b]), &make(&[b, a]), &format!("{name}: order of members"));
        expect(&make(&[a, b]), &make(&[("b", TEXT, 1, 0), ("a", OTHER, 1, 0)]), "");
        if name != "zip" {
            let again = ("a", &b"else"[..], 1, 0);
            expect(&make(&[a, again]), &make(&[again, a]), "");
        }
    }
    let linked = |names: [&str; 2]| {
        let mut builder = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            let kind = if name == "link" { tar::EntryType::Link } else { tar::EntryType::Regular };
            header.set_entry_type(kind);
            header.set_link_name("file").expect("it is short");
            builder.append_data(&mut header, name, &b""[..]).expect("it goes to memory");
        }
        builder.into_inner().expect("it goes to memory")
    };
    expect(&linked(["file", "link"]), &linked(["link", "file"]), "");
    let below = [("d", TEXT, 1, 0), ("d/a", TEXT, 1, 0)];
    expect(&tar(&below), &tar(&[below[1], below[0]]), "");
    let dotted = [("d/../a", TEXT, 1, 0), ("b", TEXT, 1, 0)];
    expect(&cpio(&dotted), &cpio(&[dotted[1], dotted[0]]), "");
    let package = [("debian-binary", &b"2.0\n"[..], 1, 0), ("a", TEXT, 1, 0), ("b", TEXT, 1, 0)];
    expect(&ar(&package), &ar(&[package[0], package[2], package[1]]), "");
}

#[test]
fn what_gzip_says_beside_the_content_is_no_content_but_a_comment_is() {
    expect(&gzip(TEXT, 5), &gzip(TEXT, 6), "gzip: time in the header");
    let wanted = "gzip: time in the header, gzip: name in the header, gzip: compression";
    expect(&gzip(TEXT, 5), &packed_hard(TEXT, "text", 6), wanted);
    expect(&gzip(TEXT, 5), &packed_hard(OTHER, "text", 6), "");
    let said = |comment: &str| {
        let mut writer =
            flate2::GzBuilder::new().comment(comment).write(Vec::new(), flate2::Compression::fast());
        writer.write_all(TEXT).expect("it goes to memory");
        writer.finish().expect("it goes to memory")
    };
    expect(&said("one"), &said("two"), "");
    let mut system = gzip(TEXT, 5);
    system[9] ^= 1;
    expect(&gzip(TEXT, 5), &system, "gzip: system in the header");
}

#[test]
fn how_it_was_packed_is_no_content_and_what_hangs_behind_is() {
    let text = TEXT.repeat(500);
    let hard = |content: &[u8]| zstd::encode_all(content, 19).expect("memory");
    expect(&zstd(&text), &hard(&text), "zstd: compression");
    let best = |content: &[u8]| {
        let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 9);
        writer.write_all(content).expect("it goes to memory");
        writer.finish().expect("it goes to memory")
    };
    expect(&xz(&text), &best(&text), "xz: compression");
    let twice = |content: &[u8]| [bzip2(&content[..99]), bzip2(&content[99..])].concat();
    expect(&bzip2(&text), &twice(&text), "bzip2: compression");
    let parts = |content: &[u8]| [gzip(&content[..99], 0), gzip(&content[99..], 0)].concat();
    assert!(needed(&gzip(&text, 0), &parts(&text)).ends_with("gzip: compression"));
    let mut changed = text.clone();
    changed[777] ^= 1;
    for other in [hard(&changed), best(&changed), twice(&changed), parts(&changed)] {
        for first in [zstd(&text), xz(&text), bzip2(&text), gzip(&text, 0)] {
            expect(&first, &other, "");
        }
    }
    let skipped = [b"\x50\x2a\x4d\x18\x04\0\0\0hide".to_vec(), hard(&text)].concat();
    expect(&zstd(&text), &[hard(&text), skipped].concat(), "");
    for whole in [gzip(&text, 1), xz(&text), bzip2(&text), zstd(&text)] {
        expect(&whole, &[&whole[..], b"more"].concat(), "");
    }
}

#[test]
fn how_members_of_a_zip_file_were_packed_is_no_content() {
    let plain = |content: &[u8], method| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file("a", options.last_modified_time(zip::DateTime::default())).expect("memory");
        writer.write_all(content).expect("it goes to memory");
        writer.finish().expect("it goes to memory").into_inner()
    };
    let text = TEXT.repeat(50);
    let packed = plain(&text, zip::CompressionMethod::Deflated);
    let mut changed = text.clone();
    changed[77] ^= 1;
    for other in [repacked(&packed, &text), plain(&text, zip::CompressionMethod::Stored)] {
        assert!(needed(&packed, &other).ends_with("zip: compression"), "{}", needed(&packed, &other));
    }
    for content in [&changed, &text[1..]] {
        expect(&packed, &plain(content, zip::CompressionMethod::Stored), "");
    }
    // The sizes and the checksum in both headers have to be true.
    let mut lies = repacked(&packed, &text);
    lies[14] ^= 1;
    expect(&packed, &lies, "");
}

/// A zip file of one member with its content packed anew by another level.
fn repacked(whole: &[u8], content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::none());
    writer.write_all(content).expect("it goes to memory");
    let packed = writer.finish().expect("it goes to memory");
    let (start, central) = (31, whole.windows(4).position(|it| it == b"PK\x01\x02").expect("there is one"));
    let mut bytes = [&whole[..start], &packed, &whole[central..]].concat();
    let moved = start + packed.len();
    for at in [18, moved + 20] {
        bytes[at..at + 4].copy_from_slice(&(packed.len() as u32).to_le_bytes());
    }
    let end = bytes.len() - 22;
    bytes[end + 16..end + 20].copy_from_slice(&(moved as u32).to_le_bytes());
    bytes
}

#[test]
fn what_is_nested_is_normalised_inside_and_named_with_what_is_around() {
    let nest =
        |content: &[u8], time| gzip(&tar(&[("in.zip", &zip(&[("m", content, time, 0)]), time, 0)]), time);
    expect(&nest(TEXT, 1), &nest(TEXT, 2), "gzip: time in the header, tar: times, zip: times");
    expect(&nest(TEXT, 1), &nest(OTHER, 2), "");
    // The checksums of what is around follow from it.
    let around = |time| zip(&[("in.gz", &gzip(TEXT, time), 1, 0)]);
    expect(&around(1), &around(2), "gzip: time in the header");
    let deep = |time| (0..7).fold(gzip(TEXT, time), |inner, _| gzip(&inner, 0));
    expect(&deep(1), &deep(2), "gzip: time in the header");
    expect(&gzip(&deep(1), 0), &gzip(&deep(2), 0), "");
}

#[test]
fn extensions_of_tar_are_content_unless_they_tell_times_or_owners() {
    let extended = |key: &str, value: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_pax_extensions([(key, value.as_bytes())]).expect("it goes to memory");
        let mut header = tar::Header::new_ustar();
        header.set_size(TEXT.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, "a", TEXT).expect("it goes to memory");
        builder.into_inner().expect("it goes to memory")
    };
    expect(&extended("mtime", "1.25"), &extended("mtime", "2.75"), "tar: times");
    expect(&extended("uname", "ann"), &extended("uname", "bob"), "tar: owners");
    expect(&extended("SCHILY.xattr.user.a", "1"), &extended("SCHILY.xattr.user.a", "2"), "");
    expect(&extended("comment", "1"), &extended("comment", "2"), "");
    let long = |end: &str| tar(&[(&format!("{}{end}", "d/".repeat(99)), TEXT, 1, 0)]);
    expect(&long("a"), &long("b"), "");
}

#[test]
fn no_byte_outside_the_named_fields_may_change() {
    let twice = |make: fn(&[support::Entry<'_>]) -> Vec<u8>| {
        [1, 2].map(|time| make(&[("a", TEXT, time, 0), ("bb", OTHER, time, 0)]))
    };
    let [first, second] = twice(ar);
    let fields = |start: usize| (start + 16..start + 48).collect::<Vec<_>>();
    let at = 8 + 60 + TEXT.len() + 1;
    assert_eq!(free(&first, &second), [fields(8), fields(at)].concat());
    let [first, second] = twice(tar);
    assert_eq!(free(&first, &second), [0; 0], "a header's sum is looked at");
    let [first, second] = twice(cpio);
    let is_named = |at: &usize| {
        let headers =
            second.windows(6).enumerate().filter(|(_, magic)| *magic == b"070701").map(|(at, _)| at);
        let start = headers.take_while(|start| start <= at).last().expect("the first one");
        matches!(at - start, 6..14 | 46..54 | 62..78)
    };
    let free_ones = free(&first, &second);
    assert!(free_ones.len() > 60 && free_ones.iter().all(is_named), "{free_ones:?}");
    let [first, second] = twice(zip);
    let is_time = |at: &usize| {
        let start = |magic: &[u8]| second[..=*at].windows(4).rposition(|four| four == magic);
        let local = start(b"PK\x03\x04").map(|start| at - start);
        let central = start(b"PK\x01\x02").map(|start| at - start);
        central
            .map_or(local.is_some_and(|at| matches!(at, 4..6 | 10..14)), |at| matches!(at, 4 | 6..8 | 12..16))
    };
    let free_ones = free(&first, &second);
    assert!(free_ones.len() >= 16 && free_ones.iter().all(is_time), "{free_ones:?}");
    let (first, second) = (gzip(TEXT, 1), gzip(TEXT, 2));
    assert_eq!(free(&first, &second), (4..10).collect::<Vec<_>>());
}

/// Runs a program of the machine in a directory of its own.
fn made(name: &str, lines: &[&str]) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).expect("the directory is the test's");
    for line in lines {
        let status = Command::new("sh").args(["-ec", line]).current_dir(&dir).status();
        assert!(status.expect("a shell").success(), "{line}");
    }
    dir
}

#[test]
fn a_build_id_and_a_debug_link_are_no_content_of_a_program() {
    let compile = "echo 'int main(void) { return 7; }' > m.c; cc -o x m.c -Wl,--build-id=0x";
    let link = |id: &str| {
        format!(
            "{compile}{id}; echo {id} > t; cp t {id}.debug; objcopy --add-gnu-debuglink=t x linked; \
             objcopy --add-gnu-debuglink={id}.debug x named; "
        )
    };
    let dir = |n: &str, id: &str| {
        // The name of the file with debugging information is the build-id without its first byte.
        made(
            &format!("build-id-{n}"),
            &[&link(&format!("00{id}")).replace(&format!("00{id}.debug"), &format!("{id}.debug"))],
        )
    };
    let (one, two) = (dir("1", "a1b2c3d4e5f60718"), dir("2", "1122334455667788"));
    let read = |dir: &PathBuf, name: &str| fs::read(dir.join(name)).expect("it was just made");
    let pair = |name| [read(&one, name), read(&two, name)];
    let [first, second] = pair("x");
    expect(&first, &second, "elf: build-id");
    let [first, second] = pair("linked");
    expect(&first, &second, "elf: build-id, elf: debug link");
    let [first, second] = pair("named");
    expect(&first, &second, "elf: build-id, elf: debug link");
    for at in (0..second.len()).step_by(97) {
        let mut changed = second.clone();
        changed[at] ^= 1;
        let is_id = second[at..].starts_with(b"\x11\x22") || needed(&first, &changed).is_empty();
        let is_link = second
            .windows(16)
            .position(|it| it == b"1122334455667788")
            .is_some_and(|start| at.abs_diff(start) < 32);
        assert!(is_id || is_link, "byte {at}");
    }
}

#[test]
fn a_library_with_a_table_of_symbols_may_be_turned_unless_a_symbol_is_in_two_members() {
    let objects = "echo 'int a(void) { return 1; }' > a.c; echo 'int b(void) { return 2; }' > b.c; \
                   echo 'int a(void) { return 3; }' > c.c; cc -c a.c b.c c.c; rm -f *.a";
    let library = "ar crD ab.a a.o b.o; ar crD ba.a b.o a.o; ar crD ac.a a.o c.o; ar crD ca.a c.o a.o; \
                   ar crU old.a a.o b.o";
    let dir = made("libraries", &[objects, library]);
    let read = |name: &str| fs::read(dir.join(name)).expect("it was just made");
    expect(&read("ab.a"), &read("ba.a"), "ar: order of members");
    expect(&read("ac.a"), &read("ca.a"), "");
    assert!(needed(&read("ab.a"), &read("old.a")).starts_with("ar: times"));
    // A table that says more than where symbols are, or something else.
    for at in 68..68 + 20 {
        let mut changed = read("ba.a");
        changed[at] ^= 1;
        expect(&read("ab.a"), &changed, "");
    }
}

#[test]
fn what_is_damaged_or_beyond_a_bound_is_not_equal() {
    let (first, second) = (gzip(&TEXT.repeat(99), 1), gzip(&TEXT.repeat(99), 2));
    expect(&first, &second[..second.len() - 1], "");
    let bounds = Bounds { unpacked: 1000, ..Bounds::default() };
    let explanation = files(&first, &second, &Knowledge::default(), bounds);
    assert_eq!((explanation.normalised.len(), explanation.findings.len()), (0, 1));
    let archives = [1, 2].map(|time| tar(&[("a", TEXT, time, 0), ("b", TEXT, time, 0)]));
    let bounds = Bounds { members: 2, ..Bounds::default() };
    let explanation = files(&archives[0], &archives[1], &Knowledge::default(), bounds);
    assert_eq!(explanation.normalised.len(), 0);
    let [first, second] = &archives;
    expect(first, &[&second[..], b"behind"].concat(), "");
    expect(first, &[&second[..], &[0; 512]].concat(), "tar: times, tar: zeros at the end");
}
