//! Names and values that are hard to pass on: through mount options, files, lists, JSON.

use eadem_model::{EngineError, RoomPath, Round, Text};

use crate::support::world::{World, shell};

pub(crate) fn places_of_a_room_may_have_any_name(world: &World) {
    for name in ["/build/a:b,c=d\\e", "/build/new\nline \t'\"$x", "/ä/lowerdir=x,upperdir=y"] {
        let mut round = shell("pwd; echo > \"$PWD/x\"; test -f x");
        round.setting.roots.target = place(name);
        assert_eq!(world.run(&round).success(), format!("{name}\n"));
        round.setting.roots.source = place(&format!("{name}-source"));
        round.plan.argv = vec!["/bin/cat".into(), Text::from(format!("{name}-source/file1"))];
        assert_eq!(world.run(&round).success(), "content\n");
    }
}

pub(crate) fn values_pass_through_unharmed(world: &World) {
    let odd = "a,b:c=d\\e\n\"f\" ${HOME} %s äöü\t\u{1}";
    let mut round = shell("printf '%s\\n' \"$ODD\" \"$1\"");
    round.plan.argv.extend([Text::from("sh"), Text::from(odd)]);
    round.plan.env.insert("ODD".to_owned(), Text::from(odd));
    assert_eq!(world.run(&round).success(), format!("{odd}\n{odd}\n"));
    round.plan.argv.push(Text::from("a\0b"));
    refused(world, &round, "NUL");
}

pub(crate) fn names_that_would_say_something_else_are_refused(world: &World) {
    let change = |change: &dyn Fn(&mut Round), what: &str| {
        let mut round = shell("true");
        change(&mut round);
        refused(world, &round, what);
    };
    change(&|round| round.setting.hostname = "a\n127.0.0.2 b".into(), "the host name `a\\n127.0.0.2 b`");
    change(&|round| round.setting.user.name = "a:0:0".into(), "the user name `a:0:0`");
    change(&|round| round.setting.user.home = place("/home/a:/bin/x"), "the home `/home/a:/bin/x`");
    change(&|round| drop(round.plan.env.insert("A=B".into(), "c".into())), "the variable `A=B`");
}

fn place(name: &str) -> RoomPath {
    name.parse().expect("clean")
}

fn refused(world: &World, round: &Round, what: &str) {
    match world.run(round).outcome {
        Err(EngineError::Plan { what: said }) => assert!(said.contains(what), "{said}"),
        other => panic!("{what}: {other:?}"),
    }
}
