//! Archives: their members, what they say of them, and their order.

mod ar;
mod cpio;
mod pair;
mod remedy;
mod tar;
mod zip;

use std::io::Read;

use eadem_model::{Cause, Change, Confidence, Reason, Spot};

use crate::{
    cause::{self, of_texts},
    content,
    explain::{Search, within, worded},
    kind::Kind,
    oci::{self, OfMembers},
    packed,
};
use pair::Pairs;

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    pub(crate) name: String,
    /// What the archive says of it, in a fixed order.
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) content: Content<'a>,
}

/// The bytes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// As they are.
    Plain(&'a [u8]),
    /// As zip's `deflate` packs them.
    Deflated(&'a [u8]),
    /// As zip's method 93 packs them.
    Zstd(&'a [u8]),
}

/// Reads members up to a number; none if the bytes are no such archive.
type Reader = for<'a> fn(&'a [u8], usize) -> Option<Vec<Member<'a>>>;

/// Compares two archives of one kind; says nothing of what is damaged.
pub(crate) fn compare(search: &Search<'_>, place: &[Spot], kind: Kind, first: &[u8], second: &[u8]) {
    let read: Reader = match kind {
        Kind::Ar => ar::members,
        Kind::Tar => tar::members,
        Kind::Cpio => cpio::members,
        _ => zip::members,
    };
    let most = search.budget.bounds.members;
    let (Some(first), Some(second)) = (read(first, most), read(second, most)) else { return };
    if first.len().max(second.len()) >= most {
        search.budget.say(format!("of {} only the first {most} members were looked at", worded(place)));
    }
    let covered = images(search, place, [&first, &second]);
    let [first, second] = without_renamed(&covered, [first, second]);
    let is_done = |member: &Member<'_>| covered[0].contains(oci::name(&member.name));
    members(search, place, kind, [&first, &second], is_done);
}

/// Compares container images, whose files have other names when they differ.
fn images(search: &Search<'_>, place: &[Spot], members: [&[Member<'_>]; 2]) -> oci::Covered {
    let files = members.map(OfMembers::of);
    let at = |name: &str| [place.to_vec(), within(place, Spot::Member(name.to_owned()))];
    oci::compare(search, [&files[0], &files[1]], at)
}

/// What is left without members that were compared with such of another name.
fn without_renamed<'a>(covered: &oci::Covered, mut sides: [Vec<Member<'a>>; 2]) -> [Vec<Member<'a>>; 2] {
    let [first, second] = covered;
    let is_renamed = |member: &Member<'_>| {
        let name = oci::name(&member.name);
        first.contains(name) != second.contains(name)
    };
    sides.iter_mut().for_each(|members| members.retain(|member| !is_renamed(member)));
    sides
}

fn members(
    search: &Search<'_>,
    place: &[Spot],
    kind: Kind,
    [first, second]: [&[Member<'_>]; 2],
    is_done: impl Fn(&Member<'_>) -> bool,
) {
    let pairs = Pairs::of(first, second);
    if let Some(values) = pairs.order(first, second) {
        let evidence = "the same members in another order".to_owned();
        let causes = vec![cause::cause(Reason::Order, evidence, Confidence::Likely)];
        search.find(place, Change::Order { parts: eadem_model::Parts::Members, values }, causes);
    }
    let both: Vec<_> = pairs.both.iter().map(|(left, right)| (&first[*left], &second[*right])).collect();
    attributes(search, place, kind, &both);
    let alone =
        pairs.first.iter().map(|at| (&first[*at], 1)).chain(pairs.second.iter().map(|at| (&second[*at], 2)));
    for (member, side) in alone {
        search.find(&within(place, Spot::Member(member.name.clone())), Change::Only { side }, Vec::new());
    }
    let differ = |left: &Member<'_>, right: &Member<'_>| left.content != right.content && !is_done(left);
    for (left, right) in both.iter().filter(|(left, right)| differ(left, right)) {
        contents(search, &within(place, Spot::Member(left.name.clone())), left.content, right.content);
    }
}

/// Each attribute that differs is one finding, at the first member in which it does.
fn attributes(search: &Search<'_>, place: &[Spot], kind: Kind, both: &[(&Member<'_>, &Member<'_>)]) {
    let mut seen: Vec<(&str, &str, [String; 2], usize)> = Vec::new();
    let differing = both.iter().flat_map(|(left, right)| {
        let pairs = left.attributes.iter().zip(&right.attributes);
        pairs.filter(|(left, right)| left != right).map(|(l, r)| (l.0, left.name.as_str(), [&l.1, &r.1]))
    });
    let renamed = both.iter().filter(|(left, right)| left.name != right.name);
    let renamed = renamed.map(|(left, right)| ("name", left.name.as_str(), [&left.name, &right.name]));
    for (name, member, values) in renamed.chain(differing) {
        match seen.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, _, _, members)) => *members += 1,
            None => seen.push((name, member, values.map(Clone::clone), 1)),
        }
    }
    for (name, member, values, members) in seen {
        let mut causes = attribute_causes(search, name, &values);
        for cause in &mut causes {
            cause.remedy = remedy::of(kind, &cause.cause).unwrap_or(std::mem::take(&mut cause.remedy));
        }
        let change = Change::Attribute { name: name.to_owned(), values, members };
        search.find(&within(place, Spot::Member(member.to_owned())), change, causes);
    }
}

fn attribute_causes(search: &Search<'_>, name: &str, values: &[String; 2]) -> Vec<Cause> {
    let causes = of_texts(&values[0], &values[1], search.known);
    let proven = causes.iter().any(|cause| cause.confidence == Confidence::Proven);
    let reason = match name {
        "mtime" | "exact mtime" | "atime" | "ctime" if proven => return causes,
        "mtime" | "exact mtime" | "atime" | "ctime" => Reason::Timestamp,
        "owner" | "group" => Reason::Owner,
        "mode" => Reason::Mode,
        _ => return causes,
    };
    let confidence = if proven { Confidence::Proven } else { Confidence::Likely };
    vec![cause::cause(reason, cause::quoted(values), confidence)]
}

fn contents(search: &Search<'_>, place: &[Spot], left: Content<'_>, right: Content<'_>) {
    if let (Content::Plain(first), Content::Plain(second)) = (left, right) {
        return content::compare(search, place, first, second);
    }
    let before = search.n_findings();
    let equal = packed::unpacked(search, place, [left.decoder(), right.decoder()]);
    match equal {
        Some(true) => {
            let evidence = "the content is the same".to_owned();
            let causes = vec![cause::cause(Reason::Packing, evidence, Confidence::Likely)];
            search.find(place, Change::Packing, causes);
        }
        _ if search.n_findings() == before => content::bytes(search, place, left.raw(), right.raw()),
        _ => {}
    }
}

impl<'a> Content<'a> {
    fn raw(self) -> &'a [u8] {
        match self {
            Self::Plain(bytes) | Self::Deflated(bytes) | Self::Zstd(bytes) => bytes,
        }
    }

    fn decoder(self) -> Option<Box<dyn Read + 'a>> {
        match self {
            Self::Plain(bytes) => Some(Box::new(bytes)),
            Self::Deflated(bytes) => Some(Box::new(flate2::read::DeflateDecoder::new(bytes))),
            Self::Zstd(bytes) => packed::zstd(bytes),
        }
    }
}
