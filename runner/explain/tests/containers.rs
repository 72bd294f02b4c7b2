//! What is told of archives and packings that differ in one thing each.

mod support;

use eadem_explain::{Bounds, Knowledge, Known, files};
use support::{ar, bzip2, cpio, gzip, tar, told, told_with, xz, zip, zstd};

const TEXT: &[u8] = b"one line\nbuilt 2026-11-26 in a hurry\n";
const OTHER: &[u8] = b"one line\nbuilt 2026-11-27 in a hurry\n";

#[test]
fn the_same_bytes_differ_in_nothing() {
    assert_eq!(told(TEXT, TEXT), [""; 0]);
}

#[test]
fn a_line_of_a_member_is_found_in_every_archive_and_packing() {
    for make in [tar, ar, cpio, zip] {
        let (first, second) = (make(&[("m", TEXT, 1, 0)]), make(&[("m", OTHER, 1, 0)]));
        assert_eq!(told(&first, &second), ["m: lines, Timestamp Likely"]);
    }
    assert_eq!(told(&gzip(TEXT, 0), &gzip(OTHER, 0)), ["gzip: lines, Timestamp Likely"]);
    for (make, name) in [(xz as fn(&[u8]) -> Vec<u8>, "xz"), (bzip2, "bzip2"), (zstd, "zstd")] {
        assert_eq!(told(&make(TEXT), &make(OTHER)), [format!("{name}: lines, Timestamp Likely")]);
    }
}

#[test]
fn a_package_is_looked_into_through_all_its_layers() {
    let package = |content| {
        let data = xz(&tar(&[("usr/share/doc/x", content, 1, 0)]));
        ar(&[("debian-binary", b"2.0\n", 1, 0), ("data.tar.xz", &data, 1, 0)])
    };
    let wanted = ["data.tar.xz > xz > usr/share/doc/x: lines, Timestamp Likely"];
    assert_eq!(told(&package(TEXT), &package(OTHER)), wanted);
}

#[test]
fn times_owners_and_order_of_members_are_told_once() {
    for make in [tar, ar, cpio] {
        let first = make(&[("a", TEXT, 1, 0), ("b", TEXT, 1, 0)]);
        let later = make(&[("a", TEXT, 2, 0), ("b", TEXT, 2, 0)]);
        assert_eq!(told(&first, &later), ["a: mtime, Timestamp Likely"]);
        let owned = make(&[("a", TEXT, 1, 7), ("b", TEXT, 1, 7)]);
        assert_eq!(told(&first, &owned), ["a: owner, Owner Likely"]);
        let turned = make(&[("b", TEXT, 1, 0), ("a", TEXT, 1, 0)]);
        assert_eq!(told(&first, &turned), [": order of members, Order Likely"]);
    }
    let (first, later) = (zip(&[("a", TEXT, 1, 0)]), zip(&[("a", TEXT, 2, 0)]));
    assert_eq!(told(&first, &later), ["a: mtime, Timestamp Likely"]);
}

#[test]
fn members_of_one_side_are_named_and_renamed_ones_are_paired() {
    let first = tar(&[("a", TEXT, 1, 0), ("libx-0123456789abcdef.rlib", TEXT, 1, 0)]);
    let second = tar(&[("b", TEXT, 1, 0), ("libx-fedcba9876543210.rlib", TEXT, 1, 0)]);
    let wanted = ["libx-0123456789abcdef.rlib: name, NameHash Likely", "a: only 1", "b: only 2"];
    assert_eq!(told(&first, &second), wanted);
}

#[test]
fn the_header_of_gzip_and_another_packer_are_told_apart() {
    assert_eq!(told(&gzip(TEXT, 5), &gzip(TEXT, 6)), ["gzip: mtime, Timestamp Likely"]);
    let best = zstd::encode_all(TEXT.repeat(1000).as_slice(), 19).expect("memory");
    assert_eq!(told(&zstd(&TEXT.repeat(1000)), &best), ["zstd: packing, Packing Likely"]);
}

#[test]
fn a_known_value_proves_its_cause_and_nothing_else_does() {
    let known =
        vec![Known { name: "hostname".to_owned(), values: ["hq83x7".to_owned(), "h0vd5lwq".to_owned()] }]
            .into();
    let (first, second) = (tar(&[("m", b"on hq83x7\n", 1, 0)]), tar(&[("m", b"on h0vd5lwq\n", 1, 0)]));
    assert_eq!(told_with(&first, &second, &known), ["m: lines, Hostname Proven"]);
    let besides = tar(&[("m", b"on h0vd5lwq too\n", 1, 0)]);
    assert_eq!(told_with(&first, &besides, &known), ["m: lines, Hostname Likely, Unknown Unknown"]);
}

#[test]
fn lines_and_strings_in_another_order_are_no_other_difference() {
    assert_eq!(told(b"a\nb\nc\n", b"c\na\nb\n"), [": order of lines, Order Likely"]);
    assert_eq!(told(b"\x01alpha\0beta\0gamma\0", b"\x01gamma\0alpha\0beta\0"), [": bytes, Order Likely"]);
}

#[test]
fn what_is_damaged_is_compared_as_bytes() {
    for whole in [tar(&[("m", TEXT, 1, 0)]), gzip(&TEXT.repeat(99), 1), xz(TEXT), zip(&[("m", TEXT, 1, 0)])] {
        let cut = &whole[..whole.len() * 2 / 3];
        assert!(told(&whole, cut).iter().any(|line| line.contains("bytes")), "{:?}", told(&whole, cut));
    }
}

#[test]
fn a_bomb_is_unpacked_to_the_bound_and_that_is_said() {
    let bounds = Bounds { unpacked: 1 << 20, ..Bounds::default() };
    let bomb = |last: u8| zstd(&[vec![0; 64 << 20], vec![last]].concat());
    let explanation = files(&bomb(1), &bomb(2), &Knowledge::default(), bounds);
    assert_eq!(explanation.bounded, ["of zstd only the first 524288 bytes were unpacked"]);
    assert_eq!(explanation.findings.len(), 1, "the packed bytes differ");
}

#[test]
fn what_is_nested_too_deeply_is_said() {
    let nested = |content: &[u8]| (0..12).fold(content.to_vec(), |bytes, _| gzip(&bytes, 0));
    let explanation = files(&nested(TEXT), &nested(OTHER), &Knowledge::default(), Bounds::default());
    assert_eq!(explanation.findings.len(), 1);
    assert!(explanation.bounded[0].contains("is nested too deeply"), "{:?}", explanation.bounded);
}

#[test]
fn more_findings_than_the_bound_are_counted_as_not_listed() {
    let bounds = Bounds { findings: 2, ..Bounds::default() };
    let (first, second) =
        (tar(&[("a", b"", 1, 0), ("b", b"", 1, 0)]), tar(&[("c", b"", 1, 0), ("d", b"", 1, 0)]));
    let explanation = files(&first, &second, &Knowledge::default(), bounds);
    assert_eq!((explanation.findings.len(), explanation.bounded.len()), (2, 1));
}

#[test]
fn the_time_of_the_table_of_symbols_is_told() {
    let library = |time: &str| {
        let header = format!("{:16}{time:<12}{:<6}{:<6}{:<8}{:<10}`\n", "/", 0, 0, 0, 4);
        [b"!<arch>\n", header.as_bytes(), &[0; 4], &ar(&[("m", TEXT, 1, 0)])[8..]].concat()
    };
    let wanted = ["/ (the table of symbols): mtime, Timestamp Likely"];
    assert_eq!(told(&library("1795754815"), &library("1795754999")), wanted);
}
