//! The names of what differs between rounds, and which of them are wanted.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Something that differs between rounds on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variation {
    /// Where the sources are.
    Source,
    /// Where cargo's home is.
    Cargo,
    /// Where the build takes place.
    Target,
    /// The machine's name.
    Hostname,
    /// The user's name.
    User,
    /// The user's number.
    Uid,
    /// The group's number.
    Gid,
    /// The user's home.
    Home,
    /// File mode creation mask.
    Umask,
    /// Language and character set.
    Locale,
    /// Time zone.
    Timezone,
    /// Variables that mean nothing.
    Environment,
    /// How many processors there are.
    Processors,
    /// In which order directories list their entries.
    Order,
    /// What time it is.
    Clock,
    /// Which release the kernel says that it is.
    Kernel,
}

impl Variation {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 16] = [
        Self::Source,
        Self::Cargo,
        Self::Target,
        Self::Hostname,
        Self::User,
        Self::Uid,
        Self::Gid,
        Self::Home,
        Self::Umask,
        Self::Locale,
        Self::Timezone,
        Self::Environment,
        Self::Processors,
        Self::Order,
        Self::Clock,
        Self::Kernel,
    ];

    /// The name by which it is chosen and recorded.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Cargo => "cargo",
            Self::Target => "target",
            Self::Hostname => "hostname",
            Self::User => "user",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Home => "home",
            Self::Umask => "umask",
            Self::Locale => "locale",
            Self::Timezone => "timezone",
            Self::Environment => "environment",
            Self::Processors => "processors",
            Self::Order => "order",
            Self::Clock => "clock",
            Self::Kernel => "kernel",
        }
    }

    fn named(name: &str) -> Option<Vec<Self>> {
        match name {
            "all" => Some(Self::ALL.to_vec()),
            "path" => Some(vec![Self::Source, Self::Cargo, Self::Target]),
            _ => Self::ALL.into_iter().find(|one| one.as_str() == name).map(|one| vec![one]),
        }
    }
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Variation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Variation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let one = Self::ALL.into_iter().find(|one| one.as_str() == name);
        one.ok_or_else(|| D::Error::custom(VaryError::of(&name)))
    }
}

/// A change of what is varied: `-kernel` takes one away, `+kernel` adds one, and `path,clock` names all that are
/// left. `path` is where the sources, cargo's home and the target are, and `all` is every variation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vary(Vec<Item>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Only(Vec<Variation>),
    With(Vec<Variation>),
    Without(Vec<Variation>),
}

impl Vary {
    /// Every variation, but for what this changes.
    pub fn chosen(&self) -> BTreeSet<Variation> {
        let mut chosen: BTreeSet<Variation> = Variation::ALL.into();
        for item in &self.0 {
            match item {
                Item::Only(these) => chosen = these.iter().copied().collect(),
                Item::With(these) => chosen.extend(these),
                Item::Without(these) => chosen.retain(|one| !these.contains(one)),
            }
        }
        chosen
    }

    /// The two, one after the other.
    #[must_use]
    pub fn then(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }

    fn read(words: impl Iterator<Item = String>) -> Result<Self, VaryError> {
        let mut items: Vec<Item> = Vec::new();
        for word in words {
            let (sign, name) = match word.split_at_checked(1) {
                Some((sign @ ("+" | "-"), name)) => (sign, name),
                _ => ("", word.as_str()),
            };
            let these = Variation::named(name).ok_or_else(|| VaryError::of(name))?;
            match (sign, items.last_mut()) {
                ("-", _) => items.push(Item::Without(these)),
                ("", None) => items.push(Item::Only(these)),
                _ => items.push(Item::With(these)),
            }
        }
        Ok(Self(items))
    }
}

impl FromStr for Vary {
    type Err = VaryError;

    /// Reads names with or without a sign, divided by commas.
    fn from_str(text: &str) -> Result<Self, VaryError> {
        Self::read(text.split(',').map(|word| word.trim().to_owned()))
    }
}

impl<'de> Deserialize<'de> for Vary {
    /// Reads a list of what the command line takes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let words = words.iter().flat_map(|word| word.split(',')).map(|word| word.trim().to_owned());
        Self::read(words).map_err(D::Error::custom)
    }
}

/// A word that names no variation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no variation `{}`{}; there are all, path, {}", name.escape_debug(), self.guess(), names())]
pub struct VaryError {
    name: String,
    /// What may have been meant.
    pub suggestion: Option<&'static str>,
}

impl VaryError {
    fn of(name: &str) -> Self {
        let known = Variation::ALL.into_iter().map(Variation::as_str).chain(["all", "path"]);
        let suggestion = crate::document::nearest(name, known);
        Self { name: name.to_owned(), suggestion }
    }

    fn guess(&self) -> String {
        self.suggestion.map(|known| format!(" (did you mean `{known}`?)")).unwrap_or_default()
    }
}

fn names() -> String {
    Variation::ALL.map(Variation::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> Vec<&'static str> {
        let chosen = text.parse::<Vary>().expect("names of variations").chosen();
        chosen.into_iter().map(Variation::as_str).collect()
    }

    #[test]
    fn signs_change_what_is_varied_and_a_name_alone_begins_anew() {
        assert_eq!(left("-kernel,-clock").len(), Variation::ALL.len() - 2);
        assert_eq!(left("+all,-kernel").len(), Variation::ALL.len() - 1);
        assert_eq!(left("path,clock"), ["source", "cargo", "target", "clock"]);
        assert_eq!(left("path,-cargo,+umask"), ["source", "target", "umask"]);
        assert_eq!(left("-all,+user"), ["user"]);
        assert_eq!(left("-all"), [""; 0]);
    }

    #[test]
    fn a_later_choice_changes_an_earlier_one() {
        let recipe: Vary = "-kernel".parse().expect("a name");
        let words: Vary = "-clock".parse().expect("a name");
        assert_eq!(recipe.then(&words).chosen().len(), Variation::ALL.len() - 2);
        let anew: Vary = "umask".parse().expect("a name");
        assert_eq!(recipe.then(&anew).chosen(), [Variation::Umask].into());
    }

    #[test]
    fn an_unknown_name_is_refused_with_what_may_be_meant() {
        let error = "-kernal".parse::<Vary>().expect_err("no variation");
        assert_eq!(error.suggestion, Some("kernel"));
        assert!(error.to_string().contains("`kernal` (did you mean `kernel`?); there are all, path, source"));
        for text in ["", "clock,", "--clock", "+", "zzzzzzzzzz"] {
            assert!(text.parse::<Vary>().is_err(), "{text:?}");
        }
    }
}
