//! What of a header counts, and what is taken out of it.

use std::{collections::BTreeMap, ops::Range};

use eadem_model::Normalisation;

/// What was taken out, by the normalisation that takes it.
pub(super) type Taken = BTreeMap<Normalisation, Vec<u8>>;

/// A field that does not count: of a normalisation, or of none if it follows from the rest.
pub(super) type Field = (Option<Normalisation>, Range<usize>);

/// Blanks fields of a header; none if it is too short to have them.
pub(super) fn mask(header: &[u8], fields: &[Field], taken: &mut Taken) -> Option<Vec<u8>> {
    let mut kept = header.to_vec();
    for (normalisation, range) in fields {
        if let Some(name) = normalisation {
            taken.entry(*name).or_default().extend(header.get(range.clone())?);
        }
        kept.get_mut(range.clone())?.fill(0);
    }
    Some(kept)
}

/// Appends a stretch with its length, so that no two rows of stretches look alike.
pub(super) fn push(bytes: &mut Vec<u8>, stretch: &[u8]) {
    bytes.extend((stretch.len() as u64).to_le_bytes());
    bytes.extend(stretch);
}
