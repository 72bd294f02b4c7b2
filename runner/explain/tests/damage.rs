//! No input makes the explainer panic, hang, or call different bytes equal.

mod support;

use std::{
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use eadem_explain::{Bounds, Knowledge, files};
use proptest::prelude::*;
use support::{ar, bzip2, cpio, gzip, tar, xz, zip, zstd};

/// How long one comparison may take, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

/// A program with debugging information, and its object file.
static PROGRAM: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = dir.join("damage.c");
    let text = "#include <stdio.h>\nint add(int a) { return a + 7; }\nint main(void) { puts(__FILE__); return add(1); }\n";
    std::fs::write(&source, text).expect("the directory is the test's");
    [("damage", None), ("damage.o", Some("-c"))].map(|(name, flag)| {
        let out = dir.join(name);
        let status =
            Command::new("cc").args(["-g", "-O1"]).args(flag).arg("-o").arg(&out).arg(&source).status();
        assert!(status.expect("a C compiler").success());
        std::fs::read(&out).expect("it was just made")
    })
});

/// One file of each kind.
static WHOLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let text: Vec<u8> =
        (0..200).flat_map(|n| format!("line {n} of /build/x at 2026-11-26\n").into_bytes()).collect();
    let entries = [("a/b", &text[..], 5, 0), ("c", b"short", 6, 1000), ("e", &PROGRAM[1], 7, 0)];
    let packed = tar(&entries);
    let mut all =
        vec![text.clone(), ar(&entries), cpio(&entries), zip(&entries), gzip(&packed, 9), xz(&packed)];
    all.extend([bzip2(&packed), zstd(&packed), packed]);
    all.extend(PROGRAM.iter().cloned());
    all
});

/// Changes some bytes, most of them near the start, where headers are; cuts the end off, or doubles a part.
fn damaged(whole: &[u8], changes: &[(u32, u8)], keep: u16, twice: bool) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for (place, value) in changes {
        let span = if place % 2 == 0 { bytes.len() } else { bytes.len().min(512) };
        let at = (place / 2) as usize % span;
        bytes[at] = *value;
    }
    if twice {
        let half = bytes.len() / 2;
        bytes.extend_from_within(half..);
    }
    let length = bytes.len() * (keep as usize).min(1000) / 1000;
    bytes.truncate(length);
    bytes
}

fn survives(first: &[u8], second: &[u8]) {
    let since = Instant::now();
    let explanation = files(first, second, &Knowledge::default(), Bounds::default());
    assert_eq!(explanation.findings.is_empty(), first == second, "a difference was not found, or made up");
    assert!(since.elapsed() < LONGEST, "it took {:?}", since.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_compared_in_bounded_time(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any::<(u32, u8)>(), 0..8),
        keep in prop_oneof![3 => Just(1000_u16), 1 => 0..1000_u16],
        twice in prop::bool::weighted(0.2),
    ) {
        let whole = which.get(&WHOLE);
        let second = damaged(whole, &changes, keep, twice);
        survives(whole, &second);
        survives(&second, whole);
    }

    #[test]
    fn any_bytes_behind_any_magic_number_are_survived(
        which in any::<prop::sample::Index>(),
        first in prop::collection::vec(any::<u8>(), 0..2000),
        second in prop::collection::vec(any::<u8>(), 0..2000),
        magic in 0_usize..300,
    ) {
        let head = which.get(&WHOLE);
        let head = &head[..magic.min(head.len())];
        survives(&[head, &first].concat(), &[head, &second].concat());
    }
}
