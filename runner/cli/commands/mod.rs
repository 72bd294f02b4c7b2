//! The commands, a file each.

mod build;
mod diff;
mod doctor;
mod explain;
mod fetch;
mod image;
mod lock;
mod log;
mod ls;
mod plan;
mod schema;
mod shell;
mod show;
mod store;
mod unit;
mod verify;

use eadem_flow::Bench;
pub(crate) use store::KEEP_DAYS;

use crate::{
    Done,
    args::{Args, Command, Firmness},
    console::Console,
    exit::Exit,
    project::{Project, RecipeFile},
    report::Report,
    wiring::Wiring,
};

/// Said each time: nobody should get used to it.
const WEAK: &str = "with --isolation weak, rooms have no namespaces: a hostile build can see and disturb this \
                    machine, and nothing that it leaves counts as verified";

/// Runs the command that was typed.
pub(crate) fn run(args: &Args, console: &Console) -> Done {
    // It works where nothing else does: without a store, a project or a current directory.
    if let Command::Doctor(words) = &args.command {
        return doctor::run(words, &args.global, console);
    }
    // Files are compared anywhere, and no store is made for that.
    if let Command::Diff(words) = &args.command {
        return diff::run(words, &args.global, console);
    }
    if let Command::Schema(words) = &args.command {
        return schema::run(words, console);
    }
    let here =
        std::env::current_dir().map_err(|error| Report::io("cannot find the current directory", error))?;
    let project = || Project::find(args.global.directory.as_deref(), &here);
    let wiring = Wiring::new(&args.global, console)?;
    wiring.left.iter().for_each(|left| console.warn(left));
    if args.global.isolation == Firmness::Weak {
        console.warn(WEAK);
    }
    match &args.command {
        Command::Lock(lock) => lock::run(lock, &Desk::new(args, console, &wiring, project()?)?),
        Command::Fetch(recipes) => fetch::run(recipes, &Desk::new(args, console, &wiring, project()?)?),
        Command::Build(build) => build::run(build, &Desk::new(args, console, &wiring, project()?)?),
        Command::Verify(verify) => verify::run(verify, &Desk::new(args, console, &wiring, project()?)?),
        Command::Plan(recipes) => plan::run(recipes, &Desk::new(args, console, &wiring, project()?)?),
        Command::Diff(words) => diff::run(words, &args.global, console),
        Command::Doctor(words) => doctor::run(words, &args.global, console),
        Command::Schema(words) => schema::run(words, console),
        Command::Shell(shell) => shell::run(shell, &Desk::new(args, console, &wiring, project()?)?),
        Command::Explain(explain) => explain::run(explain, console, &wiring.store),
        Command::Log(log) => log::run(log, console, &wiring.store),
        Command::Ls => ls::run(console, &wiring.store),
        Command::Show(show) => show::run(show, console, &wiring.store),
        Command::Store(words) => store::run(words, console, &wiring, || project().ok()),
        Command::Image(image) => {
            image::run(image, console, &wiring, || Desk::new(args, console, &wiring, project()?))
        }
    }
}

/// What a command that works on a project has at hand.
pub(crate) struct Desk<'a> {
    pub(crate) console: &'a Console,
    pub(crate) project: Project,
    pub(crate) wiring: &'a Wiring,
    keep_going: bool,
}

impl<'a> Desk<'a> {
    fn new(args: &Args, console: &'a Console, wiring: &'a Wiring, project: Project) -> Result<Self, Report> {
        // What its locks name stays in the store from now on.
        wiring.store.note_project(project.root())?;
        Ok(Self { console, project, wiring, keep_going: args.global.keep_going })
    }

    /// Does `work` at a bench.
    pub(crate) fn at_bench<T>(&self, work: impl FnOnce(&Bench<'_>) -> T) -> T {
        let events = |event| self.console.event(event);
        work(&self.wiring.bench(self.project.root(), &events))
    }

    /// Does `work` on each recipe; the status is that of the gravest outcome.
    pub(crate) fn each_recipe(&self, words: &[String], work: impl Fn(&RecipeFile) -> Done) -> Done {
        let mut exit = Exit::Done;
        for word in self.project.recipe_words(words)? {
            let done = self.project.recipe(&word).and_then(|file| work(&file));
            exit = match done {
                Err(report) if self.keep_going && report.exit != Exit::Interrupted => {
                    exit.worst(self.console.fail(report))
                }
                Err(report) if report.exit != Exit::Interrupted => return Err(report.at_least(exit)),
                done => exit.worst(done?),
            };
        }
        Ok(exit)
    }
}
