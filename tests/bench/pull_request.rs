//! What a pull request costs: bat is verified after an edit of one file, with the reports that people read.

use crate::{
    cost::{Cost, line},
    ground::Ground,
    units::Yard,
};

const NAME: &str = "bat";

/// Verifies with the proofs of the base in the store, and in a store that has the inputs alone.
pub(crate) fn measure(ground: &Ground) {
    let yard = Yard::new(ground, NAME);
    let plain = ground.plain(&yard.full, &yard.project, NAME);
    let plain = Cost::of(&plain.command(), &ground.path("home"));
    println!("\na pull request that edits one file of {NAME}:");
    line("plain cargo, cold", &plain, "reported");
    yard.empty_store();
    line("verified at the base, in an empty store", &yard.verify(&[]), "reported");
    yard.edit();
    let reports = reports(ground);
    let known = yard.verify(&reports);
    line("verified with the base's proofs", &known, "at most 0.45 of plain cargo's CPU");
    yard.empty_store();
    let unknown = yard.verify(&reports);
    line("verified in an empty store", &unknown, "at most 2.05 of plain cargo's CPU");
    let [known, unknown] = [known, unknown].map(|cost| cost.cpu / plain.cpu);
    println!("  verify / plain cargo: CPU {known:.3} with proofs, {unknown:.3} without");
}

/// Words that ask for every kind of report.
fn reports(ground: &Ground) -> Vec<String> {
    let report = |format: &&str| {
        let path = ground.path(&format!("report.{format}"));
        ["--report".to_owned(), format!("{format}={}", path.display())]
    };
    ["html", "md", "junit", "sarif"].iter().flat_map(report).collect()
}
