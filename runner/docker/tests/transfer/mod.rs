//! Transfers that are given up: a daemon behind a proxy that stalls.

use std::{path::Path, thread};

use eadem_model::{Cancel, Ending, EngineError, Round};

use crate::support::{
    proxy::Proxy,
    trial::{Run, shell, with_output},
    world::{World, engine},
};

/// Requests whose bytes stop half way, each with what must be said of it.
const STALLED: [(&str, &str, &str); 3] = [
    ("POST", "/images/load", "to load an image"),
    ("PUT", "/archive?", "to take files for"),
    ("GET", "/archive?", "to send"),
];

/// A round with an image that no daemon has yet.
fn novel<'a>(world: &World<'a>, name: &str) -> (World<'a>, Round) {
    let mut world = World::new(world.service, world.place());
    let layer = world.layer(name, |to| std::fs::write(to.join("novelty"), name).expect("writes"));
    let mut round = with_output(shell("echo x > out"), "out", "/out");
    round.plan.rootfs.push(layer);
    (world, round)
}

fn stalled(world: &World<'_>, dir: &Path, (method, path, _): (&str, &str, &str), n: usize) -> (Run, Run) {
    let proxy = Proxy::stalling(&world.service.address(), &dir.join(n.to_string()), method, path);
    let (world, mut round) = novel(world, &format!("novel-{}-{n}", world.service.name));
    let engine = engine(&proxy.address(), world.place());
    let cancel = Cancel::new();
    let cancelled = thread::scope(|scope| {
        let run = scope.spawn(|| world.run_by(&engine, &round, &cancel));
        proxy.await_stall();
        cancel.cancel();
        run.join().expect("no panic")
    });
    assert_eq!(world.service.leftovers(), [""; 0], "after Ctrl-C: {method} {path}");
    round.plan.limits.wall_seconds = 2;
    let late = world.run_by(&engine, &round, &Cancel::new());
    assert_eq!(world.service.leftovers(), [""; 0], "after the limit: {method} {path}");
    (cancelled, late)
}

pub(crate) fn a_transfer_that_stalls_is_given_up_and_leaves_nothing(world: &World<'_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (n, case) in STALLED.into_iter().enumerate() {
        let (cancelled, late) = stalled(world, dir.path(), case, n);
        assert_eq!(cancelled.outcome().ending, Ending::Cancelled, "{case:?}");
        let error = late.outcome.expect_err("the daemon is too slow");
        let words = format!("took more than 2 s, the time of the whole build, {}", case.2);
        assert!(matches!(&error, EngineError::Daemon { what, .. } if what.starts_with(&words)), "{error:?}");
    }
    // What was sent in part is no image.
    let (world, round) = novel(world, &format!("novel-{}-0", world.service.name));
    let run = world.run(&round);
    assert_eq!(run.outcome().ending, Ending::Success, "{}", run.log);
}
