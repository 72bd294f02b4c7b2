//! The steps of a recipe as one program for a room.
//!
//! Sources are read-only in every room, and makefiles write beside them: so steps work in a copy, which the room
//! makes with the image's own `cp` before the first step. It lies among what the build writes, at the same place
//! for every engine.

use eadem_model::{BuildSpec, Root, Step, Text};

/// Where the copy of the source lies below the target.
pub(crate) const COPY: &str = "/src";

/// Where steps leave the outputs, below the target.
pub(crate) const OUT: &str = "/out";

/// What all steps share: each runs in a shell of its own, and the first that fails ends the build by its status.
const STEP: &str = r#"step() {
    number=$1 title=$2
    shift 2
    printf 'step %s: %s\n' "$number" "$title" >&2
    "$@" || {
        status=$?
        printf 'step %s failed with status %s: %s\n' "$number" "$status" "$title" >&2
        exit "$status"
    }
}
"#;

/// The program that runs all steps of a build.
pub(crate) fn argv(build: &BuildSpec) -> Vec<Text> {
    let mut script = enter(build).then(STEP);
    for (index, step) in build.steps.iter().enumerate() {
        let number = format!("{} of {}", index + 1, build.steps.len());
        script =
            script.then(&format!("step {} {} {}\n", quoted(&number), quoted(&step.title()), command(step)));
    }
    vec!["/bin/sh".into(), "-c".into(), script]
}

/// The program that runs another one where the steps run, in what they left or in a fresh copy.
pub(crate) fn visitor(build: &BuildSpec, program: Vec<Text>) -> Vec<Text> {
    let script = enter(build).then("exec \"$@\"\n");
    ["/bin/sh".into(), "-c".into(), script, "sh".into()].into_iter().chain(program).collect()
}

/// Makes the copy, unless a build that failed left it, and goes there.
fn enter(build: &BuildSpec) -> Text {
    let [source, target] = [Root::Source, Root::Target].map(Text::root);
    let places = Text::from("set -e\nsource='").then_text(source).then("' target='").then_text(target);
    let below = build.at.as_ref().map(|at| format!("/{at}")).unwrap_or_default();
    places.then(&format!(
        "'\nif [ ! -e \"$target{OUT}\" ]; then\n    cp -RPp \"$source\" \"$target{COPY}\"\n    \
         mkdir \"$target{OUT}\"\nfi\ncd \"$target{COPY}\"{}\nunset OLDPWD source target\n",
        quoted(&below)
    ))
}

/// A program is started by `exec`, so that no word names something that only shells have.
fn command(step: &Step) -> String {
    match step {
        Step::Shell(text) => format!("/bin/sh -e -c {}", quoted(text)),
        Step::Program(words) => {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            format!("/bin/sh -c 'exec \"$@\"' sh {}", words.join(" "))
        }
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use super::*;

    fn build(steps: Vec<Step>) -> BuildSpec {
        BuildSpec { at: None, steps }
    }

    fn shell(text: &str) -> Step {
        Step::Shell(text.to_owned())
    }

    fn program(words: &[&str]) -> Step {
        Step::Program(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// Runs what a room would, below a directory.
    fn run(dir: &Path, argv: &[Text]) -> (Option<i32>, String) {
        let place = |root| match root {
            Root::Source => dir.join("source").display().to_string(),
            _ => dir.join("target").display().to_string(),
        };
        let words: Vec<String> = argv.iter().map(|word| word.resolve(place)).collect();
        let output = Command::new(&words[0]).args(&words[1..]).output().expect("a shell");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    }

    fn ground() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(dir.path().join("source/sub")).expect("made");
        fs::create_dir(dir.path().join("target")).expect("made");
        fs::write(dir.path().join("source/sub/x"), "old\n").expect("written");
        dir
    }

    #[test]
    fn steps_run_in_order_in_a_copy_and_the_source_stays() {
        let dir = ground();
        let steps = vec![
            shell("cd sub\necho new > x"),
            program(&["cp", "sub/x", "../out/it's \"$HOME\""]),
            shell("test -d sub && ls ../out > ../out/list"),
        ];
        let (status, log) = run(dir.path(), &argv(&build(steps)));
        assert_eq!(status, Some(0), "{log}");
        let read = |path: &str| fs::read_to_string(dir.path().join(path)).expect("there");
        assert_eq!(read("target/out/it's \"$HOME\""), "new\n");
        assert_eq!(read("source/sub/x"), "old\n");
        assert!(log.starts_with("step 1 of 3: cd sub …\nstep 2 of 3: cp sub/x"), "{log}");
    }

    #[test]
    fn the_step_that_fails_is_named_and_the_next_does_not_run() {
        let dir = ground();
        let steps = vec![shell("false\ntrue"), shell("touch ../out/ran")];
        let (status, log) = run(dir.path(), &argv(&build(steps)));
        assert_eq!(status, Some(1));
        assert!(log.ends_with("step 1 of 2 failed with status 1: false …\n"), "{log}");
        assert!(!dir.path().join("target/out/ran").exists());
    }

    #[test]
    fn a_list_of_words_is_a_program_and_nothing_of_a_shell() {
        let (status, log) = run(ground().path(), &argv(&build(vec![program(&["step", "1", "2", "true"])])));
        assert_eq!(status, Some(127), "{log}");
        let (status, log) = run(ground().path(), &argv(&build(vec![program(&["test", "a;b", "=", "a;b"])])));
        assert_eq!(status, Some(0), "{log}");
    }

    #[test]
    fn steps_start_below_the_source_where_the_recipe_says_so() {
        let dir = ground();
        let build =
            BuildSpec { at: Some("sub".parse().expect("clean")), steps: vec![shell("cp x ../../out/y")] };
        let (status, log) = run(dir.path(), &argv(&build));
        assert_eq!(status, Some(0), "{log}");
        let again = run(dir.path(), &visitor(&build, vec!["rm".into(), "x".into()]));
        assert_eq!(again.0, Some(0), "{}", again.1);
        assert!(!dir.path().join("target/src/sub/x").exists(), "what the build left is not made anew");
    }
}
