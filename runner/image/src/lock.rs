//! From a definition to a lock.

use eadem_model::{Digest, Image, ImageLock, LockedPackage, LockedResult, Name, document::Version1};

use crate::{
    ImageError, Suite, assemble, fixup,
    release::Release,
    resolve::{Choice, Essential, resolve},
    universe::Universe,
};

/// Pins every package of an image, builds the image once and pins what it gave.
pub fn lock(suite: &Suite<'_>) -> Result<ImageLock, ImageError> {
    let Suite { image, store, fetcher, events, .. } = *suite;
    let index = |release: &Release, component: &Name| {
        release.packages(&image.debian.suite, component, image.architecture)
    };
    let (release, indices) = suite.indices(&index)?;
    let mut lock = unfinished(image, &release, choose(image, &indices)?);
    let _alone = store.exclusive(&format!("image-{}", lock.image))?;
    let built = assemble::make(&lock, store, fetcher, events)?;
    store.put_image(&built.name, &built.manifest, built.manifest_size)?;
    lock.result = built.result();
    Ok(lock)
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

    fn suite<'a>(world: &'a World, image: &'a Image, keyring: &'a [u8], now: u64) -> Suite<'a> {
        Suite { image, keyring, store: &world.store, fetcher: world, now, events: &|_| () }
    }

    #[test]
    fn a_lock_names_every_package_and_what_they_give() {
        let world = world();
        let lock = lock(&suite(&world, &definition(), KEYRING, NOW)).expect("a lock");
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
        let error = lock(&suite(&world, &definition(), b"another", NOW)).expect_err("another");
        assert!(matches!(error, ImageError::WrongKeyring { .. }) && error.is_integrity());
    }

    #[test]
    fn a_release_that_is_refused_is_an_integrity_fault() {
        let world = world();
        let error = lock(&suite(&world, &definition(), KEYRING, NOW + 8 * 86_400)).expect_err("too late");
        assert!(error.is_integrity(), "{error}");
        let ImageError::Fetch(eadem_model::FetchError::Nowhere { attempts, .. }) = error else {
            panic!("{error}")
        };
        assert_eq!(attempts[0].fault.to_string(), "the release was valid until 20260919T075541Z");
    }
}
