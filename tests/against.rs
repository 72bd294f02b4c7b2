//! `eadem verify --against`: what was published, beside what comes out of a room.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eadem_model::Digest;

use crate::support::{lane::Lane, run::Run, world::World};

/// A project whose one program was built, and the bytes of that.
fn built(lane: &Lane) -> (World, Vec<u8>) {
    let world = lane.fixture("steady");
    let out = world.dir().join("out");
    drop(lane.run(&mut world.command(["build", "steady", &format!("--output={}", out.display())])).exit(0));
    let bytes = fs::read(out.join("bin/steady")).expect("it was built");
    (world, bytes)
}

fn write(world: &World, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = world.dir().join(name);
    fs::write(&path, bytes).expect("the world is ours");
    path
}

fn verify(lane: &Lane, world: &World, path: &Path) -> Run {
    lane.run(&mut world.command(["verify", "steady", &format!("--against={}", path.display())]))
}

#[test]
fn a_program_is_as_it_was_published_by_a_file_and_by_a_list() {
    let lane = Lane::root();
    let (world, bytes) = built(lane);
    let file = write(&world, "steady", &bytes);
    let run = verify(lane, &world, &file).exit(0).stdout_has("reproducible  steady\n");
    drop(run.stdout_has("  bin/steady is as it was published\n"));
    let list = write(&world, "SHA256SUMS", format!("{}  ./dist/steady\n", Digest::of(&bytes).hex()));
    let run = verify(lane, &world, &list).exit(0).stderr_has("has proved this");
    drop(run.stdout_has("  bin/steady is as it was published\n"));
}

#[test]
fn other_bytes_than_the_published_ones_differ_and_are_explained() {
    let lane = Lane::root();
    let (world, mut bytes) = built(lane);
    let text = b"always the same";
    let at = bytes.windows(text.len()).position(|window| window == text).expect("the program says so");
    bytes[at..at + 6].copy_from_slice(b"seldom");
    let file = write(&world, "steady", &bytes);
    let run = verify(lane, &world, &file).exit(1).stdout_has("differs  steady\n");
    let run = run.stdout_has("  bin/steady is not as it was published\n");
    let run = run.stdout_has(&format!("    published: {}\n", Digest::of(&bytes)));
    drop(run.stdout_has(".rodata").stdout_has("- seldom the same"));
    // A list whose file is not at hand names the digests alone; the rounds still agree.
    let list = write(&world, "sums", format!("SHA256 (steady) = {}\n", Digest::of(b"other").hex()));
    let run = verify(lane, &world, &list).exit(1).stderr_has("has proved this");
    assert!(!run.stdout().contains(".rodata"), "{run}");
    drop(run.stdout_has(&format!("    published: {}\n", Digest::of(b"other"))));
    drop(world.eadem(["explain", "steady"]).exit(0).stdout_has("is not as it was published"));
}

#[test]
fn a_published_program_with_another_build_id_is_equal_after_normalisation_and_differs_all_the_same() {
    let lane = Lane::root();
    let (world, mut bytes) = built(lane);
    let note = b"\x14\0\0\0\x03\0\0\0GNU\0";
    let at = bytes.windows(note.len()).position(|window| window == note).expect("linkers write a build-id");
    bytes[at + note.len()] ^= 1;
    let file = write(&world, "steady", &bytes);
    let run = verify(lane, &world, &file).exit(1).stdout_has("differs  steady\n");
    drop(run.stdout_has("is equal after normalisation, and not reproducible; taken out: elf: build-id\n"));
    drop(world.eadem(["explain", "steady"]).exit(0).stdout_has("taken out: elf: build-id\n"));
}

#[test]
fn lists_of_strangers_are_read_or_refused_with_what_to_do() {
    let lane = Lane::root();
    let (world, bytes) = built(lane);
    let hex = Digest::of(&bytes).hex();
    let alone = write(&world, "steady.sha256", format!("\u{feff}{hex}\r\n"));
    drop(verify(lane, &world, &alone).exit(0).stdout_has("  bin/steady is as it was published\n"));
    let signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{hex}  steady\n\
         -----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
    );
    let list = write(&world, "signed", &signed);
    let run = verify(lane, &world, &list).exit(0).stdout_has("  bin/steady is as it was published\n");
    drop(run.stderr_has("nobody has looked whether its signature is true"));
    let list = write(&world, "signed", format!("{signed}{hex}  other\n"));
    let run = verify(lane, &world, &list).exit(3).one_error();
    drop(run.stderr_has("line 9 of").stderr_has("it stands behind the signed text"));
    let list = write(&world, "SHA256SUMS", format!("{hex}{hex}  steady\n"));
    drop(verify(lane, &world, &list).exit(3).one_error().stderr_has("line 1 of").stderr_has("SHA-512"));
    let list = write(&world, "SHA256SUMS", &hex);
    drop(verify(lane, &world, &list).exit(3).one_error().stderr_has("without the name of its file"));
    let list = write(&world, "SHA256SUMS", b"\xff\xfea\0");
    drop(verify(lane, &world, &list).exit(3).one_error().stderr_has("is written in UTF-16"));
}

#[test]
fn what_is_no_publication_is_refused() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let absent = world.dir().join("absent");
    drop(verify(lane, &world, &absent).exit(2).one_error().stderr_has("cannot read"));
    drop(verify(lane, &world, world.dir()).exit(2).one_error().stderr_has("is no file"));
    let list = write(&world, "SHA256SUMS", "rubbish\n");
    drop(verify(lane, &world, &list).exit(3).one_error().stderr_has("line 1 of").stderr_has("`rubbish`"));
    let list = write(&world, "SHA256SUMS", "\n");
    drop(verify(lane, &world, &list).exit(3).one_error().stderr_has("lists no digest"));
    let list = write(&world, "SHA256SUMS", format!("{}  other\n", Digest::of(b"").hex()));
    let run = verify(lane, &world, &list).exit(2).one_error().stderr_has("names none of its outputs");
    drop(run.stderr_has("it leaves bin/steady").stdout_has("reproducible  steady\n"));
}
