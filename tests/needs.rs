//! Recipes that need others.

use std::fs;

use crate::support::{lane::Lane, world::World};

/// The fixture with its recipes under names of this test's own, locked: tests share a store, and what has been built
/// there before.
fn world(test: &str, also: &[(&str, &str)]) -> World {
    let mut world = Lane::root().unlocked("needs");
    for name in ["zed", "app", "tool"] {
        let recipe = world.read(&format!("recipes/{name}.yaml"));
        fs::remove_file(world.project().join(format!("recipes/{name}.yaml"))).expect("ours");
        let rename = |text: String, of: &str| {
            text.replace(&format!("name: {of}\n"), &format!("name: {test}-{of}\n"))
                .replace(&format!("recipe: {of},"), &format!("recipe: {test}-{of},"))
        };
        let recipe = ["zed", "app", "tool"].into_iter().fold(recipe, rename);
        world = world.with(&format!("recipes/{test}-{name}.yaml"), recipe);
    }
    let world = also.iter().fold(world, |world, (file, content)| world.with(file, content));
    drop(Lane::root().run(&mut world.command(["lock"])).exit(0));
    world
}

#[test]
fn what_is_needed_is_built_and_verified_first_and_shown_read_only() {
    let (lane, world) = (Lane::root(), world("whole", &[]));
    let run = lane.run(&mut world.command(["verify", "whole-tool"])).exit(0);
    let verdicts: Vec<String> =
        run.stdout().lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect();
    assert_eq!(
        verdicts,
        ["reproducible  whole-zed", "reproducible  whole-app", "reproducible  whole-tool"],
        "{run}"
    );
    let place = tempfile::tempdir().expect("a temporary directory");
    let dir = place.path().join("out");
    let output = format!("--output={}", dir.display());
    drop(lane.run(&mut world.command(["build", &output, "whole-tool"])).exit(0));
    let said = fs::read_to_string(dir.join("said")).expect("an output");
    assert_eq!(
        said,
        "zed is 26\na tool with 26\n\
         /build/deps/zed/include/zed.h 644 315532800.0000000000\n\
         /build/deps/zed/lib/libz.a 777 315532800.0000000000\n\
         /build/deps/zed/lib/libzed.a 644 315532800.0000000000\n\
         /opt/app/bin/app 755 315532800.0000000000\n"
    );
    let shown = world.eadem(["show", "whole-tool"]).exit(0).stdout_has("whole-zed at /build/deps/zed");
    drop(shown.stdout_has("whole-app at /opt/app"));
}

#[test]
fn another_output_of_what_is_needed_is_another_plan_and_an_equal_one_is_not() {
    let (lane, world) = (Lane::root(), world("edit", &[]));
    let build = || lane.run(&mut world.command(["build", "edit-app"])).exit(0);
    drop(build());
    let edit = |text: &str| {
        fs::write(world.project().join("zed/zed.c"), text).expect("written");
        drop(world.eadem(["lock", "edit-zed"]).exit(0));
    };
    edit("#include \"zed.h\"\n\nint zed(void) { return 26; }\n/* the same */\n");
    drop(build().stderr_has("edit-app was built before"));
    edit("#include \"zed.h\"\n\nint zed(void) { return 27; }\n");
    drop(build().stderr_lacks("edit-app was built before"));
}

#[test]
fn what_needs_bytes_that_differ_is_not_verified() {
    let coin = "eadem: 1\nname: chance-coin\nimage: rust-trixie\nsource: {dir: zed}\n\
                build: {steps: ['od -An -N16 -tx1 /dev/urandom > $OUT/coin']}\noutputs: [coin]\n";
    let purse = "eadem: 1\nname: chance-purse\nimage: rust-trixie\nsource: {dir: zed}\n\
                 needs: [{recipe: chance-coin, at: /build/deps/coin}]\n\
                 build: {steps: ['cp /build/deps/coin/coin $OUT']}\noutputs: [coin]\n";
    let also = [("recipes/chance-coin.yaml", coin), ("recipes/chance-purse.yaml", purse)];
    let (lane, world) = (Lane::root(), world("chance", &also));
    let run = lane.run(&mut world.command(["verify", "chance-purse"])).exit(1);
    let run = run.stdout_has("flaky  chance-coin\n").stdout_has("inconclusive  chance-purse\n");
    drop(run.stderr_has("`chance-purse` was not built: it needs `chance-coin`, which is flaky"));
}

#[test]
fn needs_that_lead_back_are_refused_with_their_way() {
    let needs = |name: &str, needed: &str| {
        format!(
            "eadem: 1\nname: {name}\nimage: rust-trixie\nsource: {{dir: zed}}\n\
             needs: [{{recipe: {needed}, at: /build/deps/{needed}}}]\nbuild: {{steps: ['true']}}\noutputs: [x]\n"
        )
    };
    let world = Lane::root().unlocked("needs");
    let three = [("round-a", "round-b"), ("round-b", "round-c"), ("round-c", "round-a")];
    let world = three.into_iter().fold(world, |world, (name, needed)| {
        world.with(&format!("recipes/{name}.yaml"), needs(name, needed))
    });
    drop(world.eadem(["lock", "round-a", "round-b", "round-c"]).exit(0));
    let way = "`round-b` needs itself: round-b needs round-c needs round-a needs round-b";
    for command in ["build", "fetch", "plan", "shell"] {
        drop(world.eadem([command, "round-b"]).exit(3).one_error().stderr_has(way));
    }
    // The one that is to be verified first is told of.
    drop(world.eadem(["verify", "round-b"]).exit(3).one_error().stderr_has("needs itself: round-"));
}

#[test]
fn a_need_that_is_no_recipe_and_a_place_that_is_taken_are_refused() {
    let with_needs = |needs: &str| {
        let world = Lane::root().unlocked("needs");
        let recipe = world.read("recipes/app.yaml");
        let (before, rest) = recipe.split_once("needs:").expect("it needs something");
        let (_, after) = rest.split_once('\n').expect("a line");
        world.with("recipes/app.yaml", format!("{before}needs: {needs}\n{after}"))
    };
    let world = with_needs("[{recipe: zet, at: /build/deps/zed}]");
    drop(world.eadem(["lock", "app"]).exit(0));
    let run = world.eadem(["build", "app"]).exit(3).one_error().stderr_has("there is no recipe `zet`");
    drop(run.stderr_has("recipes/app.yaml needs it"));
    let world = with_needs("[{recipe: zed, at: /build/src/zed}]");
    let run = world.eadem(["lock", "app"]).exit(3).one_error();
    drop(run.stderr_has("`needs` shows `zed` at `/build/src/zed`, which overlaps `/build/src`"));
    let world = with_needs("[{recipe: zed, at: deps/zed}]");
    drop(world.eadem(["lock", "app"]).exit(3).one_error().stderr_has("`deps/zed` must be absolute"));
}

#[test]
fn a_plan_is_unknown_until_what_it_needs_is_built() {
    let (lane, world) = (Lane::root(), world("unbuilt", &[("zed/zed.c", "int zed(void) { return 5; }\n")]));
    let plan = || lane.run(&mut world.command(["plan", "unbuilt-app"])).exit(0);
    drop(plan().stdout_has("unknown  -  unbuilt-app, since what it needs of other recipes is not built yet"));
    drop(lane.run(&mut world.command(["build", "unbuilt-zed"])).exit(0));
    drop(plan().stdout_has("of app 0.1.0"));
}
