//! What takes the store's space.

use std::{collections::BTreeSet, fmt};

use eadem_model::Digest;
use serde::Serialize;

use crate::{Claims, StoreError, census, store::Store};

/// What something in the store is. A blob that is several things counts as the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Packages, and images as blobs.
    Images,
    /// Crates and archives.
    Sources,
    /// What builds gave.
    Outputs,
    /// What units gave.
    UnitOutputs,
    /// Records of runs and units, plans and trees.
    Records,
    /// Logs.
    Logs,
    /// Layers that are laid out.
    Unpacked,
    /// What failed builds left.
    Kept,
    /// Rooms, temporary files, and blobs that nothing names.
    Other,
}

impl Kind {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::Images,
        Self::Sources,
        Self::Outputs,
        Self::UnitOutputs,
        Self::Records,
        Self::Logs,
        Self::Unpacked,
        Self::Kept,
        Self::Other,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::Sources => "sources",
            Self::Outputs => "outputs",
            Self::UnitOutputs => "unit outputs",
            Self::Records => "records",
            Self::Logs => "logs",
            Self::Unpacked => "unpacked",
            Self::Kept => "kept",
            Self::Other => "other",
        })
    }
}

/// How much there is of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// What it is.
    pub kind: Kind,
    /// How many: blobs, records, logs, layers, directories.
    pub count: u64,
    /// The bytes that they take on the disk.
    pub bytes: u64,
}

/// Tells what blobs are.
pub(crate) struct Kinds {
    images: BTreeSet<Digest>,
    sources: BTreeSet<Digest>,
    outputs: BTreeSet<Digest>,
    units: BTreeSet<Digest>,
    records: BTreeSet<Digest>,
}

impl Kinds {
    pub(crate) fn of(census: &census::Census, claims: &Claims, records: &[eadem_model::Record]) -> Self {
        let plans = records.iter().map(|record| record.plan);
        let trees = records.iter().flat_map(|record| &record.rounds).filter_map(|round| round.tree.as_ref());
        Self {
            images: claims.images.iter().chain(census.images.values().flatten()).copied().collect(),
            sources: claims.recipes.clone(),
            records: plans.chain(trees.map(eadem_model::Tree::digest)).collect(),
            outputs: census.runs.iter().flat_map(|(_, page)| &page.names).copied().collect(),
            units: census.units.values().flat_map(|page| &page.names).copied().collect(),
        }
    }

    pub(crate) fn kind(&self, blob: &Digest) -> Kind {
        let kinds = [
            (&self.images, Kind::Images),
            (&self.sources, Kind::Sources),
            (&self.records, Kind::Records),
            (&self.outputs, Kind::Outputs),
            (&self.units, Kind::UnitOutputs),
        ];
        kinds.into_iter().find(|(blobs, _)| blobs.contains(blob)).map_or(Kind::Other, |(_, kind)| kind)
    }
}

impl Store {
    /// How much there is of each kind.
    pub fn usage(&self, claims: &Claims) -> Result<Vec<Usage>, StoreError> {
        let census = self.census()?;
        let kinds = Kinds::of(&census, claims, &self.all_records()?.0);
        let blobs = census.blobs.iter().map(|(blob, bytes)| (kinds.kind(blob), *bytes));
        let pages = census.units.values().chain(census.runs.iter().map(|(_, page)| page));
        let logs = census.logs.iter().map(|(_, page)| (Kind::Logs, page.bytes));
        let layers = census.layers.values().map(|bytes| (Kind::Unpacked, *bytes));
        let dirs =
            [("kept", Kind::Kept), ("forecasts", Kind::Other), ("rooms", Kind::Other), ("tmp", Kind::Other)];
        let mut entries: Vec<(Kind, u64)> =
            blobs.chain(pages.map(|page| (Kind::Records, page.bytes))).chain(logs).chain(layers).collect();
        for (dir, kind) in dirs {
            for path in census::list(&self.dir().join(dir))?.iter().filter(|path| !path.ends_with(".gate")) {
                entries.push((kind, census::size(path)?));
            }
        }
        Ok(Kind::ALL.map(|kind| sum(kind, &entries)).to_vec())
    }
}

fn sum(kind: Kind, entries: &[(Kind, u64)]) -> Usage {
    let of_kind = entries.iter().filter(|(other, _)| *other == kind);
    let (count, bytes) = of_kind.fold((0, 0), |(count, bytes), (_, more)| (count + 1, bytes + more));
    Usage { kind, count, bytes }
}
