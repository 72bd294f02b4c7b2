//! Bytes of any kind, and unknown ones.

use eadem_model::{Cause, Change, Confidence, Reason, Spot};

use crate::{
    Knowledge, align, archive,
    cause::{self, Ground, gathered, of_bytes, of_texts, unknown},
    elf,
    explain::{Search, worded},
    kind::Kind,
    known, packed, parts,
    region::{Region, Regions},
    text, window,
};

/// As many stretches are looked at with rules.
const RULED: usize = 64;
/// Strings in longer stretches are not sorted.
const SORTED: usize = 4 << 20;

/// Compares bytes by what both are. If they differ, there is at least one finding afterwards.
pub(crate) fn compare(search: &Search<'_>, place: &[Spot], first: &[u8], second: &[u8]) {
    if search.is_full() {
        return note_full(search, first == second);
    }
    if first.len() == second.len() && align::equal_length(first, second) == first.len() {
        return;
    }
    let before = search.n_findings();
    look_inside(search, place, first, second);
    if search.n_findings() == before {
        bytes(search, place, first, second);
    }
    prove(search, before, first, second);
}

fn note_full(search: &Search<'_>, is_equal: bool) {
    if !is_equal {
        search.budget.say(format!("only the first {} differences are listed", search.n_findings()));
    }
}

fn look_inside(search: &Search<'_>, place: &[Spot], first: &[u8], second: &[u8]) {
    let kind = Kind::of(first);
    if kind != Kind::of(second) {
        return;
    }
    if place.iter().filter(|step| matches!(step, Spot::Packed(_) | Spot::Member(_))).count()
        >= search.budget.bounds.depth
    {
        return search.budget.say(format!("{} is nested too deeply to be looked into", worded(place)));
    }
    match kind {
        Kind::Elf => elf::compare(search, place, first, second),
        Kind::Ar | Kind::Tar | Kind::Cpio | Kind::Zip => archive::compare(search, place, kind, first, second),
        Kind::Gzip | Kind::Xz | Kind::Zstd | Kind::Bzip2 => {
            packed::compare(search, place, kind, first, second);
        }
        Kind::Text => text::compare(search, place, first, second),
        Kind::Unknown => {}
    }
}

/// If known values make the whole content equal, they are the causes of all that was found in it.
fn prove(search: &Search<'_>, before: usize, first: &[u8], second: &[u8]) {
    let Some(used) = known::substitute(&search.known.values, first, second) else { return };
    let causes = cause::of_known(&used);
    if causes.iter().any(|cause| cause.confidence == Confidence::Proven) {
        search.since(before, |finding| finding.causes.clone_from(&causes));
    }
}

/// Compares unknown bytes.
pub(crate) fn bytes(search: &Search<'_>, place: &[Spot], first: &[u8], second: &[u8]) {
    let regions = regions(first, second);
    let causes = cause::of_padding(first, second)
        .map_or_else(|| causes(search.known, [first, second], &regions, Ground::Data), |cause| vec![cause]);
    search.find(place, change(search, first, second, &regions, [0, 0]), causes);
}

/// Where bytes differ: at the same places if that says enough, else with what was inserted.
pub(crate) fn regions(first: &[u8], second: &[u8]) -> Regions {
    if first.len() != second.len() {
        return align::shifted(first, second);
    }
    let regions = align::in_place(first, second);
    if regions.differing < 1024 || regions.differing < first.len() as u64 / 8 {
        return regions;
    }
    let shifted = align::shifted(first, second);
    if shifted.differing < regions.differing / 2 { shifted } else { regions }
}

/// The change that regions are; offsets are counted from `start`.
pub(crate) fn change(
    search: &Search<'_>,
    first: &[u8],
    second: &[u8],
    regions: &Regions,
    start: [u64; 2],
) -> Change {
    let texts = moved_texts([first, second], regions);
    let shown = if texts.is_empty() { &regions.kept } else { &texts };
    let shown = shown.iter().take(search.budget.bounds.windows);
    Change::Bytes {
        sizes: [first.len() as u64, second.len() as u64],
        differing: regions.differing,
        total: regions.total,
        windows: shown.map(|region| window::window(first, second, region, start)).collect(),
    }
}

/// What the rules say of regions.
pub(crate) fn causes(
    known: &Knowledge,
    [first, second]: [&[u8]; 2],
    regions: &Regions,
    ground: Ground,
) -> Vec<Cause> {
    if is_order(first, second, regions) {
        let evidence = "the same strings in another order".to_owned();
        return vec![cause::cause(Reason::Order, evidence, Confidence::Likely)];
    }
    let causes = ruled([first, second], regions, known, ground);
    if causes.is_empty() { vec![unknown("bytes that no rule knows".to_owned())] } else { gathered(causes) }
}

fn ruled([first, second]: [&[u8]; 2], regions: &Regions, known: &Knowledge, ground: Ground) -> Vec<Cause> {
    let texts = moved_texts([first, second], regions);
    if ground != Ground::Code && !texts.is_empty() {
        let causes = |text| {
            let [left, right] = words_of([first, second], text);
            of_texts(&left, &right, known)
        };
        return texts.iter().flat_map(causes).collect();
    }
    let first_ones = regions.kept.iter().take(RULED);
    first_ones.flat_map(|region| region_causes(known, [first, second], region, ground)).collect()
}

/// Texts that changed, each where it stands on either side: linkers align them by their length.
pub(crate) fn changed_texts(sides: [&[u8]; 2], regions: &Regions) -> Vec<Region> {
    let moved = moved_texts(sides, regions);
    if !moved.is_empty() {
        return moved;
    }
    let first_ones = regions.kept.iter().take(RULED);
    first_ones.filter_map(|region| window::text_place(sides[0], sides[1], region)).collect()
}

/// Texts that changed, where others changed places; none if each region is one text by itself.
pub(crate) fn moved_texts([first, second]: [&[u8]; 2], regions: &Regions) -> Vec<Region> {
    let is_text = |region: &Region| window::texts(first, second, region).len() == 1;
    if regions.kept.iter().take(RULED).all(is_text) || !regions.are_moved() {
        return Vec::new();
    }
    parts::texts(first, second, regions)
}

fn words_of([first, second]: [&[u8]; 2], region: &Region) -> [String; 2] {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    [text(&first[region.first.clone()]), text(&second[region.second.clone()])]
}

/// Numbers that changed, where others changed places.
pub(crate) fn moved_words([first, second]: [&[u8]; 2], regions: &Regions) -> Vec<Region> {
    regions.kept.iter().take(RULED).flat_map(|region| parts::words(first, second, region)).collect()
}

fn region_causes(known: &Knowledge, sides: [&[u8]; 2], region: &Region, ground: Ground) -> Vec<Cause> {
    let texts = window::texts(sides[0], sides[1], region);
    if ground != Ground::Code && !texts.is_empty() {
        return texts.iter().flat_map(|[left, right]| of_texts(left, right, known)).collect();
    }
    let bytes = of_bytes(sides, region, known, ground).or_else(|| of_words(sides, region, known, ground));
    vec![bytes.unwrap_or_else(|| unknown("bytes that no rule knows".to_owned()))]
}

/// Why numbers differ that also changed places.
fn of_words(sides: [&[u8]; 2], region: &Region, known: &Knowledge, ground: Ground) -> Option<Cause> {
    let words = parts::words(sides[0], sides[1], region);
    words.into_iter().find_map(|word| {
        let (left, right) = (&sides[0][word.first], &sides[1][word.second]);
        let regions = align::in_place(left, right);
        let cause = of_bytes([left, right], regions.kept.first()?, known, ground)?;
        (cause.cause != Reason::Random).then_some(cause)
    })
}

/// Whether all that differs lies in a stretch that has the same strings in another order.
fn is_order(first: &[u8], second: &[u8], regions: &Regions) -> bool {
    let (Some(head), Some(last)) = (regions.kept.first(), regions.kept.last()) else { return false };
    let hull = |bytes: &'_ [u8], start: usize, end: usize| {
        let before = bytes[..start].iter().rev().take(256).take_while(|byte| byte.is_ascii_graphic()).count();
        let behind = bytes[end..].iter().take(256).take_while(|byte| byte.is_ascii_graphic()).count();
        start - before..end + behind
    };
    let left = hull(first, head.first.start, last.first.end);
    let right = hull(second, head.second.start, last.second.end);
    left.len() < SORTED && cause::strings_are_permuted(&first[left], &second[right])
}
