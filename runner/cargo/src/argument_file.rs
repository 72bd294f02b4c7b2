//! Arguments that are too long for the kernel, as a file.
//!
//! Cargo writes them to a file when no program starts with them, and the proxy reads it: a unit's key holds
//! the arguments themselves. For the unit's own room they are written again.

use eadem_model::UnitKind;

use crate::{Shape, unit::Unit};

/// Its name in the target directory of the unit's room.
pub(crate) const NAME: &str = ".eadem-arguments";

/// Bytes of all arguments together. Linux takes as much for one of them, and for all and the environment a
/// quarter of the stack's limit, which is 2 MiB as a rule (`execve(2)`).
const LONG: usize = 128 << 10;

/// How the compiler is called when its arguments are too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ArgumentFile {
    /// The compiler, after the programs that wrap it.
    pub(crate) program: Vec<String>,
    /// The other words.
    pub(crate) words: Vec<String>,
}

impl ArgumentFile {
    /// What the file holds: a word a line, each as the room's setting spells it.
    pub(crate) fn content(&self, spell: impl Fn(&str) -> String) -> Vec<u8> {
        self.words.iter().map(|word| spell(word) + "\n").collect::<String>().into_bytes()
    }
}

/// The file that a unit needs; nothing but a compiler reads one.
///
/// # Errors
/// [`Shape`] for long arguments that no file can hold.
pub(crate) fn of(unit: &Unit) -> Result<Option<ArgumentFile>, Shape> {
    if unit.kind == UnitKind::RunScript { Ok(None) } else { cut(&unit.argv) }
}

fn cut(argv: &[String]) -> Result<Option<ArgumentFile>, Shape> {
    if argv.iter().map(|word| word.len() + 1).sum::<usize>() < LONG {
        return Ok(None);
    }
    let (program, words) = argv.split_at(argv.iter().take_while(|word| !word.starts_with('-')).count());
    if words.iter().any(|word| word.contains('\n')) {
        return Err(Shape::new("the compiler's arguments are too long for a call, and hold a line's end"));
    }
    Ok(Some(ArgumentFile { program: program.to_vec(), words: words.to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(features: usize) -> Vec<String> {
        let features = (0..features).map(|n| format!("--cfg=feature=\"f{n}\""));
        ["wrapper", "rustc"].map(str::to_owned).into_iter().chain(features).collect()
    }

    #[test]
    fn long_arguments_go_into_a_file_behind_the_compiler_and_short_ones_stay() {
        assert_eq!(cut(&argv(100)), Ok(None));
        let argv = argv(20_000);
        let file = cut(&argv).expect("a file holds them").expect("they are long");
        assert_eq!(file.program, ["wrapper", "rustc"]);
        let content = String::from_utf8(file.content(str::to_uppercase)).expect("text");
        let expected: Vec<String> = argv[2..].iter().map(|word| word.to_uppercase()).collect();
        assert_eq!(content.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_word_of_two_lines_is_refused_in_a_file_alone() {
        let split = ["--cfg=a\nb".to_owned()];
        assert_eq!(cut(&[argv(1), split.to_vec()].concat()), Ok(None));
        assert!(cut(&[argv(20_000), split.to_vec()].concat()).is_err());
    }
}
