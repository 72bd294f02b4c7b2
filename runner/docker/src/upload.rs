//! Sends what a blocking writer writes.

use std::io::{self, BufWriter, Write};

use bytes::Bytes;
use eadem_model::EngineError;
use futures_util::{Stream, stream};
use tokio::{
    sync::mpsc::{Sender, channel},
    task::{JoinHandle, spawn_blocking},
};

/// Bytes in one piece of a stream, and pieces that wait at most.
const PIECE: usize = 256 << 10;
const N_PIECES: usize = 8;

/// A writer's work, which goes on while its bytes are sent.
pub(crate) struct Upload(JoinHandle<io::Result<()>>);

impl Upload {
    /// Starts to write; the stream gives what was written, or the writer's error.
    pub(crate) fn start(
        write: impl FnOnce(&mut dyn Heard) -> io::Result<()> + Send + 'static,
    ) -> (Self, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
        let (sender, mut receiver) = channel(N_PIECES);
        let work = spawn_blocking(move || {
            let mut pieces = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
            let written = write(&mut pieces).and_then(|()| pieces.flush());
            if let Err(error) = &written {
                // Nobody listens any more if this fails, which is why the writing failed, then.
                let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
            }
            written
        });
        (Self(work), stream::poll_fn(move |context| receiver.poll_recv(context)))
    }

    /// Joins what the writer and the receiver say: an error here is the cause of one there.
    pub(crate) async fn finish<T>(
        self,
        answer: Result<T, EngineError>,
        attempt: &str,
    ) -> Result<T, EngineError> {
        match self.0.await {
            Ok(Err(source)) if source.kind() != io::ErrorKind::BrokenPipe => {
                Err(EngineError::Io { attempt: attempt.to_owned(), source })
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => answer,
        }
    }
}

/// A writer that can be asked whether anybody still listens, by those who write nothing for a while.
pub(crate) trait Heard: Write {
    /// # Errors
    /// Nobody does.
    fn is_heard(&self) -> io::Result<()>;
}

impl Heard for BufWriter<Pieces> {
    fn is_heard(&self) -> io::Result<()> {
        if self.get_ref().0.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

struct Pieces(Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
