//! All packages that a suite offers for one architecture.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map},
};

use eadem_model::Digest;

use crate::{
    control::{ControlError, Stanza, stanzas},
    relation::{self, Group, Relation, RelationError, is_package_name},
    version,
};

/// One package as its index describes it; texts are borrowed from the index.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    pub(crate) source: &'a str,
    pub(crate) is_essential: bool,
    pub(crate) path: &'a str,
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
    rank: u8,
    stanza: Stanza<'a>,
}

/// The newest version of every package, and who provides what.
#[derive(Debug)]
pub(crate) struct Universe<'a> {
    architecture: &'a str,
    packages: BTreeMap<&'a str, Package<'a>>,
    providers: BTreeMap<&'a str, Vec<Provider<'a>>>,
}

/// Who provides a name, and as which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Provider<'a> {
    rank: u8,
    package: &'a str,
    version: Option<&'a str>,
}

/// Why an index cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The text is no control file.
    #[error("the package index cannot be read")]
    Control(#[from] ControlError),
    /// A relation of a package cannot be read.
    #[error("package `{package}` has a {field} that cannot be read")]
    Relation {
        /// The package.
        package: String,
        /// The field.
        field: &'static str,
        /// Why.
        source: RelationError,
    },
}

impl<'a> Universe<'a> {
    /// Reads the indices of all components.
    pub(crate) fn parse(indices: &'a [String], architecture: &'a str) -> Result<Self, IndexError> {
        let mut packages = BTreeMap::new();
        for stanza in indices.iter().flat_map(|text| stanzas(text)) {
            let package = Package::of(stanza?)?;
            if package.architecture == architecture || package.architecture == "all" {
                keep_newest(&mut packages, package);
            }
        }
        let mut universe = Self { architecture, packages, providers: BTreeMap::new() };
        universe.providers = universe.find_providers()?;
        Ok(universe)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Package<'a>> {
        self.packages.get(name)
    }

    /// The packages that the distribution calls essential, in byte order.
    pub(crate) fn essential(&self) -> impl Iterator<Item = &Package<'a>> {
        self.packages.values().filter(|package| package.is_essential)
    }

    /// Who provides a name, the most important first.
    pub(crate) fn providers(&self, name: &str) -> Vec<&'a str> {
        self.providers.get(name).into_iter().flatten().map(|provider| provider.package).collect()
    }

    /// The packages that satisfy a relation: the real one before those that provide it.
    pub(crate) fn candidates(&self, relation: &Relation<'_>) -> Vec<&'a str> {
        if !relation.is_for(self.architecture) {
            return Vec::new();
        }
        let real = self.packages.get(relation.name).filter(|package| relation.accepts(package.version));
        let mut candidates: Vec<&str> = real.map(|package| package.name).into_iter().collect();
        for provider in self.providers.get(relation.name).into_iter().flatten() {
            if relation.accepts_provided(provider.version) && !candidates.contains(&provider.package) {
                candidates.push(provider.package);
            }
        }
        candidates
    }

    /// What a package needs: `Pre-Depends`, then `Depends`.
    pub(crate) fn needs(&self, package: &Package<'a>) -> Result<Vec<Group<'a>>, IndexError> {
        let mut groups = self.relations(package, "Pre-Depends")?;
        groups.extend(self.relations(package, "Depends")?);
        Ok(groups)
    }

    /// What a package cannot stand beside: `Conflicts` and `Breaks`.
    pub(crate) fn rivals(&self, package: &Package<'a>) -> Result<Vec<Relation<'a>>, IndexError> {
        let mut groups = self.relations(package, "Conflicts")?;
        groups.extend(self.relations(package, "Breaks")?);
        Ok(groups.concat())
    }

    fn relations(&self, package: &Package<'a>, field: &'static str) -> Result<Vec<Group<'a>>, IndexError> {
        let text = package.stanza.field(field).unwrap_or_default();
        relation::parse(text, self.architecture).map_err(|source| IndexError::Relation {
            package: package.name.to_owned(),
            field,
            source,
        })
    }

    fn find_providers(&self) -> Result<BTreeMap<&'a str, Vec<Provider<'a>>>, IndexError> {
        let mut providers: BTreeMap<&str, Vec<Provider<'_>>> = BTreeMap::new();
        for package in self.packages.values() {
            for provided in self.relations(package, "Provides")?.concat() {
                let version = provided.version.map(|(_, version)| version);
                let provider = Provider { rank: package.rank, package: package.name, version };
                providers.entry(provided.name).or_default().push(provider);
            }
        }
        for list in providers.values_mut() {
            list.sort_by_key(|provider| (provider.rank, provider.package));
        }
        Ok(providers)
    }
}

/// Keeps one version of each name: the newest, and the first of equals.
fn keep_newest<'a>(packages: &mut BTreeMap<&'a str, Package<'a>>, package: Package<'a>) {
    match packages.entry(package.name) {
        btree_map::Entry::Vacant(place) => {
            place.insert(package);
        }
        btree_map::Entry::Occupied(mut place) => {
            if version::compare(package.version, place.get().version) == Ordering::Greater {
                place.insert(package);
            }
        }
    }
}

impl<'a> Package<'a> {
    fn of(stanza: Stanza<'a>) -> Result<Self, ControlError> {
        let name = stanza.need("a package", "Package")?;
        let bad = |field, value: &str| ControlError::Value {
            subject: name.to_owned(),
            field,
            value: value.to_owned(),
        };
        if !is_package_name(name) {
            return Err(bad("name", name));
        }
        let (sha256, size) = (stanza.need(name, "SHA256")?, stanza.need(name, "Size")?);
        let source = stanza.field("Source").unwrap_or(name);
        Ok(Self {
            name,
            version: stanza.need(name, "Version")?,
            architecture: stanza.need(name, "Architecture")?,
            // `Source: gcc-defaults (1.220)`
            source: source.split_once(' ').map_or(source, |(source, _)| source),
            is_essential: stanza.field("Essential") == Some("yes"),
            path: clean_path(stanza.need(name, "Filename")?).map_err(|path| bad("Filename", path))?,
            sha256: Digest::from_hex(sha256).map_err(|_| bad("SHA256", sha256))?,
            size: size.parse().map_err(|_| bad("Size", size))?,
            rank: rank(stanza.field("Priority")),
            stanza,
        })
    }
}

/// A path below a mirror's root; it becomes part of an address.
fn clean_path(path: &str) -> Result<&str, &str> {
    path.parse::<eadem_model::TreePath>().map(|_| path).map_err(|_| path)
}

/// How important the distribution thinks a package is: its choice among providers goes by that.
fn rank(priority: Option<&str>) -> u8 {
    let ranks = ["required", "important", "standard", "optional"];
    let place = ranks.iter().position(|rank| Some(*rank) == priority);
    place.map_or(u8::MAX, |place| u8::try_from(place).unwrap_or(u8::MAX))
}
