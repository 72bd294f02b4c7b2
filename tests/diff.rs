//! `eadem diff`: where two outputs differ, and why. Programs are real ones, compiled here.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use eadem_model::{Digest, Entry, Tree};
use eadem_store::Store;
use serde_json::Value;

use crate::support::{run::Run, world::World};

/// A program of C with a place for a word, and one for a number.
const PROGRAM: &str = r#"#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) int scaled(int n) {
    return n * FACTOR;
}
__attribute__((noinline)) void complain(void) {
    fprintf(stderr, "%s: no words\n", __FILE__);
    exit(1);
}
int main(int argc, char **argv) {
    if (argc > 9)
        complain();
    printf("%s %d\n", WORD, scaled(argc));
    return 0;
}
"#;

/// Compiles the program below a directory of the world.
fn compiled(world: &World, dir: &str, word: &str, factor: &str) -> PathBuf {
    let dir = world.dir().join(dir);
    fs::create_dir_all(&dir).expect("the world is ours");
    let (source, program) = (dir.join("main.c"), dir.join("program"));
    fs::write(&source, PROGRAM).expect("the world is ours");
    let (word, factor) = (format!("-DWORD=\"{word}\""), format!("-DFACTOR={factor}"));
    let mut cc = Command::new("cc");
    cc.args(["-g", "-O1", &word, &factor, "-o"]).args([&program, &source]);
    drop(Run::of(&mut cc).exit(0));
    program
}

/// The findings about two paths that differ.
fn findings(world: &World, first: &str, second: &str) -> Vec<Value> {
    let run = world.eadem(["diff", first, second, "--format", "json"]).exit(1);
    let value: Value = serde_json::from_str(&run.stdout()).expect("one object");
    assert_eq!((&value["result"], &value["verdict"]), (&"diff".into(), &"differs".into()), "{run}");
    value["findings"].as_array().expect("a list").clone()
}

/// The finding at a place, whose last step begins with a name.
fn at<'a>(findings: &'a [Value], name: &str) -> &'a Value {
    let is_it = |finding: &&Value| {
        let last = finding["place"].as_array().and_then(|steps| steps.last());
        last.and_then(|step| step["name"].as_str()).is_some_and(|last| last.starts_with(name))
    };
    findings.iter().find(is_it).unwrap_or_else(|| panic!("nothing is said of {name}: {findings:#?}"))
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("the tests' directory is text")
}

#[test]
fn the_same_bytes_are_equal() {
    let world = World::new().with("a", "same").with("b", "same");
    let run = world.eadem(["diff", "a", "b"]).exit(0);
    assert_eq!(run.stdout(), "equal  a  b\n");
    assert_eq!(run.stderr(), "");
    drop(world.eadem(["diff", ".", "."]).exit(0));
    assert!(!world.store().exists(), "a store was made to compare files");
}

#[test]
fn a_line_that_differs_is_shown_with_its_cause() {
    let world = World::new().with("a", "x\nbuilt 2026-11-26\ny\n").with("b", "x\nbuilt 2026-11-27\ny\n");
    let run = world.eadem(["diff", "a", "b"]).exit(1);
    let wanted = "\
differs  a  b
  the file
    line 2
    - built 2026-11-26
    + built 2026-11-27
    cause: the time (likely): `2026-11-26` and `2026-11-27`
    remedy: take the time from SOURCE_DATE_EPOCH, or leave it out
";
    assert_eq!(run.stdout(), wanted);
}

#[test]
fn unknown_bytes_stand_beside_each_other() {
    let world = World::new().with("a", b"\0\x01\x02\x03").with("b", b"\0\x01\x09\x03");
    let run = world.eadem(["diff", "a", "b"]).exit(1);
    let row = format!("    {:47}  |  {}\n", "00 01 02 03", "00 01 09 03");
    let wanted = format!(
        "differs  a  b\n  the file\n    1 of 4 B differ, at one place\n    at 0x0\n{row}    \
         cause: unknown (unsure): bytes that no rule knows\n"
    );
    assert_eq!(run.stdout(), wanted);
}

#[test]
fn a_known_value_proves_the_cause() {
    let world = World::new().with("a", "on hq83x7\n").with("b", "on h0vd5lwq\n");
    let run = world.eadem(["diff", "a", "b", "--known", "hostname", "hq83x7", "h0vd5lwq"]).exit(1);
    drop(run.stdout_has("cause: the machine's name (proven): `hq83x7` and `h0vd5lwq`"));
}

#[test]
fn a_changed_string_of_a_program_is_all_that_is_told() {
    let world = World::new();
    let (first, second) = (compiled(&world, "same", "hello", "3"), world.dir().join("first"));
    fs::rename(&first, &second).expect("the world is ours");
    let third = compiled(&world, "same", "hellp", "3");
    let findings = findings(&world, text(&second), text(&third));
    let data = at(&findings, ".rodata");
    assert_eq!((&data["differing"], &data["total"]), (&1.into(), &1.into()));
    assert_eq!(data["windows"][0]["texts"], serde_json::json!(["hello", "hellp"]));
    let id = at(&findings, ".note.gnu.build-id");
    assert_eq!((&id["causes"][0]["cause"], &id["follows"][0]), (&"build-id".into(), &".rodata".into()));
    let besides = findings.iter().filter(|finding| finding["follows"] == serde_json::json!([])).count();
    assert_eq!(besides, 1, "more than one thing has a cause of its own: {findings:#?}");
}

#[test]
fn a_longer_path_is_the_cause_and_what_moved_follows() {
    let world = World::new();
    let first = compiled(&world, "one", "hello", "3");
    let second = compiled(&world, "another/one", "hello", "3");
    let findings = findings(&world, text(&first), text(&second));
    for section in [".rodata", ".debug_line_str"] {
        assert_eq!(at(&findings, section)["causes"][0]["cause"], "build-path", "{findings:#?}");
    }
    let roots = findings.iter().filter(|finding| finding["follows"] == serde_json::json!([]));
    for root in roots {
        assert_eq!(root["causes"][0]["cause"], "build-path", "something else is blamed: {root:#}");
    }
}

#[test]
fn a_changed_function_is_named_with_its_line() {
    let world = World::new();
    let (first, second) = (compiled(&world, "same", "hello", "3"), world.dir().join("first"));
    fs::rename(&first, &second).expect("the world is ours");
    let third = compiled(&world, "same", "hello", "5");
    let findings = findings(&world, text(&second), text(&third));
    let function = at(&findings, "scaled (");
    let name = function["place"][1]["name"].as_str().expect("a name");
    assert!(name.ends_with("main.c:4)") || name.ends_with("main.c:3)"), "{name}");
    assert_eq!(function["causes"][0]["cause"], "code");
    let functions = findings.iter().filter(|finding| finding["place"][1]["step"] == "symbol").count();
    assert_eq!(functions, 1, "{findings:#?}");
}

#[test]
fn a_program_of_rust_that_was_built_elsewhere_differs_by_its_path_alone() {
    let world = World::new();
    let program = |dir: &str| {
        let dir = world.dir().join(dir);
        fs::create_dir_all(&dir).expect("the world is ours");
        fs::write(dir.join("main.rs"), "fn main() { assert_ne!(std::env::args().count(), 9); }")
            .expect("ours");
        let mut rustc = Command::new("rustc");
        rustc.args(["-g", "-O", "-o"]).args([dir.join("program"), dir.join("main.rs")]);
        drop(Run::of(&mut rustc).exit(0));
        dir.join("program")
    };
    let (first, second) = (program("one"), program("another/one"));
    let findings = findings(&world, text(&first), text(&second));
    assert_eq!(at(&findings, ".rodata")["causes"][0]["cause"], "build-path", "{findings:#?}");
    let is_root = |finding: &&Value| finding["follows"] == serde_json::json!([]);
    for root in findings.iter().filter(is_root) {
        let causes: Vec<&Value> =
            root["causes"].as_array().into_iter().flatten().map(|it| &it["cause"]).collect();
        assert_eq!(causes, ["build-path"], "{root:#}");
    }
}

#[test]
fn directories_are_compared_name_by_name() {
    let world = World::new();
    for dir in ["a", "b"] {
        let dir = world.project().join(dir);
        fs::create_dir_all(dir.join("sub")).expect("the world is ours");
        fs::write(dir.join("sub/same"), "x").expect("the world is ours");
    }
    let (a, b) = (world.project().join("a"), world.project().join("b"));
    fs::write(a.join("alone"), "").expect("the world is ours");
    fs::write(a.join("kind"), "").expect("the world is ours");
    fs::create_dir(b.join("kind")).expect("the world is ours");
    symlink("/one/x", a.join("link")).expect("the world is ours");
    symlink("/two/x", b.join("link")).expect("the world is ours");
    let run = world.eadem(["diff", "a", "b"]).exit(1);
    let wanted = "\
differs  a  b
  alone
    is on the first side alone
  kind
    is a file, and a directory
  link
    link is `/one/x`, and `/two/x`
    cause: the build's path (likely): `/one` and `/two`
    remedy: map it: `--remap-path-prefix=DIR=.` of rustc, `-ffile-prefix-map=DIR=.` of C compilers; or do not embed it
";
    assert_eq!(run.stdout(), wanted);
}

#[test]
fn trees_of_the_store_are_named_by_their_digests() {
    let world = World::new();
    let store = Store::open(world.store()).expect("a store");
    let tree = |content: &[u8]| {
        let digest = store.put_blob(content).expect("kept");
        let entry = Entry::File { digest, size: content.len() as u64, executable: false };
        let tree = Tree { entries: [("out".parse().expect("clean"), entry)].into() };
        store.put_blob(&tree.to_bytes()).expect("kept").to_string()
    };
    let (first, second) = (tree(b"one /build/a/x\n"), tree(b"one /build/b/x\n"));
    drop(store);
    drop(world.eadem(["diff", &first, &first]).exit(0));
    drop(
        world
            .eadem(["diff", &first, &second])
            .exit(1)
            .stdout_has("  out\n    line 1\n    - one /build/a/x\n"),
    );
    let unknown = Digest::of(b"nothing").to_string();
    drop(world.eadem(["diff", &first, &unknown]).exit(2).one_error());
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let world = World::new().with("a", "x").with("dir/b", "x");
    drop(world.eadem(["diff", "a", "none"]).exit(9).one_error().stderr_has("cannot read none"));
    drop(world.eadem(["diff", "a", "dir"]).exit(2).one_error());
    drop(world.eadem(["diff", "a"]).exit(2));
    drop(world.eadem(["diff", "a", "/dev/zero"]).exit(9).one_error().stderr_has("more than 64 MiB"));
}

#[test]
fn hostile_names_and_texts_stay_on_their_lines() {
    let world =
        World::new().with("a/x\n\u{1b}[2J", "one\u{1b}[31m\n").with("b/x\n\u{1b}[2J", "two\u{1b}[31m\n");
    let run = world.eadem(["diff", "a", "b"]).exit(1);
    assert!(!run.stdout().contains('\u{1b}'), "{run}");
    drop(run.stdout_has("  x\\n\\u{1b}[2J\n").stdout_has("    - one\\u{1b}[31m\n"));
}

#[test]
fn archives_with_other_times_are_equal_after_normalisation_and_differ_all_the_same() {
    let world = World::new();
    for (dir, time) in [("one", "1000000000"), ("two", "1100000000")] {
        let dir = world.dir().join(dir);
        fs::create_dir_all(&dir).expect("the world is ours");
        fs::write(dir.join("text"), "the same\n").expect("the world is ours");
        let line = format!("tar -cf x.tar --mtime=@{time} --owner=0 --group=0 text && gzip x.tar");
        drop(Run::of(Command::new("sh").args(["-c", &line]).current_dir(&dir)).exit(0));
    }
    let [first, second] = ["one/x.tar.gz", "two/x.tar.gz"].map(|name| world.dir().join(name));
    let run = world.eadem(["diff", text(&first), text(&second)]).exit(1).stdout_has("differs  ");
    let said = "  the file is equal after normalisation, and not reproducible; taken out: ";
    drop(run.stdout_has(said).stdout_has("tar: times\n"));
    let run = world.eadem(["diff", text(&first), text(&second), "--format", "json"]).exit(1);
    let value: Value = serde_json::from_str(&run.stdout()).expect("one object");
    assert_eq!(value["verdict"], "differs", "{run}");
    let names = value["normalised"][0]["normalisations"].as_array().expect("a list");
    assert!(names.contains(&"tar-times".into()), "{run}");
    // Beside a change of a mode nothing is equal.
    let (one, two) = (world.dir().join("one"), world.dir().join("two"));
    let run = world.eadem(["diff", text(&one), text(&two)]).exit(1);
    drop(run.stdout_has("  x.tar.gz is equal after normalisation"));
    drop(Run::of(Command::new("chmod").arg("600").arg(&second)).exit(0));
    let run = world.eadem(["diff", text(&one), text(&two)]).exit(1);
    assert!(!run.stdout().contains("normalisation"), "{run}");
}

#[test]
fn container_images_are_followed_from_their_index_to_a_file_of_a_layer() {
    let world = World::new();
    for (dir, word) in [("one", "first"), ("two", "second")] {
        let dir = world.dir().join(dir);
        let blobs = dir.join("image/blobs/sha256");
        fs::create_dir_all(&blobs).expect("the world is ours");
        fs::write(dir.join("hello"), word).expect("the world is ours");
        drop(
            Run::of(Command::new("tar").args(["-cf", "layer", "--mtime=@1", "hello"]).current_dir(&dir))
                .exit(0),
        );
        let add = |bytes: Vec<u8>| {
            let digest = Digest::of(&bytes);
            fs::write(blobs.join(digest.hex()), &bytes).expect("the world is ours");
            serde_json::json!({"digest": digest.to_string(), "size": bytes.len()})
        };
        let layer = add(fs::read(dir.join("layer")).expect("it was just made"));
        let ids = serde_json::json!({"rootfs": {"diff_ids": [layer["digest"]]}});
        let manifest = serde_json::json!({"config": add(ids.to_string().into_bytes()), "layers": [layer]});
        let index = serde_json::json!({"manifests": [add(manifest.to_string().into_bytes())]});
        fs::write(dir.join("image/index.json"), index.to_string()).expect("the world is ours");
        fs::write(dir.join("image/oci-layout"), "{}").expect("the world is ours");
        drop(
            Run::of(Command::new("tar").args(["-cf", "image.tar", "-C", "image", "."]).current_dir(&dir))
                .exit(0),
        );
    }
    let path = |name: &str| world.dir().join(name);
    let (one, two) = (path("one/image"), path("two/image"));
    let run = world.eadem(["diff", text(&one), text(&two)]).exit(1);
    let run = run.stdout_has("  index.json → member layer 1 → member hello\n").stdout_has("- first\n");
    assert!(!run.stdout().contains("blobs/"), "{run}");
    drop(run.stdout_has("follows from layer 1"));
    let (one, two) = (path("one/image.tar"), path("two/image.tar"));
    let run = world.eadem(["diff", text(&one), text(&two)]).exit(1);
    drop(run.stdout_has("  member layer 1 → member hello\n"));
}
