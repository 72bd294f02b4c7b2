//! Logs of rounds, compressed.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    ops::ControlFlow,
    path::PathBuf,
};

use eadem_model::{At, AtError, Name, RunId};

use crate::{StoreError, store::Store};

/// Takes a round's log.
pub struct LogWriter {
    encoder: zstd::Encoder<'static, File>,
    name: String,
    path: PathBuf,
}

/// A log of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The run that wrote it.
    pub run: RunId,
    /// The recipe that was built.
    pub recipe: Name,
    /// In which round, from 1.
    pub n_round: usize,
    /// The log's name, as a record keeps it.
    pub name: String,
}

/// How a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEnd {
    /// As its writer ended it, or the reader had enough.
    Whole,
    /// In the middle: its writer was killed, or still writes.
    CutOff,
}

impl Store {
    /// Starts the log of one round of a run.
    pub fn log_writer(&self, run: &RunId, subject: &str, n_round: usize) -> Result<LogWriter, StoreError> {
        let name = format!("{run}-{subject}-{n_round}.zst");
        let path = self.dir().join("logs").join(&name);
        // A round that did not bear in units is run again in another way: its last log counts.
        let file = File::create(&path).at(&path)?;
        let encoder = zstd::Encoder::new(file, 3).at(&path)?;
        Ok(LogWriter { encoder, name, path })
    }

    /// Where a log lies.
    pub fn log_path(&self, name: &str) -> PathBuf {
        self.dir().join("logs").join(name)
    }

    /// All logs, those of the newest run first, of a run the last round first.
    pub fn logs(&self) -> Result<Vec<LogEntry>, StoreError> {
        let dir = self.dir().join("logs");
        let names = fs::read_dir(&dir).at(&dir)?.map(|entry| Ok(entry.at(&dir)?.file_name()));
        let names = names.collect::<Result<Vec<_>, AtError>>()?;
        let mut logs: Vec<LogEntry> =
            names.iter().filter_map(|name| LogEntry::of(name.to_str()?.to_owned())).collect();
        logs.sort_by(|left, right| {
            let key = |log: &LogEntry| (log.run.clone(), log.recipe.clone(), log.n_round);
            key(right).cmp(&key(left))
        });
        Ok(logs)
    }

    /// Hands a log over piece by piece, until it ends or the taker has enough.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if what is there is no log.
    pub fn read_log(
        &self,
        name: &str,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<LogEnd, StoreError> {
        let path = self.log_path(name);
        let file = File::open(&path).at(&path)?;
        if file.metadata().at(&path)?.len() == 0 {
            return Ok(LogEnd::CutOff);
        }
        let mut log = zstd::Decoder::new(file).at(&path)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            match log.read(&mut piece) {
                Ok(0) => return Ok(LogEnd::Whole),
                Ok(n) if take(&piece[..n]).is_break() => return Ok(LogEnd::Whole),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(LogEnd::CutOff),
                Err(error) => return Err(StoreError::Damaged { path, why: error.to_string() }),
            }
        }
    }
}

impl LogEntry {
    /// Reads `RUN-RECIPE-ROUND.zst`; a run has one `-` in it, a recipe any number.
    fn of(name: String) -> Option<Self> {
        let stem = name.strip_suffix(".zst")?;
        let (stem, n_round) = stem.rsplit_once('-')?;
        let (seconds, rest) = stem.split_once('-')?;
        let (nonce, recipe) = rest.split_once('-')?;
        let run = format!("{seconds}-{nonce}").parse().ok()?;
        Some(Self { run, recipe: recipe.parse().ok()?, n_round: n_round.parse().ok()?, name })
    }
}

impl LogWriter {
    /// The log's name, as a record keeps it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends the log.
    pub fn finish(self) -> Result<(), StoreError> {
        self.encoder.finish().at(&self.path)?;
        Ok(())
    }
}

impl Write for LogWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.encoder.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(store: &Store, name: &str) -> (String, LogEnd) {
        let mut log = Vec::new();
        let end = store.read_log(name, &mut |piece| {
            log.extend_from_slice(piece);
            ControlFlow::Continue(())
        });
        (String::from_utf8(log).expect("text"), end.expect("readable"))
    }

    #[test]
    fn a_log_that_was_cut_off_is_read_as_far_as_it_goes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let mut writer = store.log_writer(&RunId::new(1, 1), "one", 1).expect("starts");
        let name = writer.name().to_owned();
        assert_eq!(read(&store, &name), (String::new(), LogEnd::CutOff));
        writer.write_all(b"first\n").expect("takes");
        writer.flush().expect("takes");
        assert_eq!(read(&store, &name), ("first\n".to_owned(), LogEnd::CutOff));
        writer.finish().expect("ends");
        assert_eq!(read(&store, &name), ("first\n".to_owned(), LogEnd::Whole));
        fs::write(store.log_path(&name), "no log at all").expect("writes");
        let damaged = store.read_log(&name, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn logs_are_listed_with_the_newest_first() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        for (seconds, recipe, n_round) in [(1, "one", 1), (3, "a-b.c", 1), (3, "a-b.c", 2), (2, "one", 1)] {
            let writer = store.log_writer(&RunId::new(seconds, 7), recipe, n_round).expect("starts");
            writer.finish().expect("ends");
        }
        fs::write(store.log_path("stray"), "").expect("writes");
        let logs = store.logs().expect("listed");
        let listed: Vec<_> = logs.iter().map(|log| (log.recipe.as_str(), log.n_round)).collect();
        assert_eq!(listed, [("a-b.c", 2), ("a-b.c", 1), ("one", 1), ("one", 1)]);
        assert_eq!(logs[0].run, RunId::new(3, 7));
    }
}
