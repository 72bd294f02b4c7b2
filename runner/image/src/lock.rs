//! From a definition to a lock.

use std::io::Read;

use eadem_model::{
    Digest, Fetcher, Image, ImageLock, LockedPackage, LockedResult, Name, Origin, Want, document::Version1,
};
use eadem_store::Store;

use crate::{
    Events, ImageError, assemble,
    decode::decode,
    fixup,
    keyring::Keyring,
    release::{IndexFile, Release, ReleaseError},
    resolve::{Choice, Essential, resolve},
    universe::Universe,
};

/// More than any suite's index holds, in bytes.
const INDEX_LIMIT: u64 = 1 << 30;

/// Pins every package of `image`, builds the image once and pins what it gave.
///
/// `now` is in seconds since 1970: releases, signatures and keys whose time is over are refused.
pub fn lock(
    image: &Image,
    keyring: &[u8],
    store: &Store,
    fetcher: &dyn Fetcher,
    now: u64,
    events: Events<'_>,
) -> Result<ImageLock, ImageError> {
    let keyring = open_keyring(image, keyring)?;
    let release = fetch_release(image, &keyring, fetcher, now)?;
    let index = |component: &Name| release.packages(&image.debian.suite, component, image.architecture);
    let packages = choose(image, &fetch_indices(image, &release, &index, store, fetcher, events)?)?;
    let mut lock = unfinished(image, &release, packages);
    let _alone = store.exclusive(&format!("image-{}", lock.image))?;
    let built = assemble::make(&lock, store, fetcher, events)?;
    store.put_image(&built.name, &built.manifest, built.manifest_size)?;
    lock.result = built.result();
    Ok(lock)
}

pub(crate) fn open_keyring(image: &Image, bytes: &[u8]) -> Result<Keyring, ImageError> {
    let pinned = &image.debian.keyring;
    let found = Digest::of(bytes);
    if found != pinned.sha256 {
        return Err(ImageError::WrongKeyring { file: pinned.file.to_string(), wanted: pinned.sha256, found });
    }
    Ok(Keyring::parse(bytes)?)
}

pub(crate) fn fetch_release(
    image: &Image,
    keyring: &Keyring,
    fetcher: &dyn Fetcher,
    now: u64,
) -> Result<Release, ImageError> {
    let suite = &image.debian.suite;
    let verify = |bytes: &[u8]| Release::verify(bytes, keyring, suite, now);
    let accept = |bytes: &[u8]| verify(bytes).map(drop).map_err(|error| with_causes(&error));
    let bytes = fetcher.in_release(suite, &accept)?;
    // Again, since what a fetcher gives is not what it showed until that is checked.
    Ok(verify(&bytes)?)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Brings an index of each component, and gives their texts.
pub(crate) fn fetch_indices(
    image: &Image,
    release: &Release,
    index: &dyn Fn(&Name) -> Result<IndexFile, ReleaseError>,
    store: &Store,
    fetcher: &dyn Fetcher,
    events: Events<'_>,
) -> Result<Vec<String>, ImageError> {
    let files = image.debian.components.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    let wants: Vec<Want> = files.iter().map(|file| want(file, release)).collect();
    fetcher.fetch(image.name.as_str(), &wants, events)?;
    files.iter().map(|file| unpack_index(file, store)).collect()
}

fn want(file: &IndexFile, release: &Release) -> Want {
    let title = format!("index {}", file.path);
    let origin = Origin::Package { title, path: file.path.clone(), snapshot: release.stamp.clone() };
    Want { origin, sha256: file.sha256, size: Some(file.size) }
}

fn unpack_index(file: &IndexFile, store: &Store) -> Result<String, ImageError> {
    let bytes = store.read_blob(&file.sha256)?;
    let mut text = String::new();
    let unpacked =
        decode("Packages.xz", &bytes[..], INDEX_LIMIT).and_then(|mut from| from.read_to_string(&mut text));
    unpacked.map_err(|source| ImageError::Unreadable { path: file.path.clone(), source })?;
    Ok(text)
}

fn choose(image: &Image, indices: &[String]) -> Result<Vec<LockedPackage>, ImageError> {
    let universe = Universe::parse(indices, image.architecture.as_str())?;
    let essential = if image.debian.essential { Essential::Included } else { Essential::LeftOut };
    let choice = resolve(&universe, &image.debian.packages, essential)?;
    Ok(locked(&universe, choice))
}

fn locked(universe: &Universe<'_>, choice: Choice<'_>) -> Vec<LockedPackage> {
    let lock = |(name, why): (&str, String)| {
        let package = universe.get(name).expect("only packages of the universe are chosen");
        LockedPackage {
            name: package.name.to_owned(),
            version: package.version.to_owned(),
            architecture: package.architecture.to_owned(),
            source: package.source.to_owned(),
            path: package.path.to_owned(),
            sha256: package.sha256,
            size: package.size,
            why,
        }
    };
    choice.into_iter().map(lock).collect()
}

/// The lock, still without what the packages give.
fn unfinished(image: &Image, release: &Release, packages: Vec<LockedPackage>) -> ImageLock {
    let nothing = Digest::from_bytes([0; 32]);
    ImageLock {
        eadem_lock: Version1,
        image: image.name.clone(),
        meaning: image.meaning(),
        architecture: image.architecture,
        suite: image.debian.suite.clone(),
        snapshot: release.stamp.clone(),
        fixups: fixup::VERSION,
        links: image.links.clone(),
        packages,
        result: LockedResult {
            diff_ids: Vec::new(),
            config: nothing,
            manifest: nothing,
            compressor: assemble::COMPRESSOR.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::document;

    use super::*;
    use crate::{assemble::tests::debs, fixture::World};

    const NOW: u64 = 1_789_257_600;
    const KEYRING: &[u8] = include_bytes!("../fixtures/keyring.asc");

    fn definition() -> Image {
        let keyring = Digest::of(KEYRING);
        let text = format!(
            "{{eadem: 1, name: small, architecture: amd64, debian: {{suite: trixie, keyring: {{file: k.asc, sha256: {keyring}}}, packages: [tool]}}}}"
        );
        document::parse("small.yaml", &text).expect("a definition")
    }

    fn world() -> World {
        let mut files: Vec<Vec<u8>> = debs().into_iter().map(|(_, bytes)| bytes).collect();
        files.push(include_bytes!("../fixtures/Packages.xz").to_vec());
        World { in_release: include_bytes!("../fixtures/InRelease").to_vec(), ..World::new(files) }
    }

    #[test]
    fn a_lock_names_every_package_and_what_they_give() {
        let world = world();
        let lock = lock(&definition(), KEYRING, &world.store, &world, NOW, &|_| ()).expect("a lock");
        let reasons: Vec<String> =
            lock.packages.iter().map(|package| format!("{}: {}", package.name, package.why)).collect();
        assert_eq!(reasons, ["base-files: essential", "gcc: needed by tool", "tool: asked for"]);
        assert_eq!(lock.snapshot, "20260912T075541Z");
        assert_eq!(lock.result.diff_ids.len(), 4);
        let built = crate::build(&lock, &world.store, &world, &|_| ()).expect("it is there");
        assert_eq!(built.result(), lock.result);
        let text = document::render(&lock);
        assert_eq!(document::parse::<ImageLock>("small.lock", &text), Ok(lock));
    }

    #[test]
    fn another_keyring_than_the_definitions_is_an_integrity_fault() {
        let world = world();
        let error = lock(&definition(), b"another", &world.store, &world, NOW, &|_| ()).expect_err("another");
        assert!(matches!(error, ImageError::WrongKeyring { .. }) && error.is_integrity());
    }

    #[test]
    fn a_release_that_is_refused_is_an_integrity_fault() {
        let world = world();
        let error = lock(&definition(), KEYRING, &world.store, &world, NOW + 8 * 86_400, &|_| ())
            .expect_err("too late");
        assert!(error.is_integrity(), "{error}");
        let ImageError::Fetch(eadem_model::FetchError::Nowhere { attempts, .. }) = error else {
            panic!("{error}")
        };
        assert_eq!(attempts[0].fault.to_string(), "the release was valid until 20260919T075541Z");
    }
}
