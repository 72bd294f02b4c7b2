//! The real lane: for root and for the ordinary user one store each, filled by one real verification.
//!
//! Packages are downloaded and the image is assembled once for each of the two. The rest of the
//! tests builds in these stores, one after the other: a machine may have two processors.

use std::{
    ffi::OsStr,
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::support::{
    disk,
    run::Run,
    user::is_root,
    world::{Who, World},
};

/// A project that is a copy of the repository's, and a store that once was empty.
pub(crate) struct Lane {
    world: World,
    first: Run,
}

impl Lane {
    /// The lane of root.
    pub(crate) fn root() -> &'static Self {
        static LANE: OnceLock<Lane> = OnceLock::new();
        LANE.get_or_init(|| {
            assert!(is_root(), "the real lane wants root; ci/test says what else");
            Self::open(Who::Tester)
        })
    }

    /// The lane of an ordinary user.
    pub(crate) fn user() -> &'static Self {
        static LANE: OnceLock<Lane> = OnceLock::new();
        LANE.get_or_init(|| Self::open(Who::ordinary()))
    }

    /// Runs the README's first command in an empty home.
    fn open(who: Who) -> Self {
        let world = World::of(who).with_recipes().with_images();
        let _turn = turn();
        let first = world.eadem(["verify", "hexyl"]);
        Self { world, first }
    }

    /// What the README's first command gave, in the empty store.
    pub(crate) fn first(&self) -> &Run {
        &self.first
    }

    /// The store.
    pub(crate) fn store(&self) -> &Path {
        self.world.store()
    }

    /// Runs eadem in the copy of the repository's project.
    pub(crate) fn eadem<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Run {
        self.run(&mut self.world.command(words))
    }

    /// Runs a command when nothing else of the real lane runs.
    pub(crate) fn run(&self, command: &mut Command) -> Run {
        let _turn = turn();
        Run::of(command)
    }

    /// Expects that nothing was left in the store, when nothing else of the real lane runs.
    #[track_caller]
    pub(crate) fn expect_swept(&self) {
        let _turn = turn();
        disk::expect_swept(self.store());
    }

    /// A copy of the repository's project that uses this store.
    pub(crate) fn recipes(&self) -> World {
        World::of(self.world.who()).with_recipes().with_images().with_store(self.store())
    }

    /// Locks a fixture's recipe, which has the fixture's name, in a world that uses this store.
    pub(crate) fn fixture(&self, name: &str) -> World {
        let world = self.unlocked(name);
        drop(self.run(&mut world.command(["lock", name])).exit(0));
        world
    }

    /// A fixture in a world that uses this store.
    pub(crate) fn unlocked(&self, name: &str) -> World {
        World::of(self.world.who()).with_fixture(name).with_images().with_store(self.store())
    }

    /// The recipe `steady` as nobody has built it, so that no record answers.
    pub(crate) fn unbuilt(&self, word: &str) -> World {
        let world = self.fixture("steady");
        let recipe = format!("{}env: {{ANOTHER: {word}}}\n", world.read("recipes/steady.yaml"));
        let world = world.with("recipes/steady.yaml", recipe);
        drop(world.eadem(["lock", "steady"]).exit(0));
        world
    }
}

/// Waits for the processors.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed in its turn has done no harm to the next.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
