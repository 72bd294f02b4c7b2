//! Reads the whole store, and finds what is not as it was written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eadem_model::{At, Digest, Entry, Record, UnitRecord};
use rayon::prelude::*;

use crate::{
    StoreError,
    census::{digest_of, list},
    contents::is_note,
    store::Store,
};

/// What a look at everything found.
#[derive(Debug, Default)]
pub struct Checkup {
    /// Blobs that were read.
    pub n_blobs: usize,
    /// Records of units.
    pub n_units: usize,
    /// Records of runs.
    pub n_runs: usize,
    /// Layers that are laid out.
    pub n_layers: usize,
    /// What is damaged, each a [`StoreError::Damaged`].
    pub faults: Vec<StoreError>,
}

impl Store {
    /// Compares every blob with its name, whatever its seal says, and reads every record.
    ///
    /// Records of another eadem are no damage; of laid-out layers what builds in units have read is read.
    pub fn check(&self) -> Result<Checkup, StoreError> {
        let mut checkup = Checkup::default();
        self.check_blobs(&mut checkup)?;
        self.check_units(&mut checkup)?;
        self.check_runs(&mut checkup)?;
        self.check_layers(&mut checkup)?;
        if let Err(error) = self.images() {
            checkup.find(error)?;
        }
        Ok(checkup)
    }

    fn check_blobs(&self, checkup: &mut Checkup) -> Result<(), StoreError> {
        let paths = list(&self.blobs_dir())?;
        checkup.n_blobs = paths.len();
        let cold = list(&self.cold_dir())?;
        checkup.n_blobs += cold.len();
        let is_cold = |path: &Path| path.starts_with(self.cold_dir());
        let looked =
            paths.into_par_iter().chain(cold).map(|path| match digest_of(&path.with_extension("")) {
                Some(digest) if is_cold(&path) => self.check_cold(&digest),
                Some(digest) if path.extension().is_none() => self.check_blob(&digest),
                _ => Err(StoreError::Damaged { path, why: "its name is no digest".to_owned() }),
            });
        for error in looked.collect::<Vec<_>>().into_iter().filter_map(Result::err) {
            checkup.find(error)?;
        }
        Ok(())
    }

    fn check_units(&self, checkup: &mut Checkup) -> Result<(), StoreError> {
        for path in list(&self.dir().join("units"))? {
            checkup.n_units += 1;
            let Some(key) = digest_of(&path.with_extension("")) else {
                checkup.damaged(path, "its name is no key".to_owned());
                continue;
            };
            match self.unit_record(&key) {
                Err(error) => checkup.find(error)?,
                // Blobs that are damaged were found above; what is compressed stays so.
                Ok(record) => {
                    let lacks = record.iter().flat_map(blobs).find(|blob| !self.has_blob(blob));
                    lacks.into_iter().for_each(|blob| {
                        checkup.damaged(path.clone(), format!("blob {blob}, which it names, is missing"));
                    });
                }
            }
        }
        Ok(())
    }

    fn check_runs(&self, checkup: &mut Checkup) -> Result<(), StoreError> {
        for plan in list(&self.dir().join("records"))?.into_iter().filter(|path| path.is_dir()) {
            for path in list(&plan)? {
                checkup.n_runs += 1;
                match serde_json::from_slice::<Record>(&fs::read(&path).at(&path)?) {
                    Err(error) if !error.is_data() => checkup.damaged(path, error.to_string()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn check_layers(&self, checkup: &mut Checkup) -> Result<(), StoreError> {
        for path in list(&self.dir().join("unpacked"))? {
            let is_origin = path.extension().is_some_and(|extension| extension == "origin");
            if is_origin {
                let text = fs::read_to_string(&path).unwrap_or_default();
                if text.parse::<Digest>().is_err() {
                    checkup.damaged(path, "it says no origin".to_owned());
                }
            } else if !is_note(&path) {
                checkup.n_layers += 1;
                self.check_layer(path, checkup)?;
            }
        }
        Ok(())
    }

    fn check_layer(&self, path: PathBuf, checkup: &mut Checkup) -> Result<(), StoreError> {
        match digest_of(&path).filter(|_| path.is_dir()) {
            None => checkup.damaged(path, "it is no layer".to_owned()),
            Some(layer) => match self.check_contents(&layer) {
                Err(StoreError::Changed { part, .. }) => {
                    checkup.damaged(path, format!("`{part}` is not what was laid out there"));
                }
                checked => checked?,
            },
        }
        Ok(())
    }
}

fn blobs(record: &UnitRecord) -> impl Iterator<Item = Digest> {
    let file = |entry: &Entry| if let Entry::File { digest, .. } = entry { Some(*digest) } else { None };
    let templates = record.checked.iter().flat_map(|proof| proof.templates.values().copied());
    record.tree.entries.values().filter_map(file).chain([record.stdout, record.stderr]).chain(templates)
}

impl Checkup {
    fn damaged(&mut self, path: PathBuf, why: String) {
        self.faults.push(StoreError::Damaged { path, why });
    }

    /// Takes damage down, and passes on what hinders the look itself.
    fn find(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Damaged { .. } => self.faults.push(error),
            // Somebody else has just removed it.
            StoreError::Missing(_) => {}
            error => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::{OutputSink, UnitKind, UnitRecord, Usage, document::Version1};

    use super::*;

    fn faults(store: &Store) -> Vec<PathBuf> {
        let path = |error: &StoreError| match error {
            StoreError::Damaged { path, .. } => path.clone(),
            error => panic!("{error}"),
        };
        store.check().expect("can be read").faults.iter().map(path).collect()
    }

    #[test]
    fn each_damaged_thing_is_named_and_a_forged_seal_helps_nobody() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let (good, bad) = (store.put_blob(b"good").expect("stored"), store.put_blob(b"bad").expect("stored"));
        let mut writer = store.tree_writer();
        writer.file(&"a".parse().expect("clean"), false, &mut &b"out"[..]).expect("taken");
        let record = UnitRecord {
            eadem_unit: Version1,
            kind: UnitKind::Compile,
            package: "a 1".to_owned(),
            tree: writer.finish().expect("finished"),
            stdout: good,
            stderr: good,
            usage: Usage::default(),
            checked: None,
            unseen: None,
        };
        let (whole, torn) = (Digest::of(b"1"), Digest::of(b"2"));
        store.put_unit(&whole, &record).expect("kept");
        store.put_unit(&torn, &record).expect("kept");
        assert_eq!(faults(&store), Vec::<PathBuf>::new());

        let blob = store.file_path(&bad);
        fs::remove_file(&blob).expect("removed");
        fs::write(&blob, "evil").expect("written");
        crate::seal::seal(&fs::File::open(&blob).expect("opens"), &bad).expect("ours");
        fs::write(store.unit_path(&torn), "{").expect("written");
        let stray = store.file_path(&good).with_file_name("stray");
        fs::write(&stray, "").expect("written");
        let mut wanted = vec![blob, stray, store.unit_path(&torn)];
        wanted[..2].sort();
        assert_eq!(faults(&store), wanted);

        fs::remove_file(store.file_path(&Digest::of(b"out"))).expect("there");
        assert!(faults(&store).contains(&store.unit_path(&whole)));
        for error in store.check().expect("can be read").faults {
            store.discard(error).expect("can be removed");
        }
        assert_eq!(faults(&store), Vec::<PathBuf>::new());
    }
}
