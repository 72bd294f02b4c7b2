//! Relations between packages: `Depends`, `Conflicts`, `Provides` and their like.

use std::cmp::Ordering;

use crate::version;

/// One package name with what is asked of its version: `libc6:any (>= 2.38)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation<'a> {
    pub(crate) name: &'a str,
    pub(crate) architecture: Option<&'a str>,
    pub(crate) version: Option<(Operator, &'a str)>,
}

/// How a version must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

/// Alternatives: one of them is enough.
pub(crate) type Group<'a> = Vec<Relation<'a>>;

/// A text that is no relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no relation between packages")]
pub struct RelationError {
    /// The text.
    pub text: String,
}

/// Reads a field of relations; what is restricted to other architectures is left out.
pub(crate) fn parse<'a>(field: &'a str, architecture: &str) -> Result<Vec<Group<'a>>, RelationError> {
    let mut groups = Vec::new();
    for group in field.split(',').map(str::trim).filter(|group| !group.is_empty()) {
        let mut alternatives = Vec::new();
        for text in group.split('|') {
            alternatives.extend(Relation::parse(text.trim(), architecture)?);
        }
        if !alternatives.is_empty() {
            groups.push(alternatives);
        }
    }
    Ok(groups)
}

impl<'a> Relation<'a> {
    /// Reads one relation; gives `None` if it is not meant for `architecture`.
    fn parse(text: &'a str, architecture: &str) -> Result<Option<Self>, RelationError> {
        let bad = || RelationError { text: text.to_owned() };
        // Build profiles never restrict binary packages, but cost nothing to pass over.
        let (body, _profiles) =
            text.split_once('<').filter(|(body, _)| body.ends_with(' ')).unwrap_or((text, ""));
        let (body, restriction) = body.split_once('[').unwrap_or((body, ""));
        let (name, version) = body.split_once('(').unwrap_or((body, ""));
        let (name, qualifier) = match name.trim().split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (name.trim(), None),
        };
        if !is_package_name(name) {
            return Err(bad());
        }
        let version = parse_version(version).ok_or_else(bad)?;
        Ok(is_for(restriction, architecture).then_some(Self { name, architecture: qualifier, version }))
    }

    /// Whether a real package of this name with this version is meant.
    pub(crate) fn accepts(&self, found: &str) -> bool {
        self.version.is_none_or(|(operator, wanted)| operator.holds(version::compare(found, wanted)))
    }

    /// Whether a provider that gives the name this version, or none, is meant.
    pub(crate) fn accepts_provided(&self, found: Option<&str>) -> bool {
        self.version.is_none() || found.is_some_and(|found| self.accepts(found))
    }

    /// Whether packages of `architecture` are meant.
    pub(crate) fn is_for(&self, architecture: &str) -> bool {
        self.architecture.is_none_or(|wanted| wanted == "any" || wanted == "all" || wanted == architecture)
    }
}

impl std::fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        if let Some(architecture) = self.architecture {
            write!(f, ":{architecture}")?;
        }
        self.version.map_or(Ok(()), |(operator, version)| write!(f, " ({} {version})", operator.as_str()))
    }
}

impl Operator {
    fn parse(text: &str) -> Option<(Self, &str)> {
        // `<` and `>` alone are forms of old that mean "or equal".
        let table = [
            ("<<", Self::Earlier),
            ("<=", Self::EarlierOrEqual),
            (">>", Self::Later),
            (">=", Self::LaterOrEqual),
            ("=", Self::Equal),
            ("<", Self::EarlierOrEqual),
            (">", Self::LaterOrEqual),
        ];
        table.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }
}

/// Reads `>= 2.38)`; an empty text is no constraint.
fn parse_version(text: &str) -> Option<Option<(Operator, &str)>> {
    if text.is_empty() {
        return Some(None);
    }
    let (operator, version) = Operator::parse(text.trim().strip_suffix(')')?.trim())?;
    let version = version.trim();
    let plain = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then_some(Some((operator, version)))
}

/// Whether `amd64 arm64]` or `!i386]` lets an architecture through; an empty text does.
fn is_for(restriction: &str, architecture: &str) -> bool {
    let mut words = restriction.trim().trim_end_matches(']').split_whitespace().peekable();
    match words.peek() {
        None => true,
        Some(word) if word.starts_with('!') => words.all(|word| &word[1..] != architecture),
        Some(_) => words.any(|word| word == architecture || word == "any" || word == "linux-any"),
    }
}

/// Whether a text can name a package: it also becomes a file name.
pub(crate) fn is_package_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(field: &str) -> String {
        let groups = parse(field, "amd64").expect("relations");
        let group = |group: &Group<'_>| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        groups.iter().map(group).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn relations_are_read_with_alternatives_versions_and_architectures() {
        for (field, expected) in [
            ("libc6 (>= 2.38), libgcc-s1 (>= 3.0)", "libc6 (>= 2.38), libgcc-s1 (>= 3.0)"),
            ("debconf (>= 0.5) | debconf-2.0", "debconf (>= 0.5) | debconf-2.0"),
            ("python3:any, perl:any (>=5)", "python3:any, perl:any (>= 5)"),
            ("a [amd64], b [!amd64], c [i386 arm64], d [!i386]", "a, d"),
            ("a <!nocheck>, b(<<1)", "a, b (<< 1)"),
            ("a,\n b |\n c", "a, b | c"),
            ("", ""),
            ("a (< 1), b (> 1)", "a (<= 1), b (>= 1)"),
        ] {
            assert_eq!(text(field), expected, "{field}");
        }
    }

    #[test]
    fn broken_relations_are_refused() {
        for field in ["a (1)", "a (>= )", "a (>= 1", "../a", "a b", "|", "-a", "a (>= 1) x"] {
            assert!(parse(field, "amd64").is_err(), "{field}");
        }
    }

    #[test]
    fn an_unversioned_provides_never_satisfies_a_version() {
        let groups = parse("a (>= 1), a", "amd64").expect("relations");
        assert!(!groups[0][0].accepts_provided(None));
        assert!(groups[0][0].accepts_provided(Some("1.5")));
        assert!(groups[1][0].accepts_provided(None));
    }

    #[test]
    fn operators_hold_as_the_distribution_says() {
        for (relation, version, expected) in [
            ("a (<< 2)", "2~", true),
            ("a (<< 2)", "2", false),
            ("a (= 1:2-3)", "1:2-3", true),
            ("a (>> 2)", "2", false),
            ("a (>= 2)", "2", true),
            ("a (<= 2)", "2+b1", false),
        ] {
            let groups = parse(relation, "amd64").expect("a relation");
            assert_eq!(groups[0][0].accepts(version), expected, "{relation} {version}");
        }
    }
}
