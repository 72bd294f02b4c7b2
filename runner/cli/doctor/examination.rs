//! The whole examination, in the order in which it is told.

use std::path::PathBuf;

use eadem_model::{Ability, Level};

use crate::{
    args::{EngineChoice, Firmness, Global},
    config::Config,
    doctor::{clock::Watch, disk, memory, mirror, store},
    report::Report,
    wiring,
};

/// What was found.
pub(crate) struct Examination {
    /// How rooms would be made, as it is typed.
    pub(crate) engine: String,
    /// Everything, a line each.
    pub(crate) abilities: Vec<Ability>,
    /// What stands in the way of builds, if anything does.
    pub(crate) obstacles: Vec<Ability>,
}

/// Looks at everything; what cannot be looked at is a finding too.
pub(crate) fn examine(global: &Global) -> Examination {
    let watch = Watch::start();
    let (config, configuration) = match Config::read() {
        Ok(config) => (config, None),
        Err(report) => (Config::default(), Some(fault("configuration", &report))),
    };
    let store_dir = config.store(global.store.as_deref());
    // Rooms can be tried where there is no place for a store, too.
    let place = store_dir.as_ref().map_or_else(|_| std::env::temp_dir(), Clone::clone);
    let ground = disk::Ground::near(&place);
    // Where nothing can be written the attempt fails, and its error names the place.
    let rooms_dir = ground.as_ref().map_or_else(|| place.join("rooms"), disk::Ground::rooms_dir);

    let mut abilities: Vec<Ability> = configuration.into_iter().collect();
    abilities.extend(wiring::native_abilities(rooms_dir.clone()));
    abilities.extend(wiring::daemons());
    let (storage, places) = match &store_dir {
        Ok(dir) => (store::look(dir), disk::look(dir, ground.as_ref())),
        Err(report) => (fault("store", report), Vec::new()),
    };
    abilities.push(storage);
    abilities.extend(places);
    abilities.push(memory::look());
    let mirrors = if global.offline { mirror::Mirrors::default() } else { mirror::look(&config) };
    abilities.push(watch.finish(&mirrors.clocks));
    abilities.extend(mirrors.abilities);

    let mut obstacles: Vec<Ability> = engine_obstacle(global, rooms_dir, &abilities).into_iter().collect();
    let essential = |ability: &&Ability| {
        ability.level == Level::Missing && ["configuration", "store", "disk"].contains(&ability.name.as_str())
    };
    obstacles.extend(abilities.iter().filter(essential).cloned());
    Examination { engine: typed(global), abilities, obstacles }
}

/// The engine as it was asked for.
fn typed(global: &Global) -> String {
    let weak = if global.isolation == Firmness::Weak { " --isolation weak" } else { "" };
    match &global.engine {
        EngineChoice::Native => format!("--engine native{weak}"),
        EngineChoice::Docker => format!("--engine docker{weak}"),
        EngineChoice::Oci(runtime) => format!("--engine oci:{runtime}{weak}"),
    }
}

/// Why the chosen engine makes no rooms: its own word, since it has just tried.
fn engine_obstacle(global: &Global, rooms_dir: PathBuf, known: &[Ability]) -> Option<Ability> {
    let probed = wiring::choose_engine(global, rooms_dir).and_then(|engine| Ok(engine.probe()?));
    let report = probed.err()?;
    let strict = global.engine == EngineChoice::Native && global.isolation == Firmness::Strict;
    let told = known.iter().find(|ability| {
        ability.level == Level::Missing && ["namespaces", "overlay"].contains(&ability.name.as_str())
    });
    told.filter(|_| strict).cloned().or_else(|| Some(fault("engine", &report)))
}

/// Something that could not even be looked at.
fn fault(name: &str, report: &Report) -> Ability {
    Ability::flawed(name, Level::Missing, report.line(), report.first_hint())
}
