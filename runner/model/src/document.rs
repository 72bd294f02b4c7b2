//! Reads the project's YAML: recipes, images and locks.
//!
//! Unknown and duplicate keys are refused, and an error knows its file, line and column.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
};

/// Why a document cannot be read, with the place and the line itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct DocumentError {
    /// The file's name as the user would write it.
    pub file: String,
    /// Line, from 1; 0 if the fault has no place.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// The line itself.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// Reads `text`, which stands in `file`.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DocumentError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_yaml::from_str(text).map_err(|error| locate(file, text, &error))
}

/// Writes a document in its one canonical form.
pub fn render(value: &impl serde::Serialize) -> String {
    serde_yaml::to_string(value).expect("values of the model have only text keys")
}

fn locate(file: &str, text: &str, error: &serde_yaml::Error) -> DocumentError {
    let place = error.location().map_or((0, 0), |place| (place.line(), place.column()));
    let full = error.to_string();
    // The parser appends its own place, which we show ourselves.
    let message = full.split(" at line ").next().unwrap_or(&full).to_owned();
    let (line, column) = second_of_its_name(text, &message, place).unwrap_or(place);
    DocumentError {
        file: file.to_owned(),
        line,
        column,
        text: text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned(),
        suggestion: suggest(&message),
        message,
    }
}

/// Finds the second of two equal keys: the parser knows only where their map begins.
fn second_of_its_name(text: &str, message: &str, (line, column): (usize, usize)) -> Option<(usize, usize)> {
    let key = message.split_once("duplicate field `")?.1.strip_suffix('`')?;
    let is_key = |rest: &str| rest.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let in_map =
        |line: &str| line.char_indices().nth(column.checked_sub(1)?).map(|(at, _)| is_key(&line[at..]));
    let lines = text.lines().enumerate().skip(line.saturating_sub(1));
    let mut keys = lines.filter(|(_, text)| in_map(text) == Some(true));
    keys.nth(1).map(|(index, _)| (index + 1, column))
}

/// Finds the expected word that is nearest to the unknown one in serde's message.
fn suggest(message: &str) -> Option<String> {
    if !message.contains("unknown ") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    nearest(unknown, words).map(str::to_owned)
}

/// The word that is nearest to an unknown one, if it is near at all.
pub fn nearest<'a>(unknown: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = words.into_iter().min_by_key(|word| distance(unknown, word))?;
    (distance(unknown, best) <= unknown.chars().count().max(3) / 2).then_some(best)
}

/// Edits that turn one word into the other; two neighbours swapped count as one.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut best = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

/// Reads a map and refuses a key that stands twice; for `deserialize_with`.
pub(crate) fn unique_map<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(Unique(PhantomData))
}

struct Unique<K, V>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de> + Ord + fmt::Display, V: Deserialize<'de>> Visitor<'de> for Unique<K, V> {
    type Value = BTreeMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = access.next_key::<K>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            map.insert(key, access.next_value()?);
        }
        Ok(map)
    }
}

/// A format version that must be the one that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version1;

impl Version1 {
    /// The number in the file.
    pub const NUMBER: u32 = 1;
}

impl<'de> Deserialize<'de> for Version1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            Self::NUMBER => Ok(Self),
            other => Err(D::Error::custom(format_args!(
                "format version {other} is not known to this eadem, which reads version {}",
                Self::NUMBER
            ))),
        }
    }
}

impl serde::Serialize for Version1 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::NUMBER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_one_slip_is_near() {
        assert_eq!(distance("outptus", "outputs"), 1);
        assert_eq!(
            suggest("unknown field `outptus`, expected one of `name`, `outputs`").as_deref(),
            Some("outputs")
        );
        assert_eq!(suggest("unknown field `zzzzzz`, expected one of `name`, `outputs`"), None);
    }
}
