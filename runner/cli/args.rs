//! The command line, as it is typed; the comments here are the help text.

use std::{
    io::{self, Write},
    path::PathBuf,
    str::FromStr,
};

use clap::{
    Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
    error::ContextValue,
};

use eadem_model::Vary;
use os_display::Quotable;

use crate::{commands::KEEP_DAYS, exit::Exit, paint::line, reports::Wanted};

/// Builds a recipe twice in sealed rooms and says whether the bytes are the same
#[derive(Debug, Parser)]
#[command(
    name = "eadem",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Reads the words that the program was started with; says what is wrong with them, and ends it.
    pub(crate) fn read() -> Self {
        Self::try_parse().unwrap_or_else(|error| leave(&escaped(error)))
    }
}

/// Says what clap has to say. A help that could not be written was not given.
#[expect(clippy::exit, reason = "there is nothing to go on with")]
fn leave(error: &clap::Error) -> ! {
    let written = error.print().and_then(|()| io::stdout().flush());
    let is_lost = written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe);
    if is_lost && !error.use_stderr() {
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(io::stderr(), "error: standard output does not take the help");
        std::process::exit(Exit::Machine.code().into());
    }
    std::process::exit(error.exit_code())
}

/// Words may hold anything, and are quoted.
fn escaped(mut error: clap::Error) -> clap::Error {
    let texts = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, ContextValue::String(line(text)))),
        _ => None,
    });
    for (kind, value) in texts.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
    error
}

/// Options that every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The project, instead of the nearest directory that holds `recipes/`
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,
    /// The store, instead of $XDG_DATA_HOME/eadem
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) store: Option<PathBuf>,
    /// Fetch nothing; what is missing is an error
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// How many threads to use, instead of one for each processor
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), global = true)]
    pub(crate) jobs: Option<u16>,
    /// What makes the rooms: `native`, `docker`, or `oci:RUNTIME`
    #[arg(long, value_name = "ENGINE", default_value = "native", global = true)]
    pub(crate) engine: EngineChoice,
    /// How firmly rooms are closed; `weak` where namespaces are forbidden, and never a verification
    #[arg(long, value_enum, value_name = "HOW", default_value = "strict", global = true)]
    pub(crate) isolation: Firmness,
    /// Keep the state of a build that fails, for `eadem shell`
    #[arg(long, global = true)]
    pub(crate) keep_failed: bool,
    /// Go on with the other recipes when one fails
    #[arg(long, global = true)]
    pub(crate) keep_going: bool,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show the builds' output
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Whether to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", global = true)]
    pub(crate) color: When,
    /// How to show progress
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto", global = true)]
    pub(crate) progress: Progress,
    /// What to print on standard output
    #[arg(long, value_enum, default_value = "human", global = true)]
    pub(crate) format: Format,
}

/// What makes the rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineChoice {
    /// eadem itself, with namespaces.
    Native,
    /// Docker Engine or Podman, by the API that both have.
    Docker,
    /// An installed runtime of the Open Container Initiative, by its program.
    Oci(String),
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("oci:")) {
            ("native", _) => Ok(Self::Native),
            ("docker", _) => Ok(Self::Docker),
            (_, Some(runtime)) if !runtime.is_empty() => Ok(Self::Oci(runtime.to_owned())),
            _ => Err("an engine is `native`, `docker` or `oci:RUNTIME`".to_owned()),
        }
    }
}

/// How firmly rooms are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Firmness {
    /// By namespaces; where there are none, no room
    Strict,
    /// As firmly as this machine can
    Weak,
}

/// When to do what a terminal may not want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// If standard error is a terminal and NO_COLOR is not set
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars if standard error is a terminal, else lines
    Auto,
    /// A line for each step
    Plain,
    /// Not at all
    None,
}

/// What to print on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// A JSON object a line: events, then results
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pin every input of recipes or images by digest
    Lock(Lock),
    /// Bring every input into the store, verified
    Fetch(Recipes),
    /// Build once, offline, and print the digest of each output
    Build(Build),
    /// Build in two different rooms and compare the outputs
    Verify(Verify),
    /// Compare two files, two directories, or two trees of the store, and say where and why they differ
    ///
    /// Looks into archives, packings and ELF files. A tree of the store is named by its digest, which
    /// `eadem show --format json` tells.
    Diff(Diff),
    /// Say again what the last verification found, and why outputs differ; or that of a recipe or run
    Explain(Runs),
    /// Show every unit of a build, and whether what it gives is in the store; run nothing of the sources
    ///
    /// Cargo plans the build as ever, and goes through it with names in the place of files. A unit is a `hit`
    /// if its record is in the store, a `miss` if it would run, and `unknown` if it hangs on what another one
    /// gives that would have to run first.
    Plan(Recipes),
    /// Open a prompt in exactly the room of a build, or run a command there
    ///
    /// The room is that of `build`, or that of the round that failed if `--keep-failed` kept what it
    /// left; what is changed in kept files stays changed. Its environment is the build's, but for TERM.
    /// eadem ends with the status of the command.
    Shell(Shell),
    /// Print a log: the newest, or that of a recipe, a run, or a recipe in a run
    Log(Log),
    /// List what was built, the newest first
    Ls,
    /// Show what was built, from what, how, and what it left; or what a unit of a build gave
    ///
    /// UNIT is a unit's key or its first digits, or PACKAGE or PACKAGE@VERSION, which lists its units.
    Show(Show),
    /// See what the store holds, check it, and remove what nobody needs
    #[command(subcommand)]
    Store(Store),
    /// Work with toolchain images
    #[command(subcommand)]
    Image(Image),
    /// Print the JSON Schema of what eadem prints
    Schema(Schema),
    /// Say what this machine can do, a line each, with the command that repairs it
    Doctor(Doctor),
}

/// Recipes to work on.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Recipes {
    /// Names of recipes, or paths of their files; all of the project if none is given
    #[arg(value_name = "RECIPE")]
    pub(crate) recipes: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    pub(crate) recipes: Recipes,
    /// Lock these images instead
    #[arg(long = "image", value_name = "NAME", num_args = 1.., conflicts_with = "recipes")]
    pub(crate) images: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) recipes: Recipes,
    /// Also write the outputs below this directory
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) recipes: Recipes,
    /// Build even if a proof is in the store
    #[arg(long)]
    pub(crate) fresh: bool,
    /// What differs between the rounds: all variations, but `-kernel` leaves one out, `+kernel` takes one in that
    /// the recipe leaves out, and `path,clock` names all that are wanted
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true)]
    pub(crate) vary: Vec<Vary>,
    /// End with exit code 11 if a variation could not be applied
    #[arg(long)]
    pub(crate) strict: bool,
    /// Compare the outputs with published bytes as well: a file, or a list of digests as `sha256sum` writes it
    #[arg(long, value_name = "FILE|SHA256SUMS")]
    pub(crate) against: Vec<PathBuf>,
    /// A run, or a commit of the project, whose verdict is the base: what differs now and did not then has regressed
    #[arg(long, value_name = "RUN")]
    pub(crate) base: Option<String>,
    /// Verify all recipes of the project, and end with a table of them
    #[arg(long, conflicts_with = "recipes")]
    pub(crate) all: bool,
    /// How many further rounds may be made to find out why outputs differ
    #[arg(long, value_name = "N", default_value_t = eadem_flow::USUAL_TRIALS)]
    pub(crate) trials: usize,
    /// Also write what was found to a file, as `html`, `md`, `junit`, `sarif` or `gitlab`; may be given repeatedly
    #[arg(long, value_name = "FORMAT=FILE", value_parser = OsStringValueParser::new().try_map(|word| Wanted::read(&word)))]
    pub(crate) report: Vec<Wanted>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The first side
    #[arg(value_name = "A")]
    pub(crate) first: String,
    /// The second side
    #[arg(value_name = "B")]
    pub(crate) second: String,
    /// A value that is known to differ: `path`, `hostname`, `user`, `home`, `time` or another name, and what it
    /// was on each side; where it makes the bytes equal, the cause is proven
    #[arg(long, num_args = 3, value_names = ["NAME", "A", "B"])]
    pub(crate) known: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Write the AppArmor profile that lets this program make user namespaces; wants root
    #[arg(long)]
    pub(crate) fix_apparmor: bool,
    /// Print the profile instead of writing it
    #[arg(long, requires = "fix_apparmor")]
    pub(crate) print: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Of what
    #[arg(value_enum, value_name = "NAME")]
    pub(crate) name: SchemaName,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaName {
    /// A line of what `--format json` prints
    Events,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Shell {
    /// The name of a recipe, or the path of its file
    #[arg(value_name = "RECIPE")]
    pub(crate) recipe: String,
    /// Enter a fresh room, even if what a failed build left was kept
    #[arg(long)]
    pub(crate) clean: bool,
    /// Remove what a failed build left, and enter nothing
    #[arg(long, conflicts_with_all = ["clean", "command"])]
    pub(crate) discard: bool,
    /// The command; a shell of the image if none is given
    #[arg(value_name = "CMD", last = true)]
    pub(crate) command: Vec<String>,
}

/// Which runs are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    /// A recipe, a run or the first letters of its name, or one of each; the newest run if none is given
    #[arg(value_name = "RECIPE|RUN", num_args = 0..=2)]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    #[command(flatten)]
    pub(crate) runs: Runs,
    /// The log of this round, instead of the last one
    #[arg(long, value_name = "N")]
    pub(crate) round: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// A recipe, a run or the first letters of its name, or one of each; a unit; the newest run if none is given
    #[arg(value_name = "RECIPE|RUN|UNIT", num_args = 0..=2)]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Say what takes how much space
    Df,
    /// Compare every blob with its digest, and read every record; what is damaged is named, with exit code 6
    ///
    /// Layers that are laid out are made of blobs and not read.
    Check {
        /// Remove what is damaged, so that it is fetched or made again when it is needed
        #[arg(long)]
        repair: bool,
    },
    /// Remove what nobody needs
    ///
    /// Stays: what the locks of projects name that used this store, images with a name, pins, what was built or
    /// used in the last days, and what failed builds left for `eadem shell`. While others use the store, gc waits.
    Gc(Gc),
    /// Keep something whatever `gc` is told; lists all pins if nothing is named
    Pin {
        /// A recipe (its newest build), a run, an image, or the digest of a blob, a layer or a unit
        #[arg(value_name = "NAME|DIGEST")]
        words: Vec<String>,
    },
    /// Let go of what was pinned
    Unpin {
        /// As it was pinned
        #[arg(value_name = "NAME|DIGEST", required = true)]
        words: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Gc {
    /// Also remove what was not used for the longest time, until the store is no larger: 20GB, 500MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<Size>,
    /// For how many days what was built or used stays
    #[arg(long, value_name = "N", default_value_t = KEEP_DAYS)]
    pub(crate) keep_days: u32,
    /// After how many days without use what units gave is compressed; a later use restores it
    #[arg(long, value_name = "N", default_value = "7")]
    pub(crate) compress_days: u32,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give up if others use the store
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    /// Reads `20GB` (powers of 1000), and `20GiB` or `20G` (powers of 1024).
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a size is a number and a unit: 500MB, 20GB, 1.5TB; or MiB, GiB, TiB".to_owned();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let number: f64 = text[..end].parse().map_err(|_| bad())?;
        let factor = match text[end..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1_u64,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            _ => return Err(bad()),
        };
        Ok(Self((number * factor as f64) as u64))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Assemble images from their locks
    Build {
        /// Names of images; all of the project if none is given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Show what an image of the store is made of
    Inspect {
        /// The image's name
        name: String,
    },
    /// List the images of the store
    Ls,
}

/// What decides how eadem talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) color: When,
    pub(crate) progress: Progress,
    pub(crate) format: Format,
}

impl Global {
    /// The options that say where things are, as they were typed.
    pub(crate) fn places(&self) -> String {
        let option = |name: &str, dir: &Option<PathBuf>| {
            dir.as_ref().map(|dir| format!(" {name} {}", dir.maybe_quote())).unwrap_or_default()
        };
        option("-C", &self.directory) + &option("--store", &self.store)
    }
}

impl Args {
    pub(crate) fn talk(&self) -> Talk {
        let Global { quiet, verbose, color, progress, format, .. } = self.global;
        Talk { quiet, verbose, color, progress, format }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_either_way_of_counting() {
        let read = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(read("20GB"), Ok(20_000_000_000));
        assert_eq!(read("1.5 kB"), Ok(1_500));
        assert_eq!([read("1GiB"), read("1G"), read("1g")], [Ok(1 << 30), Ok(1 << 30), Ok(1 << 30)]);
        assert_eq!(read("0"), Ok(0));
        for text in ["", "GB", "-1GB", "1PB", "1.2.3MB", "ten"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
