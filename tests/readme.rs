//! The README's commands, from nothing: an empty home and an empty store.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::support::{REPOSITORY, lane::Lane};

/// The README's blocks of shell, line by line.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(Path::new(REPOSITORY).join("README.md")).expect("there is a README");
    let mut is_shell = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        match line.trim() {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            command if is_shell && !command.is_empty() => commands.push(command.to_owned()),
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_of_the_readme_is_tested() {
    let commands = commands();
    // `Lane` runs the first one; the test's own command is what runs here.
    assert_eq!(commands.first().map(String::as_str), Some("cargo run --release -- verify hexyl"));
    for script in &commands[1..] {
        let mode = fs::metadata(Path::new(REPOSITORY).join(script)).map(|found| found.permissions().mode());
        assert!(mode.is_ok_and(|mode| mode & 0o111 == 0o111), "`{script}` is no script of the repository");
    }
}

#[test]
fn the_test_command_of_the_readme_is_what_a_server_runs() {
    let last = commands().pop().expect("the README has commands");
    let run = fs::read_to_string(Path::new(REPOSITORY).join(".ci/run")).expect("there is a .ci/run");
    assert!(run.lines().any(|line| line == format!("exec {last}")), "{run}");
}

/// The first command verifies from nothing; the same command again builds nothing.
fn first_command(lane: &'static Lane) {
    let first = lane.first();
    assert_eq!(first.code(), Some(0), "{first}");
    assert!(first.stdout().starts_with("reproducible  hexyl\n  sha256:"), "{first}");
    assert!(first.stdout().ends_with("  bin/hexyl\n"), "{first}");
    let again =
        lane.eadem(["verify", "hexyl"]).exit(0).stderr_has("has proved this").stderr_lacks("building");
    assert_eq!(again.stdout(), first.stdout());
}

#[test]
fn the_first_command_ends_with_reproducible_as_root() {
    first_command(Lane::root());
}

#[test]
fn the_first_command_ends_with_reproducible_as_an_ordinary_user() {
    first_command(Lane::user());
}

#[test]
fn root_and_an_ordinary_user_get_the_same_bytes() {
    assert_eq!(Lane::root().first().stdout(), Lane::user().first().stdout());
}
