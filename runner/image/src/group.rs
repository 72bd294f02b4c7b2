//! Which package goes into which layer: a function of the lock alone.

use std::collections::BTreeMap;

use eadem_model::LockedPackage;

/// So many layers hold packages; one more on top holds what the fix-ups make.
const MAX_GROUPS: usize = 9;

/// The layer of every source package, and how many there are.
///
/// The largest sources get a layer each, the largest lowest, and all others share the last: a new
/// version of one package then changes few layers.
pub(crate) fn groups(packages: &[LockedPackage]) -> (BTreeMap<&str, usize>, usize) {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for package in packages {
        *sizes.entry(&package.source).or_default() += package.size;
    }
    let mut sources: Vec<(&str, u64)> = sizes.into_iter().collect();
    sources.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
    let n_groups = sources.len().min(MAX_GROUPS);
    let places = sources.iter().enumerate().map(|(place, (source, _))| (*source, place.min(MAX_GROUPS - 1)));
    (places.collect(), n_groups)
}

#[cfg(test)]
mod tests {
    use eadem_model::Digest;

    use super::*;

    fn package(source: &str, size: u64) -> LockedPackage {
        LockedPackage {
            name: source.to_owned(),
            version: "1".to_owned(),
            architecture: "amd64".to_owned(),
            source: source.to_owned(),
            path: "pool/x".to_owned(),
            sha256: Digest::of(b""),
            size,
            why: "asked for".to_owned(),
        }
    }

    #[test]
    fn large_sources_have_a_layer_each_and_the_rest_share_one() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        let packages: Vec<_> = names.iter().zip(1..).map(|(name, size)| package(name, size)).collect();
        let (groups, n_groups) = groups(&packages);
        assert_eq!(n_groups, 9);
        assert_eq!((groups["k"], groups["j"], groups["d"]), (0, 1, 7));
        assert_eq!((groups["c"], groups["b"], groups["a"]), (8, 8, 8));
    }

    #[test]
    fn packages_of_one_source_stay_together_and_equal_sizes_go_by_name() {
        let packages = [package("b", 2), package("a", 1), package("a", 1)];
        let (groups, n_groups) = groups(&packages);
        assert_eq!((groups["a"], groups["b"], n_groups), (0, 1, 2));
    }
}
