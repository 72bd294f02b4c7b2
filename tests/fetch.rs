//! Fetching: mirrors that lie, break off or have nothing. Nothing enters the store but what must come.

use eadem_model::{Digest, Image, document};

use crate::support::{
    seed,
    server::{Answer, Server},
    tarball::Tarball,
    world::World,
};

const PATH: &str = "/packed-1.0.0.tar.gz";

/// A project whose one source is an archive.
pub(crate) fn archive_recipe(url: &str, content: &[u8]) -> World {
    let sha256 = Digest::of(content).hex();
    let recipe = format!(
        "eadem: 1\nname: packed\nimage: rust-trixie\nsource: {{archive: \"{url}\", sha256: {sha256}}}\n\
         outputs: [bin/packed]\n"
    );
    World::new().with_images().with("recipes/packed.yaml", recipe)
}

#[test]
fn an_archive_with_the_right_bytes_is_locked() {
    let bytes = Tarball::of_a_crate("packed-1.0.0").gzip();
    let server = Server::start().serve(PATH, Answer::Whole(bytes.clone()));
    let world = archive_recipe(&server.url(PATH), &bytes);
    drop(world.eadem(["lock", "packed"]).exit(0));
    assert!(world.read("recipes/packed.lock").contains("kind: archive"));
    world.store_is_clean();
}

#[test]
fn an_archive_with_a_wrong_checksum_is_an_error_with_both_digests() {
    let (wanted, found) = (Digest::of(b"wanted"), Digest::of(b"something else"));
    let server = Server::start().serve(PATH, Answer::Whole(b"something else".to_vec()));
    let world = archive_recipe(&server.url(PATH), b"wanted");
    let run = world.eadem(["lock", "packed"]).exit(6).one_error();
    drop(run.stderr_has(&server.url(PATH)).stderr_has(&wanted.to_string()).stderr_has(&found.to_string()));
    nothing_came(&world);
}

#[test]
fn a_download_that_breaks_off_is_an_error_that_names_its_place() {
    let bytes = Tarball::of_a_crate("packed-1.0.0").gzip();
    let server = Server::start().serve(PATH, Answer::Half(bytes.clone()));
    let world = archive_recipe(&server.url(PATH), &bytes);
    let run = world.eadem(["lock", "packed"]);
    assert!(matches!(run.code(), Some(5 | 6)), "{run}");
    drop(run.one_error().stderr_has(&format!("tried {}", server.url(PATH))));
    nothing_came(&world);
}

#[test]
fn a_server_without_the_archive_is_an_error_that_names_its_place() {
    let server = Server::start();
    let world = archive_recipe(&server.url(PATH), b"wanted");
    let run = world.eadem(["lock", "packed"]).exit(5).one_error();
    drop(run.stderr_has(&format!("tried {}: the server answered 404", server.url(PATH))));
    nothing_came(&world);
}

#[test]
fn a_crate_that_no_mirror_has_is_an_error_that_lists_every_place() {
    let (mirror, registry) = (Server::start(), one_crate(b"no crate"));
    let world = crate_recipe(&mirror, &registry);
    let run = world.eadem(["lock", "lonely"]).exit(5).one_error();
    let run = run.stderr_has("crate lonely 1.0.0 cannot be had");
    let run = run.stderr_has(&format!("tried {}", mirror.url("/lonely/1.0.0.crate")));
    drop(run.stderr_has(&format!("tried {}", registry.url("/dl/lonely/1.0.0/download"))));
    nothing_came(&world);
}

#[test]
fn a_crate_with_a_wrong_checksum_at_a_mirror_is_taken_from_nowhere() {
    let mirror = Server::start().serve("/lonely/1.0.0.crate", Answer::Whole(b"a lie".to_vec()));
    let registry = one_crate(b"no crate");
    let world = crate_recipe(&mirror, &registry);
    let run = world.eadem(["lock", "lonely"]).exit(6).one_error();
    drop(run.stderr_has(&Digest::of(b"a lie").to_string()).stderr_has(&Digest::of(b"no crate").to_string()));
    nothing_came(&world);
}

/// A registry whose index knows one crate by its checksum, and that does not have it.
fn one_crate(content: &[u8]) -> Server {
    let entry = format!(
        "{{\"name\":\"lonely\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"{}\",\"features\":{{}},\"yanked\":false}}\n",
        Digest::of(content).hex()
    );
    let server = Server::start().serve("/index/lo/ne/lonely", Answer::Whole(entry.into_bytes()));
    let config = format!("{{\"dl\":\"{}\"}}", server.url("/dl"));
    server.serve("/index/config.json", Answer::Whole(config.into_bytes()))
}

fn crate_recipe(mirror: &Server, registry: &Server) -> World {
    let recipe = "eadem: 1\nname: lonely\nimage: rust-trixie\nsource: {crate: lonely, version: 1.0.0}\noutputs: [bin/lonely]\n";
    let config = format!(
        "mirrors:\n  crates: [\"{}\"]\n  crate-index: \"{}\"\n",
        mirror.url("/{crate}/{version}.crate"),
        registry.url("/index/")
    );
    World::new().with_images().with("recipes/lonely.yaml", recipe).with_config(&config)
}

#[test]
fn a_package_that_is_gone_everywhere_is_an_error_that_says_how_to_renew_the_lock() {
    let mirror = Server::start();
    let world = gone_image(&mirror);
    let run = world.eadem(["image", "build", "gone"]).exit(5).one_error();
    let run = run.stderr_has("package eadem-gone 1.0-1 cannot be had");
    let run = run.stderr_has(&format!(
        "tried {}",
        mirror.url("/debian/pool/main/e/eadem-gone/eadem-gone_1.0-1_amd64.deb")
    ));
    let mirrors =
        eadem_fetch::apt_mirrors(std::path::Path::new("/etc/apt")).expect("apt's configuration can be read");
    let run = mirrors
        .iter()
        .fold(run, |run, mirror| run.stderr_has(&format!("tried {mirror}/pool/main/e/eadem-gone/")));
    let run = run.stderr_has(&format!("tried {}", eadem_fetch::SNAPSHOT_ARCHIVE));
    drop(run.stderr_has("hint: eadem lock --image gone"));
    nothing_came(&world);
}

#[test]
fn a_package_with_a_wrong_checksum_at_a_mirror_does_not_enter_the_store() {
    let path = "/debian/pool/main/e/eadem-gone/eadem-gone_1.0-1_amd64.deb";
    let mirror = Server::start().serve(path, Answer::Whole(b"a lie".to_vec()));
    let world = gone_image(&mirror);
    let run = world.eadem(["image", "build", "gone"]).exit(6).one_error();
    drop(run.stderr_has(&mirror.url(path)));
    nothing_came(&world);
}

/// A project with an image whose one package no mirror of the world has.
fn gone_image(mirror: &Server) -> World {
    let world = World::new().with_images();
    let definition = world.read("images/rust-trixie.yaml").replace("name: rust-trixie", "name: gone");
    let image: Image =
        document::parse("images/gone.yaml", &definition).unwrap_or_else(|error| panic!("{error}"));
    let mut lock = seed::image_lock("rust-trixie");
    (lock.image, lock.meaning) = (image.name.clone(), image.meaning());
    lock.packages.truncate(1);
    let package = &mut lock.packages[0];
    (package.name, package.version) = ("eadem-gone".to_owned(), "1.0-1".to_owned());
    package.path = "pool/main/e/eadem-gone/eadem-gone_1.0-1_amd64.deb".to_owned();
    (package.sha256, package.size) = (Digest::of(b"gone"), 4);
    let config = format!("mirrors:\n  packages: [\"{}\"]\n", mirror.url("/debian"));
    world
        .with("images/gone.yaml", definition)
        .with("images/gone.lock", document::render(&lock))
        .with_config(&config)
}

/// Expects a store without a single blob, and no lock beside the recipe.
#[track_caller]
fn nothing_came(world: &World) {
    world.store_is_clean();
    assert_eq!(
        crate::support::disk::list(&world.store().join("blobs/sha256")),
        Vec::<std::path::PathBuf>::new()
    );
    let locks = crate::support::disk::list(&world.project().join("recipes"));
    assert!(locks.iter().all(|path| path.extension().is_some_and(|it| it == "yaml")), "{locks:?}");
}
