//! An archive as a row of parts, each with what counts of it and what does not.

use eadem_model::Normalisation;

use super::{Equal, Pass, Place, bytes, mask::Taken, packing};
use crate::archive::Content;

/// An archive of any kind.
pub(super) struct Form<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// What counts of the archive as a whole while its parts stand as they do.
    pub(super) frame: Vec<u8>,
    /// The same where the order of parts is no content; none if it is.
    pub(super) turned: Option<Vec<u8>>,
    /// What the order of parts is called.
    pub(super) order: Normalisation,
    /// What was taken out of the archive as a whole.
    pub(super) taken: Taken,
    /// Whether its members are installed with the owners that it names.
    pub(super) is_package: bool,
}

/// A member.
pub(super) struct Part<'a> {
    pub(super) name: Vec<u8>,
    pub(super) kept: Vec<u8>,
    pub(super) taken: Taken,
    pub(super) content: Content<'a>,
}

/// Compares part by part: in their order, or by name where that is all that differs.
pub(super) fn compare(pass: &Pass, place: Place, mut first: Form<'_>, mut second: Form<'_>) -> Equal {
    if first.parts.len() != second.parts.len() || first.is_package != second.is_package {
        return None;
    }
    let names = first.parts.iter().zip(&second.parts).all(|(left, right)| left.name == right.name);
    if !(names && first.frame == second.frame) {
        (first.turned.is_some() && first.turned == second.turned).then_some(())?;
        pass.need(first.order);
        first.parts.sort_by(|left, right| left.name.cmp(&right.name));
        second.parts.sort_by(|left, right| left.name.cmp(&right.name));
    }
    pass.note(&first.taken, &second.taken);
    first.parts.iter().zip(&second.parts).try_for_each(|(left, right)| part(pass, place, left, right))
}

fn part(pass: &Pass, place: Place, left: &Part<'_>, right: &Part<'_>) -> Equal {
    (left.name == right.name && left.kept == right.kept).then_some(())?;
    pass.note(&left.taken, &right.taken);
    match (left.content, right.content) {
        (left, right) if left == right => Some(()),
        (Content::Plain(left), Content::Plain(right)) => bytes(pass, place, left, right),
        (left, right) => packing::contents(pass, place, left, right),
    }
}

/// Whether parts may stand in any order: each has a plain name of its own, and lies in nothing but directories.
pub(super) fn are_apart<'n>(names: impl Iterator<Item = (&'n [u8], bool)>) -> bool {
    let mut names: Vec<(Vec<u8>, bool)> =
        names.map(|(name, is_directory)| ([plain(name), b"/"].concat(), is_directory)).collect();
    // With a slash at the end, each directory stands before all that lies in it.
    names.sort();
    let mut around: Vec<&(Vec<u8>, bool)> = Vec::new();
    names.iter().all(|name| {
        around.retain(|outer| name.0.starts_with(&outer.0));
        let fits = around.iter().all(|outer| outer.1 && outer.0 != name.0);
        around.push(name);
        fits && is_plain(&name.0)
    })
}

fn plain(name: &[u8]) -> &[u8] {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    name.strip_suffix(b"/").unwrap_or(name)
}

/// Whether a name leads nowhere but where it seems to; the root may be among them.
fn is_plain(name: &[u8]) -> bool {
    let mut steps = name[..name.len() - 1].split(|byte| *byte == b'/');
    name == b"/" || steps.all(|step| !matches!(step, b"" | b"." | b".."))
}
