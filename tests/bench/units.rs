//! Builds and verifications in units, beside plain cargo: cold, unchanged, and after an edit.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eadem_model::UnitsRecord;
use eadem_store::Store;

use crate::{
    cost::{Cost, compare, line},
    ground::{Ground, run},
    plain::Plain,
};

/// A program, and what is expected of it.
struct Subject {
    name: &'static str,
    turns: usize,
    through_units: &'static str,
}

const SUBJECTS: [Subject; 2] = [
    Subject { name: "hexyl", turns: 3, through_units: "at most 0.3 s" },
    Subject { name: "bat", turns: 1, through_units: "at most 0.8 s" },
];

/// Builds and verifies programs, all of them unless some are named.
pub(crate) fn measure(ground: &Ground, words: &[String]) {
    let named = |subject: &&Subject| words.iter().any(|word| word == subject.name);
    let is_any = SUBJECTS.iter().any(|subject| named(&subject));
    for subject in SUBJECTS.iter().filter(|subject| !is_any || named(subject)) {
        Yard::new(ground, subject.name).measure(subject);
    }
}

/// A project whose one recipe takes a directory, which can be edited, and a store that has its inputs.
pub(crate) struct Yard<'a> {
    ground: &'a Ground,
    name: &'static str,
    pub(crate) project: PathBuf,
    pub(crate) full: PathBuf,
    store: PathBuf,
}

impl<'a> Yard<'a> {
    pub(crate) fn new(ground: &'a Ground, name: &'static str) -> Self {
        let (project, full) = (ground.empty(&format!("units-{name}")), ground.store());
        let store = ground.empty("units-store");
        let yard = Self { ground, name, project, full, store };
        run(ground.eadem(&yard.full).args(["fetch", name]));
        fs::create_dir_all(yard.project.join("recipes")).expect("the directory is ours");
        run(ground
            .command("cp")
            .arg("--recursive")
            .arg(ground.repository().join("images"))
            .arg(&yard.project));
        let layer = yard.full.join("unpacked").join(ground.recipe_lock(name).layer.hex());
        run(ground
            .command("cp")
            .args(["--recursive", "--no-preserve=mode"])
            .arg(layer.join("src"))
            .arg(yard.crate_dir()));
        fs::write(yard.project.join(format!("recipes/{name}.yaml")), yard.recipe())
            .expect("the directory is ours");
        yard.lock(&yard.full);
        run(yard.eadem(&yard.full).args(["fetch", name]));
        yard
    }

    fn measure(&self, subject: &Subject) {
        let name = self.name;
        let plain = self.ground.plain(&self.full, &self.project, name);
        let plain = self.cold(subject, &plain);
        line(&format!("{name}, unchanged, from its record"), &self.build(), "at most 0.05 s");
        self.forget();
        line(&format!("{name}, unchanged, through its units"), &self.build(), subject.through_units);
        self.print_units("at most 0");
        println!("\n{name} is verified:");
        line("for the first time", &self.verify(&[]), "reported");
        self.edit();
        line(&format!("built after an edit of {name}'s main.rs"), &self.build(), "reported");
        self.print_units("at most 6");
        let verify = self.verify(&[]);
        line("verified after this edit", &verify, "at most 0.45 of plain cargo's CPU");
        println!("  verify / plain cargo: CPU {:.3}", verify.cpu / plain.cpu);
    }

    /// The cost of plain cargo.
    fn cold(&self, subject: &Subject, plain: &Plain) -> Cost {
        let costs = compare(
            &format!("a cold build of {} in units", self.name),
            subject.turns,
            ("eadem build", || {
                self.empty_store();
                self.build()
            }),
            ("plain cargo", || Cost::of(&plain.command(), &self.ground.path("home"))),
            "at most 1.05 of plain cargo's CPU; eadem itself at most 200 MB",
        );
        self.print_units("all");
        costs.1
    }

    /// A store with the inputs and nothing that was built; what is in a store is never written to.
    pub(crate) fn empty_store(&self) {
        self.ground.empty("units-store");
        run(self.ground.command("cp").args(["--archive", "--link"]).args([&self.full, &self.store]));
    }

    fn build(&self) -> Cost {
        let mut command = self.eadem(&self.store);
        command.args(["build", self.name, "--offline"]);
        Cost::of(&command, &self.ground.path("home"))
    }

    pub(crate) fn verify(&self, words: &[String]) -> Cost {
        let mut command = self.eadem(&self.store);
        command.args(["verify", self.name, "--offline"]).args(words);
        Cost::of(&command, &self.ground.path("home"))
    }

    /// Without its record a build looks at its units.
    fn forget(&self) {
        fs::remove_dir_all(self.store.join("records")).expect("the store is ours");
    }

    pub(crate) fn edit(&self) {
        let path = self.crate_dir().join(format!("src/{}", main_of(self.name)));
        let text = fs::read_to_string(&path).expect("the program has a main file");
        let edited = text.replacen("fn main() {", "fn main() {\n    std::hint::black_box(1);", 1);
        assert_ne!(text, edited, "{} has no main function", path.display());
        fs::write(&path, edited).expect("the directory is ours");
        self.lock(&self.store);
    }

    fn lock(&self, store: &Path) {
        run(self.eadem(store).args(["lock", self.name]));
    }

    fn print_units(&self, aim: &str) {
        let UnitsRecord { total, hits, .. } = self.units();
        println!("  units: {total}, run: {}; aim: {aim}", total - hits);
    }

    fn units(&self) -> UnitsRecord {
        let store = Store::open(&self.store).expect("a store");
        let (records, _) = store.all_records().expect("they can be read");
        records[0].rounds[0].units.clone().expect("it was built in units")
    }

    fn eadem(&self, store: &Path) -> std::process::Command {
        self.ground.eadem_in(&self.project, store)
    }

    fn crate_dir(&self) -> PathBuf {
        self.project.join("crate")
    }

    fn recipe(&self) -> String {
        let name = self.name;
        format!(
            "eadem: 1\nname: {name}\nimage: rust-trixie\nsource: {{dir: crate}}\n\
             cargo: {{units: per-package, bins: [{name}]}}\noutputs: [bin/{name}]\n"
        )
    }
}

/// Where a program starts.
fn main_of(name: &str) -> &'static str {
    match name {
        "bat" => "bin/bat/main.rs",
        _ => "main.rs",
    }
}
