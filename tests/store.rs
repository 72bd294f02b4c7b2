//! The store: what is in it once is not made twice, and what is damaged is found.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use eadem_model::{Digest, Entry, Record, UnitKind, UnitRecord, UnitsRecord};
use eadem_store::Store;

use crate::support::{
    disk,
    lane::{Lane, turn},
    patience::wait_for,
    run::Run,
    world::World,
};

/// Two recipes of the workspace that share most of its crates; a variable of the test's own keeps their
/// units apart from those of other tests.
fn overlapping(lane: &Lane, test: &str) -> World {
    let world = World::new().with_fixture("units").with_images().with_store(lane.store());
    let recipe = |name: &str, outputs: &str| {
        format!(
            "eadem: 1\nname: {name}\nimage: rust-trixie\nsource: {{dir: crate}}\n\
             cargo: {{units: per-package, inputs: {{app: [README]}}}}\n\
             env: {{STORE_TEST: {test}}}\noutputs: [{outputs}]\n"
        )
    };
    let (one, two) = (format!("{test}-one"), format!("{test}-two"));
    let world = world
        .with(&format!("recipes/{one}.yaml"), recipe(&one, "bin/app, bin/other, libuser.so"))
        .with(&format!("recipes/{two}.yaml"), recipe(&two, "bin/app"));
    drop(lane.run(&mut world.command(["lock", &one, &two])).exit(0));
    world
}

fn open(world: &World) -> Store {
    Store::open(world.store()).expect("a store")
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("eadem starts")
}

fn end(command: &Command, child: Child) -> Run {
    Run::new(command, child.wait_with_output().expect("eadem is ours"))
}

/// The keys of the units that the store knows, questions left out.
fn known(store: &Store) -> BTreeMap<Digest, UnitRecord> {
    let keys = disk::list(&store.dir().join("units")).into_iter().filter_map(|path| {
        let name = path.file_stem()?.to_str()?.to_owned();
        Digest::from_hex(&name).ok()
    });
    let records = keys.filter_map(|key| Some((key, store.unit_record(&key).ok()??)));
    records.filter(|(_, record)| record.kind != UnitKind::Query).collect()
}

/// The newest record of a recipe.
fn record(store: &Store, recipe: &str) -> Record {
    let (records, _) = store.all_records().expect("readable");
    records.into_iter().find(|record| record.recipe.as_str() == recipe).expect("it was built")
}

fn units(store: &Store, recipe: &str) -> UnitsRecord {
    record(store, recipe).rounds[0].units.clone().expect("it was built in units")
}

/// Else a build of an equal plan would be answered without a look at units.
fn forget(store: &Store, recipe: &str) {
    let dir = store.dir().join("records").join(record(store, recipe).plan.hex());
    fs::remove_dir_all(&dir).expect("records can be removed");
}

fn n_turns(world: &World) -> usize {
    disk::list(&world.store().join("locks/units")).len()
}

#[test]
fn two_builds_at_once_run_each_unit_that_they_share_once() {
    let world = overlapping(Lane::root(), "share");
    let _turn = turn();
    let mut commands = ["share-one", "share-two"].map(|recipe| world.command(["build", recipe]));
    let [one, two] = commands.each_mut().map(start);
    drop([end(&commands[0], one), end(&commands[1], two)].map(|run| run.exit(0)));
    let store = open(&world);
    let (one, two) = (units(&store, "share-one"), units(&store, "share-two"));
    let known = known(&store);
    let either: BTreeSet<&Digest> =
        one.keys.union(&two.keys).filter(|key| known.contains_key(*key)).collect();
    let n_ran = (one.total - one.hits) + (two.total - two.hits);
    assert!(two.total > 8 && one.total >= two.total, "{one:?} {two:?}");
    assert_eq!(n_ran, either.len() as u64, "{one:?} {two:?}");
    assert_eq!(n_turns(&world), 0, "whoever made a unit left its lock");
}

#[test]
fn whoever_waits_for_a_unit_of_a_build_that_is_killed_makes_it() {
    let world = overlapping(Lane::root(), "heir");
    let _turn = turn();
    let store = open(&world);
    let before = known(&store);
    let mut commands = ["heir-one", "heir-two"].map(|recipe| world.command(["build", recipe]));
    let [mut one, two] = commands.each_mut().map(start);
    wait_for("a unit", || (known(&store).len() > before.len()).then_some(()));
    one.kill().expect("eadem runs");
    one.wait().expect("eadem is ours");
    drop(end(&commands[1], two).exit(0));
    // Of what the first one held when it was killed, the next start removes the locks.
    drop(world.eadem(["build", "heir-one"]).exit(0));
    assert_eq!(n_turns(&world), 0);
    disk::expect_swept(world.store());
}

#[test]
fn whoever_waits_for_a_unit_can_be_interrupted() {
    let world = overlapping(Lane::root(), "wait");
    let _turn = turn();
    let signal = |child: &Child, signal| {
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, signal).expect("eadem runs");
    };
    let mut commands = ["wait-one", "wait-two"].map(|recipe| world.command(["build", recipe]));
    let [one, two] = commands.each_mut().map(|command| command.args(["--format", "json"]));
    let mut one = start(one);
    let mut first = lines_of(&mut one);
    assert!(first.any(|line| line.contains(r#""step":"began""#)), "a unit has its turn");
    signal(&one, rustix::process::Signal::STOP);
    // Both start with the same units, and whoever has their turns does not move.
    let mut two = start(two);
    let mut told = lines_of(&mut two);
    let waits = told.any(|line| line.contains(r#""step":"waits""#));
    signal(&two, rustix::process::Signal::INT);
    let rest: Vec<String> = told.collect();
    let second = end(&commands[1], two);
    // First, so that a failure leaves nobody who does not move.
    signal(&one, rustix::process::Signal::CONT);
    assert!(waits, "{second}");
    drop(second.exit(130).stderr_has("was interrupted"));
    assert!(rest.iter().any(|line| line.contains(r#""exit":130"#)), "{rest:?}");
    assert!(first.count() > 0, "it goes on");
    drop(end(&commands[0], one).exit(0));
    assert_eq!(n_turns(&world), 0);
}

/// What a child says, line by line as it comes.
fn lines_of(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok)
}

#[test]
fn a_unit_that_fails_is_left_to_the_next_who_wants_it() {
    let lane = Lane::root();
    let world = World::new().with_fixture("fails").with_images().with_store(lane.store());
    let recipe = |name: &str| {
        let cargo = "cargo: {units: per-package}\nenv: {STORE_TEST: fails}";
        world.read("recipes/fails.yaml").replace("name: fails", &format!("name: {name}\n{cargo}"))
    };
    let recipes = ["fails-one", "fails-two"].map(|name| (name, recipe(name)));
    let world =
        recipes.iter().fold(world, |world, (name, text)| world.with(&format!("recipes/{name}.yaml"), text));
    drop(lane.run(&mut world.command(["lock", "fails-one", "fails-two"])).exit(0));
    let _turn = turn();
    let mut commands = ["fails-one", "fails-two"].map(|recipe| world.command(["build", recipe]));
    let [one, two] = commands.each_mut().map(start);
    for run in [end(&commands[0], one), end(&commands[1], two)] {
        drop(run.exit(7).one_error());
    }
    assert_eq!(n_turns(&world), 0);
}

#[test]
fn after_a_kill_in_mid_build_only_unfinished_units_run() {
    let world = overlapping(Lane::root(), "kill");
    let _turn = turn();
    let store = open(&world);
    let before = known(&store);
    let mut command = world.command(["build", "kill-one"]);
    let mut eadem = start(&mut command);
    wait_for("some units", || (known(&store).len() >= before.len() + 3).then_some(()));
    eadem.kill().expect("eadem runs");
    eadem.wait().expect("eadem is ours");
    let finished = known(&store).len() - before.len();
    drop(world.eadem(["build", "kill-one"]).exit(0));
    let units = units(&store, "kill-one");
    assert_eq!(units.hits, finished as u64, "{units:?}");
    assert!(units.hits < units.total, "it was killed too late to show anything");
    drop(world.eadem(["store", "check"]).exit(0).stderr_has("all whole"));
    world.store_is_clean();
}

/// The blob of a unit's first file.
fn first_blob(record: &UnitRecord) -> Digest {
    let file = |entry: &Entry| if let Entry::File { digest, .. } = entry { Some(*digest) } else { None };
    record.tree.entries.values().find_map(file).expect("a compiler writes files")
}

/// Writes to a file of the store as its owner can.
fn write(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("the store is ours");
    fs::write(path, bytes).expect("the store is ours");
}

#[test]
fn what_is_damaged_or_lost_is_named_and_made_again() {
    let world = overlapping(Lane::root(), "harm");
    let _turn = turn();
    drop(world.eadem(["build", "harm-one", "-o", "one"]).exit(0));
    let store = open(&world);
    let (first, all) = (units(&store, "harm-one"), known(&store));
    let of = |package: &str, kind: UnitKind| {
        let is_it = |(_, record): &(&Digest, &UnitRecord)| record.package == package && record.kind == kind;
        let mine = all.iter().filter(|(key, _)| first.keys.contains(*key));
        mine.into_iter().find(is_it).unwrap_or_else(|| panic!("no {kind} of {package}"))
    };
    let tampered = store.file_path(&first_blob(of("native 0.3.0", UnitKind::Compile).1));
    write(&tampered, b"evil");
    let lost = store.file_path(&first_blob(of("gen 0.3.0", UnitKind::Compile).1));
    fs::remove_file(&lost).expect("there");
    let said = store.file_path(&of("native 0.3.0", UnitKind::RunScript).1.stdout);
    write(&said, b"cargo::rustc-link-lib=evil\n");
    let torn = store.dir().join("units").join(format!("{}.json", of("pm 0.3.0", UnitKind::Compile).0.hex()));
    write(&torn, b"{");

    forget(&store, "harm-one");
    let run = world.eadem(["build", "harm-one", "-o", "two"]).exit(0);
    let run = [&tampered, &said, &torn]
        .iter()
        .fold(run, |run, path| run.stderr_has(&format!("{} is damaged", path.display())));
    let second = units(&store, "harm-one");
    assert_eq!(second.total - second.hits, 4, "{second:?}\n{run}");
    for output in ["bin/app", "bin/other", "libuser.so"] {
        let [one, two] =
            ["one", "two"].map(|dir| fs::read(world.project().join(dir).join(output)).expect("exported"));
        assert!(one == two, "{output} differs");
    }
    world.store_is_clean();
}

#[test]
fn what_is_lost_while_a_build_needs_it_is_made_again() {
    let world = overlapping(Lane::root(), "lose");
    let _turn = turn();
    let store = open(&world);
    let before = known(&store);
    let mut command = world.command(["build", "lose-two"]);
    let eadem = start(&mut command);
    // The proc macro, which is done long before the program that uses it.
    let is_it = |(key, record): &(&Digest, &UnitRecord)| {
        !before.contains_key(*key) && record.package == "pm 0.3.0" && record.kind == UnitKind::Compile
    };
    let macros = wait_for("the proc macro", || known(&store).iter().find(is_it).map(|(_, one)| one.clone()));
    fs::remove_file(store.file_path(&first_blob(&macros))).expect("it was just kept");
    let run = end(&command, eadem).exit(0);
    drop(run.stderr_has("is not in the store any more; it is made again"));
    world.store_is_clean();
}

#[test]
fn a_program_that_was_damaged_is_not_handed_out_again() {
    let world = overlapping(Lane::root(), "hand");
    let _turn = turn();
    drop(world.eadem(["build", "hand-two", "-o", "one"]).exit(0));
    let store = open(&world);
    let tree = record(&store, "hand-two").rounds[0].tree.clone().expect("it was built");
    let Some(Entry::File { digest, .. }) = tree.entries.get(&"bin/app".parse().expect("clean")) else {
        panic!("no program");
    };
    write(&store.file_path(digest), b"evil");
    let run = world.eadem(["build", "hand-two", "-o", "two"]).exit(0);
    drop(run.stderr_has("is damaged").stderr_lacks("was built before"));
    let [one, two] = ["one", "two"].map(|dir| fs::read(world.project().join(dir).join("bin/app")));
    assert_eq!(one.expect("exported"), two.expect("exported"));
}

#[test]
fn gc_waits_for_a_build_and_takes_nothing_that_it_needs() {
    let world = overlapping(Lane::root(), "sweep");
    let _turn = turn();
    let n_units = || disk::list(&world.store().join("units")).len();
    let stray = open(&world).put_blob(b"named by nothing").expect("stored");
    let before = n_units();
    let mut build = world.command(["build", "sweep-one"]);
    let builder = start(&mut build);
    wait_for("a unit", || (n_units() > before).then_some(()));
    let refused = world.eadem(["store", "gc", "--no-wait"]).exit(9).one_error();
    drop(refused.stderr_has("the store is in use by `eadem build sweep-one").stderr_has("hint: "));
    let mut gc = world.command(["store", "gc"]);
    let sweeper = start(&mut gc);
    drop(end(&build, builder).exit(0));
    let swept = end(&gc, sweeper).exit(0).stdout_has("freed ");
    drop(swept.stderr_has("waiting for `eadem build sweep-one"));
    drop(world.eadem(["store", "check"]).exit(0));
    let store = open(&world);
    assert!(!store.has_blob(&stray), "nothing was collected");
    forget(&store, "sweep-one");
    drop(world.eadem(["build", "sweep-one", "--offline"]).exit(0));
    let units = units(&store, "sweep-one");
    assert_eq!(units.hits, units.total, "something of the build was collected");
}

#[test]
fn what_was_compressed_answers_as_before() {
    let world = overlapping(Lane::root(), "cold");
    let _turn = turn();
    drop(world.eadem(["build", "cold-one", "-o", "one"]).exit(0));
    let gc = world.eadem(["store", "gc", "--compress-days", "0"]).exit(0);
    drop(gc.stdout_has("saved ").stdout_has(" by compressing"));
    let cold = || disk::list(&world.store().join("cold")).len();
    let n_cold = cold();
    assert!(n_cold > 0, "nothing was compressed");
    drop(world.eadem(["store", "check"]).exit(0).stderr_has("all whole"));
    assert_eq!(cold(), n_cold, "a check brings nothing back");
    let store = open(&world);
    forget(&store, "cold-one");
    drop(world.eadem(["build", "cold-one", "-o", "two"]).exit(0));
    let units = units(&store, "cold-one");
    assert_eq!(units.hits, units.total, "what was compressed did not answer");
    assert!(cold() < n_cold, "what was used is not compressed any more");
    let [one, two] = ["one", "two"].map(|dir| fs::read(world.project().join(dir).join("bin/app")));
    assert_eq!(one.expect("exported"), two.expect("exported"));
    world.store_is_clean();
}

#[test]
fn a_unit_is_shown_by_its_key_by_its_package_and_with_its_run() {
    let world = overlapping(Lane::root(), "shown");
    let _turn = turn();
    drop(world.eadem(["build", "shown-two"]).exit(0));
    let store = open(&world);
    let known = known(&store);
    let units = units(&store, "shown-two");
    let run = world.eadem(["show", "shown-two"]).exit(0);
    let (key, record) = known.iter().find(|(key, _)| units.keys.contains(key)).expect("it has units");
    let line = format!("unit        {}  {}  {}", key.short(), record.package, record.kind);
    drop(run.stdout_has(&format!("units       {} in units", units.total)).stdout_has(&line));
    let shown = world.eadem(["show", &key.hex()[..16]]).exit(0);
    let shown = shown.stdout_has(&format!("unit      {key}")).stdout_has("of processors");
    drop(shown.stdout_has(&first_blob(record).to_string()));
    let listed = world.eadem(["show", "native@0.3.0"]).exit(0).stdout();
    let kinds = [UnitKind::Compile, UnitKind::CompileScript, UnitKind::RunScript];
    assert!(kinds.iter().all(|kind| listed.contains(&format!("native 0.3.0  {kind}  "))), "{listed}");
    drop(world.eadem(["show", "native@9.9.9"]).exit(2).one_error());
    let json = world.eadem(["show", &key.to_string(), "--format", "json"]).exit(0).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).expect("one line of JSON");
    assert_eq!((&json["result"], &json["key"]), (&"unit".into(), &key.to_string().into()));
    assert_eq!(json["usage"]["cpu_ms"], record.usage.cpu_ms);
}

/// A store with a blob that nothing names.
fn stray() -> (World, Digest) {
    let world = World::new();
    let digest = open(&world).put_blob(&[7; 100_000]).expect("stored");
    (world, digest)
}

#[test]
fn df_counts_each_kind_and_gc_says_what_it_would_do_before_it_does_it() {
    let (world, digest) = stray();
    let df = world.eadem(["store", "df"]).exit(0).stdout();
    let row = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row(&df, "other"), ["other", "1", "102.4", "kB"]);
    assert_eq!(row(&df, "total"), ["total", "102.4", "kB"]);
    assert_eq!(row(&df, "reclaimable"), ["reclaimable", "102.4", "kB"]);
    let json = world.eadem(["store", "df", "--format", "json"]).exit(0).stdout();
    let other = json.lines().find(|line| line.contains("other")).expect("a line of each kind");
    let other: serde_json::Value = serde_json::from_str(other).expect("JSON");
    assert_eq!((&other["count"], &other["bytes"]), (&1.into(), &102_400.into()));

    drop(world.eadem(["store", "gc", "--dry-run"]).exit(0).stdout_has("would free 102.4 kB; 0 B stay"));
    assert!(open(&world).has_blob(&digest));
    drop(world.eadem(["store", "gc"]).exit(0).stdout_has("freed 102.4 kB; 0 B stay"));
    assert!(!open(&world).has_blob(&digest));
    drop(world.eadem(["store", "gc"]).exit(0).stdout_has("freed 0 B"));
    drop(world.eadem(["store", "gc", "--max-size", "much"]).exit(2));
}

#[test]
fn what_is_pinned_stays_until_it_is_not() {
    let (world, digest) = stray();
    let name = digest.to_string();
    drop(world.eadem(["store", "pin", &Digest::of(b"none").to_string()]).exit(2).one_error());
    drop(world.eadem(["store", "pin", "hexyl"]).exit(2).one_error());
    drop(world.eadem(["store", "pin", &name]).exit(0));
    drop(world.eadem(["store", "pin"]).exit(0).stdout_has(&digest.hex()));
    drop(
        world.eadem(["store", "gc", "--max-size", "0"]).exit(0).stderr_has("named by locks, images and pins"),
    );
    assert!(open(&world).has_blob(&digest));
    drop(world.eadem(["store", "unpin", &name]).exit(0));
    drop(world.eadem(["store", "unpin", &name]).exit(2).one_error().stderr_has("is not pinned"));
    drop(world.eadem(["store", "gc"]).exit(0));
    assert!(!open(&world).has_blob(&digest));
}

#[test]
fn what_the_locks_of_a_project_name_stays_while_the_project_is_there() {
    let (world, digest) = stray();
    let world = world.with_recipes().with_images();
    let lock = world.read("recipes/hexyl.lock");
    let at = lock.find("sha256: ").expect("a source is pinned") + "sha256: ".len();
    let end = at + lock[at..].find('\n').expect("the line ends");
    let text = format!("{}{digest}{}", &lock[..at], &lock[end..]);
    let world = world.with("recipes/hexyl.lock", text);
    drop(world.eadem(["store", "gc"]).exit(0).stdout_has("freed 0 B"));
    // From elsewhere it is known, too.
    let gc = |world: &World| Run::of(world.command(["store", "gc"]).current_dir("/"));
    drop(gc(&world).exit(0).stdout_has("freed 0 B"));
    assert!(open(&world).has_blob(&digest));
    drop(world.eadem(["store", "df"]).exit(0).stdout_has("sources              1"));
    let world = world.with("recipes/hexyl.lock", "eadem-lock: 99\n");
    drop(gc(&world).exit(3).stderr_has("in the project "));
    drop(world.eadem(["store", "df"]).exit(0).stderr_has("warning: "));
    fs::remove_dir_all(world.project()).expect("the project is ours");
    drop(gc(&world).exit(0).stderr_has("is gone").stdout_has("freed 102.4 kB"));
    assert!(!open(&world).has_blob(&digest));
}

#[test]
fn check_names_each_damaged_thing_and_repair_removes_it() {
    let (world, digest) = stray();
    drop(world.eadem(["store", "check"]).exit(0).stderr_has("1 blobs, 0 units").stderr_has("all whole"));
    let store = open(&world);
    write(&store.file_path(&digest), b"evil");
    let unit = world.store().join("units").join(format!("{}.json", digest.hex()));
    fs::write(&unit, "{").expect("the store is ours");
    let run = world.eadem(["store", "check"]).exit(6).stderr_has("2 damaged").stderr_has("--repair");
    let damaged = |path: &Path| format!("damaged  {} is damaged: ", path.display());
    drop(run.stdout_has(&damaged(&store.file_path(&digest))).stdout_has(&damaged(&unit)));
    let json = world.eadem(["store", "check", "--format", "json"]).exit(6).stdout();
    assert_eq!(json.lines().count(), 3, "{json}");
    drop(world.eadem(["store", "check", "--repair"]).exit(0).stdout_has("removed  "));
    drop(world.eadem(["store", "check"]).exit(0).stderr_has("all whole"));
}

#[test]
fn a_build_that_is_pinned_stays_with_its_log_its_units_and_its_layers() {
    let world = overlapping(Lane::root(), "held");
    let _turn = turn();
    drop(world.eadem(["build", "held-two"]).exit(0));
    drop(world.eadem(["store", "pin", "held-two"]).exit(0));
    let pinned = |world: &World| {
        let store = open(world);
        let pin = store.pins().expect("readable").into_iter().find(|pin| pin.name == "held-two");
        let (pin, record) = (pin.expect("it is pinned"), record(&store, "held-two"));
        assert_eq!(pin.runs, [(record.plan, record.run.clone())]);
        assert!(pin.digests.len() > 1 && pin.digests.iter().all(|layer| store.has_layer(layer)));
        let units = units(&store, "held-two");
        assert!(units.keys.iter().all(|key| store.unit(key).expect("readable").is_some()));
        assert!(store.log_path(&record.rounds[0].log).is_file());
    };
    pinned(&world);
    drop(world.eadem(["store", "gc"]).exit(0));
    pinned(&world);
    drop(world.eadem(["store", "unpin", "held-two"]).exit(0));
}
