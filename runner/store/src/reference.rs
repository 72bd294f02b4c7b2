//! What a record, a lock or a manifest names.

use std::collections::BTreeSet;

use eadem_model::{Digest, ImageLock, RecipeLock};
use serde_json::Value;

/// All digests that stand in a JSON text; none if it is no JSON.
///
/// Whatever a later eadem writes into its records is understood so far, too: what may be a reference is one.
pub(crate) fn digests_in(json: &[u8]) -> BTreeSet<Digest> {
    let mut digests = BTreeSet::new();
    collect(&serde_json::from_slice(json).unwrap_or_default(), &mut digests);
    digests
}

fn collect(value: &Value, digests: &mut BTreeSet<Digest>) {
    match value {
        Value::String(text) => digests.extend(text.parse::<Digest>()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, digests)),
        Value::Object(values) => values.values().for_each(|value| collect(value, digests)),
        _ => {}
    }
}

/// What the locks of projects name: blobs, and layers by their diff_ids.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    pub(crate) images: BTreeSet<Digest>,
    pub(crate) recipes: BTreeSet<Digest>,
    pub(crate) manifests: BTreeSet<Digest>,
}

impl Claims {
    /// Takes in what an image's lock names.
    pub fn add_image(&mut self, lock: &ImageLock) {
        self.manifests.insert(lock.result.manifest);
        self.images.extend(digests_in(&serde_json::to_vec(lock).expect("locks have only text keys")));
    }

    /// Takes in what a recipe's lock names.
    pub fn add_recipe(&mut self, lock: &RecipeLock) {
        self.recipes.extend(digests_in(&serde_json::to_vec(lock).expect("locks have only text keys")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_of_a_text_is_found_and_nothing_else() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let text =
            format!(r#"{{"a": ["{one}", 7], "b": {{"c": "{two}", "d": "sha256:x", "e": "of {one}"}}}}"#);
        assert_eq!(digests_in(text.as_bytes()), [one, two].into());
        assert!(digests_in(b"{").is_empty());
    }
}
