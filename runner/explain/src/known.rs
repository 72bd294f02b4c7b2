//! What is known of the two builds before their outputs are compared.

/// Values that differ between the two builds, and when each of them ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// Values that can be looked for.
    pub values: Vec<Known>,
    /// When the first and the second build ran, if that is known.
    pub spans: Option<[Span; 2]>,
}

impl From<Vec<Known>> for Knowledge {
    fn from(values: Vec<Known>) -> Self {
        Self { values, spans: None }
    }
}

/// When a build ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first second since 1970, by the machine's clock; 0 if that is not known.
    pub start: i64,
    /// Its last second.
    pub end: i64,
    /// Seconds by which the build's own clock was ahead. The times of files are the machine's all the same.
    pub ahead: i64,
    /// Seconds by which its time zone is east of Greenwich.
    pub east: i64,
}

impl Span {
    /// Whether a second since 1970 lies in the build, by either clock.
    pub(crate) fn has(&self, second: u64) -> bool {
        let within = |ahead: i64| {
            (self.start.saturating_add(ahead)..=self.end.saturating_add(ahead))
                .contains(&i64::try_from(second).unwrap_or(i64::MAX))
        };
        within(0) || within(self.ahead)
    }
}

/// A value of each side: the path, host name, user of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it is: `path`, `hostname`, `user`, `home`, `time`, or the name of a variation.
    pub name: String,
    /// The value in the first and in the second build; empty where there was none.
    pub values: [String; 2],
}

/// Values that are shorter than this on both sides may stand there by chance, and prove nothing.
const IMPROBABLE: usize = 7;
/// A value that is shorter on one side proves nothing either.
const SHORTEST: usize = 4;

impl Known {
    /// Whether the values differ, so that they can be looked for.
    pub(crate) fn differs(&self) -> bool {
        self.values[0] != self.values[1] && self.values.iter().all(|value| !value.is_empty())
    }

    /// Whether the values are long enough that finding them is no chance.
    pub(crate) fn is_improbable(&self) -> bool {
        let lengths = self.values.each_ref().map(String::len);
        lengths.iter().all(|length| *length >= SHORTEST) && lengths.iter().any(|length| *length >= IMPROBABLE)
    }

    /// Whether the values are short numbers, which stand anywhere.
    pub(crate) fn is_number(&self) -> bool {
        !self.is_improbable() && self.values.iter().all(|value| value.bytes().all(|it| it.is_ascii_digit()))
    }

    /// Whether the first side's value may stand between these bytes: a short one is no part of a longer word.
    fn fits_between(&self, before: &[u8], behind: &[u8]) -> bool {
        let joins = |byte: Option<&u8>| match byte {
            Some(b'.' | b':' | b'-') => self.is_number(),
            Some(byte) => byte.is_ascii_alphanumeric(),
            None => false,
        };
        let ends = behind.first() != Some(&b'.') || behind.get(1).is_some_and(u8::is_ascii_alphanumeric);
        self.is_improbable() || !(joins(before.last()) || (ends && joins(behind.first())))
    }
}

/// Which values make the first bytes equal to the second when each side's stand for the other's.
///
/// A value that stands on both sides has stayed. None if they do not, or if nothing had to be replaced.
pub(crate) fn substitute<'k>(known: &'k [Known], first: &[u8], second: &[u8]) -> Option<Vec<&'k Known>> {
    let places = places(known, first);
    let (mut at, mut rest, mut used) = (0, second, Vec::new());
    for (start, one) in places {
        if start < at {
            continue;
        }
        let here = rest.strip_prefix(first.get(at..start)?)?;
        if let Some(behind) = here.strip_prefix(one.values[1].as_bytes()) {
            (at, rest) = (start + one.values[0].len(), behind);
            used.push(one);
        } else if !here.starts_with(one.values[0].as_bytes()) {
            return None;
        }
    }
    used.sort_by(|left, right| left.name.cmp(&right.name));
    used.dedup_by(|left, right| left.name == right.name);
    (!used.is_empty() && rest == first.get(at..)?).then_some(used)
}

/// Where the first side's values stand; at one place the longest comes first.
fn places<'k>(known: &'k [Known], first: &[u8]) -> Vec<(usize, &'k Known)> {
    let found = |one: &'k Known| {
        let length = one.values[0].len();
        memchr::memmem::find_iter(first, one.values[0].as_bytes())
            .filter(|start| one.fits_between(&first[..*start], &first[start + length..]))
            .map(move |start| (start, one))
            .collect::<Vec<_>>()
    };
    let mut places: Vec<_> = known.iter().filter(|one| one.differs()).flat_map(found).collect();
    places.sort_by_key(|(start, one)| (*start, std::cmp::Reverse(one.values[0].len())));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, first: &str, second: &str) -> Known {
        Known { name: name.to_owned(), values: [first.to_owned(), second.to_owned()] }
    }

    #[test]
    fn values_of_one_side_are_put_in_the_place_of_the_others() {
        let known = [known("path", "/build/x7", "/b/longer"), known("hostname", "hq83", "zz1")];
        let names = |first: &str, second: &str| {
            substitute(&known, first.as_bytes(), second.as_bytes())
                .map(|used| used.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())
        };
        assert_eq!(
            names("in /build/x7/src on hq83", "in /b/longer/src on zz1"),
            Some(vec!["hostname", "path"])
        );
        assert_eq!(names("in /build/x7/src", "in /b/longer/src!"), None);
        assert_eq!(names("equal", "equal"), None);
    }

    #[test]
    fn the_longest_of_two_values_at_one_place_is_taken() {
        let known = [known("home", "/home/a", "/home/b"), known("path", "/home/a/src", "/x")];
        assert_eq!(substitute(&known, b"/home/a/src/m.rs", b"/x/m.rs").map(|used| used.len()), Some(1));
    }

    #[test]
    fn short_numbers_are_no_part_of_a_longer_one_and_may_stay() {
        let known = [known("processors", "2", "1"), known("umask", "0022", "0077")];
        let names = |first: &str, second: &str| {
            substitute(&known, first.as_bytes(), second.as_bytes())
                .map(|used| used.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())
        };
        assert_eq!(names("2 of 2 workers.", "1 of 2 workers."), Some(vec!["processors"]));
        assert_eq!(names("-j2 umask 0022\n", "-j2 umask 0077\n"), Some(vec!["umask"]));
        for (first, second) in [("1.2", "1.1"), ("12", "11"), ("10:2", "10:1"), ("a2", "a1"), ("2.5", "1.5")]
        {
            assert_eq!(names(first, second), None, "{first}");
        }
    }
}
