//! The formats that a report can have.

use std::str::FromStr;

use crate::{Report, gitlab, html, junit, markdown, sarif};

/// One format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// Markdown, as forges show it.
    Markdown,
    /// JUnit's XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// GitLab's code quality report.
    Gitlab,
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    word: String,
}

impl Format {
    /// Every format, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::Html, Self::Markdown, Self::Junit, Self::Sarif, Self::Gitlab];

    /// The word that names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::Gitlab => "gitlab",
        }
    }

    /// A report in this format.
    pub fn render(self, report: &Report) -> String {
        match self {
            Self::Html => html::page(report),
            Self::Markdown => markdown::document(report),
            Self::Junit => junit::document(report),
            Self::Sarif => sarif::document(report),
            Self::Gitlab => gitlab::document(report),
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == word);
        known.ok_or_else(|| FormatError { word: word.to_owned() })
    }
}

impl FormatError {
    /// The format that may have been meant.
    fn near(&self) -> Option<&'static str> {
        const OTHER_NAMES: [(&str, &str); 6] = [
            ("markdown", "md"),
            ("xml", "junit"),
            ("page", "html"),
            ("codequality", "gitlab"),
            ("code-quality", "gitlab"),
            ("github", "sarif"),
        ];
        let word = self.word.to_lowercase();
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == word).map(|(_, format)| *format);
        let words = Format::ALL.map(Format::as_str);
        other.or_else(|| eadem_model::document::nearest(&word, words))
    }
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is no format of reports", crate::text::line(&self.word))?;
        match self.near() {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => write!(f, "; there are {}", Format::ALL.map(Format::as_str).join(", ")),
        }
    }
}

impl std::error::Error for FormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_after_normalisation_is_told_in_every_format() {
        let report = crate::example::report(vec![crate::example::second_tier()]);
        for format in Format::ALL {
            let text = format.render(&report);
            for word in ["after normalisation", "gzip: time in the header", "tar: times", "elf: build-id"] {
                assert!(text.contains(word), "{word} in {text}");
            }
        }
    }

    #[test]
    fn an_unknown_format_is_answered_with_the_one_that_may_be_meant() {
        let said = |word: &str| word.parse::<Format>().expect_err("it is none").to_string();
        assert_eq!("html".parse(), Ok(Format::Html));
        assert_eq!(said("htlm"), "`htlm` is no format of reports; did you mean `html`?");
        assert_eq!(said("markdown"), "`markdown` is no format of reports; did you mean `md`?");
        assert_eq!(
            said("\u{202e}pdf"),
            "`\\u{202e}pdf` is no format of reports; there are html, md, junit, sarif, gitlab"
        );
    }
}
