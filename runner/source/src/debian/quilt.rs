//! The series of patches of a source package.

use std::{collections::BTreeMap, io::Read};

use eadem_model::TreePath;
use eadem_store::{Content, Layer, Node, NodeKind};

use super::{DebianFault, PatchFault, patch};
use crate::entry;

/// Where patches lie.
const PATCHES: &str = "debian/patches";

/// Where is written what was applied, as the distribution's tools look for it.
const STATE: &str = ".pc";

/// Applies the series, in its order, and writes down that it was, with what was there before; also if there is none, so
/// that `quilt` finds where a first patch belongs.
pub(super) fn apply(layer: &mut Layer, time: u64) -> Result<(), DebianFault> {
    let series = series(layer)?;
    for name in &series {
        let fault = |source| DebianFault::Patch { patch: name.clone(), source };
        let path: TreePath = path(&format!("{PATCHES}/{name}")).ok_or_else(|| unsafe_line(name))?;
        let text = read(layer, &path).ok_or_else(|| DebianFault::NoPatch { patch: name.clone() })?;
        let text = text.map_err(|source| fault(PatchFault::Io { file: path.to_string(), source }))?;
        let before = patch::apply(&text, layer, time).map_err(fault)?;
        back_up(layer, name, before);
    }
    note(layer, &series);
    Ok(())
}

/// The names in the series; `dpkg-source` follows the one of its own distribution first.
fn series(layer: &Layer) -> Result<Vec<String>, DebianFault> {
    let files = ["debian.series", "series"].map(|name| path(&format!("{PATCHES}/{name}")).expect("clean"));
    let Some(text) = files.iter().find_map(|file| read(layer, file)) else { return Ok(Vec::new()) };
    let text = text.map_err(|_| unsafe_line("series"))?;
    let text = String::from_utf8(text).map_err(|_| unsafe_line("series"))?;
    let names = text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
    let names = names.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(name).collect()
}

/// A name, and perhaps the one option that is the usual one anyway.
fn name(line: &str) -> Result<String, DebianFault> {
    match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        [name] | [name, "-p1"] => Ok(name.to_owned()),
        _ => Err(unsafe_line(line)),
    }
}

fn unsafe_line(line: &str) -> DebianFault {
    DebianFault::Series { line: line.to_owned() }
}

fn path(text: &str) -> Option<TreePath> {
    text.parse().ok()
}

/// A file's bytes, if it is a file.
pub(super) fn read(layer: &Layer, path: &TreePath) -> Option<std::io::Result<Vec<u8>>> {
    let NodeKind::File(content) = &layer.get(path)?.kind else { return None };
    let mut bytes = Vec::new();
    Some(content.reader().read_to_end(&mut bytes).map(|_| bytes))
}

/// Keeps what a patch changed as it was; what it made stands there empty.
fn back_up(layer: &mut Layer, name: &str, before: BTreeMap<TreePath, Option<Node>>) {
    for (path, node) in before {
        let node = node.unwrap_or_else(|| entry::file(0o644, Content::Bytes(Vec::new())));
        write(layer, &format!("{STATE}/{name}/{path}"), node);
    }
}

fn note(layer: &mut Layer, series: &[String]) {
    let applied: String = series.iter().map(|name| format!("{name}\n")).collect();
    let notes = [
        (".version", "2\n"),
        (".quilt_patches", "debian/patches\n"),
        (".quilt_series", "series\n"),
        ("applied-patches", &applied),
    ];
    for (name, text) in notes {
        let text = Content::Bytes(text.as_bytes().to_vec());
        write(layer, &format!("{STATE}/{name}"), entry::file(0o644, text));
    }
}

fn write(layer: &mut Layer, place: &str, node: Node) {
    let place = path(place).expect("clean parts give a clean path");
    layer.remove(&place);
    layer.add(place, node).expect("it was removed");
}
