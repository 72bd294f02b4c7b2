//! Archives that want out of their tree, or that never end: refused whole, before anything is laid out.

use tar::EntryType;

use crate::{
    fetch::archive_recipe,
    support::{
        disk,
        run::Run,
        server::{Answer, Server},
        tarball::Tarball,
        world::World,
    },
};

const PATH: &str = "/packed-1.0.0.tar.gz";

/// Locks a recipe with this archive, expects that it is refused, and that nothing was written anywhere.
fn refused(archive: &[u8]) -> Run {
    let server = Server::start().serve(PATH, Answer::Whole(archive.to_owned()));
    let world = archive_recipe(&server.url(PATH), archive);
    let outside = outside(&world);
    let run = world.eadem(["lock", "packed"]).exit(6).one_error();
    assert_eq!(outside, self::outside(&world), "something was written outside the store");
    world.store_is_clean();
    assert_eq!(disk::list(&world.store().join("unpacked")), Vec::<std::path::PathBuf>::new());
    run
}

/// Everything in the world but the store.
fn outside(world: &World) -> Vec<std::path::PathBuf> {
    let mut files = disk::files(world.dir());
    files.retain(|path| !path.starts_with(world.store()));
    files
}

fn crate_with(kind: EntryType, name: &str, link: &str) -> Vec<u8> {
    Tarball::of_a_crate("top").entry(kind, name, link, b"").gzip()
}

#[test]
fn names_that_leave_the_tree_are_refused() {
    for name in ["top/../../escaped", "../escaped", "top/src/../../../escaped"] {
        drop(refused(&crate_with(EntryType::Regular, name, "")).stderr_has(name));
    }
}

#[test]
fn absolute_names_are_refused() {
    drop(refused(&crate_with(EntryType::Regular, "/escaped", "")).stderr_has("/escaped"));
}

#[test]
fn symbolic_links_out_of_the_tree_are_refused() {
    for target in ["/etc/passwd", "../../escaped", "../../.."] {
        drop(refused(&crate_with(EntryType::Symlink, "top/src/link", target)).stderr_has("src/link"));
    }
}

#[test]
fn entries_through_a_symbolic_link_are_refused() {
    let tar = Tarball::of_a_crate("top").entry(EntryType::Symlink, "top/link", "src", b"");
    drop(refused(&tar.file("top/link/new", b"x").gzip()).stderr_has("link"));
}

#[test]
fn hard_links_out_of_the_tree_are_refused() {
    for target in ["/etc/passwd", "../escaped", "elsewhere"] {
        drop(refused(&crate_with(EntryType::Link, "top/src/link", target)).stderr_has("src/link"));
    }
}

#[test]
fn devices_and_pipes_are_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        drop(refused(&crate_with(kind, "top/src/device", "")).stderr_has("src/device"));
    }
}

#[test]
fn a_file_that_stands_twice_is_refused() {
    let tar = Tarball::of_a_crate("top").file("top/src/main.rs", b"fn main() { panic!() }\n");
    drop(refused(&tar.gzip()).stderr_has("src/main.rs"));
}

#[test]
fn names_that_differ_by_case_alone_are_refused() {
    let tar = Tarball::of_a_crate("top").file("top/SRC/other.rs", b"");
    drop(refused(&tar.gzip()).stderr_has("SRC"));
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_disk() {
    let bomb = Tarball::of_a_crate("top").bomb("top/zeros", 64);
    drop(refused(&bomb).stderr_has("unfold"));
}

#[test]
fn an_archive_that_is_cut_off_is_refused() {
    let mut archive = Tarball::of_a_crate("top").file("top/long", &[7; 100_000]).gzip();
    archive.truncate(archive.len() - 200);
    drop(refused(&archive));
}

#[test]
fn an_archive_that_is_none_is_refused() {
    drop(refused(b"<html>not found</html>"));
}
