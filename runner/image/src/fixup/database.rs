//! dpkg's database, so that dpkg and scanners see what is installed.

use eadem_model::{ImageLock, LockedPackage};
use eadem_store::Node;

use super::{Debs, FixupError};
use crate::{control::Stanza, deb::Deb, root::Root};

const DIR: &str = "var/lib/dpkg";

pub(super) fn write(lock: &ImageLock, debs: &Debs, root: &mut Root) -> Result<(), FixupError> {
    let time = root.epoch();
    let mut status = String::new();
    for package in &lock.packages {
        let Some(deb) = debs.get(&package.name) else { continue };
        status += &stanza(&deb.control);
        let name = info_name(package, deb);
        root.make(&format!("{DIR}/info/{name}.list"), Node::file(list(deb), time))?;
        for member in members(lock.fixups) {
            if let Some(bytes) = deb.members.get(*member) {
                root.make(&format!("{DIR}/info/{name}.{member}"), Node::file(bytes.clone(), time))?;
            }
        }
    }
    root.make(&format!("{DIR}/status"), Node::file(status, time))?;
    root.make(&format!("{DIR}/available"), Node::file("", time))?;
    // Format 1: the lists of packages that may stand beside another architecture's carry theirs.
    root.make(&format!("{DIR}/info/format"), Node::file("1\n", time))?;
    for dir in ["triggers", "updates"] {
        root.make(&format!("{DIR}/{dir}"), Node::directory(time))?;
    }
    Ok(())
}

/// Which files beside `control` the database keeps: `dpkg-shlibdeps` reads the last two, and no package can be built
/// without them.
fn members(fixups: u32) -> &'static [&'static str] {
    if fixups == 1 { &["md5sums"] } else { &["md5sums", "shlibs", "symbols"] }
}

/// The control file with the state that dpkg would note.
fn stanza(control: &str) -> String {
    let control = control.trim_matches('\n');
    let (first, rest) = control.split_once('\n').unwrap_or((control, ""));
    format!("{first}\nStatus: install ok installed\n{rest}\n\n")
}

fn info_name(package: &LockedPackage, deb: &Deb) -> String {
    let control = Stanza::parse(&deb.control).ok();
    let is_same = control.is_some_and(|control| control.field("Multi-Arch") == Some("same"));
    if is_same { format!("{}:{}", package.name, package.architecture) } else { package.name.clone() }
}

/// Every path of a package and every directory above it, as dpkg lists them.
fn list(deb: &Deb) -> String {
    let mut lines = String::from("/.\n");
    for path in deb.entries.keys() {
        lines += &format!("/{path}\n");
    }
    lines
}
