//! What a build may use up, and what was really done about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a build may use up. Whoever exceeds one of these is ended, so that a verdict does not depend on
/// how a program takes a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds of wall time for the whole room.
    pub wall_seconds: u64,
    /// Bytes of standard output and error together.
    pub log_bytes: u64,
    /// Bytes of all outputs together.
    pub output_bytes: u64,
    /// Bytes of memory of all processes together, what lies in `/tmp` included; none: the machine's.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Hundredths of one processor's time; none: as many processors as the setting gives. This one
    /// slows a build down and never ends it.
    pub cpu_percent: Option<u64>,
    /// Bytes that all writable directories hold together.
    pub disk_bytes: u64,
    /// Files, directories and links that all writable directories hold together.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_seconds: 3600,
            log_bytes: 64 << 20,
            output_bytes: 4 << 30,
            memory_bytes: None,
            processes: 32_768,
            cpu_percent: None,
            disk_bytes: 64 << 30,
            files: 4_000_000,
        }
    }
}

/// One of the [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// [`Limits::wall_seconds`]
    Wall,
    /// [`Limits::log_bytes`]
    Log,
    /// [`Limits::output_bytes`]
    Output,
    /// [`Limits::memory_bytes`]
    Memory,
    /// [`Limits::processes`]
    Processes,
    /// [`Limits::cpu_percent`]
    Cpu,
    /// [`Limits::disk_bytes`]
    Disk,
    /// [`Limits::files`]
    Files,
}

impl Limit {
    /// The limit and its value, in words that follow "more than".
    pub fn worded(self, value: u64) -> String {
        match self {
            Self::Wall => format!("{value} s of time"),
            Self::Log => format!("{value} bytes of log"),
            Self::Output => format!("{value} bytes of outputs"),
            Self::Memory => format!("{value} bytes of memory"),
            Self::Processes => format!("{value} processes"),
            Self::Cpu => format!("{value} % of a processor"),
            Self::Disk => format!("{value} bytes of disk"),
            Self::Files => format!("{value} files"),
        }
    }
}

/// How a limit is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// By the kernel: a group of the unified hierarchy.
    Cgroup2,
    /// By the kernel: groups of the old hierarchies.
    Cgroup1,
    /// By the kernel, for each process or user.
    Rlimit,
    /// By a file system in memory that is the room's own and says what it holds.
    FileSystem,
    /// By eadem, which looks again and again, counts what passes, or reads a clock.
    Watch,
    /// By a container engine, as it says.
    Daemon,
    /// Not at all: this machine has no means.
    Nothing,
}

/// A limit that a round had, or should have had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Which.
    pub limit: Limit,
    /// In the unit of its field in [`Limits`].
    pub value: u64,
    /// What held it.
    pub by: Means,
}

impl Applied {
    /// The limit and its value, whatever held it.
    pub fn bound(&self) -> String {
        format!("{}={}", word(&self.limit), self.value)
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.bound(), word(&self.by))
    }
}

/// The word that records have for a limit or a means.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| Some(word.as_str()?.to_owned())).unwrap_or_default()
}
