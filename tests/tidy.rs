//! What Cargo does not check: who may do what, and that the documents tell the truth.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use eadem_model::{Image, ImageLock, Recipe, RecipeLock, document};

use crate::support::{REPOSITORY, disk};

/// The floors and what each may import; `cli` is the root package.
const EDGES: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("store", &["model"]),
    ("terminal", &["model"]),
    ("sandbox", &["model", "terminal"]),
    ("docker", &["model", "terminal"]),
    ("fetch", &["model", "store"]),
    ("image", &["model", "store"]),
    ("source", &["model", "store"]),
    ("cargo", &["model", "store"]),
    ("flow", &["model", "store", "image", "source", "cargo", "explain"]),
    ("explain", &["model"]),
    ("report", &["model"]),
    (
        "cli",
        &[
            "model", "store", "terminal", "sandbox", "docker", "fetch", "image", "source", "cargo", "flow",
            "explain", "report",
        ],
    ),
];

/// Crates that can reach a network.
const NETWORK_CRATES: [&str; 15] = [
    "attohttpc",
    "bollard",
    "curl",
    "h2",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "openssl",
    "reqwest",
    "rustls",
    "tokio",
    "tonic",
    "ureq",
];

/// What the top level may hold.
const TOP: [&str; 15] = [
    ".ci",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "ci",
    "images",
    "recipes",
    "runner",
    "rustfmt.toml",
    "tests",
];

#[test]
fn crates_import_only_the_floors_below_them() {
    let known: BTreeSet<&str> = EDGES.iter().map(|(floor, _)| *floor).collect();
    let there: BTreeSet<String> = disk::list(&root().join("runner"))
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| name(path))
        .collect();
    assert_eq!(
        there.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        known,
        "the list of floors is not true"
    );
    for (floor, allowed) in EDGES {
        for krate in dependencies(floor) {
            let Some(other) = krate.strip_prefix("eadem-") else { continue };
            assert!(allowed.contains(&other), "{floor} imports {other}");
        }
    }
}

#[test]
fn only_fetch_and_docker_depend_on_a_client_of_the_network() {
    for (floor, _) in EDGES {
        for krate in dependencies(floor).iter().filter(|krate| NETWORK_CRATES.contains(&krate.as_str())) {
            // The one has an HTTP client for the world, the other one for a daemon.
            let may = match floor {
                "fetch" => krate != "bollard",
                "docker" => krate != "reqwest",
                _ => false,
            };
            assert!(may, "{floor} depends on {krate}");
        }
    }
    for (floor, krate) in [("fetch", "reqwest"), ("docker", "bollard")] {
        assert!(dependencies(floor).contains(krate), "the list above finds nothing any more");
    }
}

#[test]
fn only_the_wiring_names_the_floors_behind_the_traits() {
    for file in sources("cli").iter().filter(|file| !file.path.ends_with("wiring.rs")) {
        for floor in ["eadem_sandbox", "eadem_docker", "eadem_fetch"] {
            assert_eq!(file.lines_with(&[floor]), Vec::<String>::new(), "only the wiring names {floor}");
        }
    }
}

#[test]
fn programs_are_started_in_one_place() {
    // eadem itself again, as the keeper of a room; the OCI runtime that the user names; a room's payload.
    let allowed = [
        ("runner/sandbox/src/starter.rs", "Command::new"),
        // newuidmap and newgidmap.
        ("runner/sandbox/src/newuidmap.rs", "Command::new"),
        ("runner/sandbox/src/oci/runtime.rs", "Command::new"),
        ("runner/sandbox/src/payload.rs", "libc::execve"),
        // git, which reads the user's own project as it was.
        ("runner/fetch/src/git.rs", "Command::new"),
        // Where DOCKER_HOST says so.
        ("runner/docker/src/ssh.rs", "Command::new"),
        ("runner/docker/src/ssh.rs", "process::Command"),
    ];
    let patterns = [
        "Command::new",
        "process::Command",
        "process::{Child, Command}",
        "libc::execv",
        "libc::execve",
        "libc::fexecve",
        "execveat",
        "posix_spawn",
        "libc::system",
    ];
    expect_only(&all_sources(), &patterns, &allowed);
}

#[test]
fn below_the_terminal_no_clock_environment_or_chance_is_read() {
    let allowed = [
        // The limit on wall time, and how long a room took.
        ("runner/sandbox/src/supervise.rs", "Instant"),
        // How often a room is looked at.
        ("runner/sandbox/src/pace.rs", "Instant"),
        ("runner/docker/src/live.rs", "Instant"),
        ("runner/docker/src/tally.rs", "Instant"),
    ];
    let patterns = [
        "SystemTime",
        "Instant",
        "UNIX_EPOCH",
        "env::var",
        "env::vars",
        "env::args",
        "env::temp_dir",
        "env::home_dir",
        "getrandom",
        "rand::",
        "RandomState",
        "thread_rng",
        "fastrand",
        "available_parallelism",
        "uname(",
    ];
    expect_only(&library_sources(), &patterns, &allowed);
}

#[test]
fn no_map_of_random_order_decides_a_byte() {
    // oci-spec takes annotations as such a map; there is one annotation, so it has one order.
    let allowed = [("runner/store/src/image.rs", "HashMap")];
    expect_only(&library_sources(), &["HashMap", "HashSet"], &allowed);
}

#[test]
fn libraries_neither_print_nor_exit() {
    let allowed = [
        // A process that was forked for a room has no other way to end, and its standard error is the log.
        ("runner/sandbox/src/payload.rs", "_exit("),
        ("runner/sandbox/src/payload.rs", "io::stderr"),
    ];
    let patterns = [
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "dbg!",
        "process::exit",
        "process::abort",
        "_exit(",
        "io::stdout",
        "io::stderr",
    ];
    expect_only(&library_sources(), &patterns, &allowed);
}

#[test]
fn every_floor_says_what_it_can_do_and_what_it_never_does() {
    for (floor, _) in EDGES {
        let entry =
            if floor == "cli" { "runner/cli/main.rs".into() } else { format!("runner/{floor}/src/lib.rs") };
        let text = read(&entry);
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let words = ["*Power*", "*May import*", "*Never*"];
        for word in words.iter().filter(|word| floor != "cli" || **word != "*Never*") {
            assert!(head.contains(word), "{entry} does not say its {word}");
        }
    }
}

#[test]
fn the_architecture_names_every_floor_and_its_edges() {
    let text = read("runner/ARCHITECTURE.md");
    for (floor, allowed) in EDGES {
        let row = text.lines().find(|line| line.starts_with(&format!("| `runner/{floor}` |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md does not name {floor}"));
        let imports = row.split('|').nth(3).unwrap_or_default().trim().to_owned();
        let wanted = match floor {
            "cli" => "all; only `wiring` names sandbox, docker and fetch".to_owned(),
            _ if allowed.is_empty() => "–".to_owned(),
            _ => allowed.join(", "),
        };
        assert_eq!(imports, wanted, "ARCHITECTURE.md has other edges for {floor}");
    }
}

#[test]
fn the_changelog_speaks_of_what_is_not_released_first() {
    let text = read("CHANGELOG.md");
    let first = text.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"));
}

#[test]
fn the_top_level_holds_only_what_belongs_there() {
    for path in disk::list(&root()).iter().filter(|path| !is_ignored(path)) {
        assert!(TOP.contains(&name(path).as_str()), "what is {} doing there?", path.display());
    }
}

#[test]
fn no_file_names_a_registry_or_a_place_of_this_machine() {
    // Where the archive of all old packages lies must be written somewhere.
    let snapshot =
        |path: &Path, line: &str| path.ends_with("fetch/src/options.rs") && line.contains("SNAPSHOT_ARCHIVE");
    let forbidden = forbidden_texts();
    for path in repository_files().iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let text = String::from_utf8_lossy(&fs::read(path).expect("it was just listed")).into_owned();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !snapshot(path, line)) {
            let found = forbidden.iter().find(|text| stands_in(line, text));
            assert!(found.is_none(), "{}:{}: names {}", path.display(), n + 1, found.expect("it is there"));
        }
    }
}

#[test]
fn every_recipe_satisfies_its_lock() {
    let recipes = documents("recipes", "yaml");
    assert!(recipes.len() >= 3, "the recipes are gone");
    for path in recipes {
        let recipe: Recipe = parse(&path);
        let lock: RecipeLock = parse(&path.with_extension("lock"));
        let image: ImageLock = parse(&root().join(format!("images/{}.lock", recipe.image)));
        assert_eq!(lock.meaning, recipe.meaning(), "{} is stale", path.display());
        assert_eq!(lock.recipe, recipe.name);
        assert_eq!(
            (&lock.image.name, &lock.image.config),
            (&image.image, &image.result.config),
            "{}",
            path.display()
        );
        assert_eq!(lock.image.diff_ids, image.result.diff_ids, "{}", path.display());
    }
}

#[test]
fn every_image_satisfies_its_lock() {
    let images = documents("images", "yaml");
    assert!(!images.is_empty(), "the images are gone");
    for path in images {
        let (image, lock): (Image, ImageLock) = (parse(&path), parse(&path.with_extension("lock")));
        assert_eq!(
            (&lock.image, lock.meaning),
            (&image.name, image.meaning()),
            "{} is stale",
            path.display()
        );
        assert!(image.debian.packages.iter().all(|root| lock.packages.iter().any(|one| one.name == *root)));
    }
}

#[test]
fn locks_and_recipes_name_no_address_of_a_registry() {
    for path in documents("recipes", "lock").iter().chain(&documents("images", "lock")) {
        let text = fs::read_to_string(path).expect("it was just listed");
        assert!(!text.contains("://"), "{} holds an address", path.display());
    }
}

#[test]
fn no_test_is_forgotten() {
    // A part of the support may serve the benchmarks alone.
    let entries = [("tests", "main.rs"), ("tests/support", "mod.rs"), ("tests/bench", "main.rs")];
    let texts: String = entries.iter().map(|(dir, entry)| read(&format!("{dir}/{entry}"))).collect();
    let declared: BTreeSet<&str> = texts
        .lines()
        .filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod "))
        .map(|(_, name)| name)
        .collect();
    for (dir, entry) in entries {
        for path in
            disk::list(&root().join(dir)).iter().filter(|path| is_rust(path) && !path.ends_with(entry))
        {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            assert!(
                declared.contains(stem.as_ref()),
                "{} is in no list of modules",
                relative(path).display()
            );
        }
    }
}

#[test]
fn scripts_stop_at_the_first_failure_and_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in [".ci/run", "ci/check", "ci/test", "ci/proof", "ci/guest"] {
        let text = read(script);
        assert!(
            text.starts_with("#!/bin/sh\n") && text.contains("\nset -eu\n"),
            "{script} goes on after a failure"
        );
        let mode = fs::metadata(root().join(script)).expect("it was just read").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} cannot be run");
    }
}

/// A source file without its tests and comments.
struct Source {
    path: PathBuf,
    code: Vec<String>,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("it was just listed");
        Self { path: relative(path), code: without_tests(&text) }
    }

    /// The lines that hold one of these texts as whole words.
    fn lines_with(&self, patterns: &[&str]) -> Vec<String> {
        let holds = |line: &&String| patterns.iter().any(|pattern| has_word(line, pattern));
        self.code
            .iter()
            .filter(holds)
            .map(|line| format!("{}: {}", self.path.display(), line.trim()))
            .collect()
    }
}

fn without_tests(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut lines);
        } else if !line.trim_start().starts_with("//") {
            code.push(line.to_owned());
        }
    }
    code
}

/// Passes over the item after `#[cfg(test)]`: one line, or up to its closing brace.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>) {
    let Some(first) = lines.next() else { return };
    if first.ends_with('{') {
        let indent = &first[..first.len() - first.trim_start().len()];
        let end = format!("{indent}}}");
        lines.find(|line| *line == end);
    }
}

/// Whether a text stands in a line and is no part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let (first, last) = (word.chars().next(), word.chars().next_back());
        let goes_on =
            |inner: Option<char>, outer: Option<char>| inner.is_some_and(part) && outer.is_some_and(part);
        !goes_on(first, before) && !goes_on(last, after)
    })
}

/// Expects the patterns at the allowed places alone, and that each allowance is still needed.
#[track_caller]
fn expect_only(sources: &[Source], patterns: &[&str], allowed: &[(&str, &str)]) {
    let mut unused: BTreeSet<(&str, &str)> = allowed.iter().copied().collect();
    for source in sources {
        for line in source.lines_with(patterns) {
            let allowance =
                allowed.iter().find(|(path, text)| source.path == Path::new(path) && has_word(&line, text));
            let allowance = allowance.unwrap_or_else(|| panic!("not allowed here: {line}"));
            unused.remove(allowance);
        }
    }
    assert!(unused.is_empty(), "these allowances are not needed: {unused:?}");
}

fn all_sources() -> Vec<Source> {
    EDGES.iter().flat_map(|(floor, _)| sources(floor)).collect()
}

fn library_sources() -> Vec<Source> {
    EDGES.iter().filter(|(floor, _)| *floor != "cli").flat_map(|(floor, _)| sources(floor)).collect()
}

/// The program text of a floor; its tests and benchmarks are no part of the program.
fn sources(floor: &str) -> Vec<Source> {
    let dir = root().join("runner").join(floor);
    let dir = if floor == "cli" { dir } else { dir.join("src") };
    let files = disk::files(&dir).into_iter().filter(|path| is_rust(path));
    let sources: Vec<Source> =
        files.filter(|path| !path.ends_with("tests.rs")).map(|path| Source::read(&path)).collect();
    assert!(!sources.is_empty(), "{floor} has no sources");
    sources
}

/// The names of the crates that a floor depends on, its tests included.
fn dependencies(floor: &str) -> BTreeSet<String> {
    let path = if floor == "cli" { "Cargo.toml".into() } else { format!("runner/{floor}/Cargo.toml") };
    let manifest: toml::Table = read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    // The tests of the root package are not the terminal's; they may use what they want.
    let tables = tables.iter().filter(|table| floor != "cli" || **table == "dependencies");
    let mut names: BTreeSet<String> = tables
        .filter_map(|table| manifest.get(*table)?.as_table())
        .flat_map(toml::Table::keys)
        .cloned()
        .collect();
    assert!(manifest.get("target").is_none(), "{path}: dependencies of one platform are not looked at here");
    names.retain(|name| !name.is_empty());
    names
}

fn documents(dir: &str, extension: &str) -> Vec<PathBuf> {
    let mut paths = disk::list(&root().join(dir));
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let shown = relative(path).display().to_string();
    document::parse(&shown, &read(&shown)).unwrap_or_else(|error| panic!("{error}"))
}

/// Hosts of this machine's registries, and directories of this machine; none is written out here.
fn forbidden_texts() -> BTreeSet<String> {
    let mirrors = eadem_fetch::apt_mirrors(Path::new("/etc/apt")).expect("apt's configuration can be read");
    let index = tame_index::index::sparse::CRATES_IO_HTTP_INDEX.trim_start_matches("sparse+").to_owned();
    let mut texts: BTreeSet<String> = mirrors.iter().chain([&index]).map(|address| domain(address)).collect();
    texts.insert(["debian", "org"].join("."));
    texts.extend(["work", "root"].map(|dir| format!("/{dir}/")));
    texts.insert(REPOSITORY.to_owned());
    texts
}

/// Whether a text stands in a line; a path of the machine is none in the middle of another path.
fn stands_in(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !text.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The host of an address without its first label, which tells mirrors of one owner apart.
fn domain(address: &str) -> String {
    let host =
        address.split("://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address has a host");
    let labels: Vec<&str> = host.split('.').collect();
    if labels.len() > 2 { labels[1..].join(".") } else { host.to_owned() }
}

/// Every file of the repository.
fn repository_files() -> Vec<PathBuf> {
    let tops = disk::list(&root()).into_iter().filter(|path| !is_ignored(path) && !path.ends_with(".git"));
    tops.flat_map(|path| if path.is_dir() { disk::files(&path) } else { vec![path] }).collect()
}

fn is_ignored(path: &Path) -> bool {
    read(".gitignore").lines().any(|line| line.trim_start_matches('/') == name(path))
}

fn root() -> PathBuf {
    REPOSITORY.into()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix(REPOSITORY).unwrap_or(path).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn tests_and_comments_are_no_code() {
    let text = "use a;\n// Instant\n#[cfg(test)]\nmod x;\nfn f() {}\n#[cfg(test)]\nmod tests {\n    Instant\n}\nlast\n";
    assert_eq!(without_tests(text), ["use a;", "fn f() {}", "last"]);
    let table = BTreeMap::from([("Instantly", false), ("x::Instant;", true), ("an_Instant", false)]);
    assert!(table.iter().all(|(line, wanted)| has_word(line, "Instant") == *wanted));
}
