//! A build script tries to get out of the room, in rooms of every engine, as root and as a user.

use eadem_model::Users;

use crate::support::{host::Host, lane::Lane, world::World};

#[path = "fixtures/escape/answers.rs"]
mod answers;

/// Rooms of an engine, and what they answer otherwise than native ones.
struct Rooms {
    engine: &'static str,
    lane: fn() -> &'static Lane,
    users: Users,
    differs: answers::Differences,
}

/// An engine more is a line more.
const ALL: &[Rooms] = &[
    Rooms { engine: "native", lane: Lane::root, users: Users::One, differs: &[] },
    Rooms { engine: "native", lane: Lane::root, users: Users::Range, differs: answers::MANY_USERS },
    Rooms { engine: "native", lane: Lane::user, users: Users::One, differs: &[] },
];

/// Builds the attacker; gives the table of answers that are not as listed.
fn attack(rooms: &Rooms) -> String {
    let lane = (rooms.lane)();
    let (host, world) = (Host::new(), lane.fixture("escape"));
    let world = told(world, &host, rooms);
    let mut eadem = world.command(["--engine", rooms.engine, "build", "escape", "-o", "out"]);
    // The attacker looks for it in every environment that it can read.
    drop(lane.run(eadem.env("ESCAPE_SECRET", "of the host")).exit(0));
    answers::compare(&world.read("out/answers"), rooms.differs)
}

/// Tells the attacker what of the host it should not find.
fn told(world: World, host: &Host, rooms: &Rooms) -> World {
    // No record of another engine may answer, hence its name.
    let engine = [("ESCAPE_ENGINE", rooms.engine.to_owned())];
    let all = host.told((rooms.lane)().store()).into_iter().chain(engine);
    let variables: Vec<String> = all.map(|(name, value)| format!("{name}: {value:?}")).collect();
    let users = if rooms.users == Users::Range { "range" } else { "one" };
    let recipe = world.read("recipes/escape.yaml");
    let recipe = format!("{recipe}users: {users}\nenv: {{{}}}\n", variables.join(", "));
    let world = world.with("recipes/escape.yaml", recipe);
    drop(world.eadem(["lock", "escape"]).exit(0));
    world
}

#[test]
fn attempts_to_get_out_are_answered_as_listed() {
    answers::expect_reasons();
    let tables = ALL.iter().map(|rooms| (rooms.engine, attack(rooms)));
    let wrong: Vec<_> = tables.filter(|(_, table)| !table.is_empty()).collect();
    let shown: String = wrong.iter().map(|(engine, table)| format!("{engine}:\n{table}")).collect();
    assert!(wrong.is_empty(), "{shown}");
}
