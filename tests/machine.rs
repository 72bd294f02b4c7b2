//! Machines that cannot: a full disk, no namespaces.

use eadem_model::Digest;

use crate::support::{
    lane::Lane,
    run::Run,
    server::{Answer, Server},
    user::is_root,
    world::World,
};

/// Mounts a small store where nobody else sees it, runs eadem, and lists what eadem left.
const SMALL_STORE: &str = r#"
store=$1 size=$2 program=$3; shift 3
mkdir -p "$store" && mount -t tmpfs -o "size=$size,mode=0700" none "$store" || exit 99
status=0; "$program" "$@" --store "$store" || status=$?
find "$store" -type f -size +0 -printf 'left %P\n'
exit "$status"
"#;

fn on_a_small_store(world: &World, size: &str, words: &[&str]) -> Run {
    assert!(is_root(), "this test wants root, who may mount");
    let eadem = world.command(words);
    let mut unshare = world.program("/usr/bin/unshare");
    unshare.args(["--mount", "sh", "-c", SMALL_STORE, "sh"]).arg(world.dir().join("small")).arg(size);
    unshare.arg(eadem.get_program()).args(words);
    Run::of(&mut unshare)
}

#[test]
fn a_disk_that_is_full_while_fetching_is_an_error_and_nothing_half_written_stays() {
    let bytes = vec![7; 8 << 20];
    let server = Server::start().serve("/big.tar.gz", Answer::Whole(bytes.clone()));
    let recipe = format!(
        "eadem: 1\nname: big\nimage: rust-trixie\nsource: {{archive: \"{}\", sha256: {}}}\noutputs: [bin/big]\n",
        server.url("/big.tar.gz"),
        Digest::of(&bytes).hex()
    );
    let world = World::new().with_images().with("recipes/big.yaml", recipe);
    let run = on_a_small_store(&world, "2m", &["lock", "big"]).exit(9).one_error();
    let run = run.stderr_has("No space left on device").stderr_has("hint: free some space");
    assert!(!run.stdout().contains("left blobs/") && !run.stdout().contains("left tmp/"), "{run}");
    assert!(!world.project().join("recipes/big.lock").exists());
}

#[test]
fn a_disk_that_is_full_while_assembling_is_an_error_and_nothing_half_written_stays() {
    let world = World::new().with_recipes().with_images();
    let run = on_a_small_store(&world, "48m", &["image", "build", "rust-trixie"]).exit(9).one_error();
    let run = run.stderr_has("No space left on device").stderr_has("hint: free some space");
    assert!(!run.stdout().contains("left tmp/") && !run.stdout().contains("left unpacked/"), "{run}");
}

/// Forbids namespaces below a user namespace of its own; the rest of the machine keeps them.
const FORBIDDEN: &str = r#"
echo 0 >/proc/sys/user/max_user_namespaces || exit 99
exec "$@"
"#;

fn without_namespaces(lane: &Lane, world: &World, words: &[&str]) -> Run {
    let eadem = world.command(words);
    let mut unshare = world.program("/usr/bin/unshare");
    unshare.args(["--user", "--map-root-user", "sh", "-c", FORBIDDEN, "sh"]);
    unshare.arg(eadem.get_program()).args(eadem.get_args());
    lane.run(&mut unshare)
}

#[test]
fn where_namespaces_are_forbidden_build_names_the_step_and_the_command_that_repairs_it() {
    let lane = Lane::user();
    let world = lane.fixture("steady");
    // A recipe that nobody has built, so that no record answers.
    let world = unbuilt(world, "forbidden-build");
    let run = without_namespaces(lane, &world, &["build", "steady"]).exit(9).one_error();
    let run = run.stderr_has("this machine cannot make rooms: cloning into new namespaces (clone3) failed");
    let run = run.stderr_has("user.max_user_namespaces = 0");
    drop(run.stderr_has("hint: sysctl -w user.max_user_namespaces="));
    lane.expect_swept();
}

#[test]
fn where_namespaces_are_forbidden_verify_is_inconclusive() {
    let lane = Lane::user();
    let world = unbuilt(lane.fixture("steady"), "forbidden-verify");
    let run = without_namespaces(lane, &world, &["verify", "steady"]).exit(11).one_error();
    let run =
        run.stdout_has("inconclusive  steady\n").stderr_has("cloning into new namespaces (clone3) failed");
    drop(run.stderr_has("hint: sysctl -w user.max_user_namespaces="));
}

/// Makes another plan of the recipe.
fn unbuilt(world: World, word: &str) -> World {
    let recipe = format!("{}env: {{ANOTHER: {word}}}\n", world.read("recipes/steady.yaml"));
    let world = world.with("recipes/steady.yaml", recipe);
    drop(world.eadem(["lock", "steady"]).exit(0));
    world
}
