//! `eadem doctor`

use eadem_model::{Ability, Level};
use serde::Serialize;
use serde_json::json;

use crate::{
    Done,
    args::{Doctor, Global},
    console::Console,
    doctor::{self, apparmor, examination::Examination},
    exit::Exit,
    report::Report,
};

/// Says what this machine can do, or writes the one file that Ubuntu wants.
pub(crate) fn run(words: &Doctor, global: &Global, console: &Console) -> Done {
    if words.fix_apparmor {
        return apparmor::fix(words.print, console);
    }
    let examination = doctor::examine(global);
    for ability in &examination.abilities {
        say(console, ability);
    }
    conclude(console, &examination)
}

/// One ability as `--format json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    result: &'static str,
    #[serde(flatten)]
    ability: &'a Ability,
}

fn say(console: &Console, ability: &Ability) {
    if console.is_json() {
        return console.json(&Line { result: "ability", ability });
    }
    let (code, word) = match ability.level {
        Level::Good => ("32;1", "good   "),
        Level::Partly => ("33;1", "partly "),
        Level::Missing => ("31;1", "missing"),
    };
    console.print_judged(code, word, &format!("{:12}  {}", ability.name, ability.found));
    if let Some(remedy) = &ability.remedy {
        console.print(&format!("{:23}try: {remedy}", ""));
    }
}

/// Says whether builds are possible; what stands in their way is told again, with its remedy.
fn conclude(console: &Console, examination: &Examination) -> Done {
    let Examination { engine, obstacles, .. } = examination;
    if console.is_json() {
        let able = obstacles.is_empty();
        console.json(&json!({"result": "doctor", "engine": engine, "able": able}));
    }
    if obstacles.is_empty() {
        console.talk(&format!("this machine can build with {engine}"));
        return Ok(Exit::Done);
    }
    let report = Report::new(Exit::Machine, format!("this machine cannot build with {engine}"));
    Err(obstacles.iter().fold(report, |report, obstacle| {
        let report = report.fact(format!("{}: {}", obstacle.name, obstacle.found));
        obstacle.remedy.iter().fold(report, Report::hint)
    }))
}
