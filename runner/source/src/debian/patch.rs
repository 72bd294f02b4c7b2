//! Applies a patch to a layer as `dpkg-source` lets GNU patch do it: `-p1`, no fuzz, empty files are removed.

use std::collections::BTreeMap;

use eadem_model::TreePath;
use eadem_store::{Content, Layer, Node, NodeKind};

use super::{
    PatchFault,
    hunk::{Hunk, lines},
    quilt::read,
};
use crate::entry;

/// Applies a patch; what it makes and changes has a certain time. Gives what the files that it changed were before, nothing for those that it made.
pub(super) fn apply(
    text: &[u8],
    layer: &mut Layer,
    time: u64,
) -> Result<BTreeMap<TreePath, Option<Node>>, PatchFault> {
    let mut before = BTreeMap::new();
    let mut reader = Reader { lines: lines(text), at: 0, mode: None };
    while let Some(change) = reader.next(layer)? {
        let old = layer.get(&change.path).cloned();
        change.apply(layer, time)?;
        before.entry(change.path).or_insert(old);
    }
    Ok(before)
}

/// What a patch does to one file.
struct Change<'a> {
    path: TreePath,
    is_removal: bool,
    mode: Option<u32>,
    hunks: Vec<Hunk<'a>>,
}

impl Change<'_> {
    fn apply(&self, layer: &mut Layer, time: u64) -> Result<(), PatchFault> {
        let file = || self.path.to_string();
        let old = match read(layer, &self.path) {
            Some(bytes) => bytes.map_err(|source| PatchFault::Io { file: file(), source })?,
            None => Vec::new(),
        };
        let new = self.patched(&old)?;
        let mode = layer.remove(&self.path).map(|node| node.mode);
        if new.is_empty() {
            return Ok(());
        }
        if self.is_removal {
            return Err(PatchFault::Left { file: file() });
        }
        let mode = self.mode.or(mode).unwrap_or(0o644);
        let node = Node { mtime: time, ..entry::file(mode, Content::Bytes(new)) };
        layer.add(self.path.clone(), node).expect("what was there is removed");
        Ok(())
    }

    fn patched(&self, old: &[u8]) -> Result<Vec<u8>, PatchFault> {
        let lines = lines(old);
        let (mut new, mut done, mut moved) = (Vec::with_capacity(old.len()), 0, 0);
        for (index, hunk) in self.hunks.iter().enumerate() {
            // A hunk that makes a file says so; it fits no file that is there.
            let makes = hunk.old.is_empty() && hunk.first == 0 && !lines.is_empty();
            let place = hunk.place(&lines, moved, done).filter(|_| !makes);
            let at = place.ok_or_else(|| PatchFault::Hunk {
                file: self.path.to_string(),
                number: index + 1,
                line: hunk.line,
            })?;
            let wanted = if hunk.old.is_empty() { hunk.first } else { hunk.first.saturating_sub(1) };
            moved = at.cast_signed() - wanted.cast_signed();
            new.extend(lines[done..at].concat());
            new.extend(hunk.new.concat());
            done = at + hunk.old.len();
        }
        new.extend(lines[done..].concat());
        Ok(new)
    }
}

/// Reads a patch file by file; what is no part of a change is talk.
struct Reader<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
    mode: Option<u32>,
}

impl<'a> Reader<'a> {
    fn next(&mut self, layer: &Layer) -> Result<Option<Change<'a>>, PatchFault> {
        while let Some(line) = self.lines.get(self.at) {
            let next = self.lines.get(self.at + 1).copied().unwrap_or_default();
            self.at += 1;
            let (Some(old), Some(new)) = (line.strip_prefix(b"--- "), next.strip_prefix(b"+++ ")) else {
                self.listen(line)?;
                continue;
            };
            self.at += 1;
            return self.change(old, new, layer).map(Some);
        }
        Ok(None)
    }

    /// Takes what version control says of the next file.
    fn listen(&mut self, line: &[u8]) -> Result<(), PatchFault> {
        let moves: [&[u8]; 2] = [b"rename from ", b"copy from "];
        if moves.iter().any(|word| line.starts_with(word)) {
            return Err(PatchFault::Rename { line: self.at });
        }
        if line.starts_with(b"diff ") {
            self.mode = None;
        }
        let modes: [&[u8]; 2] = [b"new file mode ", b"new mode "];
        if let Some(mode) = modes.iter().find_map(|word| line.strip_prefix(*word)) {
            let text = String::from_utf8_lossy(mode);
            self.mode = u32::from_str_radix(text.trim(), 8).ok().map(|mode| mode & 0o777);
        }
        Ok(())
    }

    fn change(&mut self, old: &[u8], new: &[u8], layer: &Layer) -> Result<Change<'a>, PatchFault> {
        let line = self.at;
        let [old, new] = [self.name(old, line - 1)?, self.name(new, line)?];
        let is_removal = new.is_none();
        let path = choose(old, new, layer).ok_or_else(|| no_file("/dev/null", line))?;
        check(&path, layer, line)?;
        let mut hunks = Vec::new();
        while self.lines.get(self.at).is_some_and(|line| line.starts_with(b"@@ -")) {
            hunks.push(self.hunk()?);
        }
        if hunks.is_empty() {
            return Err(PatchFault::Form { line: self.at + 1 });
        }
        Ok(Change { path, is_removal, mode: self.mode.take(), hunks })
    }

    /// The name in a header without its first directory, nothing for `/dev/null`.
    fn name(&self, header: &[u8], line: usize) -> Result<Option<TreePath>, PatchFault> {
        let text = String::from_utf8_lossy(header);
        let text = text.trim_start().trim_end_matches(['\n', '\r']);
        // A tab ends names, which may hold spaces then; without one, a space does.
        let name = text.split_once('\t').or_else(|| text.split_once(' ')).map_or(text, |(name, _)| name);
        if name == "/dev/null" {
            return Ok(None);
        }
        let rest = name.split_once('/').map(|(_, rest)| rest.trim_start_matches('/'));
        let rest = rest.ok_or_else(|| no_file(name, line))?;
        let path = rest.parse().map_err(|source| PatchFault::Name {
            line,
            name: name.to_owned(),
            source: Some(source),
        })?;
        Ok(Some(path))
    }

    fn hunk(&mut self) -> Result<Hunk<'a>, PatchFault> {
        let form = |line| PatchFault::Form { line };
        let (first, [mut n_old, mut n_new]) = ranges(self.lines[self.at]).ok_or_else(|| form(self.at + 1))?;
        let mut hunk = Hunk { line: self.at + 1, first, ..Hunk::default() };
        self.at += 1;
        let mut has_changed = false;
        while n_old > 0 || n_new > 0 {
            let line = *self.lines.get(self.at).ok_or_else(|| form(self.at))?;
            self.at += 1;
            // Some mailers drop the space of an empty line of context.
            let (mark, rest) = if line == b"\n" { (b' ', line) } else { (line[0], &line[1..]) };
            let ended = self.lines.get(self.at).is_some_and(|next| next.starts_with(b"\\"));
            self.at += usize::from(ended);
            let rest = if ended { rest.strip_suffix(b"\n").unwrap_or(rest) } else { rest };
            let (is_old, is_new) = (mark != b'+', mark != b'-');
            if !matches!(mark, b' ' | b'+' | b'-') || (is_old && n_old == 0) || (is_new && n_new == 0) {
                return Err(form(self.at));
            }
            if is_old {
                hunk.old.push(rest);
                n_old -= 1;
            }
            if is_new {
                hunk.new.push(rest);
                n_new -= 1;
            }
            has_changed |= !(is_old && is_new);
            match is_old && is_new {
                true if has_changed => hunk.after += 1,
                true => hunk.before += 1,
                false => hunk.after = 0,
            }
        }
        Ok(hunk)
    }
}

/// Reads `@@ -FIRST,COUNT +FIRST,COUNT @@`: where it begins, and how many lines it has of both sides.
fn ranges(line: &[u8]) -> Option<(usize, [usize; 2])> {
    let text = std::str::from_utf8(line.strip_prefix(b"@@ -")?).ok();
    let lossy = String::from_utf8_lossy(line.strip_prefix(b"@@ -")?);
    let (ranges, _) = text.unwrap_or(&lossy).split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| {
        let (first, count) = text.split_once(',').unwrap_or((text, "1"));
        Some((first.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
    };
    let ((first, n_old), (_, n_new)) = (range(old)?, range(new)?);
    Some((first, [n_old, n_new]))
}

/// Which of two names is meant: the one that is there; of two, the shorter way.
fn choose(old: Option<TreePath>, new: Option<TreePath>, layer: &Layer) -> Option<TreePath> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (old, new) => return old.or(new),
    };
    match (layer.get(&old).is_some(), layer.get(&new).is_some()) {
        (true, false) => Some(old),
        (false, true) => Some(new),
        _ => {
            let name = |path: &TreePath| path.as_str().rsplit('/').next().map_or(0, str::len);
            let length =
                |path: &TreePath| (path.as_str().matches('/').count(), name(path), path.as_str().len());
            Some(if length(&new) < length(&old) { new } else { old })
        }
    }
}

/// Refuses what is there and no file, and ways that go through something else than directories.
fn check(path: &TreePath, layer: &Layer, line: usize) -> Result<(), PatchFault> {
    let is_fine = layer.get(path).is_none_or(|node| matches!(node.kind, NodeKind::File(_)));
    let mut above = path.parent();
    while let Some(dir) = above {
        if layer.get(&dir).is_some_and(|node| !matches!(node.kind, NodeKind::Directory)) {
            return Err(no_file(path.as_str(), line));
        }
        above = dir.parent();
    }
    let is_directory = layer.entries().any(|(other, _)| other.parent().is_some_and(|above| above == *path));
    if is_fine && !is_directory { Ok(()) } else { Err(no_file(path.as_str(), line)) }
}

fn no_file(name: &str, line: usize) -> PatchFault {
    PatchFault::Name { line, name: name.to_owned(), source: None }
}
