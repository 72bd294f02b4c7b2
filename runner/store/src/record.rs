//! Records: what plans gave.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use eadem_model::{At, AtError, Digest, Plan, Record, RunId};

use crate::{StoreError, census::touch, store::Store};

impl Store {
    /// Keeps a record; the blobs that it names must be there.
    pub fn put_record(&self, record: &Record) -> Result<(), StoreError> {
        let dir = self.records_dir(&record.plan);
        fs::create_dir_all(&dir).at(&dir)?;
        let json = serde_json::to_vec_pretty(record).expect("records have only text keys");
        Ok(self.replace(&self.record_path(&record.plan, &record.run), &json)?)
    }

    /// Keeps a plan under its digest, so that its records can be understood.
    pub fn put_plan(&self, plan: &Plan) -> Result<Digest, StoreError> {
        self.put_blob(&plan.to_bytes())
    }

    /// The plan with a digest; `None` if it was not kept or is of another eadem.
    pub fn plan(&self, digest: &Digest) -> Result<Option<Plan>, StoreError> {
        match self.read_blob(digest) {
            Err(StoreError::Missing(_)) => Ok(None),
            bytes => Ok(serde_json::from_slice(&bytes?).ok()),
        }
    }

    /// All records of a plan, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one cannot be read.
    pub fn records(&self, plan: &Digest) -> Result<Vec<Record>, StoreError> {
        files(&self.records_dir(plan))?.into_iter().rev().map(read).collect()
    }

    /// The records of a plan that can be read, the newest first, and why others cannot.
    pub fn readable_records(&self, plan: &Digest) -> Result<(Vec<Record>, Vec<StoreError>), StoreError> {
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for path in files(&self.records_dir(plan))?.into_iter().rev() {
            match read(path) {
                Ok(record) => records.push(record),
                Err(error) => unreadable.push(error),
            }
        }
        Ok((records, unreadable))
    }

    /// The records of all plans, the newest first, and why others cannot be read: they are damaged, or
    /// of another eadem.
    pub fn all_records(&self) -> Result<(Vec<Record>, Vec<StoreError>), StoreError> {
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for plan in list(&self.dir().join("records"))?.into_iter().filter(|path| path.is_dir()) {
            for path in files(&plan)? {
                match read(path) {
                    Ok(record) => records.push(record),
                    Err(error) => unreadable.push(error),
                }
            }
        }
        // Runs of one second have no order but their names; what one run did goes by its start.
        records.sort_by(|left: &Record, right: &Record| {
            let key = |record: &Record| {
                let started = record.rounds.first().map(|round| round.started);
                (record.run.clone(), started, record.recipe.clone(), record.plan)
            };
            key(right).cmp(&key(left))
        });
        Ok((records, unreadable))
    }

    /// Notes that a record answered just now.
    pub fn note_answer(&self, record: &Record) {
        touch(&self.record_path(&record.plan, &record.run));
    }

    /// Where the record of a run lies.
    pub(crate) fn record_path(&self, plan: &Digest, run: &RunId) -> PathBuf {
        self.records_dir(plan).join(format!("{run}.json"))
    }

    fn records_dir(&self, plan: &Digest) -> PathBuf {
        self.dir().join("records").join(plan.hex())
    }
}

/// The records in a directory, the oldest first.
fn files(dir: &Path) -> Result<Vec<PathBuf>, AtError> {
    let mut paths = list(dir)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    Ok(paths)
}

/// A directory's entries, in byte order; none if it is missing.
fn list(dir: &Path) -> Result<Vec<PathBuf>, AtError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at(dir)?,
    };
    let mut paths = entries.map(|entry| Ok(entry.at(dir)?.path())).collect::<Result<Vec<_>, AtError>>()?;
    paths.sort();
    Ok(paths)
}

fn read(path: PathBuf) -> Result<Record, StoreError> {
    let bytes = fs::read(&path).at(&path)?;
    serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged { path, why: error.to_string() })
}
