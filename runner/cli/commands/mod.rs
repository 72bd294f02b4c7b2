//! The commands, a file each.

mod build;
mod fetch;
mod image;
mod lock;
mod verify;

use eadem_flow::Bench;

use crate::{
    Done,
    args::{Args, Command},
    console::Console,
    exit::Exit,
    project::{Project, RecipeFile},
    report::Report,
    wiring::Wiring,
};

/// Runs the command that was typed.
pub(crate) fn run(args: &Args, console: &Console) -> Done {
    let here =
        std::env::current_dir().map_err(|error| Report::io("cannot find the current directory", error))?;
    let project = || Project::find(args.global.directory.as_deref(), &here);
    let wiring = Wiring::new(&args.global)?;
    match &args.command {
        Command::Lock(lock) => lock::run(lock, &Desk::new(args, console, &wiring, project()?)),
        Command::Fetch(recipes) => fetch::run(recipes, &Desk::new(args, console, &wiring, project()?)),
        Command::Build(build) => build::run(build, &Desk::new(args, console, &wiring, project()?)),
        Command::Verify(verify) => verify::run(verify, &Desk::new(args, console, &wiring, project()?)),
        Command::Image(image) => {
            image::run(image, console, &wiring, || Ok(Desk::new(args, console, &wiring, project()?)))
        }
    }
}

/// What a command that works on a project has at hand.
pub(crate) struct Desk<'a> {
    pub(crate) console: &'a Console,
    pub(crate) project: Project,
    wiring: &'a Wiring,
    keep_going: bool,
}

impl<'a> Desk<'a> {
    fn new(args: &Args, console: &'a Console, wiring: &'a Wiring, project: Project) -> Self {
        Self { console, project, wiring, keep_going: args.global.keep_going }
    }

    /// Does `work` at a bench.
    pub(crate) fn at_bench<T>(&self, work: impl FnOnce(&Bench<'_>) -> T) -> T {
        let events = |event| self.console.event(event);
        work(&self.wiring.bench(self.project.root(), &events))
    }

    /// Does `work` on each recipe; the status is that of the gravest outcome.
    pub(crate) fn each_recipe(&self, words: &[String], work: impl Fn(&RecipeFile) -> Done) -> Done {
        let mut exit = Exit::Done;
        for file in self.project.recipes(words)? {
            exit = match work(&file) {
                Err(report) if self.keep_going && report.exit != Exit::Interrupted => {
                    exit.worst(self.console.fail(&report))
                }
                done => exit.worst(done?),
            };
        }
        Ok(exit)
    }
}
