//! eadem builds a recipe twice in sealed rooms and says whether the bytes are the same.
//!
//! *Power*: the terminal, the project's files, and the choice of what serves the floors below.
//! *May import*: all floors; only `wiring` names sandbox and fetch.

mod against;
mod args;
mod base;
mod case;
mod commands;
mod config;
mod console;
mod doctor;
mod exit;
mod github;
mod history;
mod needs;
mod paint;
mod project;
mod report;
mod reports;
mod side;
mod summary;
mod verdict;
mod wiring;

use std::process::ExitCode;

use crate::{args::Args, console::Console, exit::Exit};

fn main() -> ExitCode {
    if let Some(exit) = wiring::room_launcher() {
        return exit;
    }
    let args = Args::read();
    let console = Console::new(&args.talk(), args.global.places());
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| commands::run(&args, &console)));
    let exit = match done {
        Ok(Ok(exit)) => exit,
        Ok(Err(report)) => console.fail(report),
        Err(_) => console.bug(),
    };
    console.finish(exit).into()
}

/// What a command comes to.
type Done = Result<Exit, report::Report>;
