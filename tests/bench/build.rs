//! A cold build in a room, beside plain cargo of the same toolchain on the same sources.

use std::fs;

use crate::{
    cost::{Cost, compare},
    ground::Ground,
};

const TURNS: usize = 3;

/// Builds hexyl again and again.
pub(crate) fn measure(ground: &Ground) {
    let plain = ground.plain(&ground.store(), &ground.repository(), "hexyl");
    compare(
        "a cold build of hexyl",
        TURNS,
        ("eadem build", || eadem(ground)),
        ("plain cargo", || Cost::of(&plain.command(), &ground.path("home"))),
        "at most 1.03 of plain cargo's CPU",
    );
}

fn eadem(ground: &Ground) -> Cost {
    let store = ground.store();
    let records = store.join("records");
    // Without its record a build must be done again.
    fs::remove_dir_all(&records).expect("the store is ours");
    let mut command = ground.eadem(&store);
    command.args(["build", "hexyl", "--offline"]);
    Cost::of(&command, &ground.path("home"))
}
