//! `eadem diff` of large programs, beside diffoscope: what it takes, and whether it says the right thing.
//!
//! A program is a small source beside objects with thousands of functions, debug information and all, as a linker
//! puts crates and libraries together. The small source is the first, so whatever becomes longer there moves the rest.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cost::{Cost, compare, line},
    ground::{Ground, run},
};

/// The part of a program that is changed.
const MAIN: &str = r#"#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) int scaled(int n) { return n * FACTOR; }
__attribute__((noinline)) void complain(void) { fprintf(stderr, "%s: no words\n", __FILE__); exit(1); }
int main(int argc, char **argv) {
    if (argc > 9) complain();
    printf("%s %d\n", WORD, scaled(argc));
    return 0;
}
"#;

/// How many functions an object has, and how many objects make a program of about 6 and of about 100 MB.
const FUNCTIONS: usize = 4000;
const SIZES: [(&str, usize); 2] = [("6 MB", 1), ("100 MB", 27)];

/// A change, and what must be said of it.
struct Change {
    name: &'static str,
    /// Directory, word and factor of the other program.
    with: [&'static str; 3],
    /// Where one finding must be, and its cause.
    place: &'static str,
    cause: &'static str,
}

const BASE: [&str; 3] = ["one", "hello", "3"];

const CHANGES: [Change; 3] = [
    Change { name: "a changed string", with: ["one", "hellp", "3"], place: ".rodata", cause: "unknown" },
    Change {
        name: "a longer path",
        with: ["another/directory/with/a/long/name/for/the/one/program", "hello", "3"],
        place: ".rodata",
        cause: "build-path",
    },
    Change { name: "a changed function", with: ["one", "hello", "5"], place: "scaled (", cause: "code" },
];

/// Compares pairs of programs of each size.
pub(crate) fn measure(ground: &Ground) {
    let yard = Yard::new(ground);
    for (title, n_objects) in SIZES {
        let base = yard.program(n_objects, BASE);
        let size = fs::metadata(&base).expect("it was linked").len() / 1_000_000;
        println!("\neadem diff of two programs of {size} MB ({title}):");
        for change in &CHANGES {
            let other = yard.program(n_objects, change.with);
            yard.expect(change, &base, &other);
            line(change.name, &yard.ours(&base, &other), "at most 1 s and 256 MB of anonymous memory");
        }
    }
    let pair = [BASE, CHANGES[1].with].map(|with| yard.program(SIZES[0].1, with));
    compare(
        "a longer path in a program of 6 MB",
        1,
        ("eadem diff", || yard.ours(&pair[0], &pair[1])),
        ("diffoscope", || yard.theirs(&pair[0], &pair[1])),
        "reported",
    );
}

/// A place for programs, and what they are linked of.
struct Yard<'a> {
    ground: &'a Ground,
    dir: PathBuf,
}

impl<'a> Yard<'a> {
    fn new(ground: &'a Ground) -> Self {
        let dir = ground.empty("diff");
        fs::create_dir_all(&dir).expect("the directory is ours");
        fs::write(dir.join("many.c"), many()).expect("the directory is ours");
        let yard = Self { ground, dir };
        run(yard.cc().args(["-c", "-o", "many.o", "many.c"]));
        // Names that nobody else sees may be linked in again and again.
        run(yard.command("objcopy").args(["--wildcard", "--localize-symbol=function_*", "many.o"]));
        yard
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = self.ground.command(program);
        command.current_dir(&self.dir);
        command
    }

    fn cc(&self) -> std::process::Command {
        let mut cc = self.command("cc");
        cc.args(["-g", "-O1"]);
        cc
    }

    /// Links a program, unless it is there.
    fn program(&self, n_objects: usize, [dir, word, factor]: [&str; 3]) -> PathBuf {
        let dir = self.dir.join(dir);
        let program = dir.join(format!("program-{n_objects}-{word}-{factor}"));
        if !program.exists() {
            fs::create_dir_all(&dir).expect("the directory is ours");
            fs::write(dir.join("main.c"), MAIN).expect("the directory is ours");
            let mut cc = self.cc();
            cc.args([&format!("-DWORD=\"{word}\""), &format!("-DFACTOR={factor}")]);
            cc.arg("-o").args([&program, &dir.join("main.c")]);
            run(cc.args(std::iter::repeat_n("many.o", n_objects)));
        }
        program
    }

    fn diff(&self, first: &Path, second: &Path) -> std::process::Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_eadem"));
        command.arg("diff").args([first, second]);
        command
    }

    fn ours(&self, first: &Path, second: &Path) -> Cost {
        Cost::ending(&self.diff(first, second), &self.ground.path("home"), 1)
    }

    fn theirs(&self, first: &Path, second: &Path) -> Cost {
        let mut command = self.command("diffoscope");
        command.args(["--no-progress", "--text", "/dev/null"]).args([first, second]);
        Cost::ending(&command, &self.ground.path("home"), 1)
    }

    /// Expects that what has a cause of its own is the place that was changed, or has the same cause.
    fn expect(&self, change: &Change, first: &Path, second: &Path) {
        let mut command = self.diff(first, second);
        let output = command.args(["--format", "json"]).output().expect("eadem starts");
        let value: Value = serde_json::from_slice(&output.stdout).expect("one object");
        let roots: Vec<&Value> = value["findings"].as_array().into_iter().flatten().collect();
        let roots: Vec<&Value> =
            roots.into_iter().filter(|finding| finding["follows"] == serde_json::json!([])).collect();
        let cause = |finding: &Value| finding["causes"][0]["cause"].clone();
        let is_there = roots.iter().any(|finding| name(finding).starts_with(change.place));
        let is_all = roots.iter().all(|finding| cause(finding) == change.cause);
        assert!(is_there && is_all, "{}: {roots:#?}", change.name);
    }
}

/// The last step of a finding's place.
fn name(finding: &Value) -> &str {
    let last = finding["place"].as_array().and_then(|steps| steps.last());
    last.and_then(|step| step["name"].as_str()).unwrap_or_default()
}

/// A source of many functions, each with a text and a structure of its own.
fn many() -> String {
    let mut text = "#include <string.h>\n#include <stdio.h>\n".to_owned();
    for n in 0..FUNCTIONS {
        let next = (n * 7 + 3) % (n + 1);
        let call = if n == 0 { "a".to_owned() } else { format!("function_{next}(r.a, name)") };
        writeln!(
            text,
            "struct record_{n} {{ int a; long b; char name[{}]; }};\n\
             long function_{n}(int a, const char *name) {{\n  struct record_{n} r = {{ a, {n}, \"\" }};\n  \
             for (int i = 0; i < a; i++) r.b += i * {};\n  \
             if (r.b % {} == 1) {{ snprintf(r.name, sizeof r.name, \"number {n} of %s\", name); puts(r.name); }}\n  \
             return r.b > {n} ? {call} : (long) strlen(r.name);\n}}",
            16 + n % 64,
            n % 97 + 2,
            n % 31 + 3,
        )
        .expect("a text takes it");
    }
    text
}
