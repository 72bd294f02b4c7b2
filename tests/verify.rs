//! `eadem verify`: verdicts, and what is said of outputs that differ.

use std::process::Stdio;

use eadem_model::Digest;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    disk,
    lane::{Lane, turn},
    patience::wait_for,
    process,
    run::Run,
    world::World,
};

/// Verifies a fixture that must differ, and checks all that is said of its one program.
fn differs(name: &str) {
    let lane = Lane::root();
    let world = lane.fixture(name);
    let run = lane.run(&mut world.command(["verify", name])).exit(1);
    let stdout = run.stdout();
    let lines: Vec<&str> = stdout.lines().collect();
    let says = |start: &str| lines[5..].iter().any(|line| line.starts_with(start));
    assert!(lines.len() > 6 && says("    cause: ") && says("  blamed: the "), "{run}");
    assert_eq!(
        (lines[0], lines[1]),
        (format!("differs  {name}").as_str(), format!("  bin/{name}").as_str()),
        "{run}"
    );
    let (one, two) = (side(&world, lines[2], 1), side(&world, lines[3], 2));
    let offset = disk::first_difference(&one, &two);
    assert_eq!(lines[4], format!("    first difference at byte {offset}"), "{run}");
    assert!(offset < one.len().max(two.len()), "the two are equal");
}

/// Reads a line such as `round 1: an executable of 5 bytes, sha256:…` and gives the bytes that it means.
fn side(world: &World, line: &str, n: u8) -> Vec<u8> {
    let rest =
        line.strip_prefix(&format!("    round {n}: an executable of ")).expect("the line names the round");
    let (size, digest) = rest.split_once(" bytes, ").expect("the line has a size and a digest");
    let digest: Digest = digest.parse().expect("a digest");
    let bytes = std::fs::read(world.store().join("blobs/sha256").join(digest.hex()))
        .expect("the store keeps outputs");
    assert_eq!((bytes.len().to_string().as_str(), Digest::of(&bytes)), (size, digest));
    bytes
}

#[test]
fn a_clock_in_the_build_script_differs() {
    differs("build-script-clock");
}

#[test]
fn a_build_path_in_the_program_differs() {
    differs("build-path");
}

#[test]
fn a_host_name_in_the_program_differs() {
    differs("build-hostname");
}

#[test]
fn a_user_name_in_the_program_differs() {
    differs("build-user");
}

#[test]
fn a_home_directory_in_the_program_differs() {
    differs("build-home");
}

#[test]
fn a_user_id_in_the_program_differs() {
    differs("build-uid");
}

#[test]
fn a_file_mode_in_the_program_differs() {
    differs("build-umask");
}

#[test]
fn a_locale_in_the_program_differs() {
    differs("build-locale");
}

#[test]
fn a_time_zone_in_the_program_differs() {
    differs("build-timezone");
}

#[test]
fn noise_of_the_environment_in_the_program_differs() {
    differs("build-environment");
}

#[test]
fn a_number_of_processors_in_the_program_differs() {
    let n = std::thread::available_parallelism().expect("the number is known").get();
    assert!(n > 1, "this test wants a machine with two processors");
    differs("build-processors");
}

#[test]
fn an_order_of_directory_entries_in_the_program_differs() {
    differs("build-directory-order");
}

#[test]
fn a_plain_program_is_reproducible_and_a_proof_answers_the_second_time() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let first = lane.run(&mut world.command(["verify", "steady", "--fresh"])).exit(0);
    let first = first.stdout_has("reproducible  steady\n").stderr_has("building steady (round 2)");
    let again =
        world.eadem(["verify", "steady"]).exit(0).stderr_has("has proved this").stderr_lacks("building");
    assert_eq!(again.stdout(), first.stdout());
}

#[test]
fn fresh_uses_no_proof() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    drop(lane.run(&mut world.command(["verify", "steady"])).exit(0));
    let fresh = lane.run(&mut world.command(["verify", "steady", "--fresh"])).exit(0);
    let fresh = fresh.stderr_has("building steady (round 1)").stderr_has("building steady (round 2)");
    assert!(!fresh.stderr().contains("has proved this"), "{fresh}");
}

#[test]
fn a_fault_differs_for_an_ordinary_user_too() {
    let lane = Lane::user();
    let world = lane.fixture("build-script-clock");
    let run = lane.run(&mut world.command(["verify", "build-script-clock"])).exit(1);
    drop(run.stdout_has("differs  build-script-clock\n  bin/build-script-clock\n"));
}

#[test]
fn a_build_that_fails_is_no_verdict_on_its_outputs() {
    let lane = Lane::root();
    let world = lane.fixture("fails");
    let run = lane.run(&mut world.command(["verify", "fails"])).exit(7).one_error();
    drop(run.stdout_has("build-failed  fails\n").stderr_has("mismatched types").stderr_has("the whole log"));
}

#[test]
fn the_gravest_of_several_outcomes_is_the_status() {
    let lane = Lane::root();
    let world = lane.fixture("build-path");
    let fails = "eadem: 1\nname: none\nimage: rust-trixie\nsource: {dir: nowhere}\noutputs: [bin/none]\n";
    let world = world.with("recipes/none.yaml", fails);
    let run =
        lane.run(&mut world.command(["verify", "--keep-going", "none", "build-path"])).exit(1).one_error();
    drop(run.stdout_has("differs  build-path\n").stderr_has("recipes/none.lock is missing"));
}

#[test]
fn json_tells_the_verdict_and_both_sides_of_a_difference() {
    let lane = Lane::root();
    let world = lane.fixture("build-path");
    let run = lane.run(&mut world.command(["verify", "build-path", "--fresh", "--format", "json"])).exit(1);
    let values: Vec<serde_json::Value> = run
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{run}")))
        .collect();
    let verdict = values.iter().find(|value| value["result"] == "verdict").expect("there is a verdict");
    assert_eq!((&verdict["verdict"], &verdict["recipe"]), (&"differs".into(), &"build-path".into()), "{run}");
    let difference = &verdict["differences"][0];
    assert_eq!(difference["path"], "bin/build-path", "{run}");
    assert!(
        difference["first_offset"].is_u64()
            && difference["first"]["digest"] != difference["second"]["digest"],
        "{run}"
    );
    assert!(values.iter().any(|value| value["event"] == "start" && value["phase"] == "build"), "{run}");
}

#[test]
#[ignore = "it shows what hexyl shows, in minutes: ci/proof packages"]
fn ripgrep_is_reproducible() {
    drop(Lane::root().eadem(["verify", "ripgrep"]).exit(0).stdout_has("reproducible  ripgrep\n"));
}

#[test]
#[ignore = "its allocator is configured for minutes: ci/proof packages"]
fn fd_is_reproducible() {
    drop(Lane::root().eadem(["verify", "fd"]).exit(0).stdout_has("reproducible  fd\n"));
}

#[test]
fn a_verification_that_a_limit_or_an_interrupt_ended_has_a_verdict_too() {
    let lane = Lane::root();
    let world = lane.fixture("sleeper");
    let recipe = world.read("recipes/sleeper.yaml") + "limits: {wall-seconds: 5}\n";
    let world = world.with("recipes/sleeper.yaml", recipe);
    drop(world.eadem(["lock", "sleeper"]).exit(0));
    let verdict = |run: &Run| {
        let stdout = run.stdout();
        let mut values = stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON"));
        let verdict = values.find(|value: &serde_json::Value| value["result"] == "verdict");
        verdict.unwrap_or_else(|| panic!("no verdict\n{run}"))["verdict"].clone()
    };
    let words = ["verify", "sleeper", "--format", "json"];
    let run = lane.run(&mut world.command(words)).exit(8);
    assert_eq!(verdict(&run), "build-failed", "{run}");
    let _turn = turn();
    let mut command = world.command(words);
    let eadem = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("eadem starts");
    wait_for("the build script", || process::with_words("release/build/sleeper-").pop());
    kill_process(Pid::from_child(&eadem), Signal::INT).expect("eadem runs");
    let run = Run::new(&command, eadem.wait_with_output().expect("eadem is ours")).exit(130);
    assert_eq!(verdict(&run), "inconclusive", "{run}");
}
