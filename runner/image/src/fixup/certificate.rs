//! The certificates that the image trusts, in the one file that most programs read.
//!
//! The directory of links by hash is not made: it needs each certificate's subject, and OpenSSL
//! and GnuTLS find the bundle without it.

use eadem_store::Node;

use super::FixupError;
use crate::root::Root;

const SOURCES: &str = "usr/share/ca-certificates";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

pub(super) fn bundle(root: &mut Root) -> Result<(), FixupError> {
    let time = root.epoch();
    let mut bundle = Vec::new();
    let mut listed = String::new();
    for path in root.below(SOURCES).iter().filter(|path| path.ends_with(".crt")) {
        let Some(mut certificate) = root.read(path)? else { continue };
        if !certificate.ends_with(b"\n") {
            certificate.push(b'\n');
        }
        bundle.append(&mut certificate);
        listed += &format!("{}\n", &path[SOURCES.len() + 1..]);
        root.make(&link_place(path), Node::symlink(&format!("/{path}"), time))?;
    }
    if !bundle.is_empty() {
        root.make(BUNDLE, Node::file(bundle, time))?;
        root.make("etc/ca-certificates.conf", Node::file(listed, time))?;
    }
    Ok(())
}

/// `mozilla/Some_Root.crt` is linked as `Some_Root.pem`.
fn link_place(path: &str) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    format!("etc/ssl/certs/{}.pem", name.trim_end_matches(".crt"))
}
