//! Packings: gzip, xz, zstd, bzip2.

use std::io::Read;

use eadem_model::{Cause, Change, Confidence, Reason, Spot};

use crate::{
    cause::{self, of_texts},
    content,
    explain::{Search, within, worded},
    kind::Kind,
};

/// What the decoder of xz may use, in bytes: enough for `xz -9`.
const XZ_MEMORY: u64 = 72 << 20;
/// The largest window of zstd, as a power of two.
const ZSTD_WINDOW: u32 = 26;

/// Compares what two packings hold, and what they say of it; says nothing of what cannot be unpacked.
pub(crate) fn compare(search: &Search<'_>, place: &[Spot], kind: Kind, first: &[u8], second: &[u8]) {
    let inside = within(place, Spot::Packed(name(kind).to_owned()));
    let before = search.n_findings();
    if kind == Kind::Gzip {
        gzip_header(search, &inside, first, second);
    }
    let decoders = [decoder(kind, first), decoder(kind, second)];
    let equal = unpacked(search, &inside, decoders);
    if equal == Some(true) && search.n_findings() == before {
        let evidence = "the content is the same".to_owned();
        let causes = vec![cause::cause(Reason::Packing, evidence, Confidence::Likely)];
        search.find(&inside, Change::Packing, causes);
    }
}

/// Compares what decoders give; none if one gives nothing.
pub(crate) fn unpacked(
    search: &Search<'_>,
    place: &[Spot],
    decoders: [Option<Box<dyn Read + '_>>; 2],
) -> Option<bool> {
    let most = search.budget.left() / 2;
    let [first, second] = decoders.map(|decoder| unpack(decoder?, most));
    let (first, second) = (first?, second?);
    let length = first.len().min(second.len()).min(most as usize);
    let held = (first.len() + second.len()) as u64;
    let whole = first.len().max(second.len()) as u64 <= most;
    if !whole {
        search.budget.say(format!("of {} only the first {length} bytes were unpacked", worded(place)));
    }
    let (left, right) = if whole { (&first[..], &second[..]) } else { (&first[..length], &second[..length]) };
    search.budget.take(held);
    content::compare(search, place, left, right);
    search.budget.give_back(held);
    Some(whole && left == right)
}

/// Reads at most one byte more than `most`; none if what is read is damaged.
fn unpack(decoder: Box<dyn Read + '_>, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(most + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn decoder(kind: Kind, bytes: &[u8]) -> Option<Box<dyn Read + '_>> {
    match kind {
        Kind::Gzip => Some(Box::new(flate2::read::MultiGzDecoder::new(bytes))),
        Kind::Bzip2 => Some(Box::new(bzip2::read::MultiBzDecoder::new(bytes))),
        Kind::Xz => Some(Box::new(liblzma::read::XzDecoder::new_stream(bytes, xz_stream()?))),
        Kind::Zstd => zstd(bytes),
        _ => None,
    }
}

/// The state of a decoder of xz, for one stream behind another.
pub(crate) fn xz_stream() -> Option<liblzma::stream::Stream> {
    liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED).ok()
}

/// The decoder of zstd, also for members of archives.
pub(crate) fn zstd(bytes: &[u8]) -> Option<Box<dyn Read + '_>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).ok()?;
    decoder.window_log_max(ZSTD_WINDOW).ok()?;
    Some(Box::new(decoder))
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gzip => "gzip",
        Kind::Xz => "xz",
        Kind::Zstd => "zstd",
        _ => "bzip2",
    }
}

/// What gzip writes beside the content.
fn gzip_header(search: &Search<'_>, place: &[Spot], first: &[u8], second: &[u8]) {
    let [left, right] = [first, second].map(header);
    for ((name, left), (_, right)) in left.into_iter().zip(right).filter(|(left, right)| left != right) {
        let causes = match name {
            "mtime" => header_time(search, &left, &right),
            _ => of_texts(&left, &right, search.known),
        };
        let change = Change::Attribute { name: name.to_owned(), values: [left, right], members: 1 };
        search.find(place, change, causes);
    }
}

fn header_time(search: &Search<'_>, left: &str, right: &str) -> Vec<Cause> {
    let causes = of_texts(left, right, search.known);
    let is_proven = |cause: &Cause| cause.confidence == Confidence::Proven;
    let confidence = if causes.iter().any(is_proven) { Confidence::Proven } else { Confidence::Likely };
    let evidence = format!("`{left}` and `{right}` in gzip's header");
    let cause = cause::cause(Reason::Timestamp, evidence, confidence);
    vec![Cause { remedy: "`gzip -n`, or pack what is piped in: `gzip < FILE`".to_owned(), ..cause }]
}

fn header(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let decoder = flate2::read::GzDecoder::new(bytes);
    let Some(header) = decoder.header() else { return Vec::new() };
    let text =
        |bytes: Option<&[u8]>| bytes.map(|it| String::from_utf8_lossy(it).into_owned()).unwrap_or_default();
    vec![
        ("mtime", header.mtime().to_string()),
        ("name", text(header.filename())),
        ("comment", text(header.comment())),
        ("system", header.operating_system().to_string()),
    ]
}
