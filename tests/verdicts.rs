//! `eadem verify`: what is varied, what is expected, what has regressed, and what was said of it before.

use serde_json::Value;

use crate::support::{lane::Lane, run::Run, world::World};

/// The verdict of a run that printed JSON.
fn verdict(run: &Run) -> Value {
    let stdout = run.stdout();
    let mut values = stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON"));
    values.find(|value: &Value| value["result"] == "verdict").unwrap_or_else(|| panic!("no verdict\n{run}"))
}

#[test]
fn an_unknown_variation_is_refused_before_anything_is_read() {
    let world = World::new();
    let run = world.eadem(["verify", "--vary", "+all,-kernal"]).exit(2);
    drop(run.stderr_has("no variation `kernal` (did you mean `kernel`?)"));
    let recipe = "eadem: 1\nname: x\nimage: i\nsource: {dir: .}\noutputs: [x]\nvary: [-clok]\n";
    let run = world.with("recipes/x.yaml", recipe).eadem(["verify", "x"]).exit(3).one_error();
    drop(run.stderr_has("no variation `clok` (did you mean `clock`?)"));
}

#[test]
fn an_exception_without_a_reason_is_refused() {
    let recipe =
        "eadem: 1\nname: x\nimage: i\nsource: {dir: .}\noutputs: [x]\nexpect: [{output: x, reason: ' '}]\n";
    let run = World::new().with("recipes/x.yaml", recipe).eadem(["verify", "x"]).exit(3).one_error();
    drop(run.stderr_has("an exception needs a reason"));
}

#[test]
fn what_is_not_varied_does_not_differ_and_proves_nothing_for_whoever_varies_it() {
    let lane = Lane::root();
    let world = lane.fixture("build-path");
    drop(lane.run(&mut world.command(["verify", "build-path", "--vary", "-path"])).exit(0));
    let run = lane.run(&mut world.command(["verify", "build-path"])).exit(1);
    drop(run.stdout_has("differs  build-path\n"));
    // The recipe says it for everybody, and its lock stays true.
    let recipe = world.read("recipes/build-path.yaml") + "vary: [-path]\n";
    let world = world.with("recipes/build-path.yaml", recipe);
    drop(lane.run(&mut world.command(["verify", "build-path"])).exit(0).stderr_has("has proved this"));
    drop(lane.run(&mut world.command(["verify", "build-path", "--vary", "+path"])).exit(1));
}

#[test]
fn a_cause_that_no_byte_tells_is_found_by_trials_and_told_again() {
    let lane = Lane::root();
    let world = lane.fixture("build-umask");
    let run = lane.run(&mut world.command(["verify", "build-umask"])).exit(1);
    let proof = "cause: umask (proven): it differs where `umask` varies, and only there\n";
    let run = run.stdout_has(proof).stdout_has("  tried: with nothing varied, nothing differed\n");
    assert!(run.stdout().matches("\n  tried: ").count() <= 7, "{run}");
    let words = ["verify", "build-umask", "--format", "json"];
    let found = verdict(&lane.run(&mut world.command(words)).exit(1));
    let told = world.eadem(["explain", found["run"].as_str().expect("a run has a name")]).exit(0);
    drop(told.stdout_has("differs  build-umask\n").stdout_has(proof));
    // Nobody has to wait for that.
    let run = lane.run(&mut world.command(["verify", "build-umask", "--trials", "0"])).exit(1);
    let run = run.stdout_has("  not tried: whether two equal rounds differ as well\n");
    assert!(!run.stdout().contains("  tried: "), "{run}");
}

#[test]
fn an_exception_is_borne_and_a_stale_one_is_told() {
    let lane = Lane::root();
    let world = lane.fixture("build-umask");
    let expect = "expect: [{output: bin/build-umask, reason: it shows its mode}]\n";
    let recipe = world.read("recipes/build-umask.yaml") + expect;
    let world = world.with("recipes/build-umask.yaml", recipe);
    let run = lane.run(&mut world.command(["verify", "build-umask"])).exit(0);
    let run = run.stdout_has("excepted  build-umask\n");
    drop(run.stdout_has("  excepted: bin/build-umask: it shows its mode\n"));
    let world = lane.fixture("steady");
    let recipe = world.read("recipes/steady.yaml") + "expect: [{output: bin, reason: it once did}]\n";
    let world = world.with("recipes/steady.yaml", recipe);
    let run = lane.run(&mut world.command(["verify", "steady", "--fresh"])).exit(0);
    drop(run.stderr_has("the exception of `bin` is stale").stdout_has("reproducible  steady\n"));
}

#[test]
fn what_was_reproducible_at_the_base_has_regressed() {
    let lane = Lane::root();
    let world = lane.fixture("steady");
    let base = verdict(&lane.run(&mut world.command(["verify", "steady", "--format", "json"])).exit(0));
    let base = base["run"].as_str().expect("a run has a name").to_owned();
    let program = "fn main() {\n    println!(\"in {}\", env!(\"CARGO_MANIFEST_DIR\"));\n}\n";
    let world = world.with("crate/src/main.rs", program);
    drop(lane.run(&mut world.command(["lock", "steady"])).exit(0));
    let run = lane.run(&mut world.command(["verify", "steady", "--base", &base])).exit(1);
    drop(run.stdout_has("regressed  steady\n").stderr_has("was reproducible"));
    drop(lane.run(&mut world.command(["verify", "steady"])).exit(1).stdout_has("differs  steady\n"));
    drop(world.eadem(["verify", "steady", "--base", "0000"]).exit(2).one_error().stderr_has("`0000`"));
}

/// Makes the world's project a repository, and a commit of what it holds.
fn commit(world: &World) {
    let git = |words: &[&str]| {
        let who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"];
        let mut command = world.program("git");
        let done = command.current_dir(world.project()).args(who).args(words).output().expect("git runs");
        assert!(done.status.success(), "{words:?}: {done:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "all of it"]);
}

#[test]
fn what_was_reproducible_at_a_commit_has_regressed() {
    let (lane, world) = (Lane::root(), Lane::root().unbuilt("committed"));
    commit(&world);
    drop(lane.run(&mut world.command(["verify", "steady"])).exit(0));
    let program = "fn main() {\n    println!(\"lies in {}\", env!(\"CARGO_MANIFEST_DIR\"));\n}\n";
    let world = world.with("crate/src/main.rs", program);
    drop(lane.run(&mut world.command(["lock", "steady"])).exit(0));
    let run = lane.run(&mut world.command(["verify", "steady", "--base=HEAD"])).exit(1);
    drop(run.stdout_has("regressed  steady\n").stderr_has("its base at commit "));
    // What was not verified then is told, and nothing has regressed.
    commit(&world);
    let run = lane.run(&mut world.command(["verify", "steady", "--fresh", "--base=HEAD~1"])).exit(1);
    drop(run.stdout_has("regressed  steady\n"));
    let recipe = world.read("recipes/steady.yaml") + "epoch: 7\n";
    let world = world.with("recipes/steady.yaml", recipe);
    drop(lane.run(&mut world.command(["lock", "steady"])).exit(0));
    commit(&world);
    let run = lane.run(&mut world.command(["verify", "steady", "--base=HEAD"])).exit(1);
    drop(run.stdout_has("differs  steady\n").stderr_has("was not verified in this store, so it has no base"));
    let run = world.eadem(["verify", "steady", "--base=nothing"]).exit(2).one_error();
    drop(
        run.stderr_has("no run here is `nothing`").stderr_has("nor is it a commit of the project: git says"),
    );
}

#[test]
fn all_recipes_are_summed_up_in_a_table() {
    let lane = Lane::root();
    let none = "eadem: 1\nname: none\nimage: rust-trixie\nsource: {dir: nowhere}\noutputs: [bin/none]\n";
    let world = lane.fixture("build-hostname").with("recipes/none.yaml", none);
    let run = lane.run(&mut world.command(["verify", "--all", "--keep-going"])).exit(1).one_error();
    let run = run.stdout_has("\ndiffers  build-hostname  the machine's name");
    let run = run.stdout_has("\nerror    none            recipes/none.lock is missing");
    assert!(run.stdout().ends_with("\n2 recipes: 1 differs, 1 error\n"), "{run}");
}
