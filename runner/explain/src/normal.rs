//! Whether two outputs are equal once named things are taken out that are no content.
//!
//! Every byte of both sides is accounted for: it is content and has to be equal, or follows from the rest and was
//! checked to, or it belongs to a [`Normalisation`] and is named if it differs. So the formats are walked here
//! field by field: what a reader of archives passes over would be passed over here as well. Whatever is damaged,
//! unknown or beyond a bound is not equal.
//!
//! It is stricter than what is known from elsewhere: permissions, extended attributes and comments are content.

mod ar;
mod cpio;
mod elf;
mod form;
mod mask;
mod packing;
mod tar;
mod zip;

use std::{cell::RefCell, collections::BTreeSet};

use eadem_model::Normalisation;

use crate::{Bounds, bounds::Budget, kind::Kind};
use form::Form;
use mask::Taken;

/// What has to be taken out for two files to be equal; none if they still differ, or nothing had to be.
pub(crate) fn needed(first: &[u8], second: &[u8], bounds: Bounds) -> Option<Vec<Normalisation>> {
    let pass = Pass { budget: Budget::new(bounds), needed: RefCell::default() };
    bytes(&pass, Place::default(), first, second)?;
    let needed = pass.needed.into_inner();
    (!needed.is_empty()).then(|| needed.into_iter().collect())
}

/// What is left to spend, and what had to be taken out until now.
struct Pass {
    budget: Budget,
    needed: RefCell<BTreeSet<Normalisation>>,
}

/// Where a comparison is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// How many containers are around.
    depth: usize,
    /// Whether it is part of a package that is installed with the owners that it names.
    is_package: bool,
}

/// A yes; what is not equal is `None`, so that `?` leads out of all containers at once.
type Equal = Option<()>;

impl Pass {
    /// Notes what was taken out of either side and differs.
    fn note(&self, first: &Taken, second: &Taken) {
        let names = first.keys().chain(second.keys());
        self.needed.borrow_mut().extend(names.filter(|name| first.get(name) != second.get(name)));
    }

    fn need(&self, normalisation: Normalisation) {
        self.needed.borrow_mut().insert(normalisation);
    }

    /// As many members may one archive have.
    fn members(&self) -> usize {
        self.budget.bounds.members
    }
}

/// Compares bytes by what both are.
fn bytes(pass: &Pass, place: Place, first: &[u8], second: &[u8]) -> Equal {
    if first == second {
        return Some(());
    }
    let kind = Some(Kind::of(first)).filter(|kind| *kind == Kind::of(second))?;
    if place.depth >= pass.budget.bounds.depth {
        return None;
    }
    let inside = Place { depth: place.depth + 1, ..place };
    let most = pass.members();
    match kind {
        Kind::Elf => elf::compare(pass, first, second),
        Kind::Gzip | Kind::Xz | Kind::Zstd | Kind::Bzip2 => {
            packing::compare(pass, inside, kind, first, second)
        }
        Kind::Ar => forms(pass, inside, [ar::form(first, most)?, ar::form(second, most)?]),
        Kind::Tar => forms(pass, inside, [tar::form(first, place, most)?, tar::form(second, place, most)?]),
        Kind::Cpio => forms(pass, inside, [cpio::form(first, most)?, cpio::form(second, most)?]),
        Kind::Zip => forms(pass, inside, [zip::form(first, most)?, zip::form(second, most)?]),
        Kind::Text | Kind::Unknown => None,
    }
}

fn forms(pass: &Pass, place: Place, [first, second]: [Form<'_>; 2]) -> Equal {
    let place = Place { is_package: place.is_package || first.is_package, ..place };
    form::compare(pass, place, first, second)
}
