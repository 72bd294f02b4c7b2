//! One file from one place into the store.

use std::{io::Write, sync::Arc};

use eadem_store::{BlobWriter, Store};
use reqwest::Url;

use crate::{
    client::{Body, Client},
    job::Job,
    progress::Progress,
    trouble::{Remedy, Trouble},
};

/// Bytes of a file whose size nobody has told: more is an attack on the disk.
const MAX_UNKNOWN: u64 = 2 << 30;

/// A download and what it needs.
pub(crate) struct Download<'a> {
    /// Who asks.
    pub(crate) client: &'a Client,
    /// Where the bytes go.
    pub(crate) store: &'a Arc<Store>,
    /// What must come.
    pub(crate) job: &'a Job,
    /// Who is told.
    pub(crate) progress: &'a Progress,
}

impl Download<'_> {
    /// Tries once; the bytes enter the store whole and verified, or not at all.
    pub(crate) async fn from(&self, url: &Url) -> Result<(), Trouble> {
        let mut body = self.client.get(url).await?;
        let announced = body.length();
        self.check(announced.unwrap_or(0))?;
        let mut writer = self.store.blob_writer().map_err(|error| Trouble::store(&self.job.title, error))?;
        let size = self.receive(&mut body, &mut writer).await?;
        self.check_end(size, announced)?;
        self.finish(writer).await?;
        self.progress.complete(size);
        Ok(())
    }

    /// Writes what comes and stops as soon as it is too much.
    async fn receive(&self, body: &mut Body, writer: &mut BlobWriter) -> Result<u64, Trouble> {
        let mut size = 0;
        while let Some(chunk) = body.chunk().await? {
            let chunk = chunk.as_ref();
            size += chunk.len() as u64;
            self.check(size)?;
            writer.write_all(chunk).map_err(|error| Trouble::write(&self.job.title, error))?;
            self.progress.reach(size);
        }
        Ok(size)
    }

    fn check(&self, size: u64) -> Result<(), Trouble> {
        match self.job.size {
            Some(wanted) if size > wanted => Err(Trouble::size(wanted, size, Remedy::Elsewhere)),
            None if size > MAX_UNKNOWN => {
                let why = format!("more than {MAX_UNKNOWN} bytes would come");
                Err(Trouble::unavailable(why, Remedy::Elsewhere))
            }
            _ => Ok(()),
        }
    }

    /// Too few bytes: another file if the server announced them, else perhaps a broken connection.
    fn check_end(&self, size: u64, announced: Option<u64>) -> Result<(), Trouble> {
        let remedy = if announced.is_some() { Remedy::Elsewhere } else { Remedy::Again };
        match self.job.size {
            Some(wanted) if size < wanted => Err(Trouble::size(wanted, size, remedy)),
            _ => Ok(()),
        }
    }

    /// Syncs the bytes to the disk, which blocks, away from the threads that serve sockets.
    async fn finish(&self, writer: BlobWriter) -> Result<(), Trouble> {
        let wanted = self.job.sha256;
        let finished = tokio::task::spawn_blocking(move || writer.finish_as(&wanted)).await;
        let finished = finished.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        finished.map(drop).map_err(|error| Trouble::store(&self.job.title, error))
    }
}
