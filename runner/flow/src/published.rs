//! Compares what a verification built with what somebody published.

use eadem_explain::{Bounds, Knowledge};
use eadem_model::{At, Digest, Entry, Explanation, Published, Record, Tree, TreePath, Verdict};
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

/// The record with what comes of the comparison; nothing if the claims name none of the outputs.
///
/// Other bytes than the published ones are a difference, whether or not the rounds agree.
pub(crate) fn compare(
    store: &Store,
    record: &Record,
    claims: &[Claim],
) -> Result<Option<Record>, StoreError> {
    let tree = record.rounds.first().and_then(|round| round.tree.as_ref());
    let pairs = tree.map(|tree| pairs(tree, claims)).unwrap_or_default();
    let published = pairs.into_iter().map(|pair| compared(store, pair)).collect::<Result<Vec<_>, _>>()?;
    if published.is_empty() {
        return Ok(None);
    }
    let is_same = published.iter().all(Published::is_same);
    let verdict = if is_same { record.verdict } else { Some(worse(record.verdict)) };
    Ok(Some(Record { published, verdict, ..record.clone() }))
}

/// A difference between the rounds says more than one to what was published.
fn worse(verdict: Option<Verdict>) -> Verdict {
    match verdict {
        Some(Verdict::Flaky) => Verdict::Flaky,
        _ => Verdict::Differs,
    }
}

type Pair<'a> = (&'a TreePath, Digest, &'a Claim);

/// Each output of which something was published.
fn pairs<'a>(tree: &'a Tree, claims: &'a [Claim]) -> Vec<Pair<'a>> {
    let files = tree.entries.iter().filter_map(|(path, entry)| match entry {
        Entry::File { digest, .. } => Some((path, *digest)),
        _ => None,
    });
    files.filter_map(|(path, digest)| Some((path, digest, claim(path, claims)?))).collect()
}

/// What was published under an output's whole path, or else under its name.
fn claim<'a>(path: &TreePath, claims: &'a [Claim]) -> Option<&'a Claim> {
    let whole = claims.iter().find(|claim| claim.name == path.as_str());
    whole.or_else(|| claims.iter().find(|claim| last(&claim.name) == last(path.as_str())))
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

    #[test]
    fn a_whole_path_says_more_than_a_name() {
        let found = |path: &str, names: &[&str]| {
            let claims = claims(names);
            claim(&path.parse().expect("clean"), &claims).map(|claim| claim.name.clone())
        };
        assert_eq!(found("bin/a", &["other/a", "bin/a"]).as_deref(), Some("bin/a"));
        assert_eq!(found("bin/a", &["./dist/a"]).as_deref(), Some("./dist/a"));
        assert_eq!(found("bin/a", &["b", "bin"]), None);
    }

    #[test]
    fn a_flaky_build_stays_flaky() {
        assert_eq!(worse(Some(Verdict::Flaky)), Verdict::Flaky);
        assert_eq!(worse(Some(Verdict::Reproducible)), Verdict::Differs);
        assert_eq!(worse(Some(Verdict::Inconclusive)), Verdict::Differs);
    }
}
