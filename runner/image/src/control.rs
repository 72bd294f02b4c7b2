//! Control files: stanzas of fields, as package indices, releases and packages have them.

/// One stanza: its fields in order, values with their continuation lines as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stanza<'a> {
    fields: Vec<(&'a str, &'a str)>,
}

/// A text that is not a control file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A line is neither a field nor the continuation of one.
    #[error("`{line}` is no field")]
    NotAField {
        /// The line.
        line: String,
    },
    /// A field stands twice in a stanza: readers would disagree on which one counts.
    #[error("the field `{field}` stands twice in a stanza")]
    Duplicate {
        /// The field.
        field: String,
    },
    /// A field that must be there is not.
    #[error("{subject} has no field `{field}`")]
    Missing {
        /// What the stanza is about.
        subject: String,
        /// The field.
        field: &'static str,
    },
    /// A field's value cannot be read.
    #[error("{subject} has the {field} `{value}`, which cannot be read")]
    Value {
        /// What the stanza is about.
        subject: String,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
}

/// Reads the stanzas of `text` one by one.
pub(crate) fn stanzas(text: &str) -> impl Iterator<Item = Result<Stanza<'_>, ControlError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('\n');
        if rest.is_empty() {
            return None;
        }
        let (stanza, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
        rest = after;
        Some(Stanza::parse(stanza))
    })
}

impl<'a> Stanza<'a> {
    /// Reads a text that is one stanza.
    pub(crate) fn parse(text: &'a str) -> Result<Self, ControlError> {
        let mut fields: Vec<(&str, &str)> = Vec::with_capacity(24);
        let mut rest = text.trim_end_matches('\n');
        while !rest.is_empty() {
            let (field, after) = rest.split_at(field_end(rest));
            rest = after.strip_prefix('\n').unwrap_or(after);
            let (name, value) = split_field(field)?;
            if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(ControlError::Duplicate { field: name.to_owned() });
            }
            fields.push((name, value));
        }
        Ok(Self { fields })
    }

    /// The value of a field; names of fields have no case.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The value of a field that `subject` must have.
    pub(crate) fn need(&self, subject: &str, field: &'static str) -> Result<&'a str, ControlError> {
        self.field(field).ok_or_else(|| ControlError::Missing { subject: subject.to_owned(), field })
    }
}

/// Where the field that `text` begins with ends: before a line that is no continuation.
fn field_end(text: &str) -> usize {
    let mut at = 0;
    while let Some(n) = text[at..].find('\n') {
        at += n + 1;
        if !text[at..].starts_with([' ', '\t']) {
            return at - 1;
        }
    }
    text.len()
}

fn split_field(field: &str) -> Result<(&str, &str), ControlError> {
    let not_a_field =
        || ControlError::NotAField { line: field.lines().next().unwrap_or_default().to_owned() };
    let (name, value) = field.split_once(':').ok_or_else(not_a_field)?;
    let plain = |byte: u8| byte.is_ascii_graphic();
    if name.is_empty() || name.starts_with(['-', '#']) || !name.bytes().all(plain) {
        return Err(not_a_field());
    }
    Ok((name, value.trim_matches([' ', '\t', '\n'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_parted_by_empty_lines_and_values_may_go_on() {
        let text = "Package: a\nVersion: 1\nDescription: short\n long\n .\n more\n\n\nPackage: b\n";
        let stanzas: Vec<Stanza<'_>> = stanzas(text).map(|stanza| stanza.expect("a stanza")).collect();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].field("package"), Some("a"));
        assert_eq!(stanzas[0].field("Description"), Some("short\n long\n .\n more"));
        assert_eq!(stanzas[1].field("Package"), Some("b"));
        assert_eq!(stanzas[1].field("Version"), None);
    }

    #[test]
    fn a_field_that_stands_twice_is_refused_whatever_its_case() {
        let error = Stanza::parse("Size: 1\nsize: 2").expect_err("twice");
        assert_eq!(error, ControlError::Duplicate { field: "size".to_owned() });
    }

    #[test]
    fn a_line_that_is_no_field_is_refused() {
        for text in ["Package", " continued", ": x", "Pack age: x", "-----BEGIN: x"] {
            assert!(matches!(Stanza::parse(text), Err(ControlError::NotAField { .. })), "{text}");
        }
    }
}
