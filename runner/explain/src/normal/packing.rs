//! Packings: equal if they hold the same, and nothing besides.

use std::io::{BufRead, Read};

use eadem_model::Normalisation;
use zstd::zstd_safe;

use super::{
    Equal, Pass, Place, bytes,
    mask::{Taken, mask, push},
};
use crate::{archive::Content, kind::Kind, packed};

/// What decides over a gzip header's content: the flags of a text, an extra field and a comment.
const GZIP_FLAGS: u8 = !0b1010;
/// Where each frame of zstd begins; others hold what no reader unpacks.
const ZSTD_FRAME: &[u8] = b"\x28\xb5\x2f\xfd";

/// What a packing holds.
struct Unpacked<'a> {
    bytes: Vec<u8>,
    /// What counts beside that.
    kept: Vec<Vec<u8>>,
    taken: Taken,
    /// The packed bytes without what says something of them.
    raw: Vec<&'a [u8]>,
}

/// Compares two packings of a kind.
pub(super) fn compare(pass: &Pass, place: Place, kind: Kind, first: &[u8], second: &[u8]) -> Equal {
    let most = pass.budget.left() / 2;
    let (left, right) = (unpacked(kind, first, most)?, unpacked(kind, second, most)?);
    (left.kept == right.kept).then_some(())?;
    pass.note(&left.taken, &right.taken);
    let is_packed_alike = left.raw == right.raw;
    held(pass, place, &left.bytes, &right.bytes, (!is_packed_alike).then(|| compression(kind)))
}

/// Compares two members of a zip file that are packed in any way.
pub(super) fn contents(pass: &Pass, place: Place, left: Content<'_>, right: Content<'_>) -> Equal {
    let most = pass.budget.left() / 2;
    let (left, right) = (content(left, most)?, content(right, most)?);
    held(pass, place, &left, &right, Some(Normalisation::ZipCompression))
}

/// Compares what was unpacked. Only of equal contents is it known that they were packed in two ways.
fn held(pass: &Pass, place: Place, left: &[u8], right: &[u8], compression: Option<Normalisation>) -> Equal {
    if left == right {
        compression.into_iter().for_each(|name| pass.need(name));
        return Some(());
    }
    let size = (left.len() + right.len()) as u64;
    pass.budget.take(size);
    bytes(pass, place, left, right)?;
    pass.budget.give_back(size);
    Some(())
}

/// The bytes of a member of a zip file, at most so many; none if it holds anything else.
pub(super) fn content(content: Content<'_>, most: u64) -> Option<Vec<u8>> {
    match content {
        Content::Plain(bytes) => Some(bytes.to_vec()),
        Content::Deflated(mut bytes) => {
            let unpacked = all(flate2::bufread::DeflateDecoder::new(&mut bytes), most)?;
            bytes.is_empty().then_some(unpacked)
        }
        Content::Zstd(bytes) => zstd(bytes, most),
    }
}

fn unpacked(kind: Kind, bytes: &[u8], most: u64) -> Option<Unpacked<'_>> {
    let plain =
        |unpacked| Unpacked { bytes: unpacked, kept: Vec::new(), taken: Taken::new(), raw: vec![bytes] };
    match kind {
        Kind::Gzip => gzip(bytes, most),
        Kind::Bzip2 => bzip2(bytes, most).map(plain),
        Kind::Xz => xz(bytes, most).map(plain),
        _ => zstd(bytes, most).map(plain),
    }
}

fn compression(kind: Kind) -> Normalisation {
    match kind {
        Kind::Gzip => Normalisation::GzipCompression,
        Kind::Bzip2 => Normalisation::Bzip2Compression,
        Kind::Xz => Normalisation::XzCompression,
        _ => Normalisation::ZstdCompression,
    }
}

/// All that a decoder gives; none if that is more than `most`, or damaged.
fn all(decoder: impl Read, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(most + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

/// Members of gzip one by one: the decoder of all of them tells of the first header alone.
fn gzip(bytes: &[u8], most: u64) -> Option<Unpacked<'_>> {
    let mut unpacked = Unpacked { bytes: Vec::new(), kept: Vec::new(), taken: Taken::new(), raw: Vec::new() };
    let mut rest = bytes;
    while !rest.is_empty() {
        let member = rest;
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        let packed = *decoder.get_ref();
        let kept = gzip_header(member, decoder.header()?, &mut unpacked.taken)?;
        unpacked.kept.push(kept);
        unpacked.bytes.extend(all(&mut decoder, most.checked_sub(unpacked.bytes.len() as u64)?)?);
        rest = decoder.into_inner();
        unpacked.raw.push(&packed[..packed.len() - rest.len()]);
    }
    // How many members hold the content is a matter of packing.
    unpacked.kept.dedup();
    Some(unpacked)
}

fn gzip_header(bytes: &[u8], header: &flate2::GzHeader, taken: &mut Taken) -> Option<Vec<u8>> {
    let fields = [
        (Some(Normalisation::GzipTime), 4..8),
        (Some(Normalisation::GzipCompression), 8..9),
        (Some(Normalisation::GzipSystem), 9..10),
    ];
    let mut kept = mask(bytes.get(..10)?, &fields, taken)?;
    kept[3] &= GZIP_FLAGS;
    push(&mut kept, header.extra().unwrap_or_default());
    push(&mut kept, header.comment().unwrap_or_default());
    push(taken.entry(Normalisation::GzipName).or_default(), header.filename().unwrap_or_default());
    Some(kept)
}

fn bzip2(bytes: &[u8], most: u64) -> Option<Vec<u8>> {
    let (mut unpacked, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let more = all(bzip2::bufread::BzDecoder::new(&mut rest), most.checked_sub(unpacked.len() as u64)?)?;
        unpacked.extend(more);
    }
    Some(unpacked)
}

fn xz(mut bytes: &[u8], most: u64) -> Option<Vec<u8>> {
    let unpacked = all(liblzma::bufread::XzDecoder::new_stream(&mut bytes, packed::xz_stream()?), most)?;
    bytes.fill_buf().ok()?.is_empty().then_some(unpacked)
}

fn zstd(bytes: &[u8], most: u64) -> Option<Vec<u8>> {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest.starts_with(ZSTD_FRAME).then_some(())?;
        rest = rest.get(zstd_safe::find_frame_compressed_size(rest).ok()?..)?;
    }
    all(packed::zstd(bytes)?, most)
}
