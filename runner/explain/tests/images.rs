//! Container images: layers are compared with layers, and digests follow from them.

mod support;

use std::collections::BTreeMap;

use eadem_explain::{BlobError, Blobs, Bounds, Knowledge, Node, files, trees};
use eadem_model::{Digest, Explanation};
use support::{gzip, line, tar, zstd};

const TEXT: &[u8] = b"one line\nbuilt 2026-11-26 in a hurry\n";
const OTHER: &[u8] = b"one line\nbuilt 2026-11-27 in a hurry\n";

/// What goes into an image.
#[derive(Clone, Copy)]
struct Recipe<'a> {
    /// The files of the second layer.
    content: &'a [u8],
    created: &'a str,
    pack: fn(&[u8]) -> Vec<u8>,
    author: &'a str,
}

const IMAGE: Recipe<'static> =
    Recipe { content: TEXT, created: "2026", pack: |tar| gzip(tar, 0), author: "ann" };

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).hex()
}

/// Adds a blob, and gives what refers to it.
fn blob(files: &mut Files, bytes: Vec<u8>) -> String {
    let descriptor = format!(r#""digest":"sha256:{}","size":{}"#, hex(&bytes), bytes.len());
    files.insert(format!("blobs/sha256/{}", hex(&bytes)), bytes);
    descriptor
}

/// Layers, not packed, and the configuration that names them.
fn parts(recipe: Recipe<'_>) -> ([Vec<u8>; 2], String) {
    let layers = [tar(&[("etc/base", b"base\n", 1, 0)]), tar(&[("usr/bin/x", recipe.content, 1, 0)])];
    let ids = layers.each_ref().map(|layer| format!(r#""sha256:{}""#, hex(layer))).join(",");
    let config = format!(
        r#"{{"architecture":"amd64","created":"{}","rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#,
        recipe.created
    );
    (layers, config)
}

/// A layout of OCI with some images.
fn layout(images: &[Recipe<'_>]) -> Files {
    let mut files = Files::from([("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())]);
    let mut manifests = Vec::new();
    for recipe in images {
        let (layers, config) = parts(*recipe);
        let config = blob(&mut files, config.into_bytes());
        let layers = layers.map(|layer| format!("{{{}}}", blob(&mut files, (recipe.pack)(&layer)))).join(",");
        let author = recipe.author;
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{{config}}},"layers":[{layers}],"annotations":{{"author":"{author}"}}}}"#
        );
        manifests.push(format!("{{{}}}", blob(&mut files, manifest.into_bytes())));
    }
    files.insert(
        "index.json".to_owned(),
        format!(r#"{{"manifests":[{}]}}"#, manifests.join(",")).into_bytes(),
    );
    files
}

/// An archive as `docker save` made it before it knew of OCI.
fn saved(recipe: Recipe<'_>) -> Files {
    let (layers, config) = parts(recipe);
    let names = layers.each_ref().map(|layer| format!("{}/layer.tar", hex(layer)));
    let list = format!(
        r#"[{{"Config":"{}.json","RepoTags":["x:1"],"Layers":["{}","{}"]}}]"#,
        hex(config.as_bytes()),
        names[0],
        names[1]
    );
    let mut files = Files::from([("manifest.json".to_owned(), list.into_bytes())]);
    files.insert(format!("{}.json", hex(config.as_bytes())), config.into_bytes());
    files.extend(names.into_iter().zip(layers));
    files
}

fn archived(files: &Files) -> Vec<u8> {
    let members: Vec<support::Entry<'_>> =
        files.iter().map(|(name, bytes)| (&name[..], &bytes[..], 1, 0)).collect();
    tar(&members)
}

impl Blobs for Disk {
    fn open(&self, name: &str) -> Result<Box<dyn AsRef<[u8]> + '_>, BlobError> {
        self.0.get(name).map(|bytes| Box::new(bytes) as _).ok_or_else(|| BlobError(name.to_owned()))
    }
}

struct Disk(Files);

fn of_trees(first: &Files, second: &Files) -> Explanation {
    let [first, second] = [first, second].map(|files| Disk(files.clone()));
    let nodes = |disk: &Disk| -> BTreeMap<String, Node> {
        let node = |bytes: &Vec<u8>| Node::File { mode: 0o644, size: bytes.len() as u64 };
        disk.0.iter().map(|(name, bytes)| (name.clone(), node(bytes))).collect()
    };
    let nodes = [nodes(&first), nodes(&second)];
    trees((&nodes[0], &first), (&nodes[1], &second), &Knowledge::default(), Bounds::default())
}

/// What is told, with what each finding follows from.
fn lines(explanation: &Explanation) -> Vec<String> {
    let line = |finding| {
        let line = line(finding);
        let follows = finding.follows.join(" and ");
        if follows.is_empty() { line } else { format!("{line} from {follows}") }
    };
    explanation.findings.iter().map(line).collect()
}

fn told(first: &Files, second: &Files) -> Vec<String> {
    lines(&files(&archived(first), &archived(second), &Knowledge::default(), Bounds::default()))
}

#[test]
fn a_file_of_a_layer_is_found_and_all_digests_follow_from_it() {
    let other = layout(&[Recipe { content: OTHER, ..IMAGE }]);
    let wanted = [
        "layer 2 > gzip > usr/bin/x: lines, Timestamp Likely",
        "configuration: lines from layer 2",
        "manifest: lines from layer 2",
        "index.json: lines from layer 2",
    ];
    assert_eq!(told(&layout(&[IMAGE]), &other), wanted);
    let in_tree = lines(&of_trees(&layout(&[IMAGE]), &other));
    let wanted = [&wanted[..3], &[": lines from layer 2"]].concat();
    let at = |line: &str| {
        if line.starts_with(':') { format!("index.json{line}") } else { format!("index.json > {line}") }
    };
    assert_eq!(in_tree, wanted.into_iter().map(at).collect::<Vec<_>>());
}

#[test]
fn layers_that_are_packed_otherwise_and_a_time_of_the_configuration_are_told() {
    let packed = layout(&[Recipe { pack: zstd, ..IMAGE }]);
    let told_of = told(&layout(&[IMAGE]), &packed);
    assert_eq!(told_of[..2], ["layer 1: bytes, Unknown Unknown", "layer 2: bytes, Unknown Unknown"]);
    assert_eq!(
        told_of[2..],
        ["manifest: lines from layer 1 and layer 2", "index.json: lines from layer 1 and layer 2"]
    );
    let later = layout(&[Recipe { created: "2027", ..IMAGE }]);
    let told_of = told(&layout(&[IMAGE]), &later);
    assert!(told_of[0].starts_with("configuration: lines, "), "{told_of:?}");
    assert_eq!(told_of[1..], ["manifest: lines from configuration", "index.json: lines from configuration"]);
}

#[test]
fn what_a_manifest_says_by_itself_does_not_follow_from_a_layer() {
    let other = layout(&[Recipe { content: OTHER, author: "bob", ..IMAGE }]);
    let told_of = told(&layout(&[IMAGE]), &other);
    assert_eq!(told_of.len(), 4, "{told_of:?}");
    assert!(told_of[2].starts_with("manifest: lines, ") && !told_of[2].contains("from"), "{told_of:?}");
    let explanation =
        files(&archived(&layout(&[IMAGE])), &archived(&other), &Knowledge::default(), Bounds::default());
    let eadem_model::Change::Lines { hunks, total: 1 } = &explanation.findings[2].change else {
        panic!("{:?}", explanation.findings[2])
    };
    assert!(
        hunks[0].first[0].contains("ann") && hunks[0].second[0].contains("bob"),
        "digests are no difference"
    );
}

#[test]
fn of_several_images_the_one_that_differs_is_named() {
    let (first, second) = ([IMAGE, IMAGE], [IMAGE, Recipe { content: OTHER, ..IMAGE }]);
    let told_of = told(&layout(&first), &layout(&second));
    assert_eq!(told_of[0], "image 2 > layer 2 > gzip > usr/bin/x: lines, Timestamp Likely");
    assert_eq!(told_of.last().map(String::as_str), Some("index.json: lines from image 2, layer 2"));
}

#[test]
fn a_layer_of_one_side_is_named_by_its_file() {
    let mut first = layout(&[IMAGE]);
    let extra = format!("blobs/sha256/{}", hex(b"alone"));
    first.insert(extra.clone(), b"alone".to_vec());
    assert_eq!(told(&first, &layout(&[IMAGE])), [format!("{extra}: only 1")]);
    assert_eq!(lines(&of_trees(&first, &layout(&[IMAGE]))), [format!("{extra}: only 1")]);
}

#[test]
fn an_archive_of_docker_save_is_followed_by_its_names() {
    let other = saved(Recipe { content: OTHER, ..IMAGE });
    let wanted = [
        "layer 2 > usr/bin/x: lines, Timestamp Likely",
        "configuration: lines from layer 2",
        "manifest.json: lines from layer 2",
    ];
    assert_eq!(told(&saved(IMAGE), &other), wanted);
    // Newer ones are a layout as well, and both lists follow.
    let both = |recipe: Recipe<'_>| {
        let mut files = layout(&[Recipe { pack: |tar| tar.to_vec(), ..recipe }]);
        let (layers, config) = parts(recipe);
        let name = |bytes: &[u8]| format!("blobs/sha256/{}", hex(bytes));
        let (config, [one, two]) = (name(config.as_bytes()), layers.map(|layer| name(&layer)));
        let list = format!(r#"[{{"Config":"{config}","RepoTags":null,"Layers":["{one}","{two}"]}}]"#);
        files.insert("manifest.json".to_owned(), list.into_bytes());
        files
    };
    let told_of = told(&both(IMAGE), &both(Recipe { content: OTHER, ..IMAGE }));
    assert_eq!(told_of[0], "layer 2 > usr/bin/x: lines, Timestamp Likely");
    let follow = ["configuration", "manifest", "index.json", "manifest.json"];
    assert_eq!(told_of[1..], follow.map(|name| format!("{name}: lines from layer 2")));
}

#[test]
fn images_that_are_damaged_are_compared_as_files() {
    let (mut first, second) = (layout(&[IMAGE]), layout(&[Recipe { content: OTHER, ..IMAGE }]));
    for index in [&b"{"[..], b"[]", br#"{"manifests":[{"digest":"sha256:none"}]}"#, br#"{"manifests":7}"#] {
        first.insert("index.json".to_owned(), index.to_vec());
        assert!(told(&first, &second).iter().any(|line| line.starts_with("index.json")));
        assert!(lines(&of_trees(&first, &second)).iter().any(|line| line.ends_with("only 1")));
    }
}
