//! Source packages of the distribution, rebuilt; some to the very bytes that its archive publishes.

use crate::support::{lane::Lane, seed};

/// Verifies a recipe of the repository, whose output must have this digest.
#[track_caller]
fn expect(recipe: &str, digest: &str, output: &str) {
    let run = Lane::root().eadem(["verify", recipe]).exit(0).stdout_has(&format!("reproducible  {recipe}\n"));
    drop(run.stdout_has(&format!("  sha256:{digest}  {output}\n")));
}

#[test]
fn a_library_comes_out_of_its_source_package_the_same_in_two_rooms() {
    let shared = "b5a7a01ae11ffbe102a7466cef17b43463b8de087ecde7a45a418716fe8ad013";
    expect("zlib", shared, "usr/lib/libz.so.1.3.1");
}

/// The digest stands in the index of Debian 13 that the archive signs.
#[test]
fn a_package_of_the_distribution_comes_out_as_its_archive_has_it() {
    let published = "76bafa92947ebd37b0a6f9ec6570412041f56edebc1c66d323731216d318471e";
    let lane = Lane::root();
    let list = lane.recipes().with("SHA256SUMS", format!("{published}  netbase_6.5_all.deb\n"));
    let against = format!("--against={}", list.project().join("SHA256SUMS").display());
    let run = lane.run(&mut list.command(["verify", "netbase", &against])).exit(0);
    drop(
        run.stdout_has("reproducible  netbase\n").stdout_has("netbase_6.5_all.deb is as it was published\n"),
    );
}

#[test]
fn a_version_that_the_suite_does_not_have_is_refused_with_those_that_it_has() {
    let lane = Lane::root();
    let recipe = lane.recipes().read("recipes/netbase.yaml").replace("\"6.5\"", "\"6.4\"");
    let world = lane.recipes().with("recipes/netbase.yaml", recipe);
    let run = lane.run(&mut world.command(["build", "netbase"])).exit(4).one_error();
    drop(run.stderr_has("eadem lock netbase"));
    let run = lane.run(&mut world.command(["lock", "netbase"])).exit(5).one_error();
    drop(run.stderr_has("suite `trixie` has no source package netbase 6.4; it has 6.5"));
}

/// As above, with a compiler, patches and documents.
#[test]
#[ignore = "takes minutes: ci/proof packages"]
fn compiled_packages_of_the_distribution_come_out_as_its_archive_has_them() {
    let list = "74cf12212beee4ab8d473bdc0107abf9e8cef737492198e2f4944a19f142b0ac  gzip_1.13-1+deb13u1_amd64.deb\n\
                35b7ee1f2afbced2c356d5f7486ff5a05a961628fe7c7f08c582b6b2843e6489  zip_3.0-15+deb13u1_amd64.deb\n";
    let lane = Lane::root();
    let world = lane.recipes().with("SHA256SUMS", list);
    let against = format!("--against={}", world.project().join("SHA256SUMS").display());
    let run = lane.run(&mut world.command(["verify", "gzip", "zip", &against])).exit(0);
    let run = run.stdout_has("gzip_1.13-1+deb13u1_amd64.deb is as it was published\n");
    drop(run.stdout_has("zip_3.0-15+deb13u1_amd64.deb is as it was published\n"));
}

/// What the archive has was built when debhelper and the compiler were older; scripts of the package tell of one.
#[test]
#[ignore = "takes minutes: ci/proof packages"]
fn a_package_that_older_tools_built_differs_from_what_the_archive_has_and_the_line_is_named() {
    let lane = Lane::root();
    // The image has the package as the archive has it.
    drop(lane.eadem(["fetch", "dash"]).exit(0));
    let image = seed::image_lock("debian-build-trixie");
    let package =
        image.packages.iter().find(|package| package.name == "dash").expect("every image has a shell");
    let blob = lane.store().join("blobs/sha256").join(package.sha256.hex());
    let published = std::fs::read(blob).expect("it was fetched");
    let world = lane.recipes().with("dash_0.5.12-12_amd64.deb", published);
    let against = format!("--against={}", world.project().join("dash_0.5.12-12_amd64.deb").display());
    let run = lane.run(&mut world.command(["verify", "dash", &against])).exit(1);
    let run = run.stdout_has("differs  dash\n  dash_0.5.12-12_amd64.deb is not as it was published\n");
    let run = run.stdout_has("    member control.tar.xz → unpacked xz → member ./postinst\n");
    let run = run.stdout_has("      - # Automatically added by dh_installmenu/13.24.1\n");
    drop(run.stdout_has("      + # Automatically added by dh_installmenu/13.24.2\n"));
}

#[test]
#[ignore = "takes minutes: ci/proof packages"]
fn a_large_c_program_is_reproducible() {
    drop(Lane::root().eadem(["verify", "busybox"]).exit(0).stdout_has("reproducible  busybox\n"));
}
