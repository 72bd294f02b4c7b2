//! Names that several packages may serve: `cc`, `awk`, `pager`.
//!
//! What `update-alternatives` would be told is a table here, manual pages left out.

use std::collections::BTreeMap;

use eadem_store::Node;

use super::{Debs, FixupError};
use crate::{deb::Deb, root::Root};

/// A package that serves a name.
struct Alternative {
    package: &'static str,
    priority: u32,
    link: &'static str,
    target: &'static str,
}

const fn of(package: &'static str, priority: u32, link: &'static str, target: &'static str) -> Alternative {
    Alternative { package, priority, link, target }
}

const TABLE: [Alternative; 42] = [
    of("bison", 100, "usr/bin/yacc", "/usr/bin/bison.yacc"),
    of("clang", 10, "usr/bin/c++", "/usr/bin/clang++"),
    of("clang", 10, "usr/bin/c89", "/usr/bin/clang"),
    of("clang", 10, "usr/bin/c99", "/usr/bin/clang"),
    of("clang", 10, "usr/bin/cc", "/usr/bin/clang"),
    of("cpp", 10, "usr/lib/cpp", "/usr/bin/cpp"),
    of("debianutils", 0, "usr/bin/which", "/usr/bin/which.debianutils"),
    of("fakeroot", 50, "usr/bin/faked", "/usr/bin/faked-sysv"),
    of("fakeroot", 50, "usr/bin/fakeroot", "/usr/bin/fakeroot-sysv"),
    of("g++", 20, "usr/bin/c++", "/usr/bin/g++"),
    of("gawk", 10, "usr/bin/awk", "/usr/bin/gawk"),
    of("gawk", 10, "usr/bin/nawk", "/usr/bin/gawk"),
    of("gcc", 20, "usr/bin/c89", "/usr/bin/c89-gcc"),
    of("gcc", 20, "usr/bin/c99", "/usr/bin/c99-gcc"),
    of("gcc", 20, "usr/bin/cc", "/usr/bin/gcc"),
    of("gfortran", 20, "usr/bin/f77", "/usr/bin/gfortran"),
    of("gfortran", 20, "usr/bin/f95", "/usr/bin/gfortran"),
    of("less", 77, "usr/bin/pager", "/usr/bin/less"),
    of("mawk", 5, "usr/bin/awk", "/usr/bin/mawk"),
    of("mawk", 5, "usr/bin/nawk", "/usr/bin/mawk"),
    of("nano", 40, "usr/bin/editor", "/bin/nano"),
    of("nano", 10, "usr/bin/pico", "/bin/nano"),
    of("original-awk", 0, "usr/bin/awk", "/usr/bin/original-awk"),
    of("original-awk", 0, "usr/bin/nawk", "/usr/bin/original-awk"),
    of("pinentry-curses", 50, "usr/bin/pinentry", "/usr/bin/pinentry-curses"),
    of("tar", 50, "usr/sbin/rmt", "/usr/sbin/rmt-tar"),
    of("util-linux", 50, "usr/bin/pager", "/bin/more"),
    of("vim-tiny", 15, "usr/bin/editor", "/usr/bin/vim.tiny"),
    of("vim-tiny", 15, "usr/bin/ex", "/usr/bin/vim.tiny"),
    of("vim-tiny", 15, "usr/bin/rview", "/usr/bin/vim.tiny"),
    of("vim-tiny", 15, "usr/bin/vi", "/usr/bin/vim.tiny"),
    of("vim-tiny", 15, "usr/bin/view", "/usr/bin/vim.tiny"),
    of("xz-utils", 20, "usr/bin/lzcat", "/usr/bin/xzcat"),
    of("xz-utils", 20, "usr/bin/lzcmp", "/usr/bin/xzcmp"),
    of("xz-utils", 20, "usr/bin/lzdiff", "/usr/bin/xzdiff"),
    of("xz-utils", 20, "usr/bin/lzegrep", "/usr/bin/xzegrep"),
    of("xz-utils", 20, "usr/bin/lzfgrep", "/usr/bin/xzfgrep"),
    of("xz-utils", 20, "usr/bin/lzgrep", "/usr/bin/xzgrep"),
    of("xz-utils", 20, "usr/bin/lzless", "/usr/bin/xzless"),
    of("xz-utils", 20, "usr/bin/lzma", "/usr/bin/xz"),
    of("xz-utils", 20, "usr/bin/lzmore", "/usr/bin/xzmore"),
    of("xz-utils", 20, "usr/bin/unlzma", "/usr/bin/unxz"),
];

/// Packages whose alternatives are manual pages alone.
const PAGES_ONLY: [&str; 1] = ["bash"];

/// Makes the links: to `/etc/alternatives`, and from there to the alternative of highest priority.
pub(super) fn link(debs: &Debs, root: &mut Root) -> Result<(), FixupError> {
    let time = root.epoch();
    let mut best: BTreeMap<&str, &Alternative> = BTreeMap::new();
    for alternative in TABLE.iter().filter(|alternative| debs.contains_key(alternative.package)) {
        let place = best.entry(alternative.link).or_insert(alternative);
        if alternative.priority > place.priority {
            *place = alternative;
        }
    }
    for (link, alternative) in best {
        let name = link.rsplit_once('/').map_or(link, |(_, name)| name);
        root.make(&format!("etc/alternatives/{name}"), Node::symlink(alternative.target, time))?;
        root.make(link, Node::symlink(&format!("/etc/alternatives/{name}"), time))?;
    }
    Ok(())
}

/// Sentences about packages whose scripts make links that neither the table nor `links` makes.
pub(super) fn unhandled(debs: &Debs, links: &BTreeMap<String, String>) -> Vec<String> {
    let known = |name: &str| PAGES_ONLY.contains(&name) || TABLE.iter().any(|known| known.package == name);
    let unknown = debs.iter().filter(|(name, deb)| !known(name) && asks_for_links(deb, links));
    unknown
        .map(|(name, _)| {
            format!("package `{name}` makes links by update-alternatives that eadem does not know; `links:` can make them")
        })
        .collect()
}

/// Whether a package's scripts call the program, and no declared link is named there.
fn asks_for_links(deb: &Deb, links: &BTreeMap<String, String>) -> bool {
    let scripts = ["preinst", "postinst"].iter().filter_map(|name| deb.member(name));
    let mut calls = scripts.filter(|script| script.lines().any(is_call));
    calls.any(|script| !links.keys().any(|link| script.contains(link.as_str())))
}

fn is_call(line: &str) -> bool {
    let is_comment = line.trim_start().starts_with('#');
    // Old links that are taken away were never made here.
    !is_comment && line.contains("update-alternatives") && !line.contains("--remove")
}
