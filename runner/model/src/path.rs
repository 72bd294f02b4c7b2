//! Paths inside a tree and inside a room; never paths of the host.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A relative path below some root: no `..`, no `.`, no empty part, no NUL, valid UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// An absolute path in a room, as clean as a [`TreePath`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomPath(String);

/// Why a text is no path of a tree or a room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// An empty path names nothing.
    #[error("a path is empty")]
    Empty,
    /// A path that starts elsewhere than asked.
    #[error("`{path}` must be {must}")]
    Anchor {
        /// The path as written.
        path: String,
        /// `relative` or `absolute`.
        must: &'static str,
    },
    /// A part that could leave the tree or name the same place twice.
    #[error("`{path}` has the part `{part}`, which is not allowed")]
    Part {
        /// The path as written.
        path: String,
        /// The offending part.
        part: String,
    },
}

fn check_parts(path: &str, parts: &str) -> Result<(), PathError> {
    for part in parts.split('/') {
        if matches!(part, "" | "." | "..") || part.contains('\0') {
            return Err(PathError::Part { path: path.to_owned(), part: part.to_owned() });
        }
    }
    Ok(())
}

impl TreePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path with one more, clean, below it.
    pub fn join(&self, rest: &str) -> Result<Self, PathError> {
        format!("{}/{rest}", self.0).parse()
    }

    /// The directory that holds this path, if it is not the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }
}

impl RoomPath {
    /// The path as text, with its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading slash, to be resolved below a room's root.
    pub fn below_root(&self) -> &str {
        &self.0[1..]
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.starts_with('/') {
            return Err(PathError::Anchor { path: text.to_owned(), must: "relative" });
        }
        check_parts(text, text)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for RoomPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PathError::Anchor { path: text.to_owned(), must: "absolute" });
        };
        check_parts(text, rest)?;
        Ok(Self(text.to_owned()))
    }
}

macro_rules! text_path {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

text_path!(TreePath);
text_path!(RoomPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_their_root_are_refused() {
        for text in ["", "/a", "../a", "a/..", "a//b", "./a", "a/", "a\0b", "a/../../b"] {
            assert!(text.parse::<TreePath>().is_err(), "{text:?}");
        }
        for text in ["", "a", "/", "/a/../b", "//a", "/a/"] {
            assert!(text.parse::<RoomPath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn clean_paths_keep_their_text() {
        assert_eq!("bin/hexyl".parse::<TreePath>().expect("clean").as_str(), "bin/hexyl");
        assert_eq!("/build/src".parse::<RoomPath>().expect("clean").below_root(), "build/src");
    }
}
