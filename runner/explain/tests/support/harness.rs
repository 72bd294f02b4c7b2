//! What is done with an input of a fuzzer: it becomes two sides of a kind, and they are explained.
//!
//! The fuzzer's own program and the test of the inputs that were kept both run this.

use std::{cell::OnceCell, collections::BTreeMap};

use eadem_explain::{BlobError, Blobs, Bounds, Knowledge, Known, Node, Span, files, trees};
use eadem_model::{Digest, Explanation};

/// Gives a parser bytes that anybody may have made.
type Target = fn(&[u8]);

/// A parser, by the name of the directory that its inputs are kept in.
pub(crate) const TARGETS: [(&str, Target); 11] = [
    ("ar", |input| with_magic(input, b"!<arch>\n")),
    ("cpio", |input| with_magic(input, b"070701")),
    ("deb", deb),
    ("elf", |input| with_magic(input, b"\x7fELF")),
    ("gzip", |input| with_magic(input, b"\x1f\x8b\x08")),
    ("oci", oci),
    ("tar", |input| survives(&split(input).map(checked_tar))),
    ("text", text),
    ("xz", |input| with_magic(input, b"\xfd7zXZ\0")),
    ("zip", |input| with_magic(input, b"PK\x03\x04")),
    ("zstd", |input| with_magic(input, b"\x28\xb5\x2f\xfd")),
];

/// Small ones, so that a fuzzer runs into them.
const BOUNDS: Bounds =
    Bounds { depth: 4, members: 64, unpacked: 4 << 20, unpacked_in_all: 16 << 20, findings: 32, windows: 4 };

/// The two sides of an input: its first two bytes say where the rest is cut.
fn split(input: &[u8]) -> [Vec<u8>; 2] {
    let Some((at, rest)) = input.split_first_chunk() else { return [input.to_vec(), Vec::new()] };
    let at = usize::from(u16::from_le_bytes(*at)).min(rest.len());
    [rest[..at].to_vec(), rest[at..].to_vec()]
}

fn with_magic(input: &[u8], magic: &[u8]) {
    survives(&split(input).map(|side| begun(side, magic)));
}

/// Bytes that begin as a format wants it.
fn begun(mut side: Vec<u8>, magic: &[u8]) -> Vec<u8> {
    let length = side.len().max(magic.len());
    side.resize(length, 0);
    side[..magic.len()].copy_from_slice(magic);
    side
}

/// A tar whose headers have true sums, which no fuzzer finds by chance.
fn checked_tar(mut side: Vec<u8>) -> Vec<u8> {
    side.resize(side.len().max(512).next_multiple_of(512), 0);
    side[257..262].copy_from_slice(b"ustar");
    for block in side.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    side
}

/// A package with an input as what it installs.
fn deb(input: &[u8]) {
    let package = |data: Vec<u8>| {
        let member = |name: &str, content: &[u8]| {
            let header =
                format!("{name:16}{:<12}{:<6}{:<6}{:<8o}{:<10}`\n", 1, 0, 0, 0o100_644, content.len());
            [header.as_bytes(), content, &b"\n"[..content.len() % 2]].concat()
        };
        let members = [member("debian-binary", b"2.0\n"), member("data.tar", &checked_tar(data))];
        [b"!<arch>\n".to_vec(), members.concat()].concat()
    };
    survives(&split(input).map(package));
}

/// Texts of builds of which all is known that can be.
fn text(input: &[u8]) {
    let sides = split(input).map(|side| String::from_utf8_lossy(&side).replace('\0', " ").into_bytes());
    let value = |name: &str, first: &str, second: &str| Known {
        name: name.to_owned(),
        values: [first, second].map(str::to_owned),
    };
    let values = vec![
        value("source", "/build/x7", "/b/longer"),
        value("hostname", "hq83x7", "zz1"),
        value("processors", "2", "1"),
        value("timezone", "UTC", "+1245"),
    ];
    let span = |start, ahead, east| Span { start, end: start + 60, ahead, east };
    let spans = Some([span(1_790_000_000, 0, 0), span(1_790_000_100, 400_000_000, 45_900)]);
    let explanation = files(&sides[0], &sides[1], &Knowledge { values, spans }, BOUNDS);
    check(&explanation, sides[0] == sides[1]);
}

/// Two layouts. Texts and layers are cut at the byte 0xff; `@3` in one of them refers to the
/// fourth part.
fn oci(input: &[u8]) {
    let [first, second] = split(input).map(|side| Layout::of(&side));
    let nodes = [&first, &second].map(Layout::nodes);
    let sides = [(&nodes[0], &first as &dyn Blobs), (&nodes[1], &second as &dyn Blobs)];
    check(&trees(sides[0], sides[1], &Knowledge::default(), BOUNDS), first.0 == second.0);
    survives(&[first.archived(), second.archived()]);
}

struct Layout(BTreeMap<String, Vec<u8>>);

impl Layout {
    fn of(side: &[u8]) -> Self {
        let parts: Vec<&[u8]> = side.split(|byte| *byte == 0xff).take(9).collect();
        let done: Vec<OnceCell<Vec<u8>>> = parts.iter().map(|_| OnceCell::new()).collect();
        // What is referred to stands behind, so the last part is whole first.
        for (n, part) in parts.iter().enumerate().rev() {
            let _ = done[n].set(referring(part, &done[n + 1..], n + 1));
        }
        let parts: Vec<Vec<u8>> = done.into_iter().filter_map(OnceCell::into_inner).collect();
        let mut files = BTreeMap::from([("oci-layout".to_owned(), Vec::new())]);
        for (n, part) in parts.into_iter().enumerate() {
            let name = match n {
                0 => "index.json".to_owned(),
                1 => "manifest.json".to_owned(),
                _ => format!("blobs/sha256/{}", Digest::of(&part).hex()),
            };
            files.insert(name, part);
        }
        Self(files)
    }

    fn nodes(&self) -> BTreeMap<String, Node> {
        let node = |bytes: &Vec<u8>| Node::File { mode: 0o644, size: bytes.len() as u64 };
        self.0.iter().map(|(name, bytes)| (name.clone(), node(bytes))).collect()
    }

    fn archived(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in &self.0 {
            let mut header = [0; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[100..108].copy_from_slice(b"0000644\0");
            header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
            header[156] = b'0';
            bytes.extend(checked_tar(header.to_vec()));
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.extend([0; 1024]);
        bytes
    }
}

impl Blobs for Layout {
    fn open(&self, name: &str) -> Result<Box<dyn AsRef<[u8]> + '_>, BlobError> {
        self.0.get(name).map(|bytes| Box::new(bytes) as _).ok_or_else(|| BlobError(name.to_owned()))
    }
}

/// A text with references in the place of `@0` to `@9`, to parts that are counted from `start`.
fn referring(part: &[u8], others: &[OnceCell<Vec<u8>>], start: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, byte) in part.iter().enumerate() {
        let other = |digit: &u8| others.get(usize::from(digit.wrapping_sub(b'0')).wrapping_sub(start));
        let is_digit = at > 0 && part[at - 1] == b'@' && byte.is_ascii_digit();
        match other(byte).and_then(OnceCell::get).filter(|_| is_digit) {
            Some(blob) => {
                bytes.pop();
                let reference = format!(r#""digest":"{}","size":{}"#, Digest::of(blob), blob.len());
                bytes.extend(reference.bytes());
            }
            None => bytes.push(*byte),
        }
    }
    bytes
}

/// Explains both ways: neither may panic, or call what differs equal.
fn survives([first, second]: &[Vec<u8>; 2]) {
    let known = Knowledge::default();
    let (there, back) = (files(first, second, &known, BOUNDS), files(second, first, &known, BOUNDS));
    check(&there, first == second);
    check(&back, first == second);
    assert_eq!(there.normalised, back.normalised, "what is equal one way is equal the other way");
}

fn check(explanation: &Explanation, are_equal: bool) {
    let n_findings = explanation.findings.len();
    assert_eq!(n_findings == 0, are_equal, "a difference was not found, or made up");
    assert!(n_findings <= BOUNDS.findings, "{n_findings} findings");
    assert!(!are_equal || explanation.normalised.is_empty(), "what is equal needs no normalisation");
}
