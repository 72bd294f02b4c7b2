//! Units that fail: what they lack is named, and what is the sources' own fault is told once.

use std::process::Stdio;

use eadem_model::{Digest, Rung, UnitsRecord};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    support::{
        lane::{Lane, turn},
        patience::wait_for,
        process,
        run::Run,
        server::{Answer, Server},
        tarball::Tarball,
        world::World,
    },
    units::{build, forget, records},
};

const FAILS: &str = "unwrap_or_else(|error| panic!(\"cannot read {path}: {error}\"))";

const MIRRORED: &str = "/reader/1.0.0.crate";

/// A crate whose build script reads the file that a variable names, wherever it lies, and does this without it.
fn reader(without: &str) -> Vec<u8> {
    let manifest = "[package]\nname = \"reader\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    let script = r#"fn main() {
    let path = std::env::var("READER_FILE").unwrap();
    let word = std::fs::read_to_string(&path).WITHOUT;
    println!("cargo:rustc-env=READER_WORD={}", word.trim());
}
"#;
    let script = script.replace("WITHOUT", without);
    let library = "pub const WORD: &str = env!(\"READER_WORD\");\n";
    Tarball::default()
        .file("reader-1.0.0/Cargo.toml", manifest.as_bytes())
        .file("reader-1.0.0/build.rs", script.as_bytes())
        .file("reader-1.0.0/src/lib.rs", library.as_bytes())
        .gzip()
}

/// The recipe `name` of a program that prints what the crate reads, with these words on units.
fn with_recipe(world: World, name: &str, cargo: &str) -> World {
    let recipe = format!(
        "eadem: 1\nname: {name}\nimage: rust-trixie\nsource: {{dir: crate}}\noutputs: [bin/app]\n\
         cargo: {cargo}\nenv: {{READER_FILE: /build/src/assets/word.txt}}\n"
    );
    world.with(&format!("recipes/{name}.yaml"), recipe)
}

/// A project that takes the crate from a mirror on loopback.
fn project(lane: &Lane, mirror: &Server, packed: &[u8]) -> World {
    let source = seed_source();
    let lock = format!(
        "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"reader\",\n]\n\n\
         [[package]]\nname = \"reader\"\nversion = \"1.0.0\"\nsource = \"{source}\"\nchecksum = \"{}\"\n",
        Digest::of(packed).hex()
    );
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
                    [dependencies]\nreader = \"1.0.0\"\n";
    World::new()
        .with_images()
        .with_store(lane.store())
        .with_config(&format!("mirrors:\n  crates: [\"{}\"]\n", mirror.url("/{crate}/{version}.crate")))
        .with("crate/Cargo.toml", manifest)
        .with("crate/Cargo.lock", lock)
        .with("crate/src/main.rs", "fn main() {\n    println!(\"{}\", reader::WORD);\n}\n")
        .with("crate/assets/word.txt", "wonder\n")
}

/// How a lock of cargo's names the registry of crates.
fn seed_source() -> String {
    let lock = include_str!("fixtures/units-path/crate/Cargo.lock");
    let line = lock.lines().find_map(|line| line.strip_prefix("source = \"")).expect("it has a dependency");
    line.trim_end_matches('"').to_owned()
}

#[track_caller]
fn said(world: &World, out: &str) -> String {
    Run::of(&mut world.program(world.project().join(out).join("bin/app"))).exit(0).stdout()
}

#[test]
fn what_a_package_reads_of_other_sources_is_named_with_the_line_that_shows_it() {
    let (lane, packed) = (Lane::root(), reader(FAILS));
    let mirror = Server::start().serve(MIRRORED, Answer::Whole(packed.clone()));
    let world = project(lane, &mirror, &packed);
    let named = "the build script of reader 1.0.0 looks for sources that are not of its package: \
                 `/build/src/assets/word.txt`; `inputs: {reader: [assets]}` below `cargo:` in the recipe shows it";
    let world = with_recipe(world, "open", "{units: auto}");
    let (run, units) = build(lane, &world, "open", "open");
    // It is shown that alone, so nobody need do anything.
    drop(run.stderr_lacks("assets"));
    let units = units.expect("units");
    assert_eq!((units.rung, units.fell.len()), (Rung::PerPackage, 0), "{units:?}");
    assert!(units.also[0].contains(named), "{units:?}");
    drop(world.eadem(["show", "open"]).exit(0).stdout_has(named));

    let world = with_recipe(world, "strict", "{units: per-package}");
    drop(lane.run(&mut world.command(["lock", "strict"])).exit(0));
    // How a build is cut decides no byte, so its record would answer.
    forget(&world, "open");
    drop(lane.run(&mut world.command(["build", "strict"])).exit(7).one_error().stderr_has(named));

    let world = with_recipe(world, "shown", "{units: per-package, inputs: {reader: [assets]}}");
    assert_eq!(build(lane, &world, "shown", "shown").1.expect("units").fell, Vec::<String>::new());
    assert_eq!([said(&world, "open"), said(&world, "shown")], ["wonder\n", "wonder\n"]);
    // What is shown is part of the key.
    let world = world.with("crate/assets/word.txt", "another\n");
    drop(build(lane, &world, "shown", "edited"));
    assert_eq!(said(&world, "edited"), "another\n");
}

#[test]
fn a_build_script_that_is_content_without_a_file_sees_it_as_in_one_room() {
    let (lane, packed) = (Lane::root(), reader("unwrap_or_default()"));
    let mirror = Server::start().serve(MIRRORED, Answer::Whole(packed.clone()));
    let world = project(lane, &mirror, &packed);
    let world = with_recipe(world, "quiet", "{}");
    let sought = "looks for sources that are not of its package: `/build/src/assets`";
    let also = |units: Option<UnitsRecord>| units.expect("units").also;
    let (run, units) = build(lane, &world, "quiet", "quiet");
    assert!(also(units)[0].contains(sought), "{run}");
    let world = with_recipe(world, "loner", "{units: off}");
    drop(build(lane, &world, "loner", "loner"));
    assert_eq!([said(&world, "quiet"), said(&world, "loner")], ["wonder\n", "wonder\n"]);
    // What it was shown is part of the key, and where it is kept that it wants it.
    let world = world.with("crate/assets/word.txt", "more\n");
    assert!(also(build(lane, &world, "quiet", "edited").1)[0].contains(sought));
    assert_eq!(said(&world, "edited"), "more\n");
    let world = with_recipe(world, "strictly", "{units: per-package}");
    drop(lane.run(&mut world.command(["lock", "strictly"])).exit(0));
    forget(&world, "quiet");
    forget(&world, "loner");
    drop(
        lane.run(&mut world.command(["build", "strictly"]))
            .exit(7)
            .one_error()
            .stderr_has("looks for sources"),
    );
}

#[test]
fn a_directory_that_is_declared_and_not_there_is_named() {
    let (lane, packed) = (Lane::root(), reader(FAILS));
    let mirror = Server::start().serve(MIRRORED, Answer::Whole(packed.clone()));
    let world = project(lane, &mirror, &packed);
    let world = with_recipe(world, "lost", "{units: per-package, inputs: {reader: [elsewhere]}}");
    drop(lane.run(&mut world.command(["lock", "lost"])).exit(0));
    let run = lane.run(&mut world.command(["build", "lost"])).exit(7).one_error();
    drop(run.stderr_has("`/build/src/elsewhere` is no directory and no file of the recipe's sources"));
}

#[test]
fn an_error_of_the_compiler_is_told_once_and_tried_on_no_other_rung() {
    let lane = Lane::root();
    let world = World::new().with_fixture("fails").with_images().with_store(lane.store());
    drop(lane.run(&mut world.command(["lock", "fails"])).exit(0));
    let run = lane.run(&mut world.command(["build", "fails"])).exit(7).one_error();
    let _ = run.stderr_lacks("so it is built");
    let log = lane.run(&mut world.command(["log", "fails"])).exit(0).stdout();
    assert_eq!(log.matches("error: could not compile `fails`").count(), 1, "{log}");
    let record = &records(&world, "fails")[0];
    assert_eq!(record.rounds[0].units.as_ref().expect("units").rung, Rung::PerPackage);
}

/// A project of one program whose build script is `script`, with recipes that differ in what they say of units.
fn scripted(lane: &Lane, name: &str, script: &str, outputs: &str, limits: &str) -> World {
    let recipe = |units: &str| {
        format!(
            "eadem: 1\nname: {name}-{units}\nimage: rust-trixie\nsource: {{dir: crate}}\noutputs: [{outputs}]\n\
             cargo: {{units: \"{units}\"}}\nenv: {{UNITS_TEST: {name}}}\n{limits}"
        )
    };
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let lock = "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n";
    let world = World::new()
        .with_images()
        .with_store(lane.store())
        .with("crate/Cargo.toml", manifest)
        .with("crate/Cargo.lock", lock)
        .with("crate/build.rs", script)
        .with("crate/src/main.rs", "fn main() {\n    println!(\"{}\", include_str!(env!(\"MADE\")));\n}\n");
    ["auto", "off"].into_iter().fold(world, |world, units| {
        let world = world.with(&format!("recipes/{name}-{units}.yaml"), recipe(units));
        drop(lane.run(&mut world.command(["lock", &format!("{name}-{units}")])).exit(0));
        world
    })
}

/// A script that writes beside its own directory, where no other unit looks.
const BESIDE: &str = r#"fn main() {
    let dir = std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).join("../shared");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("made.txt"), "made").unwrap();
    println!("cargo:rustc-env=MADE={}/made.txt", dir.display());
}
"#;

#[test]
fn what_a_unit_does_not_find_that_another_wrote_beside_its_outputs_is_there_in_one_room() {
    let lane = Lane::root();
    let world = scripted(lane, "beside", BESIDE, "bin/app", "");
    let run = lane.run(&mut world.command(["build", "beside-auto", "-o", "out"])).exit(0);
    drop(run.stderr_has("so it is built in one room"));
    assert_eq!(said(&world, "out"), "made\n");
}

/// A script that writes where it should, and says more than a build may.
const TALKER: &str = r#"fn main() {
    let dir = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{dir}/made.txt"), "made").unwrap();
    std::fs::write(format!("{dir}/large.bin"), vec![7; 3 << 20]).unwrap();
    for _ in 0..40_000 {
        println!("a line that is longer than it would have to be, so that they are many bytes");
    }
    println!("cargo:rustc-env=MADE={dir}/made.txt");
}
"#;

#[test]
fn what_a_unit_writes_and_says_is_no_output_and_no_log_of_the_build() {
    let lane = Lane::root();
    let limits = "limits: {output-mib: 2, log-mib: 1}\n";
    let world = scripted(lane, "talker", TALKER, "bin/app", limits);
    for recipe in ["talker-off", "talker-auto"] {
        let run = lane.run(&mut world.command(["build", recipe, "-o", recipe])).exit(0);
        let run = run.stderr_lacks("so it is built");
        assert_eq!(said(&world, recipe), "made\n", "{run}");
    }
}

/// A script that writes where it should, and a file beside that a recipe may want.
const PLAIN: &str = r#"fn main() {
    let dir = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{dir}/made.txt"), "made").unwrap();
    println!("cargo:rustc-env=MADE={dir}/made.txt");
}
"#;

#[test]
fn an_output_that_no_unit_gave_as_it_is_comes_from_one_room() {
    let lane = Lane::root();
    // Lists of files are cargo's own.
    let lists = scripted(lane, "lists", PLAIN, "bin/app, app.d", "");
    // Libraries that the compiler alone opens are names in the room of cargo.
    let libraries = World::new().with_fixture("units").with_images().with_store(lane.store());
    let recipe = "eadem: 1\nname: libraries-auto\nimage: rust-trixie\nsource: {dir: crate}\noutputs: [deps]\n\
                  cargo: {units: auto}\n";
    let libraries = libraries.with("recipes/libraries-auto.yaml", recipe);
    drop(lane.run(&mut libraries.command(["lock", "libraries-auto"])).exit(0));
    for (world, recipe) in [(&lists, "lists-auto"), (&libraries, "libraries-auto")] {
        let run = lane.run(&mut world.command(["build", recipe])).exit(0);
        drop(run.stderr_has("is not what a unit gave").stderr_has("so it is built in one room"));
    }
}

#[test]
fn who_wants_one_room_is_answered_by_no_record_of_units() {
    let lane = Lane::root();
    let world = scripted(lane, "rooms", PLAIN, "bin/app", "");
    drop(lane.run(&mut world.command(["verify", "rooms-auto"])).exit(0));
    let run = lane.run(&mut world.command(["build", "rooms-off"])).exit(0).stderr_lacks("was built before");
    drop(run.stderr_has("building rooms-off"));
    let run = lane.run(&mut world.command(["verify", "rooms-off"])).exit(0);
    drop(run.stderr_has("building rooms-off (round 2)"));
    // What one room gave is what units have to give.
    drop(lane.run(&mut world.command(["build", "rooms-auto"])).exit(0).stderr_has("was built before"));
}

/// Starts a build of a build script that never ends, does something to the room of cargo, and gives what came
/// of it.
fn disturbed(signal: Signal, is_meant: impl Fn(u32) -> bool) -> Run {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let recipe = world.read("recipes/sleeper.yaml").replace("units: off", "units: auto");
    let world = world.with("recipes/sleeper.yaml", recipe);
    drop(world.eadem(["lock", "sleeper"]).exit(0));
    let _turn = turn();
    let mut command = world.command(["build", "sleeper"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("eadem starts");
    let ours = |words: &str| {
        let pids = process::with_words(words).into_iter();
        pids.filter(|pid| process::descends(*pid, child.id())).collect::<Vec<_>>()
    };
    // One is the script, and one the proxy that stands for it.
    wait_for("the build script", || (ours(SLEEPER).len() == 2).then_some(()));
    for victim in ours("release").into_iter().filter(|pid| is_meant(*pid)) {
        let pid = Pid::from_raw(i32::try_from(victim).expect("ids are small")).expect("none is 0");
        kill_process(pid, signal).expect("it runs, and root may");
    }
    let run = Run::new(&command, child.wait_with_output().expect("eadem is ours"));
    assert_eq!(process::with_words(SLEEPER), Vec::<u32>::new(), "{run}");
    run
}

const SLEEPER: &str = "release/build/sleeper-";

#[test]
fn a_cargo_that_crashes_ends_the_build_and_all_its_units() {
    let run = disturbed(Signal::ABORT, |pid| process::words(pid).starts_with("cargo build "));
    drop(run.exit(7).one_error().stderr_has("was ended by signal 6"));
}

#[test]
fn a_proxy_that_is_killed_ends_the_build_and_its_unit() {
    let is_proxy =
        |pid| process::parent(pid).is_some_and(|pid| process::words(pid).starts_with("cargo build "));
    let run = disturbed(Signal::KILL, is_proxy);
    drop(run.exit(7).one_error().stderr_has("signal: 9").stderr_lacks("so it is built"));
}
