//! Whether two runs of a unit, in two settings, gave the same.

use std::collections::BTreeMap;

use eadem_model::{Difference, Digest, Entry, Setting, TreePath, UnitKind, UnitRecord};
use eadem_store::{Store, StoreError};

use crate::respell::{Respelling, has_marks};

/// The name of what a build script printed, among its outputs.
pub(crate) const STDOUT: &str = "stdout";

/// What came of comparing.
pub(crate) enum Compared {
    /// The same, but for the places of roots. The blobs that give a build script's outputs in any setting,
    /// for those that name roots.
    Alike(BTreeMap<TreePath, Digest>),
    /// Not the same: these outputs differ.
    Different(Vec<String>),
}

/// Compares what a unit gave in a baseline's room and in another setting's.
pub(crate) struct Comparison<'a> {
    pub(crate) store: &'a Store,
    /// The setting of the second run; the first was the baseline's.
    pub(crate) second: &'a Setting,
}

impl Comparison<'_> {
    pub(crate) fn of(&self, first: &UnitRecord, second: &UnitRecord) -> Result<Compared, StoreError> {
        let (mut templates, mut different) = (BTreeMap::new(), Vec::new());
        for difference in first.tree.differences(&second.tree) {
            match self.template(first.kind, &difference)? {
                Some(template) if first.kind == UnitKind::RunScript => {
                    templates.insert(difference.path, template);
                }
                Some(_) => {}
                None => different.push(difference.path.to_string()),
            }
        }
        if first.kind == UnitKind::RunScript && !self.same_text(&first.stdout, &second.stdout)? {
            different.push(STDOUT.to_owned());
        }
        Ok(if different.is_empty() { Compared::Alike(templates) } else { Compared::Different(different) })
    }

    /// Compilations must give the same bytes; only their lists of dependencies name the roots for cargo.
    fn template(&self, kind: UnitKind, difference: &Difference) -> Result<Option<Digest>, StoreError> {
        let may_name_roots = kind == UnitKind::RunScript || difference.path.as_str().ends_with(".d");
        match (&difference.first, &difference.second) {
            (Some(first), Some(second)) if may_name_roots && same_but_bytes(first, second) => {
                self.same_but_roots(&self.bytes(first)?, &self.bytes(second)?)
            }
            _ => Ok(None),
        }
    }

    fn bytes(&self, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        match entry {
            Entry::Directory => Ok(Vec::new()),
            Entry::File { digest, .. } => self.store.read_blob(digest),
            Entry::Symlink { target } => Ok(target.as_bytes().to_owned()),
        }
    }

    /// The template of both, if they are the same but for the places of roots.
    ///
    /// It comes from the second, whose places are improbable: the baseline's may stand for themselves.
    fn same_but_roots(&self, first: &[u8], second: &[u8]) -> Result<Option<Digest>, StoreError> {
        let back = Respelling::between(self.second, &Setting::baseline()).apply(second);
        match back.filter(|back| back == first && !has_marks(second)) {
            None => Ok(None),
            Some(_) => Respelling::to_marks(self.second)
                .apply(second)
                .map(|template| self.store.put_blob(&template))
                .transpose(),
        }
    }

    fn same_text(&self, first: &Digest, second: &Digest) -> Result<bool, StoreError> {
        let texts = || Ok::<_, StoreError>((self.store.read_blob(first)?, self.store.read_blob(second)?));
        Ok(first == second || {
            let (first, second) = texts()?;
            self.same_but_roots(&first, &second)?.is_some()
        })
    }

    /// What the second run gave, as the driver's room is to see it: with the baseline's places.
    pub(crate) fn for_the_driver(&self, mut second: UnitRecord) -> Result<UnitRecord, StoreError> {
        let back = Respelling::between(self.second, &Setting::baseline());
        let respelled = |digest: &Digest| match back.apply(&self.store.read_blob(digest)?) {
            None => Ok::<_, StoreError>((*digest, None)),
            Some(bytes) => Ok((self.store.put_blob(&bytes)?, Some(bytes.len() as u64))),
        };
        (second.stdout, _) = respelled(&second.stdout)?;
        for (path, entry) in &mut second.tree.entries {
            if let Entry::File { digest, size, .. } = entry
                && second.kind != UnitKind::RunScript
                && path.as_str().ends_with(".d")
            {
                let (other, length) = respelled(digest)?;
                (*digest, *size) = (other, length.unwrap_or(*size));
            }
        }
        Ok(second)
    }
}

/// Whether two entries are of one kind and mode.
fn same_but_bytes(first: &Entry, second: &Entry) -> bool {
    match (first, second) {
        (Entry::File { executable: first, .. }, Entry::File { executable: second, .. }) => first == second,
        (Entry::Symlink { .. }, Entry::Symlink { .. }) => true,
        _ => false,
    }
}

/// The entries that templates give in a setting.
pub(crate) fn entries_in(
    setting: &Setting,
    record: &UnitRecord,
    templates: &BTreeMap<TreePath, Digest>,
    store: &Store,
) -> Result<BTreeMap<TreePath, Entry>, StoreError> {
    let respelling = Respelling::from_marks(setting);
    let entry = |(path, template): (&TreePath, &Digest)| {
        let template = store.read_blob(template)?;
        let bytes = respelling.apply(&template).unwrap_or(template);
        let entry = match record.tree.entries.get(path) {
            Some(Entry::Symlink { .. }) => {
                Entry::Symlink { target: String::from_utf8_lossy(&bytes).into_owned() }
            }
            other => {
                let executable = matches!(other, Some(Entry::File { executable: true, .. }));
                Entry::File { digest: store.put_blob(&bytes)?, size: bytes.len() as u64, executable }
            }
        };
        Ok((path.clone(), entry))
    };
    templates.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use eadem_model::{OutputSink, Root, Usage, document::Version1};

    use super::*;

    fn record(store: &Store, kind: UnitKind, file: (&str, &str), stdout: &str) -> UnitRecord {
        let mut writer = store.tree_writer();
        writer.file(&file.0.parse().expect("clean"), false, &mut file.1.as_bytes()).expect("taken");
        UnitRecord {
            eadem_unit: Version1,
            kind,
            package: "a 1.0.0".to_owned(),
            tree: writer.finish().expect("finished"),
            stdout: store.put_blob(stdout.as_bytes()).expect("stored"),
            stderr: store.put_blob(b"").expect("stored"),
            usage: Usage::default(),
            checked: None,
            unseen: None,
        }
    }

    /// What differs between two runs of a unit that wrote and printed this, `{}` for the target directory.
    fn different(kind: UnitKind, name: &str, contents: [&str; 2], printed: [&str; 2]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let settings = [Setting::baseline(), Setting::varied(&Digest::of(b"x"))];
        let [first, second] = [0, 1].map(|n| {
            let at = |text: &str| text.replace("{}", settings[n].place(Root::Target).as_str());
            record(&store, kind, (name, &at(contents[n])), &at(printed[n]))
        });
        let comparison = Comparison { store: &store, second: &settings[1] };
        match comparison.of(&first, &second).expect("compared") {
            Compared::Different(paths) => paths,
            Compared::Alike(templates) => {
                let made = entries_in(&settings[1], &first, &templates, &store).expect("made");
                made.iter().for_each(|(path, entry)| assert_eq!(&second.tree.entries[path], entry));
                Vec::new()
            }
        }
    }

    #[test]
    fn a_build_script_may_name_the_roots_and_nothing_else_may_differ() {
        let run = UnitKind::RunScript;
        assert!(different(run, "gen.rs", ["a {}/b", "a {}/b"], ["L={}", "L={}"]).is_empty());
        assert_eq!(different(run, "gen.rs", ["a {} 1", "a {} 2"], ["", ""]), ["gen.rs"]);
        assert_eq!(different(run, "gen.rs", ["a", "b"], ["1", "2"]), ["gen.rs", "stdout"]);
    }

    #[test]
    fn a_library_that_names_a_root_differs_and_its_list_of_dependencies_does_not() {
        let compile = UnitKind::Compile;
        assert_eq!(different(compile, "liba.rlib", ["{}", "{}"], ["", ""]), ["liba.rlib"]);
        assert!(different(compile, "a.d", ["{}/a: b", "{}/a: b"], ["", ""]).is_empty());
    }

    #[test]
    fn what_names_the_baselines_place_in_both_rooms_is_the_same() {
        let run = UnitKind::RunScript;
        assert!(different(run, "a", ["/build/target {}", "/build/target {}"], ["", ""]).is_empty());
        assert_eq!(different(run, "a", ["/build/target", "/build/targes"], ["", ""]), ["a"]);
    }
}
