//! The command line, as it is typed; the comments here are the help text.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

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
    /// Work with toolchain images
    #[command(subcommand)]
    Image(Image),
}

/// Recipes to work on.
#[derive(Debug, clap::Args)]
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

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) recipes: Recipes,
    /// Build even if a proof is in the store
    #[arg(long)]
    pub(crate) fresh: bool,
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

impl Args {
    pub(crate) fn talk(&self) -> Talk {
        let Global { quiet, verbose, color, progress, format, .. } = self.global;
        Talk { quiet, verbose, color, progress, format }
    }
}
