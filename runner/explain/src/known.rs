//! Values that are known to differ between the two builds.

/// A value of each side: the path, host name, user of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it is: `path`, `hostname`, `user`, `home`, `time`, or the name of a variation.
    pub name: String,
    /// The value in the first and in the second build.
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
}

/// Which values make the first bytes equal to the second when each side's stand for the other's.
///
/// None if they do not, or if nothing had to be replaced.
pub(crate) fn substitute<'k>(known: &'k [Known], first: &[u8], second: &[u8]) -> Option<Vec<&'k Known>> {
    let places = places(known, first);
    let (mut at, mut rest, mut used) = (0, second, Vec::new());
    for (start, one) in places {
        if start < at {
            continue;
        }
        rest = rest.strip_prefix(first.get(at..start)?)?.strip_prefix(one.values[1].as_bytes())?;
        at = start + one.values[0].len();
        used.push(one);
    }
    used.dedup_by(|left, right| left.name == right.name);
    (!used.is_empty() && rest == first.get(at..)?).then_some(used)
}

/// Where the first side's values stand; at one place the longest comes first.
fn places<'k>(known: &'k [Known], first: &[u8]) -> Vec<(usize, &'k Known)> {
    let found = |one: &'k Known| {
        memchr::memmem::find_iter(first, one.values[0].as_bytes())
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
            Some(vec!["path", "hostname"])
        );
        assert_eq!(names("in /build/x7/src", "in /b/longer/src!"), None);
        assert_eq!(names("equal", "equal"), None);
    }

    #[test]
    fn the_longest_of_two_values_at_one_place_is_taken() {
        let known = [known("home", "/home/a", "/home/b"), known("path", "/home/a/src", "/x")];
        assert_eq!(substitute(&known, b"/home/a/src/m.rs", b"/x/m.rs").map(|used| used.len()), Some(1));
    }
}
