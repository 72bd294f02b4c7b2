//! From a lock to an image in the store.

use std::collections::BTreeMap;

use eadem_model::{Digest, Event, Fetcher, ImageLock, LockedPackage, LockedResult, Origin, Phase, Want};
use eadem_store::{Layer, Spool, Store, StoreError, StoredLayer};
use rayon::prelude::*;

use crate::{
    Events, ImageError, date,
    deb::{self, Deb},
    fixup::{self, Debs},
    group::groups,
    oci,
    root::Root,
};

/// What the layers' compressed bytes, and so the manifest's digest, depend on.
pub const COMPRESSOR: &str = "zlib-rs 0.6.8 level 1";

/// An image that is in the store, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Its name in the store.
    pub name: String,
    /// The manifest's digest.
    pub manifest: Digest,
    /// The manifest's length in bytes.
    pub manifest_size: u64,
    /// The config's digest.
    pub config: Digest,
    /// The layers, lowest first.
    pub layers: Vec<StoredLayer>,
}

/// Builds the image of `lock`, or finds it in the store.
///
/// Works on as many threads as rayon's current pool has; the bytes do not depend on their number.
///
/// # Errors
/// [`ImageError::Different`] if the packages gave another image than the lock says; then the store
/// knows no image of that name that it did not know before.
pub fn build(
    lock: &ImageLock,
    store: &Store,
    fetcher: &dyn Fetcher,
    events: Events<'_>,
) -> Result<BuiltImage, ImageError> {
    check_rules(lock)?;
    let _alone = store.exclusive(&format!("image-{}", lock.image))?;
    let image = match find(lock, store)? {
        Some(image) => image,
        None => {
            let image = make(lock, store, fetcher, events)?;
            compare(lock, &image, events)?;
            image
        }
    };
    store.put_image(&image.name, &image.manifest, image.manifest_size)?;
    Ok(image)
}

fn check_rules(lock: &ImageLock) -> Result<(), ImageError> {
    if (fixup::FIRST..=fixup::VERSION).contains(&lock.fixups) {
        return Ok(());
    }
    Err(ImageError::Fixups { image: lock.image.to_string(), wanted: lock.fixups, known: fixup::VERSION })
}

/// Looks for the image under the lock's manifest, and under its name: another compressor may have
/// given it another manifest.
fn find(lock: &ImageLock, store: &Store) -> Result<Option<BuiltImage>, ImageError> {
    let name = lock.image.as_str();
    let named = store.images()?.get(name).map(|entry| entry.manifest);
    for manifest in [Some(lock.result.manifest), named].into_iter().flatten() {
        if let Some(image) = oci::find(name, &manifest, store)?
            && image.config == lock.result.config
            && image.result().diff_ids == lock.result.diff_ids
        {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

/// Refuses an image that is not the lock's.
fn compare(lock: &ImageLock, image: &BuiltImage, events: Events<'_>) -> Result<(), ImageError> {
    let different = |what: String, wanted: Digest, found: Digest| {
        Err(ImageError::Different { image: lock.image.to_string(), what, wanted, found })
    };
    if lock.result.diff_ids.len() != image.layers.len() {
        let why =
            format!("it names {} layers, and {} were made", lock.result.diff_ids.len(), image.layers.len());
        return Err(ImageError::Lock { image: lock.image.to_string(), why });
    }
    for (number, (wanted, layer)) in lock.result.diff_ids.iter().zip(&image.layers).enumerate() {
        if *wanted != layer.diff_id {
            return different(format!("layer {number}"), *wanted, layer.diff_id);
        }
    }
    if lock.result.config != image.config {
        return different("config".to_owned(), lock.result.config, image.config);
    }
    if lock.result.manifest == image.manifest {
        return Ok(());
    }
    if lock.result.compressor == COMPRESSOR {
        return different("manifest".to_owned(), lock.result.manifest, image.manifest);
    }
    let (name, theirs) = (&lock.image, &lock.result.compressor);
    events(Event::Warning {
        message: format!(
            "image `{name}` was locked with {theirs}; its files are the same with {COMPRESSOR}, its manifest is not"
        ),
    });
    Ok(())
}

/// Makes the image and puts all of it into the store, except its name.
pub(crate) fn make(
    lock: &ImageLock,
    store: &Store,
    fetcher: &dyn Fetcher,
    events: Events<'_>,
) -> Result<BuiltImage, ImageError> {
    let epoch = epoch(lock)?;
    fetch(lock, store, fetcher, events)?;
    let (places, n_groups) = groups(&lock.packages);
    let steps = Steps { image: lock.image.as_str(), events };
    steps.start(lock.packages.len() + n_groups + 1);
    let mut debs = unpack(lock, store, &steps)?;
    let mut root = Root::new(epoch, n_groups);
    for package in by_precedence(&lock.packages) {
        let deb = debs.get_mut(&package.name).expect("every package was unpacked");
        for (path, node) in &deb.entries {
            root.add(places[&package.source[..]], &deb::title(package), path.clone(), node.clone())?;
        }
    }
    fixup::apply(lock, &debs, &mut root, events)?;
    drop(debs);
    let layers = put_layers(root.into_layers()?, store, &steps)?;
    let image = put_image(lock, epoch, layers, store)?;
    events(Event::Done { phase: Phase::Assemble, subject: lock.image.to_string() });
    Ok(image)
}

/// The end of all times in the image: when the suite was released.
fn epoch(lock: &ImageLock) -> Result<u64, ImageError> {
    let broken = || {
        let why = format!("`{}` is no time of a snapshot", lock.snapshot);
        ImageError::Lock { image: lock.image.to_string(), why }
    };
    date::parse_stamp(&lock.snapshot).ok_or_else(broken)
}

fn fetch(
    lock: &ImageLock,
    store: &Store,
    fetcher: &dyn Fetcher,
    events: Events<'_>,
) -> Result<(), ImageError> {
    let missing = lock.packages.iter().filter(|package| !store.has_blob(&package.sha256));
    let wants: Vec<Want> = missing.map(|package| want(package, &lock.snapshot)).collect();
    if wants.is_empty() {
        return Ok(());
    }
    Ok(fetcher.fetch(lock.image.as_str(), &wants, events)?)
}

fn want(package: &LockedPackage, snapshot: &str) -> Want {
    Want {
        origin: Origin::Package {
            title: deb::title(package),
            path: package.path.clone(),
            snapshot: snapshot.to_owned(),
        },
        sha256: package.sha256,
        size: Some(package.size),
    }
}

/// Tells how far the work is: one step for each package and each layer.
struct Steps<'a> {
    image: &'a str,
    events: Events<'a>,
}

impl Steps<'_> {
    fn start(&self, total: usize) {
        (self.events)(Event::Start {
            phase: Phase::Assemble,
            subject: self.image.to_owned(),
            total: total as u64,
        });
    }

    fn advance(&self, at: String) {
        (self.events)(Event::Advance { phase: Phase::Assemble, subject: self.image.to_owned(), by: 1, at });
    }
}

/// Unpacks all packages side by side, the largest first, since they take longest.
fn unpack(lock: &ImageLock, store: &Store, steps: &Steps<'_>) -> Result<Debs, ImageError> {
    let spool = Spool::new(store)?;
    let mut packages: Vec<&LockedPackage> = lock.packages.iter().collect();
    packages.sort_by_key(|package| std::cmp::Reverse(package.size));
    let debs: Debs = packages
        .into_iter()
        .par_bridge()
        .map(|package| {
            let deb = Deb::read(package, store.open_blob(&package.sha256)?, &spool)?;
            steps.advance(package.name.clone());
            Ok((package.name.clone(), deb))
        })
        .collect::<Result<BTreeMap<_, _>, ImageError>>()?;
    if debs.len() == lock.packages.len() {
        return Ok(debs);
    }
    let why = "a package stands twice".to_owned();
    Err(ImageError::Lock { image: lock.image.to_string(), why })
}

/// The order in which packages decide on the modes of directories that they share.
fn by_precedence(packages: &[LockedPackage]) -> Vec<&LockedPackage> {
    let mut packages: Vec<&LockedPackage> = packages.iter().collect();
    packages.sort_by_key(|package| (package.name != "base-files", &package.name));
    packages
}

fn put_layers(layers: Vec<Layer>, store: &Store, steps: &Steps<'_>) -> Result<Vec<StoredLayer>, StoreError> {
    let stored = layers.into_par_iter().enumerate().map(|(number, layer)| {
        let stored = store.put_layer(layer)?;
        steps.advance(format!("layer {number}"));
        Ok(stored)
    });
    stored.collect()
}

fn put_image(
    lock: &ImageLock,
    epoch: u64,
    layers: Vec<StoredLayer>,
    store: &Store,
) -> Result<BuiltImage, StoreError> {
    let config = oci::config(lock.architecture, epoch, &layers);
    let manifest = oci::manifest(&config, &layers);
    Ok(BuiltImage {
        name: lock.image.to_string(),
        config: store.put_blob(config.as_bytes())?,
        manifest: store.put_blob(manifest.as_bytes())?,
        manifest_size: manifest.len() as u64,
        layers,
    })
}

impl BuiltImage {
    /// What a lock says of this image.
    pub fn result(&self) -> LockedResult {
        LockedResult {
            diff_ids: self.layers.iter().map(|layer| layer.diff_id).collect(),
            config: self.config,
            manifest: self.manifest,
            compressor: COMPRESSOR.to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Mutex, atomic::Ordering};

    use super::*;
    use crate::fixture::{World, deb, dir, file, hardlink, lock, package, symlink};

    /// A compiler, a base and a program with an older file than the snapshot.
    pub(crate) fn debs() -> Vec<(&'static str, Vec<u8>)> {
        let base = [
            dir("./"),
            dir("./usr/"),
            dir("./usr/bin/"),
            symlink("./bin", "usr/bin"),
            file("./usr/share/base-passwd/passwd.master", "root:*:0:0::/root:/bin/bash\n"),
        ];
        let gcc = [dir("./"), dir("./usr/"), dir("./usr/bin/"), file("./usr/bin/gcc", "gcc")];
        let tool = [
            file("./lib/tool/a", "A"),
            hardlink("./lib/tool/b", "./lib/tool/a"),
            file("./usr/share/ca-certificates/x/Root.crt", "CERT"),
        ];
        let script = [file("./postinst", "update-alternatives --install /usr/bin/t t /usr/bin/tool 1\n")];
        vec![
            ("base-files", deb("base-files", "Multi-Arch: foreign\n", &[], &base)),
            ("gcc", deb("gcc", "", &[file("./md5sums", "x  usr/bin/gcc\n")], &gcc)),
            ("tool", deb("tool", "Multi-Arch: same\n", &script, &tool)),
        ]
    }

    fn small() -> (ImageLock, Vec<Vec<u8>>) {
        let debs = debs();
        let lock = lock(debs.iter().map(|(name, bytes)| package(name, bytes)).collect());
        (lock, debs.into_iter().map(|(_, bytes)| bytes).collect())
    }

    fn make_with(threads: usize) -> BuiltImage {
        let (lock, files) = small();
        let world = World::new(files);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| make(&lock, &world.store, &world, &|_| ())).expect("an image")
    }

    #[test]
    fn the_digests_of_a_small_image_are_the_known_ones_whatever_the_store_and_the_threads() {
        for threads in [1, 4] {
            let image = make_with(threads);
            let diff_ids: Vec<String> = image.layers.iter().map(|layer| layer.diff_id.short()).collect();
            assert_eq!(diff_ids, ["56e95743a894", "6ac26392539d", "253f705f5e13", "2e0c0a42a5cb"]);
            assert_eq!(
                image.config.to_string(),
                "sha256:d369578a9d7749833ef4d58b9cba9a899d2c2a6f68f19618ec063b8a8f184d1c"
            );
            assert_eq!(
                image.manifest.to_string(),
                "sha256:2261f89e8b462c0663f204fe677bf10c2a229197e116f7dfa233b1e4d03e0694"
            );
        }
    }

    #[test]
    fn an_image_that_is_there_is_found_without_a_fetch_and_may_be_laid_out() {
        let (mut lock, files) = small();
        let world = World::new(files);
        lock.result = make(&lock, &world.store, &world, &|_| ()).expect("an image").result();
        let built = build(&lock, &world.store, &world, &|_| ()).expect("found");
        assert_eq!(world.n_fetches.load(Ordering::SeqCst), 1);
        assert_eq!(built.result(), lock.result);
        crate::unpack(&built, &world.store, &|_| ()).expect("laid out");
        let top = world.store.layer_dir(&lock.result.diff_ids[3]);
        let target = |path: &str| std::fs::read_link(top.join(path)).expect("a link").display().to_string();
        assert_eq!(
            (target("etc/alternatives/cc"), target("usr/bin/cc")),
            ("/usr/bin/gcc".into(), "/etc/alternatives/cc".into())
        );
        let text = |path: &str| std::fs::read_to_string(top.join(path)).expect("a file");
        assert_eq!(text("etc/passwd"), "root:*:0:0::/root:/bin/bash\n");
        assert_eq!(text("etc/ssl/certs/ca-certificates.crt"), "CERT\n");
        assert_eq!(
            text("var/lib/dpkg/info/tool:amd64.list"),
            "/.\n/usr/lib/tool/a\n/usr/lib/tool/b\n/usr/share/ca-certificates/x/Root.crt\n"
        );
        assert!(
            text("var/lib/dpkg/status")
                .starts_with("Package: base-files\nStatus: install ok installed\nVersion: 1\n")
        );
        let report = crate::inspect(&world.store, "small").expect("read").expect("there");
        assert_eq!(report.packages.len(), 3);
        assert_eq!(report.packages[2], ("tool".to_owned(), "1".to_owned()));
    }

    #[test]
    fn another_image_than_the_locks_is_an_integrity_fault_and_gets_no_name() {
        let (mut lock, files) = small();
        let world = World::new(files);
        lock.result = make(&lock, &world.store, &world, &|_| ()).expect("an image").result();
        lock.result.diff_ids[0] = Digest::of(b"another");
        lock.result.config = Digest::of(b"another");
        let error = build(&lock, &world.store, &world, &|_| ()).expect_err("it differs");
        assert!(error.is_integrity());
        let start = "image `small` has the layer 0 sha256:";
        assert!(error.to_string().starts_with(start), "{error}");
        assert!(world.store.images().expect("listed").is_empty());
        assert!(world.path().join("blobs").is_dir());
    }

    #[test]
    fn links_of_scripts_that_nothing_makes_are_told() {
        let (mut lock, files) = small();
        let world = World::new(files);
        let warnings = Mutex::new(Vec::new());
        let events = |event| {
            if let Event::Warning { message } = event {
                warnings.lock().expect("nobody panics").push(message);
            }
        };
        make(&lock, &world.store, &world, &events).expect("an image");
        assert!(warnings.lock().expect("nobody panics")[0].starts_with("package `tool` makes links"));
        warnings.lock().expect("nobody panics").clear();
        lock.links.insert("/usr/bin/t".to_owned(), "tool".to_owned());
        make(&lock, &world.store, &world, &events).expect("an image");
        assert!(warnings.lock().expect("nobody panics").is_empty());
    }

    #[test]
    fn packages_that_bring_the_same_file_or_lead_through_each_others_links_are_refused() {
        let make_two = |left, right| {
            let files = vec![deb("a", "", &[], &[left]), deb("b", "", &[], &[right])];
            let lock = lock(vec![package("a", &files[0]), package("b", &files[1])]);
            let world = World::new(files);
            make(&lock, &world.store, &world, &|_| ()).expect_err("they clash").to_string()
        };
        assert_eq!(make_two(file("./x", "1"), file("./x", "1")), "`x` comes from `a 1` and from `b 1`");
        let found = make_two(symlink("./opt/d", "/etc"), file("./opt/d/x", ""));
        assert_eq!(found, "`opt/d/x` of `b 1` lies below `opt/d`, which is no directory");
        let found = make_two(file("./usr", ""), file("./usr/x", ""));
        assert!(found.ends_with("lies below `usr`, which is no directory"), "{found}");
    }

    #[test]
    fn the_compressor_in_locks_is_the_one_that_is_built_in() {
        let locked = include_str!("../../../Cargo.lock");
        let version =
            locked.split("name = \"zlib-rs\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(COMPRESSOR, format!("zlib-rs {} level 1", version.expect("the workspace uses it")));
    }
}
