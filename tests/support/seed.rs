//! Stores that need no network: the packages of another one are in them already.

use std::{fs, path::Path};

use eadem_model::{ImageLock, document};
use eadem_store::Store;

/// The lock of an image of the repository.
pub(crate) fn image_lock(name: &str) -> ImageLock {
    let path = Path::new(crate::support::REPOSITORY).join(format!("images/{name}.lock"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    document::parse(&path.display().to_string(), &text).unwrap_or_else(|error| panic!("{error}"))
}

/// Gives an empty store the packages of an image, and nothing else, from a store that has them.
pub(crate) fn packages(lock: &ImageLock, from: &Path, to: &Path) {
    drop(Store::open(to).expect("an empty directory becomes a store"));
    let blobs = to.join("blobs/sha256");
    for package in &lock.packages {
        let name = package.sha256.hex();
        // Hard links: nobody writes into a blob.
        fs::hard_link(from.join("blobs/sha256").join(&name), blobs.join(&name))
            .unwrap_or_else(|error| panic!("cannot link package {}: {error}", package.name));
    }
}
