//! Logs of rounds, compressed.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
};

use eadem_model::{At, RunId};

use crate::{StoreError, store::Store};

/// Takes a round's log.
pub struct LogWriter {
    encoder: zstd::Encoder<'static, File>,
    name: String,
    path: PathBuf,
}

impl Store {
    /// Starts the log of one round of a run.
    pub fn log_writer(&self, run: &RunId, subject: &str, n_round: usize) -> Result<LogWriter, StoreError> {
        let name = format!("{run}-{subject}-{n_round}.zst");
        let path = self.dir().join("logs").join(&name);
        let file = File::create_new(&path).at(&path)?;
        let encoder = zstd::Encoder::new(file, 3).at(&path)?;
        Ok(LogWriter { encoder, name, path })
    }

    /// Where a log lies.
    pub fn log_path(&self, name: &str) -> PathBuf {
        self.dir().join("logs").join(name)
    }

    /// Reads a log whole.
    pub fn read_log(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.log_path(name);
        let mut log = Vec::new();
        zstd::Decoder::new(File::open(&path).at(&path)?).at(&path)?.read_to_end(&mut log).at(&path)?;
        Ok(log)
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
