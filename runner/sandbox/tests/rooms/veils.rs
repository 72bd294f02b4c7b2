//! Names that a room shows and nothing behind them: who looks is found out, and nobody else is.

use eadem_model::{Root, Round, Veil};

use crate::support::world::{World, shell};

/// A round that sees one directory of its sources and has the names of the others.
fn veiled(script: &str) -> Round {
    let mut round = shell(script);
    round.plan.inputs.truncate(1);
    let shown = &mut round.plan.inputs[0];
    (shown.subpath, shown.below) =
        ("source/sub".parse().expect("clean"), Some("vendor/sub".parse().expect("clean")));
    let veil = |at, names: &[&str]| Veil {
        at,
        names: names.iter().map(|name| name.parse().expect("clean")).collect(),
    };
    round.plan.veils =
        vec![veil(Root::Source, &["config.toml", "vendor/other"]), veil(Root::Cargo, &["registry"])];
    round
}

/// What was looked for by a program that is still there when the room's own one ends.
const BEHIND_THE_BACK: &str = "(test -e config.toml; echo > ../target/done; exec sleep 1000) & \
                               while ! test -e ../target/done; do :; done";

pub(crate) fn who_looks_behind_a_veil_is_found_out(world: &World) {
    for (script, sought) in [
        ("true", &[][..]),
        ("cat vendor/sub/run && cd vendor/sub/.. && cd ../../cargo", &[]),
        ("! test -e missing && ! test -e vendor/missing/too && test -d vendor && test -h vendor/other", &[]),
        ("! test -e vendor/other", &["src/vendor/other"]),
        ("! test -d ../cargo/registry/deep/er", &["cargo/registry"]),
        ("! cat config.toml", &["src/config.toml"]),
        ("! echo > config.toml", &["src/config.toml"]),
        ("cd vendor; test \"$(echo *)\" = 'other sub'", &["src/vendor"]),
        ("! echo > new", &[]),
        ("chmod u+w . && echo > new", &["src"]),
        ("chmod u+w vendor && rm vendor/other", &["src/vendor", "src/vendor/other"]),
        (BEHIND_THE_BACK, &["src/config.toml"]),
    ] {
        let mut round = veiled(&format!("cd /build/src && {{ {script}; }}"));
        round.setting.roots.source = "/build/src".parse().expect("clean");
        let run = world.run(&round);
        let expected: Vec<String> = sought.iter().map(|place| format!("/build/{place}")).collect();
        let found: Vec<String> = run.outcome().sought.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{script}");
        let _ = run.success();
    }
}

pub(crate) fn a_single_file_is_shown_in_a_veil_and_nobody_writes_to_it(world: &World) {
    let script = "cd /build/src && test \"$(cat vendor/run)\" = \"$(cat vendor/sub/run)\" && \
                  ! sh -c 'echo > vendor/run' && ! rm -f vendor/run && ! test -e vendor/other";
    let mut round = veiled(script);
    round.setting.roots.source = "/build/src".parse().expect("clean");
    let mut file = round.plan.inputs[0].clone();
    (file.subpath, file.below) =
        ("source/sub/run".parse().expect("clean"), Some("vendor/run".parse().expect("clean")));
    file.file = true;
    round.plan.inputs.push(file.clone());
    let run = world.run(&round);
    let found: Vec<String> = run.outcome().sought.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["/build/src/vendor/other"]);
    let _ = run.success();
    // A directory is no file, and a link leads nowhere.
    for subpath in ["source/sub", "planted"] {
        file.subpath = subpath.parse().expect("clean");
        round.plan.inputs[1] = file.clone();
        assert!(world.run(&round).outcome.is_err(), "{subpath}");
    }
}

pub(crate) fn a_veil_over_other_places_is_refused(world: &World) {
    let whole = shell("true");
    let mut both = veiled("true");
    both.plan.inputs = whole.plan.inputs;
    assert!(world.run(&both).outcome.is_err(), "an input is no veil");
    let mut twice = veiled("true");
    twice.plan.veils[1].at = Root::Source;
    assert!(world.run(&twice).outcome.is_err(), "one veil lies upon the other");
    let mut home = veiled("true");
    home.plan.veils[1].at = Root::Home;
    assert!(world.run(&home).outcome.is_err(), "what can be written is never veiled");
}
