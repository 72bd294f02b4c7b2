//! Container images: layouts of OCI, as directories or archives, and the archives of `docker save`.
//!
//! Blobs are called by their digests, so whatever differs is called otherwise on the other side. They belong
//! together by what refers to them: the first image's third layer and the second's. What refers to them differs in
//! digests and sizes then, which follow from them.

mod document;
mod files;

use std::collections::BTreeSet;

use eadem_model::Spot;
use serde_json::Value;

use crate::{
    content,
    explain::{Search, within},
};
use document::{Descriptor, Substitutes, parsed};
pub(crate) use files::{Files, OfMembers, OfTree, name};

/// What marks a directory as a layout.
const MARK: &str = "oci-layout";
const INDEX: &str = "index.json";
/// What an archive of `docker save` begins with.
const DOCKER: &str = "manifest.json";
/// Indexes that are nested more deeply are compared as texts.
const DEEPEST: usize = 4;

/// Names of files that were compared already, on each side.
pub(crate) type Covered = [BTreeSet<String>; 2];

/// Compares the images of two sides, if both have some below the same directories.
///
/// `place` gives the place at which the files of a layout are found, by the name of the file that leads there.
pub(crate) fn compare(
    search: &Search<'_>,
    sides: [&dyn Files; 2],
    place: impl Fn(&str) -> [Vec<Spot>; 2],
) -> Covered {
    let mut covered = Covered::default();
    for root in roots(sides) {
        let mut walk = Walk::new(search, sides, &root);
        for (name, compare) in [(INDEX, Walk::layout as Compare<'_>), (DOCKER, Walk::docker)] {
            let whole = format!("{root}{name}");
            let [inside, own] = place(&whole);
            if sides.iter().all(|side| side.has(&whole)) {
                compare(&mut walk, &inside, &own);
            }
        }
        let [first, second] = walk.covered;
        covered[0].extend(first);
        covered[1].extend(second);
    }
    covered
}

type Compare<'a> = fn(&mut Walk<'a>, &[Spot], &[Spot]);

/// The directories that hold images on both sides, each with a slash at the end.
fn roots(sides: [&dyn Files; 2]) -> Vec<String> {
    let root = |name: &str| {
        let marks = [MARK, DOCKER].into_iter().filter_map(|mark| name.strip_suffix(mark));
        marks.map(str::to_owned).find(|root| root.is_empty() || root.ends_with('/'))
    };
    let [first, second] =
        sides.map(|side| side.names().into_iter().filter_map(root).collect::<BTreeSet<_>>());
    first.intersection(&second).cloned().collect()
}

/// What was found on the way through one layout.
struct Walk<'a> {
    search: &'a Search<'a>,
    sides: [&'a dyn Files; 2],
    /// The directory of the layout.
    root: &'a str,
    /// What stands in documents of the first side for what stands in those of the second.
    substitutes: Substitutes,
    /// Parts that differ by themselves.
    roots: Vec<String>,
    covered: Covered,
}

/// The bytes of the same part on both sides.
type Pair<'b> = [Box<dyn AsRef<[u8]> + 'b>; 2];

impl<'a> Walk<'a> {
    fn new(search: &'a Search<'a>, sides: [&'a dyn Files; 2], root: &'a str) -> Self {
        let (substitutes, roots, covered) = Default::default();
        Self { search, sides, root, substitutes, roots, covered }
    }

    /// A layout of OCI, from its index on.
    fn layout(&mut self, inside: &[Spot], own: &[Spot]) {
        let Some(pair) = self.open([INDEX, INDEX].map(str::to_owned)) else { return };
        self.index(inside, &pair, 0);
        self.document(own, "the index", &pair);
        self.cover([INDEX, INDEX].map(str::to_owned));
    }

    /// An archive of `docker save`, if it tells of configurations and layers.
    fn docker(&mut self, inside: &[Spot], own: &[Spot]) {
        let Some(pair) = self.open([DOCKER, DOCKER].map(str::to_owned)) else { return };
        let images = pair.each_ref().map(|bytes| document::docker_images((**bytes).as_ref()));
        let [Some(first), Some(second)] = images else { return };
        let n_images = first.len();
        for (n, (first, second)) in first.into_iter().zip(second).enumerate() {
            let inside = numbered(inside, "image", n, n_images);
            for (n, (left, right)) in first.layers.into_iter().zip(second.layers).enumerate() {
                self.part(&inside, &format!("layer {}", n + 1), [left, right]);
            }
            self.configuration(&inside, [first.config, second.config]);
        }
        self.document(own, "the list of images", &pair);
        self.cover([DOCKER, DOCKER].map(str::to_owned));
    }

    fn index(&mut self, inside: &[Spot], pair: &Pair<'_>, depth: usize) {
        let Some([first, second]) = values(pair) else { return };
        let lists = [&first, &second].map(|value| document::descriptors(&value["manifests"]));
        let n_images = lists[0].len();
        let [first, second] = lists;
        for (n, (left, right)) in first.into_iter().zip(second).enumerate() {
            self.image(&numbered(inside, "image", n, n_images), &[left, right], depth);
        }
    }

    fn image(&mut self, inside: &[Spot], descriptors: &[Descriptor; 2], depth: usize) {
        let names = descriptors.each_ref().map(Descriptor::name);
        let Some(pair) = self.differing(&names) else { return };
        let Some([first, second]) = values(&pair) else { return };
        let are = |key: &str| [&first, &second].iter().all(|value| value[key].is_array());
        if are("manifests") && depth < DEEPEST {
            self.index(inside, &pair, depth + 1);
        } else if are("layers") {
            self.manifest(inside, &first, &second);
        }
        self.document(&within(inside, Spot::Member("manifest".to_owned())), "the manifest", &pair);
        self.cover(names);
        self.substitutes.add_blobs(descriptors);
    }

    fn manifest(&mut self, inside: &[Spot], first: &Value, second: &Value) {
        let [left, right] = [first, second].map(|value| document::descriptors(&value["layers"]));
        for (n, (left, right)) in left.into_iter().zip(right).enumerate() {
            self.part(inside, &format!("layer {}", n + 1), [left.name(), right.name()]);
            self.substitutes.add_blobs(&[left, right]);
        }
        let configs = [first, second].map(|value| Descriptor::of(&value["config"]));
        let [Some(left), Some(right)] = configs else { return };
        self.configuration(inside, [left.name(), right.name()]);
        self.substitutes.add_blobs(&[left, right]);
    }

    /// A configuration names its layers as they are unpacked.
    fn configuration(&mut self, inside: &[Spot], names: [String; 2]) {
        let Some(pair) = self.differing(&names) else { return };
        if let Some([first, second]) = values(&pair).filter(|_| !self.roots.is_empty()) {
            self.substitutes.add_layers(&first, &second);
        }
        let config = "configuration";
        self.document(&within(inside, Spot::Member(config.to_owned())), config, &pair);
        self.cover(names);
    }

    /// A layer, or whatever else has no references.
    fn part(&mut self, inside: &[Spot], what: &str, names: [String; 2]) {
        let Some(pair) = self.differing(&names) else { return };
        let before = self.search.n_findings();
        let [first, second] = sides(&pair);
        content::compare(self.search, &within(inside, Spot::Member(what.to_owned())), first, second);
        if self.search.n_findings() > before {
            self.roots.push(root_name(inside, what));
        }
        self.cover(names);
    }

    /// A text that refers to others: what differs in nothing but that follows from them.
    fn document(&mut self, place: &[Spot], what: &str, pair: &Pair<'_>) {
        let before = self.search.n_findings();
        let [first, second] = sides(pair);
        let values = values(pair).map(|[left, right]| [self.substitutes.put_into(left, &right), right]);
        match values {
            Some([left, right]) if left == right && !self.roots.is_empty() => {
                content::compare(self.search, place, first, second);
                self.search.since(before, |finding| {
                    finding.causes.clear();
                    finding.follows.clone_from(&self.roots);
                });
                return;
            }
            Some([left, right]) if left != right => {
                let [left, right] = [left, right].map(|value| document::lines(&value));
                content::compare(self.search, place, left.as_bytes(), right.as_bytes());
            }
            _ => content::compare(self.search, place, first, second),
        }
        if self.search.n_findings() > before {
            self.roots.push(root_name(place, what));
        }
    }

    /// The bytes at two names, unless they are one name or were compared already.
    fn differing(&self, names: &[String; 2]) -> Option<Pair<'a>> {
        let is_new = names[0] != names[1] && !self.covered[0].contains(&format!("{}{}", self.root, names[0]));
        self.open(names.clone()).filter(|_| is_new)
    }

    fn open(&self, names: [String; 2]) -> Option<Pair<'a>> {
        let [first, second] = self.sides;
        let [left, right] = names.map(|name| format!("{}{name}", self.root));
        Some([first.open(&left)?, second.open(&right)?])
    }

    /// Files of two names were compared with each other.
    fn cover(&mut self, names: [String; 2]) {
        self.substitutes.add(&names[0], &names[1]);
        let [left, right] = names.map(|name| format!("{}{name}", self.root));
        self.covered[0].insert(left);
        self.covered[1].insert(right);
    }
}

fn sides<'b>(pair: &'b Pair<'_>) -> [&'b [u8]; 2] {
    [(*pair[0]).as_ref(), (*pair[1]).as_ref()]
}

fn values(pair: &Pair<'_>) -> Option<[Value; 2]> {
    let [first, second] = sides(pair);
    Some([parsed(first)?, parsed(second)?])
}

/// A step further in, if there are several.
fn numbered(place: &[Spot], what: &str, n: usize, of: usize) -> Vec<Spot> {
    if of < 2 { place.to_vec() } else { within(place, Spot::Member(format!("{what} {}", n + 1))) }
}

/// How a part is named by what follows from it: with the image, if there are several.
fn root_name(inside: &[Spot], what: &str) -> String {
    match inside.last() {
        Some(Spot::Member(image)) if image.starts_with("image ") => format!("{image}, {what}"),
        _ => what.to_owned(),
    }
}
