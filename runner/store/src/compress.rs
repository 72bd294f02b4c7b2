//! Layers as compressed blobs, the same bytes for every number of threads.

use std::io::{self, Write};

use eadem_model::{Digest, TreePath};
use flate2::{Compression, GzBuilder};
use rayon::prelude::*;

use crate::{
    Layer, NodeKind, StoreError,
    layer::{END, Node, write_entry},
    store::Store,
};

/// A layer in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredLayer {
    /// The digest of the uncompressed tar: its identity.
    pub diff_id: Digest,
    /// The digest of the gzip form.
    pub blob: Digest,
    /// The length of the gzip form in bytes.
    pub size: u64,
}

/// A piece ends at the first entry border after so many bytes of content.
const PIECE: u64 = 4 << 20;

/// So many bytes of content are compressed side by side, to bound memory.
const WAVE: u64 = 32 << 20;

type Entries<'a> = Vec<(&'a TreePath, &'a Node)>;

impl Store {
    /// Puts a layer's canonical tar into the store as gzip, level 1.
    ///
    /// Pieces are cut by content alone, compressed side by side as gzip members of their own and
    /// joined, so the bytes do not depend on the number of threads.
    pub fn put_layer(&self, mut layer: Layer) -> Result<StoredLayer, StoreError> {
        layer.complete()?;
        let (diff_id, blob) = rayon::join(|| layer.diff_id(), || self.put_pieces(&layer));
        let (blob, size) = blob?;
        Ok(StoredLayer { diff_id: diff_id.map_err(StoreError::Layer)?, blob, size })
    }

    fn put_pieces(&self, layer: &Layer) -> Result<(Digest, u64), StoreError> {
        let mut blob = self.blob_writer()?;
        let mut pieces = pieces(layer);
        pieces.push(Vec::new());
        let last = pieces.len() - 1;
        for wave in waves(&pieces) {
            let members: Vec<io::Result<Vec<u8>>> =
                wave.clone().into_par_iter().map(|index| member(&pieces[index], index == last)).collect();
            for member in members {
                let member = member.map_err(StoreError::Layer)?;
                blob.write_all(&member).map_err(|error| blob.fault(error))?;
            }
        }
        blob.finish()
    }
}

fn content_size(node: &Node) -> u64 {
    if let NodeKind::File(content) = &node.kind { content.size() } else { 0 }
}

/// Cuts the entries into pieces by their content alone.
fn pieces(layer: &Layer) -> Vec<Entries<'_>> {
    let mut pieces: Vec<Entries<'_>> = Vec::new();
    let mut room = 0;
    for entry in layer.entries() {
        if room == 0 {
            pieces.push(Vec::new());
            room = PIECE;
        }
        pieces.last_mut().expect("one was pushed").push(entry);
        room = room.saturating_sub(content_size(entry.1) + 512);
    }
    pieces
}

/// Groups neighbouring pieces so that each group holds about [`WAVE`] bytes.
fn waves(pieces: &[Entries<'_>]) -> Vec<std::ops::Range<usize>> {
    let (mut waves, mut start, mut held) = (Vec::new(), 0, 0);
    for (index, piece) in pieces.iter().enumerate() {
        held += piece.iter().map(|(_, node)| content_size(node)).sum::<u64>();
        if held >= WAVE || index + 1 == pieces.len() {
            waves.push(start..index + 1);
            (start, held) = (index + 1, 0);
        }
    }
    waves
}

/// One gzip member; its header holds neither a name nor a time.
fn member(piece: &Entries<'_>, is_last: bool) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(1));
    for (path, node) in piece {
        write_entry(path, node, &mut encoder)?;
    }
    if is_last {
        encoder.write_all(&END)?;
    }
    encoder.finish()
}
