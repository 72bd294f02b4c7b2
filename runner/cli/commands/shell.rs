//! `eadem shell`

use std::io::{IsTerminal, stdin, stdout};

use eadem_flow::{Files, Visit, Wish};
use eadem_model::{Ending, Limit, Name};

use crate::{Done, args::Shell, commands::Desk, exit::Exit, project::RecipeFile, report::Report};

/// Opens a prompt in a recipe's room, or runs a command there.
pub(crate) fn run(shell: &Shell, desk: &Desk<'_>) -> Done {
    if desk.console.is_json() {
        return Err(Report::new(
            Exit::Usage,
            "`shell` has no --format json: standard output is the program's",
        ));
    }
    let files = desk.project.recipes(std::slice::from_ref(&shell.recipe))?;
    let [file] = &files[..] else { unreachable!("one word names one recipe") };
    if shell.discard { discard(desk, &file.recipe.name) } else { enter(shell, desk, file) }
}

fn discard(desk: &Desk<'_>, recipe: &Name) -> Done {
    let removed = desk.at_bench(|bench| eadem_flow::discard_kept(bench, recipe))?;
    let what = if removed { "is removed" } else { "was never kept" };
    desk.console.talk(&format!("what the build of {recipe} left {what}"));
    Ok(Exit::Done)
}

fn enter(shell: &Shell, desk: &Desk<'_>, file: &RecipeFile) -> Done {
    let job = desk.project.job(file)?;
    let terminal = terminal();
    let files = if shell.clean { Files::None } else { Files::Kept };
    let wish = Wish { command: &shell.command, terminal: terminal.as_deref(), files };
    let ending = desk.at_bench(|bench| {
        let visit = eadem_flow::visit(bench, &job, &wish)?;
        say(desk, &visit);
        visit.enter(bench)
    })?;
    end(&file.recipe.name, &ending)
}

/// The kind of the user's terminal, if there is one; a name that could be no kind is none.
fn terminal() -> Option<String> {
    let named = || std::env::var("TERM").ok();
    let plain = |name: &String| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte);
        !name.is_empty() && name.len() <= 64 && name.bytes().all(good)
    };
    let at_terminal = stdin().is_terminal() && stdout().is_terminal();
    at_terminal.then(|| named().filter(plain).unwrap_or_else(|| "dumb".to_owned()))
}

/// Says which files the room holds: nobody should take a failed build's for a fresh room's.
fn say(desk: &Desk<'_>, visit: &Visit<'_>) {
    if let Some(kept) = visit.kept() {
        let (run, n_round) = (&kept.run, kept.n_round);
        desk.console.talk(&format!(
            "this is what round {n_round} of run {run} left, and what you change stays; --clean enters a fresh room"
        ));
    } else if let Some(kept) = visit.passed_over() {
        let (run, engine) = (&kept.run, &kept.engine);
        desk.console.warn(&format!(
            "what run {run} left is not shown: the recipe has changed since, or the engine was not `{engine}`"
        ));
    }
}

/// The program's own status is eadem's, as everywhere where one program stands for another.
fn end(recipe: &Name, ending: &Ending) -> Done {
    let status = |code: i32| Exit::Program(u8::try_from(code).unwrap_or(u8::MAX));
    match ending {
        Ending::Success | Ending::MissingOutput(_) => Ok(Exit::Done),
        Ending::Failed(code) => Ok(status(*code)),
        Ending::Signalled(signal) => Ok(status(128 + signal)),
        Ending::Exceeded(limit, value) => Err(exceeded(recipe, *limit, *value)),
        Ending::Cancelled => Err(Report::new(Exit::Interrupted, format!("the room of `{recipe}` was left"))),
    }
}

fn exceeded(recipe: &Name, limit: Limit, value: u64) -> Report {
    let worded = limit.worded(value);
    Report::new(Exit::Limit, format!("the room of `{recipe}` took more than {worded}, its limit"))
}
