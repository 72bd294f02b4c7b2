//! Chooses packages: what was asked for, and all that it needs.
//!
//! Two phases take turns. The first takes every package that is the only one to satisfy something,
//! until nothing changes; the second takes the earliest choice that is still open. That is what the
//! distribution's own tools choose, without their history of heuristics.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    relation::{Group, Relation},
    universe::{IndexError, Package, Universe},
};

/// Whether the packages that the distribution calls essential come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Essential {
    Included,
    LeftOut,
}

/// The chosen packages by name, and why each is there.
pub(crate) type Choice<'a> = BTreeMap<&'a str, String>;

/// Why no set of packages can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The suite has no such package.
    #[error("there is no package `{name}`")]
    NoSuchPackage {
        /// What was asked for.
        name: String,
    },
    /// What was asked for is a name that several packages provide; which one is the user's choice.
    #[error("`{name}` is no package, but packages provide it")]
    Virtual {
        /// What was asked for.
        name: String,
        /// Who provides it.
        providers: Vec<String>,
    },
    /// Nothing satisfies a dependency.
    #[error("`{package}` needs `{needs}`, which nothing satisfies")]
    Unsatisfied {
        /// Who needs it.
        package: String,
        /// What is needed.
        needs: String,
        /// Why the needing package is there.
        why: String,
    },
    /// Two chosen packages exclude each other.
    #[error("`{package}` cannot stand beside `{other}`")]
    Conflict {
        /// The one that says so.
        package: String,
        /// The other.
        other: String,
        /// Why the first is there.
        why: String,
        /// Why the other is there.
        other_why: String,
    },
    /// The index itself is broken.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Chooses packages for `roots`, which must be names of real packages.
pub(crate) fn resolve<'a>(
    universe: &Universe<'a>,
    roots: &[String],
    essential: Essential,
) -> Result<Choice<'a>, ResolveError> {
    let mut closure =
        Closure { universe, choice: Choice::new(), fresh: VecDeque::new(), open: VecDeque::new() };
    for root in roots {
        closure.take(find_root(universe, root)?, "asked for".to_owned());
    }
    if essential == Essential::Included {
        for package in universe.essential() {
            closure.take(package.name, "essential".to_owned());
        }
    }
    closure.close()?;
    check_rivals(universe, &closure.choice)?;
    Ok(closure.choice)
}

fn find_root<'a>(universe: &Universe<'a>, root: &str) -> Result<&'a str, ResolveError> {
    if let Some(package) = universe.get(root) {
        return Ok(package.name);
    }
    let providers: Vec<String> = universe.providers(root).into_iter().map(str::to_owned).collect();
    let name = root.to_owned();
    Err(if providers.is_empty() {
        ResolveError::NoSuchPackage { name }
    } else {
        ResolveError::Virtual { name, providers }
    })
}

struct Closure<'a, 'u> {
    universe: &'u Universe<'a>,
    choice: Choice<'a>,
    /// Chosen packages whose needs were not looked at yet.
    fresh: VecDeque<&'a str>,
    /// Needs with several candidates, in the order in which they were met.
    open: VecDeque<Need<'a>>,
}

struct Need<'a> {
    package: &'a str,
    candidates: Vec<&'a str>,
}

impl<'a> Closure<'a, '_> {
    fn take(&mut self, name: &'a str, why: String) {
        if !self.choice.contains_key(name) {
            self.choice.insert(name, why);
            self.fresh.push_back(name);
        }
    }

    fn close(&mut self) -> Result<(), ResolveError> {
        loop {
            self.take_forced()?;
            let Some(need) = self.open.pop_front() else { return Ok(()) };
            if !need.candidates.iter().any(|name| self.choice.contains_key(name)) {
                self.take(need.candidates[0], needed_by(need.package));
            }
        }
    }

    /// Takes what has no alternative until nothing changes.
    fn take_forced(&mut self) -> Result<(), ResolveError> {
        while let Some(name) = self.fresh.pop_front() {
            let package = self.universe.get(name).expect("only packages of the universe are taken");
            for group in self.universe.needs(package)? {
                self.meet(package, &group)?;
            }
        }
        Ok(())
    }

    fn meet(&mut self, package: &Package<'a>, group: &Group<'a>) -> Result<(), ResolveError> {
        let mut candidates: Vec<&str> = Vec::new();
        for name in group.iter().flat_map(|relation| self.universe.candidates(relation)) {
            if !candidates.contains(&name) {
                candidates.push(name);
            }
        }
        match candidates[..] {
            [] => return Err(self.unsatisfied(package, group)),
            [only] => self.take(only, needed_by(package.name)),
            _ => self.open.push_back(Need { package: package.name, candidates }),
        }
        Ok(())
    }

    fn unsatisfied(&self, package: &Package<'a>, group: &Group<'a>) -> ResolveError {
        let needs = group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        let why = self.choice.get(package.name).cloned().unwrap_or_default();
        ResolveError::Unsatisfied { package: package.name.to_owned(), needs, why }
    }
}

fn needed_by(name: &str) -> String {
    format!("needed by {name}")
}

fn check_rivals(universe: &Universe<'_>, choice: &Choice<'_>) -> Result<(), ResolveError> {
    for (name, why) in choice {
        let package = universe.get(name).expect("only packages of the universe are chosen");
        for rival in universe.rivals(package)? {
            if let Some((other, other_why)) = find_rival(universe, choice, name, &rival) {
                return Err(ResolveError::Conflict {
                    package: (*name).to_owned(),
                    other: other.to_owned(),
                    why: why.clone(),
                    other_why: other_why.clone(),
                });
            }
        }
    }
    Ok(())
}

/// A chosen package that a conflict means; a package may conflict with a name that it provides itself.
fn find_rival<'c>(
    universe: &Universe<'c>,
    choice: &'c Choice<'_>,
    name: &str,
    rival: &Relation<'_>,
) -> Option<(&'c str, &'c String)> {
    let candidates = universe.candidates(rival);
    candidates.into_iter().filter(|other| *other != name).find_map(|other| Some((other, choice.get(other)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Makes an index of `NAME[=VERSION]` with more fields, parted by `; `.
    fn index(packages: &[(&str, &str)]) -> Vec<String> {
        let stanza = |(name, fields): &(&str, &str)| {
            let (name, version) = name.split_once('=').unwrap_or((name, "1"));
            let fields = fields.replace("; ", "\n");
            format!(
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {SHA}\n{fields}\n"
            )
        };
        vec![packages.iter().map(stanza).collect::<Vec<_>>().join("\n")]
    }

    fn check(packages: &[(&str, &str)], roots: &[&str], expected: Result<&str, &str>) {
        let index = index(packages);
        let universe = Universe::parse(&index, "amd64").expect("an index");
        let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
        let found = resolve(&universe, &roots, Essential::Included);
        let found = found.map(|choice| {
            let line = |(name, why): (&&str, &String)| format!("{name}: {why}");
            choice.iter().map(line).collect::<Vec<_>>().join("; ")
        });
        let found = found.map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn dependencies_and_essential_packages_come_along() {
        check(
            &[
                ("a", "Depends: b (>= 1), c"),
                ("b", ""),
                ("c", "Pre-Depends: d"),
                ("d", ""),
                ("e", "Essential: yes"),
                ("f", ""),
            ],
            &["a"],
            Ok("a: asked for; b: needed by a; c: needed by a; d: needed by c; e: essential"),
        );
    }

    #[test]
    fn a_choice_is_made_only_after_all_that_is_forced() {
        check(
            &[("a", "Depends: x | y, b"), ("b", "Depends: y"), ("x", ""), ("y", "")],
            &["a"],
            Ok("a: asked for; b: needed by a; y: needed by b"),
        );
        check(&[("a", "Depends: x | y"), ("x", ""), ("y", "")], &["a"], Ok("a: asked for; x: needed by a"));
    }

    #[test]
    fn a_real_package_goes_before_providers_and_important_providers_before_others() {
        check(
            &[("a", "Depends: v"), ("v", ""), ("b", "Provides: v")],
            &["a"],
            Ok("a: asked for; v: needed by a"),
        );
        check(
            &[
                ("a", "Depends: awk"),
                ("gawk", "Priority: optional; Provides: awk"),
                ("mawk", "Priority: required; Provides: awk"),
            ],
            &["a"],
            Ok("a: asked for; mawk: needed by a"),
        );
    }

    #[test]
    fn only_a_versioned_provides_satisfies_a_version() {
        check(
            &[("a", "Depends: v (>= 2)"), ("b", "Provides: v"), ("c", "Provides: v (= 2)")],
            &["a"],
            Ok("a: asked for; c: needed by a"),
        );
    }

    #[test]
    fn the_newest_version_is_the_only_one() {
        check(
            &[("a", "Depends: b (= 2)"), ("b=2", ""), ("b=10", "")],
            &["a"],
            Err("`a` needs `b (= 2)`, which nothing satisfies"),
        );
    }

    #[test]
    fn a_root_must_be_a_real_package() {
        check(
            &[("cargo-web", "Provides: cargo")],
            &["cargo"],
            Err("`cargo` is no package, but packages provide it"),
        );
        check(&[], &["cargo"], Err("there is no package `cargo`"));
    }

    #[test]
    fn chosen_packages_that_exclude_each_other_are_refused() {
        check(&[("a", ""), ("b", "Breaks: a (<< 2)")], &["a", "b"], Err("`b` cannot stand beside `a`"));
        check(&[("a=2", ""), ("b", "Breaks: a (<< 2)")], &["a", "b"], Ok("a: asked for; b: asked for"));
        check(&[("a", "Provides: v; Conflicts: v")], &["a"], Ok("a: asked for"));
        check(
            &[("a", "Provides: v; Conflicts: v"), ("b", "Provides: v")],
            &["a", "b"],
            Err("`a` cannot stand beside `b`"),
        );
    }
}
