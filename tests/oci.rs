//! `--engine oci:RUNTIME`: the same program, whoever makes the room.

use crate::support::lane::Lane;

#[test]
fn runc_builds_the_program_that_native_rooms_build() {
    let lane = Lane::root();
    let native = lane.first().stdout();
    assert!(native.starts_with("reproducible  hexyl\n"), "{native}");
    // In both rounds, and without the proof that the native rounds left.
    let run = lane.eadem(["verify", "hexyl", "--fresh", "--engine", "oci:runc"]).exit(0);
    assert_eq!(run.stdout(), native, "{run}");
    let records = lane.eadem(["verify", "hexyl"]).exit(0);
    assert_eq!(records.stdout(), native, "a runtime's proof is a proof: {records}");
}

#[test]
fn a_runtime_that_is_not_installed_is_named_with_the_places_that_were_searched() {
    let run = Lane::root().eadem(["verify", "hexyl", "--fresh", "--engine", "oci:no-such-runtime"]).exit(11);
    let said = "error: the OCI runtime `no-such-runtime` is in none of /usr/local/sbin, /usr/local/bin, ";
    assert_eq!(run.stdout(), "inconclusive  hexyl\n", "{run}");
    drop(run.stderr_has(said).stderr_has("hint: "));
}
