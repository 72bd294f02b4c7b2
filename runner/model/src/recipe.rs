//! `recipes/NAME.yaml`: what to build.

use std::{collections::BTreeMap, fmt, num::NonZero};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{BuildSpec, Digest, Limits, Name, Need, TreePath, Units, Users, Vary, document::Version1};

/// Seconds since 1970 that stand for "now" in outputs unless a recipe says otherwise: 1980-01-01,
/// the first day that zip archives can hold.
pub const DEFAULT_EPOCH: u64 = 315_532_800;

/// What to build, from which sources, in which image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Format version.
    pub eadem: Version1,
    /// The recipe's name, also its file's.
    pub name: Name,
    /// The image to build in, `images/NAME.yaml`.
    pub image: Name,
    /// Where the sources come from.
    pub source: SourceSpec,
    /// How cargo is called, unless there are steps.
    #[serde(default)]
    pub cargo: CargoSpec,
    /// The steps that build it, where cargo does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildSpec>,
    /// Other recipes whose outputs the build is shown; they are built, and verified, first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// What the build must leave: of cargo, `bin/NAME` is the program NAME; of steps, what they left in `$OUT`.
    #[serde(deserialize_with = "outputs")]
    pub outputs: Vec<TreePath>,
    /// More environment; not what each round sets by itself.
    #[serde(default, deserialize_with = "crate::document::unique_map")]
    pub env: BTreeMap<Variable, String>,
    /// Seconds since 1970 that stand for "now" in outputs.
    #[serde(default = "default_epoch")]
    pub epoch: u64,
    /// What a build may use up.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Which user ids the build's room knows.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub users: Users,
    /// What of the variations a verification varies: all unless said. It says how a build is checked and not what
    /// is built, so it is no part of the meaning.
    #[serde(default, skip_serializing)]
    pub vary: Vary,
    /// Outputs that are known to differ; no part of the meaning either.
    #[serde(default, skip_serializing)]
    pub expect: Vec<Exception>,
}

/// An output that is known to differ between rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The output, or a directory of outputs.
    pub output: TreePath,
    /// Why that is known and borne.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
}

impl Exception {
    /// Whether it speaks of an output.
    pub fn covers(&self, path: &TreePath) -> bool {
        is_below(path, &self.output)
    }
}

/// Whether a path is another one, or lies below it.
fn is_below(path: &TreePath, other: &TreePath) -> bool {
    let rest = path.as_str().strip_prefix(other.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() { Err(D::Error::custom("an exception needs a reason")) } else { Ok(text) }
}

impl Recipe {
    /// The digest of the recipe's meaning: comments, order of keys and spelled-out defaults do not count.
    pub fn meaning(&self) -> Digest {
        Digest::of(&crate::canonical_json(self))
    }

    /// What its keys say against each other, if they do.
    pub fn contradiction(&self) -> Option<String> {
        let both = self.build.is_some() && self.cargo != CargoSpec::default();
        let is_output = |exception: &Exception| {
            self.outputs.iter().any(|output| exception.covers(output) || is_below(&exception.output, output))
        };
        if both {
            return Some("either `cargo` or the steps of `build` make it, and it has both".to_owned());
        }
        let strange = self.expect.iter().any(|exception| !is_output(exception));
        if strange {
            return Some("`expect` names what is no output of it".to_owned());
        }
        Need::contradiction(&self.needs)
    }
}

fn is_usual(users: &Users) -> bool {
    *users == Users::default()
}

fn default_epoch() -> u64 {
    DEFAULT_EPOCH
}

fn outputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TreePath>, D::Error> {
    let outputs = Vec::<TreePath>::deserialize(deserializer)?;
    if outputs.is_empty() {
        return Err(D::Error::custom("a recipe needs at least one output"));
    }
    let twice = outputs.iter().enumerate().find(|(index, output)| outputs[..*index].contains(output));
    twice.map_or(Ok(()), |(_, output)| {
        Err(D::Error::custom(format_args!("output `{output}` stands twice")))
    })?;
    Ok(outputs)
}

/// Variables that each round sets by itself.
const OWNED: [&str; 7] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "SOURCE_DATE_EPOCH", "TZ", "USER"];

/// The name of an environment variable that a recipe may set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Variable(String);

impl Variable {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Variable {
    /// Refuses what could not be set, and what would take a variation its effect in silence.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(D::Error::custom(format_args!("`{}` cannot be a variable", name.escape_debug())));
        }
        if OWNED.contains(&name.as_str()) || name.starts_with("EADEM_") {
            return Err(D::Error::custom(format_args!(
                "each round sets `{name}` by itself; for time there is `epoch`"
            )));
        }
        Ok(Self(name))
    }
}

/// Where a recipe's sources come from; exactly one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SourceKeys", into = "SourceKeys")]
pub enum SourceSpec {
    /// A published crate of the public registry.
    Crate {
        /// The crate's name.
        name: String,
        /// The exact version.
        version: semver::Version,
    },
    /// An archive by its address and content.
    Archive {
        /// Where it is published.
        url: String,
        /// Its content.
        sha256: Digest,
        /// How many leading directories are dropped from its names.
        strip: u32,
    },
    /// A directory beside the recipe, recorded as local.
    Directory {
        /// Relative to the project's root.
        path: String,
    },
    /// A source package of the distribution whose packages make the recipe's image.
    Dsc {
        /// The source package's name.
        name: String,
        /// The exact version.
        version: String,
    },
}

/// The keys of `source:` as they are written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SourceKeys {
    #[serde(rename = "crate", skip_serializing_if = "Option::is_none")]
    krate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dsc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "version")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strip: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir: Option<String>,
}

impl TryFrom<SourceKeys> for SourceSpec {
    type Error = String;

    fn try_from(keys: SourceKeys) -> Result<Self, String> {
        match keys {
            SourceKeys { krate: Some(name), version: Some(version), .. } if keys.has(2) => {
                check_name("crate", &name, crate_mark)?;
                let version = version.parse().map_err(|error| format!("`{version}`: {error}"))?;
                Ok(Self::Crate { name, version })
            }
            SourceKeys { archive: Some(url), sha256: Some(hex), strip, .. }
                if keys.has(2 + usize::from(strip.is_some())) =>
            {
                let sha256 = Digest::from_hex(&hex).map_err(|error| error.to_string())?;
                Ok(Self::Archive { url, sha256, strip: strip.unwrap_or(1) })
            }
            SourceKeys { dir: Some(path), .. } if keys.has(1) => Ok(Self::Directory { path }),
            SourceKeys { dsc: Some(name), version: Some(version), .. } if keys.has(2) => {
                check_name("source package", &name, package_mark)?;
                Ok(Self::Dsc { name, version })
            }
            _ => Err("a source is one of `{crate, version}`, `{archive, sha256, strip}`, `{dir}` and \
                      `{dsc, version}`"
                .to_owned()),
        }
    }
}

impl SourceKeys {
    /// Whether so many keys stand there.
    fn has(&self, n_keys: usize) -> bool {
        let texts = [&self.krate, &self.dsc, &self.version, &self.archive, &self.sha256, &self.dir];
        texts.into_iter().flatten().count() + usize::from(self.strip.is_some()) == n_keys
    }
}

/// Names become file names and parts of addresses.
fn check_name(what: &str, name: &str, mark: fn(u8) -> bool) -> Result<(), String> {
    let good = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
        && !name.starts_with('.');
    if good { Ok(()) } else { Err(format!("`{name}` is not the name of a {what}")) }
}

fn crate_mark(byte: u8) -> bool {
    matches!(byte, b'-' | b'_')
}

fn package_mark(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.')
}

/// A version of any kind, refused where it stands if it is none.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mark = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b':' | b'~');
    let good = text.starts_with(|first: char| first.is_ascii_digit()) && text.bytes().all(mark);
    if good { Ok(Some(text)) } else { Err(D::Error::custom(format_args!("`{text}` is no version"))) }
}

impl From<SourceSpec> for SourceKeys {
    fn from(spec: SourceSpec) -> Self {
        match spec {
            SourceSpec::Crate { name, version } => {
                Self { krate: Some(name), version: Some(version.to_string()), ..Self::default() }
            }
            SourceSpec::Archive { url, sha256, strip } => {
                Self { archive: Some(url), sha256: Some(sha256.hex()), strip: Some(strip), ..Self::default() }
            }
            SourceSpec::Directory { path } => Self { dir: Some(path), ..Self::default() },
            SourceSpec::Dsc { name, version } => {
                Self { dsc: Some(name), version: Some(version), ..Self::default() }
            }
        }
    }
}

/// How cargo is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CargoSpec {
    /// The profile; `release` unless said.
    pub profile: Name,
    /// The package of a workspace; all default members unless said.
    pub package: Option<String>,
    /// The programs; all unless programs, examples or tests are named.
    pub bins: Vec<String>,
    /// The examples; none unless named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// The test programs, which are built and not run; none unless named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<String>,
    /// More features.
    pub features: Vec<String>,
    /// Whether the default features are on.
    pub default_features: bool,
    /// Whether crates and build scripts are built each in a room of its own: `auto` unless said. It says where a
    /// build runs and not what is built, so it is no part of the recipe's meaning, and a lock stays true.
    #[serde(skip_serializing)]
    pub units: Units,
    /// Which directories of the recipe's sources units of a package see besides the package itself, by its name;
    /// no part of the meaning either.
    #[serde(skip_serializing, deserialize_with = "crate::document::unique_map")]
    pub inputs: BTreeMap<String, Vec<SourceDir>>,
}

/// A directory of a recipe's own sources; `.` is all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceDir(pub Option<TreePath>);

impl<'de> Deserialize<'de> for SourceDir {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let below = (text != ".").then(|| text.parse()).transpose().map_err(D::Error::custom)?;
        Ok(Self(below))
    }
}

impl Default for CargoSpec {
    fn default() -> Self {
        Self {
            profile: "release".parse().expect("a name"),
            package: None,
            bins: Vec::new(),
            examples: Vec::new(),
            tests: Vec::new(),
            features: Vec::new(),
            default_features: true,
            units: Units::default(),
            inputs: BTreeMap::new(),
        }
    }
}

/// What a build may use up, as a recipe says it.
///
/// Fields that came after the first stand in a recipe's meaning only where a recipe has them, so that locks
/// made before stay true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LimitsSpec {
    /// Seconds of wall time.
    pub wall_seconds: NonZero<u64>,
    /// MiB of memory of all processes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<NonZero<u64>>,
    /// Processes and threads at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<NonZero<u64>>,
    /// Hundredths of one processor's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<NonZero<u64>>,
    /// MiB that the build may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_mib: Option<NonZero<u64>>,
    /// Files that the build may make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<NonZero<u64>>,
    /// MiB of standard output and error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_mib: Option<NonZero<u64>>,
    /// MiB of outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_mib: Option<NonZero<u64>>,
}

impl LimitsSpec {
    /// What the recipe says, and the defaults for the rest.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        let mib = |said: Option<NonZero<u64>>| said.map(|mib| mib.get().saturating_mul(1 << 20));
        let or = |said: Option<NonZero<u64>>, usual| said.map_or(usual, NonZero::get);
        Limits {
            wall_seconds: self.wall_seconds.get(),
            log_bytes: mib(self.log_mib).unwrap_or(usual.log_bytes),
            output_bytes: mib(self.output_mib).unwrap_or(usual.output_bytes),
            memory_bytes: mib(self.memory_mib),
            processes: or(self.processes, usual.processes),
            cpu_percent: self.cpu_percent.map(NonZero::get),
            disk_bytes: mib(self.disk_mib).unwrap_or(usual.disk_bytes),
            files: or(self.files, usual.files),
        }
    }
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            wall_seconds: NonZero::new(Limits::default().wall_seconds).expect("more than none"),
            memory_mib: None,
            processes: None,
            cpu_percent: None,
            disk_mib: None,
            files: None,
            log_mib: None,
            output_mib: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    const HEXYL: &str = "\
eadem: 1
name: hexyl
image: rust-trixie
source: {crate: hexyl, version: 0.16.0}
cargo: {profile: release, bins: [hexyl]}
outputs: [bin/hexyl]
";

    fn fault(text: &str) -> crate::document::DocumentError {
        parse::<Recipe>("recipes/x.yaml", text).expect_err("the recipe is bad")
    }

    #[test]
    fn the_meaning_of_a_recipe_is_stable() {
        let recipe: Recipe = parse("recipes/hexyl.yaml", HEXYL).expect("a good recipe");
        assert_eq!(
            recipe.meaning().to_string(),
            "sha256:d47911d96372166d8adc3fe6add7043fb00dc07cc9fc5b0fd1d251d1454f3884"
        );
    }

    #[test]
    fn comments_order_and_written_defaults_do_not_change_the_meaning() {
        let other = "# said otherwise\noutputs: [bin/hexyl]\nname: hexyl\nepoch: 315532800\nimage: rust-trixie\n\
                     source: {version: 0.16.0, crate: hexyl}\ncargo: {bins: [hexyl]}\neadem: 1\n";
        let (one, two): (Recipe, Recipe) =
            (parse("a", HEXYL).expect("a good recipe"), parse("b", other).expect("a good recipe"));
        assert_eq!(one.meaning(), two.meaning());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_a_suggestion() {
        let error = fault(&HEXYL.replace("outputs:", "outptus:"));
        assert_eq!((error.line, error.column), (6, 1));
        assert_eq!(error.text, "outptus: [bin/hexyl]");
        assert_eq!(error.suggestion.as_deref(), Some("outputs"));
    }

    #[test]
    fn a_duplicate_key_is_refused_with_the_place_of_the_second() {
        let error = fault(&format!("{HEXYL}name: other\n"));
        assert!(error.message.contains("duplicate"), "{error}");
        assert_eq!((error.line, error.column, error.text.as_str()), (7, 1, "name: other"));
        let error = fault(&format!("{HEXYL}env:\n  A: b\n  A: c\n"));
        assert!(error.message.contains("duplicate"), "{error}");
        assert_eq!((error.line, error.column, error.text.as_str()), (9, 3, "  A: c"));
        let error = fault(&HEXYL.replace("{crate: hexyl,", "{crate: a, crate: b,"));
        assert_eq!(error.line, 4, "{error}");
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_place() {
        let error = fault(&HEXYL.replace("outputs: [bin/hexyl]", "outputs: bin/hexyl"));
        assert_eq!(error.line, 6, "{error}");
        let error = fault(&HEXYL.replace("version: 0.16.0", "version: [1]"));
        assert_eq!(error.line, 4, "{error}");
    }

    #[test]
    fn a_source_of_two_kinds_is_refused() {
        let error = fault(&HEXYL.replace("crate: hexyl, ", "crate: hexyl, dir: ., "));
        assert!(error.message.contains("a source is one of"), "{error}");
        let error = fault(&HEXYL.replace("crate: hexyl, ", "crate: hexyl, dsc: hexyl, "));
        assert!(error.message.contains("a source is one of"), "{error}");
    }

    #[test]
    fn a_source_package_is_named_with_its_version() {
        let text = HEXYL.replace("{crate: hexyl, version: 0.16.0}", "{dsc: gtk+3.0, version: '1:6.5-1~x+y'}");
        let recipe: Recipe = parse("recipes/hexyl.yaml", &text).expect("a good recipe");
        let (name, version) = ("gtk+3.0".to_owned(), "1:6.5-1~x+y".to_owned());
        assert_eq!(recipe.source, SourceSpec::Dsc { name, version });
        let of = |source: &str| HEXYL.replace("{crate: hexyl, version: 0.16.0}", source);
        for bad in ["{dsc: ../x, version: '1'}", "{dsc: .x, version: '1'}", "{dsc: x}"] {
            parse::<Recipe>("recipes/x.yaml", &of(bad)).expect_err(bad);
        }
        for bad in ["{dsc: x, version: '1/2'}", "{crate: x, version: banana}"] {
            assert_eq!(fault(&of(bad)).line, 4, "{bad}");
        }
    }

    #[test]
    fn a_recipe_that_cargo_and_steps_build_contradicts_itself() {
        let steps = format!("{HEXYL}build: {{steps: [make]}}\n");
        let both: Recipe = parse("recipes/hexyl.yaml", &steps).expect("each key is good");
        assert!(both.contradiction().is_some());
        let one = steps.replace("cargo: {profile: release, bins: [hexyl]}\n", "");
        let one: Recipe = parse("recipes/hexyl.yaml", &one).expect("a good recipe");
        assert_eq!(one.contradiction(), None);
    }

    #[test]
    fn variables_that_a_round_sets_and_impossible_ones_are_refused() {
        for name in ["TZ", "HOME", "EADEM_NOISE", "A=B", ""] {
            let error = fault(&format!("{HEXYL}env: {{\"{name}\": x}}\n"));
            assert_eq!(error.line, 7, "{name}: {error}");
        }
    }

    #[test]
    fn an_output_that_stands_twice_and_a_limit_of_nothing_are_refused() {
        assert!(fault(&HEXYL.replace("[bin/hexyl]", "[bin/a, bin/a]")).message.contains("twice"));
        assert!(fault(&format!("{HEXYL}limits: {{wall-seconds: 0}}\n")).message.contains("nonzero"));
    }

    #[test]
    fn outputs_out_of_the_tree_are_refused() {
        let error = fault(&HEXYL.replace("[bin/hexyl]", "[../hexyl]"));
        assert!(error.message.contains("`..`"), "{error}");
    }

    #[test]
    fn a_version_from_the_future_is_refused() {
        let error = fault(&HEXYL.replace("eadem: 1", "eadem: 2"));
        assert!(error.message.contains("version 2"), "{error}");
    }
}
