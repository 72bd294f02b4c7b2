//! What the network does with good and bad servers, all on the loopback.

mod support;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use eadem_fetch::{Network, NetworkError, NetworkOptions, Proxy};
use eadem_model::{Attempt, Digest, Event, Fault, FetchError, Fetcher, Origin, Phase, Want};
use eadem_store::Store;
use support::{Answer, Server};
use tempfile::TempDir;

/// A fresh store and the events of what is fetched into it.
struct Bench {
    dir: TempDir,
    store: Arc<Store>,
    events: Mutex<Vec<Event>>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Arc::new(Store::open(dir.path()).expect("a store"));
        Self { dir, store, events: Mutex::default() }
    }

    fn network(&self, options: NetworkOptions) -> Network {
        Network::new(options, self.store.clone()).expect("good options")
    }

    fn fetch(&self, options: NetworkOptions, wants: &[Want]) -> Result<(), FetchError> {
        let note = |event| self.events.lock().expect("not poisoned").push(event);
        self.network(options).fetch("test", wants, &note)
    }

    /// The attempts of a fetch that must fail everywhere; nothing may be left in the store.
    fn attempts(&self, options: NetworkOptions, wants: &[Want]) -> Vec<Attempt> {
        let error = self.fetch(options, wants).expect_err("no place is good");
        assert_eq!(self.files(), 0, "nothing half-written stays");
        let FetchError::Nowhere { attempts, .. } = error else { panic!("{error:?}") };
        attempts
    }

    /// Files that are blobs or were to become blobs.
    fn files(&self) -> usize {
        let count = |dir: &Path| {
            let entries = fs::read_dir(dir).map(|entries| entries.flatten().collect::<Vec<_>>());
            let visible = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with(".gate");
            entries.unwrap_or_default().iter().filter(|entry| visible(entry)).count()
        };
        count(&self.dir.path().join("blobs/sha256")) + count(&self.dir.path().join("tmp"))
    }
}

fn options() -> NetworkOptions {
    NetworkOptions {
        snapshots: None,
        stall_timeout: Duration::from_secs(20),
        first_pause: Duration::from_millis(1),
        proxy: Proxy::None,
        ..NetworkOptions::default()
    }
}

fn mirrors(servers: &[&Server]) -> NetworkOptions {
    let package_mirrors = servers.iter().map(|server| server.url("/debian")).collect();
    NetworkOptions { package_mirrors, ..options() }
}

fn package(content: &[u8]) -> Want {
    let (title, path) = ("a 1".to_owned(), "pool/a.deb".to_owned());
    let origin = Origin::Package { title, path, snapshot: "20250101T000000Z".to_owned() };
    Want { origin, sha256: Digest::of(content), size: Some(content.len() as u64) }
}

fn file(url: String, content: &[u8]) -> Want {
    Want { origin: Origin::Url(url), sha256: Digest::of(content), size: None }
}

fn unavailable(why: &str) -> Fault {
    Fault::Unavailable(why.to_owned())
}

const DEB: &str = "/debian/pool/a.deb";

#[test]
fn a_second_mirror_serves_what_the_first_has_not() {
    let (bench, first, second) =
        (Bench::new(), Server::start(), Server::start().at(DEB, &[Answer::ok(b"abc")]));
    bench.fetch(mirrors(&[&first, &second]), &[package(b"abc")]).expect("the second has it");
    assert_eq!(bench.store.read_blob(&Digest::of(b"abc")).expect("there"), b"abc");
    assert_eq!(first.asked(), [DEB], "what is not there is asked for once");
}

#[test]
fn every_place_that_was_asked_is_listed_in_order() {
    let (bench, first) = (Bench::new(), Server::start());
    let second = Server::start().at(DEB, &[Answer::ok(b"abd")]);
    let third = Server::start().at(DEB, &[Answer::status("403 Forbidden")]);
    let archive = Server::start();
    let options =
        NetworkOptions { snapshots: Some(archive.url("/archive")), ..mirrors(&[&first, &second, &third]) };
    let attempts = bench.attempts(options, &[package(b"abc")]);
    let wrong = Fault::WrongDigest { wanted: Digest::of(b"abc"), found: Digest::of(b"abd") };
    let wanted = [
        (first.url(DEB), unavailable("the server answered 404 Not Found")),
        (second.url(DEB), wrong),
        (third.url(DEB), unavailable("the server answered 403 Forbidden")),
        (
            archive.url("/archive/debian/20250101T000000Z/pool/a.deb"),
            unavailable("the server answered 404 Not Found"),
        ),
    ];
    assert_eq!(attempts, wanted.map(|(place, fault)| Attempt { place, fault }));
}

#[test]
fn a_mirror_that_lies_does_not_keep_the_next_from_serving() {
    let bench = Bench::new();
    let liar = Server::start().at(DEB, &[Answer::ok(b"abd")]);
    let honest = Server::start().at(DEB, &[Answer::ok(b"abc")]);
    bench.fetch(mirrors(&[&liar, &honest]), &[package(b"abc")]).expect("the second is honest");
    assert_eq!((bench.files(), liar.asked().len()), (1, 1));
}

#[test]
fn a_snapshot_archive_serves_last() {
    let path = "/archive/debian/20250101T000000Z/pool/a.deb";
    let (bench, archive) = (Bench::new(), Server::start().at(path, &[Answer::ok(b"abc")]));
    let options = NetworkOptions { snapshots: Some(archive.url("/archive/")), ..options() };
    bench.fetch(options, &[package(b"abc")]).expect("the archive has it");
    assert_eq!(archive.asked(), [path]);
}

#[test]
fn a_truncated_body_is_asked_for_again() {
    let (bench, server) = (Bench::new(), Server::start());
    let answers =
        [Answer::Truncated(3, b"a".to_vec()), Answer::Unannounced(b"ab".to_vec()), Answer::ok(b"abc")];
    server.set(DEB, &answers);
    bench.fetch(mirrors(&[&server]), &[package(b"abc")]).expect("the third try is whole");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_body_that_stays_truncated_is_given_up_after_three_tries() {
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::Truncated(3, b"ab".to_vec())]));
    let attempts = bench.attempts(mirrors(&[&server]), &[package(b"abc")]);
    let Fault::Unavailable(why) = &attempts[0].fault else { panic!("{attempts:?}") };
    assert!(why.starts_with("the answer broke off: "), "{why}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_shorter_file_than_declared_is_another_file() {
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::ok(b"ab")]));
    let attempts = bench.attempts(mirrors(&[&server]), &[package(b"abc")]);
    assert_eq!(attempts[0].fault, Fault::WrongSize { wanted: 3, found: 2 });
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_longer_file_than_declared_is_not_read() {
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::Stalled(1 << 40, Vec::new())]));
    let attempts = bench.attempts(mirrors(&[&server]), &[package(b"abc")]);
    assert_eq!(attempts[0].fault, Fault::WrongSize { wanted: 3, found: 1 << 40 });
}

#[test]
fn a_body_without_end_is_cut_off_at_the_declared_size() {
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::Endless]));
    let attempts = bench.attempts(mirrors(&[&server]), &[package(b"abc")]);
    assert!(matches!(attempts[0].fault, Fault::WrongSize { wanted: 3, found: 4.. }), "{attempts:?}");
}

#[test]
fn a_busy_server_is_asked_again_and_so_is_one_that_failed() {
    let busy = Answer::Full("429 Too Many Requests", vec!["Retry-After: 0".to_owned()], Vec::new());
    for trouble in
        [busy, Answer::status("503 Service Unavailable"), Answer::status("500 Internal Server Error")]
    {
        let (bench, server) = (Bench::new(), Server::start().at(DEB, &[trouble, Answer::ok(b"abc")]));
        bench.fetch(mirrors(&[&server]), &[package(b"abc")]).expect("the second try is good");
        assert_eq!(server.asked().len(), 2);
    }
}

#[test]
fn a_server_that_wants_too_much_patience_is_left() {
    let busy = Answer::Full("429 Too Many Requests", vec!["Retry-After: 86400".to_owned()], Vec::new());
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[busy]));
    let attempts = bench.attempts(mirrors(&[&server]), &[package(b"abc")]);
    assert_eq!(attempts[0].fault, unavailable("the server answered 429 Too Many Requests"));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_stalled_server_is_left() {
    let (bench, honest) = (Bench::new(), Server::start().at(DEB, &[Answer::ok(b"abc")]));
    let stalled = Server::start().at(DEB, &[Answer::Stalled(3, b"a".to_vec())]);
    let options = NetworkOptions { stall_timeout: Duration::from_millis(250), ..mirrors(&[&stalled]) };
    let attempts = bench.attempts(NetworkOptions { tries: 1, ..options.clone() }, &[package(b"abc")]);
    assert_eq!(attempts[0].fault, unavailable("no byte came in 0.25 s"));
    let package_mirrors = vec![stalled.url("/debian"), honest.url("/debian")];
    bench
        .fetch(NetworkOptions { package_mirrors, ..options }, &[package(b"abc")])
        .expect("the second serves");
}

#[test]
fn a_place_to_which_no_connection_comes_about_is_waited_for_once() {
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::ok(b"abc")]));
    // Nothing listens at a port of the system that was given up decades ago.
    let package_mirrors = vec!["http://127.0.0.1:1/debian".to_owned(), server.url("/debian")];
    let options = NetworkOptions { package_mirrors, n_packages_at_once: 1, ..options() };
    let error = bench.fetch(options, &[package(b"abc"), package(b"abd")]).expect_err("the second is nowhere");
    let FetchError::Nowhere { attempts, .. } = error else { panic!("{error:?}") };
    assert_eq!(attempts[0].fault, unavailable("no connection came about there before"));
    assert_eq!((attempts.len(), bench.files()), (2, 1), "what came before the failure stays");
}

#[test]
fn a_refused_connection_is_told() {
    let bench = Bench::new();
    let package_mirrors = vec!["http://127.0.0.1:1/debian".to_owned()];
    let attempts = bench.attempts(NetworkOptions { package_mirrors, ..options() }, &[package(b"abc")]);
    let Fault::Unavailable(why) = &attempts[0].fault else { panic!("{attempts:?}") };
    assert!(why.starts_with("no connection: "), "{why}");
}

#[test]
fn equal_wants_are_downloaded_once_and_what_is_there_never() {
    let (bench, server) = (Bench::new(), Server::start().at("/a", &[Answer::ok(b"abc")]));
    bench.store.put_blob(b"there").expect("stored");
    let wants = [
        file(server.url("/there"), b"there"),
        file(server.url("/a"), b"abc"),
        file(server.url("/b"), b"abc"),
        file(server.url("/a"), b"abc"),
    ];
    bench.fetch(options(), &wants).expect("one is enough");
    assert_eq!(server.asked(), ["/a"]);
    bench.fetch(options(), &wants).expect("all is there");
    assert_eq!(server.asked(), ["/a"]);
}

#[test]
fn the_first_failure_in_order_is_reported_and_nothing_waits_for_the_rest() {
    let (bench, server) = (Bench::new(), Server::start());
    server.set("/stalled", &[Answer::Stalled(3, Vec::new())]);
    server.set("/slow", &[Answer::status("503 Service Unavailable"), Answer::status("410 Gone")]);
    let wants = [
        file(server.url("/slow"), b"1"),
        file(server.url("/missing"), b"2"),
        file(server.url("/stalled"), b"3"),
    ];
    // The stall alone would outlast any patience with this test.
    let options = NetworkOptions { stall_timeout: Duration::from_secs(3600), ..options() };
    let error = bench.fetch(options, &wants).expect_err("none is there");
    let FetchError::Nowhere { origin, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*origin, server.url("/slow"));
    assert!(!error.is_integrity());
    assert_eq!(bench.files(), 0);
}

#[test]
fn credentials_go_to_the_server_and_nowhere_else() {
    let (bench, server) = (Bench::new(), Server::start());
    let url = server.url("/a?token=secret").replace("http://", "http://user:secret@");
    let error = bench.fetch(options(), &[file(url, b"abc")]).expect_err("not there");
    let FetchError::Nowhere { origin, attempts } = error else { panic!("{error:?}") };
    assert_eq!((&origin, &attempts[0].place), (&server.url("/a?..."), &server.url("/a?...")));
    assert_eq!(server.asked(), ["/a?token=secret"]);
    assert!(!format!("{:?}", bench.events).contains("secret"));
}

#[test]
fn a_content_coding_is_not_undone() {
    let coded = Answer::Full("200 OK", vec!["Content-Encoding: gzip".to_owned()], b"\x1f\x8babc".to_vec());
    let (bench, server) = (Bench::new(), Server::start().at("/a.gz", &[coded]));
    bench.fetch(options(), &[file(server.url("/a.gz"), b"\x1f\x8babc")]).expect("the bytes as they are");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (bench, server) = (Bench::new(), Server::start().at("/b", &[Answer::ok(b"abc")]));
    server.set("/a", &[Answer::redirect("/b")]);
    server.set("/loop", &[Answer::redirect("/loop")]);
    bench.fetch(options(), &[file(server.url("/a"), b"abc")]).expect("the redirect is followed");
    let error = bench.fetch(options(), &[file(server.url("/loop"), b"x")]).expect_err("no end");
    let FetchError::Nowhere { attempts, .. } = error else { panic!("{error:?}") };
    assert_eq!(attempts[0].fault, unavailable("more than 10 redirects"));
    assert_eq!(server.asked().iter().filter(|path| *path == "/loop").count(), 11);
}

#[test]
fn events_come_in_strides_and_add_up() {
    let big = vec![7; 300_000];
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::ok(&big)]));
    bench.fetch(mirrors(&[&server]), &[package(&big)]).expect("there");
    let events = bench.events.into_inner().expect("not poisoned");
    let (phase, subject) = (Phase::Download, "test".to_owned());
    assert_eq!(events.first(), Some(&Event::Start { phase, subject: subject.clone(), total: 300_000 }));
    assert_eq!(events.last(), Some(&Event::Done { phase, subject }));
    let steps = events.iter().filter_map(|event| match event {
        Event::Advance { by, at, .. } => Some((*by, at.as_str())),
        _ => None,
    });
    let steps: Vec<_> = steps.collect();
    assert_eq!(steps.iter().map(|(by, _)| by).sum::<u64>(), 300_000);
    assert!(steps.len() <= 5 && steps.iter().all(|(_, at)| *at == "package a 1"), "{steps:?}");
}

#[test]
fn offline_asks_nobody_and_names_the_first_that_is_missing() {
    let (bench, server) = (Bench::new(), Server::start().at(DEB, &[Answer::ok(b"abc")]));
    bench.store.put_blob(b"there").expect("stored");
    let options = NetworkOptions { offline: true, ..mirrors(&[&server]) };
    bench.fetch(options.clone(), &[package(b"there")]).expect("it is there");
    let error = bench.fetch(options.clone(), &[package(b"there"), package(b"abc")]).expect_err("missing");
    assert_eq!(error.to_string(), "package a 1 is not in the store, and --offline forbids to fetch it");
    let network = bench.network(options);
    let suite = "trixie".parse().expect("a name");
    let version = semver::Version::new(1, 0, 0);
    assert!(matches!(network.in_release(&suite, &|_| Ok(())), Err(FetchError::Offline { .. })));
    assert!(matches!(network.find_crate("a", &version), Err(FetchError::Offline { .. })));
    assert!(server.asked().is_empty() && bench.events.lock().expect("not poisoned").is_empty());
}

#[test]
fn what_is_not_of_the_web_is_refused_before_it_is_asked_for() {
    let bench = Bench::new();
    let attempts = bench.attempts(options(), &[file("file:///etc/passwd".to_owned(), b"x")]);
    assert_eq!(attempts[0].fault, unavailable("its scheme is `file`; only http and https are fetched"));
}

#[test]
fn a_mirror_without_an_address_is_refused_at_once() {
    let bench = Bench::new();
    for text in ["ftp://example.invalid/", "/srv/mirror", "user:secret@example.invalid"] {
        let options = NetworkOptions { package_mirrors: vec![text.to_owned()], ..options() };
        let error = Network::new(options, bench.store.clone()).err().expect("not an address of the web");
        assert!(
            matches!(error, NetworkError::Address { .. }) && !error.to_string().contains("secret"),
            "{error}"
        );
    }
}

/// A registry that holds one crate, and its index's address as an option.
fn registry(dl: impl Fn(&Server) -> String) -> (Server, NetworkOptions) {
    let server = Server::start();
    let config = format!(r#"{{"dl":"{}","api":null}}"#, dl(&server));
    server.set("/index/config.json", &[Answer::ok(config.as_bytes())]);
    let options =
        NetworkOptions { crate_index: Some(format!("sparse+{}", server.url("/index/"))), ..options() };
    (server, options)
}

fn a_crate(name: &str, version: &str, content: &[u8]) -> Want {
    let origin = Origin::Crate { name: name.to_owned(), version: version.to_owned() };
    Want { origin, sha256: Digest::of(content), size: None }
}

#[test]
fn crates_come_from_where_the_index_says() {
    let table = [
        ("/dl", "/dl/Serde-x/1.0.0+b/download"),
        ("/dl/", "/dl/Serde-x/1.0.0+b/download"),
        ("/{crate}/{version}.crate", "/Serde-x/1.0.0+b.crate"),
        ("/{prefix}/{lowerprefix}/{crate}", "/Se/rd/se/rd/Serde-x"),
    ];
    for (template, path) in table {
        let (bench, (server, options)) = (Bench::new(), registry(|server| server.url(template)));
        server.set(path, &[Answer::ok(b"abc")]);
        bench.fetch(options, &[a_crate("Serde-x", "1.0.0+b", b"abc")]).expect("there");
        assert_eq!(server.asked(), ["/index/config.json", path]);
    }
}

#[test]
fn the_index_is_asked_for_its_configuration_once_and_only_if_no_mirror_serves() {
    let (bench, (server, options)) = (Bench::new(), registry(|server| server.url("/dl")));
    let mirror = Server::start().at("/m/a-1.0.0", &[Answer::ok(b"a")]);
    for name in ["b", "c", "d"] {
        server.set(&format!("/dl/{name}/1.0.0/download"), &[Answer::ok(name.as_bytes())]);
    }
    let options = NetworkOptions { crate_mirrors: vec![mirror.url("/m/{crate}-{version}")], ..options };
    bench.fetch(options.clone(), &[a_crate("a", "1.0.0", b"a")]).expect("the mirror has it");
    assert!(server.asked().is_empty());
    let wants = ["b", "c", "d"].map(|name| a_crate(name, "1.0.0", name.as_bytes()));
    bench.fetch(options, &wants).expect("the registry has them");
    assert_eq!(server.asked().iter().filter(|path| path.ends_with("config.json")).count(), 1);
}

#[test]
fn a_registry_that_cannot_be_asked_is_named_as_the_place() {
    let (bench, server) = (Bench::new(), Server::start());
    let options = NetworkOptions { crate_index: Some(server.url("/index")), ..options() };
    let place = server.url("/index/config.json");
    let fault = unavailable("the server answered 404 Not Found");
    let want = [a_crate("a", "1.0.0", b"a")];
    assert_eq!(bench.attempts(options.clone(), &want), [Attempt { place: place.clone(), fault }]);
    server.set("/index/config.json", &[Answer::ok(br#"{"dl":"http://127.0.0.1/","auth-required":true}"#)]);
    let fault = unavailable("the registry wants a token, which eadem has not");
    assert_eq!(bench.attempts(options, &want), [Attempt { place, fault }]);
}

#[test]
fn a_release_is_looked_up_in_the_index() {
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let line = |version: &str, yanked: bool| {
        format!(
            "{{\"name\":\"Abc\",\"vers\":\"{version}\",\"deps\":[],\"features\":{{}},\"cksum\":\"{sum}\",\"yanked\":{yanked}}}\n"
        )
    };
    let (bench, (server, options)) = (Bench::new(), registry(|server| server.url("/dl")));
    let entry = line("1.0.0", false) + &line("1.1.0", true);
    server.set("/index/3/a/abc", &[Answer::ok(entry.as_bytes())]);
    let network = bench.network(options);
    let find = |name: &str, version: &str| network.find_crate(name, &version.parse().expect("a version"));
    for (version, yanked) in [("1.0.0", false), ("1.1.0", true)] {
        let release = find("Abc", version).expect("known");
        assert_eq!((release.sha256, release.yanked), (Digest::of(b"abc"), yanked));
    }
    for (name, version) in [("Abc", "2.0.0"), ("abc", "1.0.0"), ("other", "1.0.0"), ("../x", "1.0.0")] {
        let unknown = find(name, version).expect_err("not in the index");
        assert!(matches!(unknown, FetchError::NoSuchCrate { .. }), "{unknown:?}");
    }
}

#[test]
fn an_index_that_gives_something_else_is_named() {
    let (bench, (server, options)) = (Bench::new(), registry(|server| server.url("/dl")));
    server.set("/index/1/a", &[Answer::ok(b"<html>")]);
    let error = bench.network(options).find_crate("a", &semver::Version::new(1, 0, 0)).expect_err("a page");
    let FetchError::Nowhere { attempts, .. } = error else { panic!("{error:?}") };
    assert_eq!(attempts[0].place, server.url("/index/1/a"));
}

#[test]
fn in_release_comes_from_the_first_mirror_whose_file_is_accepted() {
    let path = "/debian/dists/trixie/InRelease";
    let bench = Bench::new();
    let empty = Server::start();
    let forged = Server::start().at(path, &[Answer::ok(b"forged")]);
    let good = Server::start().at(path, &[Answer::ok(b"good")]);
    let accept = |bytes: &[u8]| if bytes == b"good" { Ok(()) } else { Err("not signed".to_owned()) };
    let suite = "trixie".parse().expect("a name");
    let found = bench.network(mirrors(&[&empty, &forged, &good])).in_release(&suite, &accept);
    assert_eq!(found.expect("the third is good"), b"good");

    let error =
        bench.network(mirrors(&[&empty, &forged])).in_release(&suite, &accept).expect_err("none is good");
    assert!(error.is_integrity());
    let FetchError::Nowhere { attempts, .. } = error else { panic!("{error:?}") };
    let wanted = [
        (empty.url(path), unavailable("the server answered 404 Not Found")),
        (forged.url(path), Fault::Refused("not signed".to_owned())),
    ];
    assert_eq!(attempts, wanted.map(|(place, fault)| Attempt { place, fault }));
}
