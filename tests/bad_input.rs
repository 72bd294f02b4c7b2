//! Files that a person has written wrongly: one error with the place, the line and what was meant.

use crate::support::{
    user::User,
    world::{Who, World},
};

const RECIPE: &str = "\
eadem: 1
name: bad
image: rust-trixie
source: {crate: hexyl, version: 0.16.0}
outputs: [bin/hexyl]
";

/// Every command that reads recipes refuses this one in the same way.
fn refused(recipe: &str, expected: &[&str]) {
    let world = World::new().with_images().with("recipes/bad.yaml", recipe);
    for command in ["lock", "fetch", "build", "verify"] {
        let run = world.eadem([command, "bad"]).exit(3).one_error();
        drop(expected.iter().fold(run, |run, text| run.stderr_has(text)));
    }
    world.store_is_clean();
    let locks = crate::support::disk::list(&world.project().join("recipes"));
    assert_eq!(locks, [world.project().join("recipes/bad.yaml")]);
}

#[test]
fn an_unknown_key_is_refused_with_its_place_its_line_and_a_guess() {
    let recipe = RECIPE.replace("outputs:", "outptus:");
    refused(
        &recipe,
        &[
            "recipes/bad.yaml:5:1",
            "outptus: [bin/hexyl]",
            "unknown field `outptus`",
            "did you mean `outputs`?",
        ],
    );
}

#[test]
fn an_unknown_key_deep_in_a_recipe_is_refused_with_its_place() {
    let recipe = format!("{RECIPE}cargo:\n  profil: release\n");
    refused(&recipe, &["recipes/bad.yaml:7:", "  profil: release", "did you mean `profile`?"]);
}

#[test]
fn a_wrong_type_is_refused_with_its_place() {
    let recipe = RECIPE.replace("[bin/hexyl]", "bin/hexyl");
    refused(&recipe, &["recipes/bad.yaml:5:", "outputs: bin/hexyl", "expected a sequence"]);
}

#[test]
fn a_duplicate_key_is_refused_with_its_place() {
    let recipe = format!("{RECIPE}image: other\n");
    refused(&recipe, &["recipes/bad.yaml:6:", "image: other", "duplicate"]);
}

#[test]
fn a_duplicate_variable_is_refused_with_its_place() {
    let recipe = format!("{RECIPE}env:\n  ONE: a\n  ONE: b\n");
    refused(&recipe, &["recipes/bad.yaml:", "duplicate field `ONE`"]);
}

#[test]
fn a_file_that_is_no_yaml_is_refused_with_its_place() {
    refused(&format!("{RECIPE}env: [unclosed\n"), &["recipes/bad.yaml:"]);
}

#[test]
fn a_missing_key_is_named() {
    refused(&RECIPE.replace("outputs: [bin/hexyl]\n", ""), &["recipes/bad.yaml", "missing field `outputs`"]);
}

#[test]
fn a_version_from_the_future_is_refused() {
    refused(&RECIPE.replace("eadem: 1", "eadem: 2"), &["recipes/bad.yaml:1:", "format version 2"]);
}

#[test]
fn a_recipe_under_another_name_is_refused() {
    refused(
        &RECIPE.replace("name: bad", "name: other"),
        &["holds the name `other`", "rename the file to other.yaml"],
    );
}

#[test]
fn a_recipe_that_is_no_text_is_refused() {
    let world = World::new().with_images().with("recipes/bad.yaml", [0xff, 0xfe, 0x00]);
    drop(world.eadem(["lock", "bad"]).exit(3).one_error().stderr_has("recipes/bad.yaml is not UTF-8"));
}

#[test]
fn an_image_with_an_unknown_key_is_refused_with_its_place() {
    let world = World::new().with_images();
    let image = world.read("images/rust-trixie.yaml").replace("suite:", "suit:");
    let world = world.with("images/rust-trixie.yaml", image).with("recipes/bad.yaml", RECIPE);
    let run = world.eadem(["lock", "bad"]).exit(3).one_error();
    drop(run.stderr_has("images/rust-trixie.yaml:").stderr_has("did you mean `suite`?"));
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_with_its_place() {
    let world = World::new().with_images().with("recipes/bad.yaml", RECIPE).with_config("mirors: {}\n");
    let run = world.eadem(["lock", "bad"]).exit(3).one_error();
    drop(run.stderr_has("config.yaml:2:1").stderr_has("did you mean `mirrors`?"));
}

#[test]
fn a_configuration_with_an_address_that_is_none_is_refused_with_the_address() {
    let world = World::new().with_images().with("recipes/bad.yaml", RECIPE);
    let world = world.with_config("mirrors: {packages: [\"ftp://example.invalid/debian\"]}\n");
    drop(world.eadem(["lock", "bad"]).exit(3).one_error().stderr_has("ftp://example.invalid/debian"));
}

#[test]
fn a_recipe_that_there_is_not_is_a_fault_of_usage_that_lists_what_there_is() {
    let world = World::new().with_images().with("recipes/bad.yaml", RECIPE);
    drop(
        world
            .eadem(["build", "bed"])
            .exit(2)
            .one_error()
            .stderr_has("no recipe `bed`")
            .stderr_has("it has: bad"),
    );
}

#[test]
fn an_image_that_there_is_not_is_a_fault_of_usage() {
    let world =
        World::new().with_images().with("recipes/bad.yaml", RECIPE.replace("rust-trixie", "rust-potato"));
    drop(world.eadem(["lock", "bad"]).exit(2).one_error().stderr_has("no image `rust-potato`"));
}

#[test]
fn an_unknown_option_is_a_fault_of_usage() {
    let world = World::new();
    drop(world.eadem(["verify", "--frehs"]).exit(2).stderr_has("--fresh"));
    drop(world.eadem(["verfy"]).exit(2).stderr_has("verify"));
}

#[test]
fn a_command_that_is_not_built_yet_is_absent_from_the_help() {
    let help = World::new().eadem(["--help"]).exit(0).stdout();
    let built = "lock fetch build verify diff explain plan shell ls log show store image schema doctor";
    for command in built.split(' ') {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{help}");
    }
    for command in ["bundle", "release", "attest", "crates"] {
        assert!(!help.lines().any(|line| line.trim_start().starts_with(command)), "{help}");
    }
}

#[test]
fn another_users_store_is_refused_by_name() {
    let theirs = World::of(Who::ordinary()).with_images().with("recipes/bad.yaml", RECIPE);
    drop(theirs.eadem(["image", "ls"]).exit(0));
    let world = World::new().with_images().with("recipes/bad.yaml", RECIPE).with_store(theirs.store());
    let run = world.eadem(["lock", "bad"]).exit(9).one_error();
    let uid = User::ordinary().uid;
    drop(
        run.stderr_has(&format!("the store {} belongs to uid {uid}", theirs.store().display()))
            .stderr_has("--store DIR"),
    );
}
