//! `eadem build`: outputs, records, exports, limits.

use std::{fs, os::unix::fs::PermissionsExt};

use eadem_model::Digest;

use crate::support::{lane::Lane, process, run::Run};

#[test]
fn build_prints_digest_output_and_file_and_answers_from_its_record() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let first = lane.run(&mut world.command(["build", "steady"])).exit(0);
    let words: Vec<String> = first.stdout().split_whitespace().map(str::to_owned).collect();
    let [digest, output, file] = &words[..] else { panic!("{first}") };
    assert_eq!(output, "bin/steady", "{first}");
    assert_eq!(&Digest::of(&fs::read(file).expect("the file is there")).to_string(), digest, "{first}");
    let again = world
        .eadem(["build", "steady"])
        .exit(0)
        .stderr_has("was built before, in run")
        .stderr_has("by the engine `native`")
        .stderr_lacks("building");
    assert_eq!(again.stdout(), first.stdout());
}

#[test]
fn build_exports_outputs_that_can_be_run() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    drop(
        lane.run(&mut world.command(["build", "steady", "-o", "out"]))
            .exit(0)
            .stdout_has("  out/bin/steady\n"),
    );
    let file = world.project().join("out/bin/steady");
    let mode = fs::metadata(&file).expect("it is exported").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    drop(Run::of(&mut world.program(&file)).exit(0).stdout_has("always the same"));
}

#[test]
fn a_build_that_fails_shows_the_end_of_its_log_and_where_the_rest_is() {
    let lane = Lane::root();
    let world = lane.fixture("fails");
    let run = lane.run(&mut world.command(["build", "fails"])).exit(7).one_error();
    let run = run.stderr_has("error: the build of `fails` failed with status 101").stderr_has("E0308");
    let stderr = run.stderr();
    let hint =
        stderr.lines().find(|line| line.starts_with("hint: eadem log ")).expect("a hint names the log");
    let log = hint.rsplit(' ').next().expect("a path ends the line");
    drop(Run::of(world.program("/usr/bin/zstdcat").arg(log)).exit(0).stdout_has("Compiling fails v1.0.0"));
}

#[test]
fn a_missing_output_is_named() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let recipe = world.read("recipes/steady.yaml").replace("[bin/steady]", "[bin/steady, bin/other]");
    let world = world.with("recipes/steady.yaml", recipe);
    drop(world.eadem(["lock", "steady"]).exit(0));
    let run = lane.run(&mut world.command(["build", "steady"])).exit(7).one_error();
    drop(run.stderr_has("left no `bin/other`, which the recipe declares"));
}

#[test]
fn a_build_that_takes_too_long_is_ended_with_all_its_processes() {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let recipe = world.read("recipes/sleeper.yaml") + "limits: {wall-seconds: 5}\n";
    let world = world.with("recipes/sleeper.yaml", recipe);
    drop(world.eadem(["lock", "sleeper"]).exit(0));
    let run = lane.run(&mut world.command(["build", "sleeper"])).exit(8).one_error();
    drop(run.stderr_has("took more than 5 s of time, its limit"));
    assert_eq!(process::with_words("/build/target/release/build/sleeper-"), Vec::<u32>::new());
}

#[test]
fn offline_builds_what_is_in_the_store_and_refuses_the_rest() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    drop(lane.run(&mut world.command(["build", "steady", "--offline"])).exit(0));
    let empty = crate::support::world::World::new().with_recipes().with_images();
    let run = empty.eadem(["fetch", "hexyl", "--offline"]).exit(5).one_error();
    drop(run.stderr_has("--offline forbids to fetch it").stderr_has("hint: try again without --offline"));
    empty.store_is_clean();
}
