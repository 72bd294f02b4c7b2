//! Compares what a verification built with what somebody published.

use eadem_explain::{Bounds, Knowledge};
use eadem_model::{At, Digest, Explanation, Published, Record, Tree, TreePath, Verdict};
use eadem_store::{Mapped, Store, StoreError};

/// A published file, as far as it is known.
#[derive(Debug)]
pub struct Claim {
    /// Its name, perhaps with directories.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes, if they are at hand.
    pub bytes: Option<Mapped>,
}

/// The record with what comes of the comparison.
///
/// Other bytes than the published ones are a difference, whether or not the rounds agree.
pub(crate) fn compare(store: &Store, record: Record, claims: &[Claim]) -> Result<Record, StoreError> {
    let tree = record.rounds.first().and_then(|round| round.tree.as_ref());
    let pairs = tree.map(|tree| pairs(tree, claims)).unwrap_or_default();
    let published = pairs.into_iter().map(|pair| compared(store, pair)).collect::<Result<Vec<_>, _>>()?;
    let is_same = published.iter().all(Published::is_same);
    let verdict = if is_same { record.verdict } else { Some(worse(record.verdict)) };
    Ok(Record { published, verdict, ..record })
}

/// A difference between the rounds says more than one to what was published.
fn worse(verdict: Option<Verdict>) -> Verdict {
    match verdict {
        Some(verdict) if verdict.is_difference() => verdict,
        _ => Verdict::Differs,
    }
}

type Pair<'a> = (&'a TreePath, Digest, &'a Claim);

/// Each output of which something was published: under its whole path, or else under a name that no other output
/// and no other claim has.
fn pairs<'a>(tree: &'a Tree, claims: &'a [Claim]) -> Vec<Pair<'a>> {
    let files: Vec<(&TreePath, Digest)> = tree.files().collect();
    let is_alone = |path: &TreePath| {
        files.iter().filter(|(other, _)| last(other.as_str()) == last(path.as_str())).count() == 1
    };
    let claim = |path: &TreePath| {
        let whole = claims.iter().find(|claim| plain(&claim.name) == path.as_str());
        whole.or_else(|| named(path, claims).filter(|_| is_alone(path)))
    };
    files.iter().filter_map(|(path, digest)| Some((*path, *digest, claim(path)?))).collect()
}

/// The one claim of an output's name.
fn named<'a>(path: &TreePath, claims: &'a [Claim]) -> Option<&'a Claim> {
    let mut same = claims.iter().filter(|claim| last(&claim.name) == last(path.as_str()));
    same.next().filter(|_| same.next().is_none())
}

fn plain(name: &str) -> &str {
    name.trim_start_matches("./")
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn compared(store: &Store, (path, built, claim): Pair<'_>) -> Result<Published, StoreError> {
    let explanation = match &claim.bytes {
        Some(bytes) if claim.digest != built => Some(explained(store, bytes, &built)?),
        _ => None,
    };
    Ok(Published { path: path.clone(), published: claim.digest, built, explanation })
}

fn explained(store: &Store, published: &Mapped, built: &Digest) -> Result<Explanation, StoreError> {
    let path = store.file_path(built);
    let built = Mapped::of(&store.open_blob(built)?).at(path)?;
    Ok(eadem_explain::files(published.as_ref(), built.as_ref(), &Knowledge::default(), Bounds::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(names: &[&str]) -> Vec<Claim> {
        let claim = |name: &&str| Claim {
            name: (*name).to_owned(),
            digest: Digest::of(name.as_bytes()),
            bytes: None,
        };
        names.iter().map(claim).collect()
    }

    fn tree(paths: &[&str]) -> Tree {
        let file = |path: &&str| {
            let digest = Digest::of(path.as_bytes());
            (path.parse().expect("clean"), eadem_model::Entry::File { digest, size: 1, executable: false })
        };
        Tree { entries: paths.iter().map(file).collect() }
    }

    fn found(paths: &[&str], names: &[&str]) -> Vec<(String, String)> {
        let (tree, claims) = (tree(paths), claims(names));
        let pairs = pairs(&tree, &claims);
        pairs.into_iter().map(|(path, _, claim)| (path.to_string(), claim.name.clone())).collect()
    }

    #[test]
    fn a_whole_path_says_more_than_a_name_and_a_name_says_nothing_if_it_is_not_alone() {
        let pair = |path: &str, name: &str| (path.to_owned(), name.to_owned());
        assert_eq!(found(&["bin/a"], &["other/a", "bin/a"]), [pair("bin/a", "bin/a")]);
        assert_eq!(found(&["bin/a"], &["dist/a"]), [pair("bin/a", "dist/a")]);
        assert_eq!(found(&["bin/a"], &["b", "bin"]), []);
        assert_eq!(
            found(&["d/x/f", "d/y/f"], &["./d/y/f", "./d/x/f"]),
            [pair("d/x/f", "./d/x/f"), pair("d/y/f", "./d/y/f")]
        );
        assert_eq!(found(&["d/x/f", "d/y/f"], &["d/y/f"]), [pair("d/y/f", "d/y/f")]);
        assert_eq!(found(&["f"], &["a/f", "b/f"]), []);
    }

    #[test]
    fn what_differs_between_rounds_stays_what_it_is() {
        assert_eq!(worse(Some(Verdict::Flaky)), Verdict::Flaky);
        assert_eq!(worse(Some(Verdict::Regressed)), Verdict::Regressed);
        assert_eq!(worse(Some(Verdict::Reproducible)), Verdict::Differs);
        assert_eq!(worse(Some(Verdict::Inconclusive)), Verdict::Differs);
    }
}
