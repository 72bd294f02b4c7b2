//! Images: the same lock gives the same digests for everybody, and others can read them.

use std::{collections::BTreeMap, path::Path};

use eadem_model::Digest;

use crate::support::{
    disk,
    lane::{Lane, turn},
    run::Run,
    seed,
    server::{Answer, Server},
    trace::Trace,
    world::World,
};

const NAME: &str = "rust-trixie";

/// The line that every build of the image must print.
fn line() -> String {
    format!("{}  {NAME}\n", seed::image_lock(NAME).result.manifest)
}

#[test]
fn root_and_an_ordinary_user_assemble_the_image_of_the_lock() {
    for lane in [Lane::root(), Lane::user()] {
        let run = lane.eadem(["image", "build", NAME, "--offline"]).exit(0);
        assert_eq!(run.stdout(), line(), "{run}");
    }
}

/// Assembles the image in an empty store that has its packages, and gives the digests of all its blobs.
fn assemble(threads: &str) -> (World, Run) {
    let root = Lane::root();
    let world = World::new().with_recipes().with_images();
    seed::packages(&seed::image_lock(NAME), root.store(), world.store());
    let run = root.run(&mut world.command(["image", "build", NAME, "--offline", "-j", threads]));
    (world, run)
}

#[test]
fn one_thread_assembles_the_image_of_the_lock() {
    let (world, run) = assemble("1");
    assert_eq!(run.exit(0).stdout(), line());
    assert_eq!(blobs(world.store()), blobs(Lane::root().store()));
    world.store_is_clean();
}

#[test]
fn four_threads_assemble_the_image_of_the_lock() {
    let (world, run) = assemble("4");
    assert_eq!(run.exit(0).stdout(), line());
    assert_eq!(blobs(world.store()), blobs(Lane::root().store()));
}

/// The blobs that make up the image.
fn blobs(store: &Path) -> Vec<(Digest, u64)> {
    let lock = seed::image_lock(NAME);
    let read = |digest: &Digest| {
        std::fs::read(store.join("blobs/sha256").join(digest.hex())).expect("the blob is there")
    };
    let manifest: serde_json::Value =
        serde_json::from_slice(&read(&lock.result.manifest)).expect("a manifest");
    let descriptors = manifest["layers"].as_array().expect("layers").iter().chain([&manifest["config"]]);
    let blob = |descriptor: &serde_json::Value| {
        let digest: Digest = descriptor["digest"].as_str().expect("a digest").parse().expect("a digest");
        let bytes = read(&digest);
        assert_eq!(Digest::of(&bytes), digest);
        (digest, bytes.len() as u64)
    };
    descriptors.map(blob).collect()
}

#[test]
fn assembling_starts_no_program() {
    let root = Lane::root();
    let world = World::new().with_recipes().with_images();
    seed::packages(&seed::image_lock(NAME), root.store(), world.store());
    let eadem = world.command(["image", "build", NAME, "--offline"]);
    let (mut strace, file) = Trace::command(&world, &eadem, "image");
    assert_eq!(root.run(&mut strace).exit(0).stdout(), line());
    let trace = Trace::read(&file);
    assert_eq!((trace.on_host().len(), trace.in_rooms().len()), (1, 0));
}

#[test]
fn skopeo_reads_the_image() {
    let lane = Lane::root();
    let reference = format!("oci:{}:{NAME}", lane.store().display());
    let world = World::new();
    let run = Run::of(world.program("/usr/bin/skopeo").args(["inspect", &reference])).exit(0);
    let image: serde_json::Value = serde_json::from_str(&run.stdout()).expect("skopeo prints JSON");
    assert_eq!(image["Digest"], seed::image_lock(NAME).result.manifest.to_string(), "{run}");
    assert_eq!((&image["Architecture"], &image["Os"]), (&"amd64".into(), &"linux".into()), "{run}");
    // The config names the layers by what they unpack to.
    let run = Run::of(world.program("/usr/bin/skopeo").args(["inspect", "--config", &reference])).exit(0);
    let config: serde_json::Value = serde_json::from_str(&run.stdout()).expect("skopeo prints JSON");
    let diff_ids: Vec<String> =
        seed::image_lock(NAME).result.diff_ids.iter().map(Digest::to_string).collect();
    assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(diff_ids), "{run}");
}

#[test]
fn skopeo_unpacks_every_layer_to_its_digest() {
    let lane = Lane::root();
    let world = World::new();
    let target = format!("dir:{}", world.dir().join("copied").display());
    let reference = format!("oci:{}:{NAME}", lane.store().display());
    let _turn = turn();
    // A copy that must decompress checks each layer against the config.
    let mut skopeo = world.program("/usr/bin/skopeo");
    skopeo.args(["--insecure-policy", "copy", "--dest-decompress", &reference, &target]);
    drop(Run::of(&mut skopeo).exit(0));
    let copied: BTreeMap<String, u64> = disk::list(&world.dir().join("copied"))
        .iter()
        .map(|path| {
            (
                path.file_name().expect("listed").to_string_lossy().into_owned(),
                path.metadata().expect("listed").len(),
            )
        })
        .collect();
    for diff_id in seed::image_lock(NAME).result.diff_ids {
        assert!(copied.contains_key(&diff_id.hex()), "{diff_id} is not among {copied:?}");
    }
}

#[test]
fn inspect_and_ls_show_the_image() {
    let lane = Lane::root();
    let lock = seed::image_lock(NAME);
    let run = lane.eadem(["image", "inspect", NAME]).exit(0);
    let run = run.stdout_has(&format!("manifest  {}\n", lock.result.manifest));
    let run = run.stdout_has(&format!("config    {}\n", lock.result.config));
    let layers = lock.result.diff_ids.iter();
    let run = layers.fold(run, |run, diff_id| run.stdout_has(&format!("layer     {diff_id}  ")));
    let packages = lock.packages.iter();
    drop(packages.fold(run, |run, package| {
        run.stdout_has(&format!("package   {} {}\n", package.name, package.version))
    }));
    // Other tests may have made other images in this store.
    let listed = lane.eadem(["image", "ls"]).exit(0).stdout();
    assert!(listed.split_inclusive('\n').any(|listed| listed == line()), "{listed}");
}

#[test]
fn an_image_that_is_not_in_the_store_cannot_be_inspected() {
    let run = World::new().eadem(["image", "inspect", NAME]).exit(2).one_error();
    drop(run.stderr_has(&format!("hint: eadem image build {NAME}")));
}

#[test]
fn a_forged_release_is_refused() {
    let real = real_release();
    let mut forged = real.clone();
    // One digit of one checksum of a list of packages.
    let at = real
        .windows(21)
        .rposition(|part| part == b"main/binary-amd64/Pac")
        .expect("the release lists packages");
    let digit = real[..at].iter().rposition(u8::is_ascii_hexdigit).expect("a size stands before the name");
    forged[digit] = if forged[digit] == b'1' { b'2' } else { b'1' };
    refused(&forged, "the text was changed");
}

#[test]
fn a_release_without_a_signature_is_refused() {
    let real = String::from_utf8(real_release()).expect("a release is text");
    let start = real.find("Origin:").expect("a release has an origin");
    let end = real.find("-----BEGIN PGP SIGNATURE-----").expect("the release is signed");
    refused(&real.as_bytes()[start..end], "sign");
}

#[test]
fn a_true_release_of_another_suite_is_refused() {
    refused(&real_release(), "suite");
}

/// Locks an image of a suite that one lying mirror alone has.
#[track_caller]
fn refused(release: &[u8], reason: &str) {
    let mirror = Server::start().serve("/debian/dists/forged/InRelease", Answer::Whole(release.to_vec()));
    let world = World::new().with_images();
    let image = world.read("images/rust-trixie.yaml").replace("name: rust-trixie", "name: forged");
    let image = image.replace("suite: trixie", "suite: forged");
    assert!(image.contains("suite: forged"), "{image}");
    let world = world.with("images/forged.yaml", image);
    let world = world.with_config(&format!("mirrors: {{packages: [\"{}\"]}}\n", mirror.url("/debian")));
    let run = world.eadem(["lock", "--image", "forged"]).exit(6).one_error();
    let run = run.stderr_has(&mirror.url("/debian/dists/forged/InRelease"));
    assert!(run.stderr().to_lowercase().contains(reason), "`{reason}` is not said\n{run}");
    assert!(!world.project().join("images/forged.lock").exists());
    world.store_is_clean();
    assert_eq!(disk::list(&world.store().join("blobs/sha256")), Vec::<std::path::PathBuf>::new());
}

/// What the distribution's mirror really says of the suite.
fn real_release() -> Vec<u8> {
    use std::sync::Arc;
    let world = World::new();
    let store = Arc::new(eadem_store::Store::open(world.store()).expect("a store"));
    let package_mirrors =
        eadem_fetch::apt_mirrors(Path::new("/etc/apt")).expect("apt's configuration can be read");
    let options = eadem_fetch::NetworkOptions { package_mirrors, ..eadem_fetch::NetworkOptions::default() };
    let network = eadem_fetch::Network::new(options, store).expect("a network");
    let suite = "trixie".parse().expect("a name");
    eadem_model::Fetcher::in_release(&network, &suite, &|_| Ok(())).expect("a mirror has the suite")
}

#[test]
fn a_keyring_that_is_not_the_pinned_one_is_refused() {
    let world = World::new().with_images();
    let image: eadem_model::Image =
        eadem_model::document::parse("image", &world.read("images/rust-trixie.yaml")).expect("a good image");
    let world = world.with(&format!("images/{}", image.debian.keyring.file), b"other keys");
    let run = world.eadem(["lock", "--image", NAME]).exit(6).one_error();
    drop(
        run.stderr_has(&image.debian.keyring.sha256.to_string())
            .stderr_has(&Digest::of(b"other keys").to_string()),
    );
    world.store_is_clean();
}
