//! Sections that are no code.

use super::{Both, Nature, Pair, word::Looked};
use eadem_model::{Change, Spot};

use crate::{
    content,
    explain::Search,
    region::{Region, Regions},
};

/// Compares a section's bytes; what only names what moved is no difference.
pub(super) fn compare(search: &Search<'_>, place: &[Spot], both: &Both<'_>, pair: &Pair) {
    let (first, second) = (&both.first.sections[pair.first], &both.second.sections[pair.second]);
    let words = both.words(pair);
    let whole = Region { first: 0..first.data.len(), second: 0..second.data.len() };
    let looked = match &pair.regions {
        None if first.data.len() == second.data.len() => words.look(&whole),
        None => each(&content::regions(first.data, second.data), |region| words.look(region)),
        Some(regions) => each(regions, |region| words.look(region)),
    };
    if looked.rest.total == 0 && looked.moved > 0 {
        return search.find(place, Change::Moved { addresses: looked.moved }, Vec::new());
    }
    let regions = joined(looked.rest, pair, first.data, second.data);
    let start = if first.is_loaded() { [first.address, second.address] } else { [0, 0] };
    let change = content::change(search, first.data, second.data, &regions, start);
    search.find(
        place,
        change,
        content::causes(search.known, [first.data, second.data], &regions, pair.nature.ground()),
    );
}

/// Looks at words where both sides are equally long.
fn each(regions: &Regions, look: impl Fn(&Region) -> Looked) -> Looked {
    let mut all = Looked::default();
    for region in &regions.kept {
        let looked = if region.first.len() == region.second.len() { look(region) } else { Looked::default() };
        if looked.rest.total == 0 && looked.moved > 0 {
            all.moved += looked.moved;
        } else {
            let differing = region.first.len().max(region.second.len());
            all.rest.push(region.clone(), differing as u64);
        }
    }
    all.rest.close();
    // What is not kept was not looked at.
    all.rest.total += regions.total - regions.kept.len();
    all
}

/// Texts are shown whole, not byte by byte.
fn joined(rest: Regions, pair: &Pair, first: &[u8], second: &[u8]) -> Regions {
    match (&pair.regions, pair.nature) {
        (None, Nature::Debug) if first.len() == second.len() && rest.total == 0 => {
            content::regions(first, second)
        }
        _ => rest,
    }
}
