//! Between a container's streams and eadem's own.
//!
//! A thread carries bytes between the user and three pipes, as in the native engine's rooms; the tasks here
//! carry them between the pipes and the daemon.

use std::{
    io::{self, PipeReader, PipeWriter, pipe},
    os::fd::OwnedFd,
    pin::Pin,
};

use bollard::{
    Docker,
    container::{AttachContainerResults, LogOutput},
    errors::Error,
    query_parameters::ResizeContainerTTYOptionsBuilder,
};
use eadem_model::Cancel;
use eadem_terminal::{Pump, Winsize};
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt, copy},
    net::unix::pipe::{Receiver, Sender},
    sync::watch,
    task::JoinHandle,
};

use crate::config::Streams;

/// The user's ends of a room's streams.
pub(crate) struct Near {
    input: OwnedFd,
    output: OwnedFd,
    error: OwnedFd,
    size: watch::Sender<Option<Winsize>>,
    /// Ends when the room is dead and all that it said is in the pipes.
    room: PipeReader,
    streams: Streams,
}

/// The daemon's ends.
pub(crate) struct Far {
    input: Receiver,
    output: Sender,
    error: Sender,
    sizes: watch::Receiver<Option<Winsize>>,
    alive: PipeWriter,
}

/// Makes both sides; for a runtime's thread.
pub(crate) fn pipes(streams: Streams) -> io::Result<(Near, Far)> {
    let ((typed, input), (output, written), (error, complained)) = (pipe()?, pipe()?, pipe()?);
    let ((room, alive), (size, sizes)) = (pipe()?, watch::channel(None));
    let near = Near { input: input.into(), output: output.into(), error: error.into(), size, room, streams };
    let far = Far {
        input: Receiver::from_owned_fd(typed.into())?,
        output: Sender::from_owned_fd(written.into())?,
        error: Sender::from_owned_fd(complained.into())?,
        sizes,
        alive,
    };
    Ok((near, far))
}

impl Near {
    /// Carries until the room is dead; where that cannot be, the room is to end.
    pub(crate) fn carry(self, cancel: &Cancel) -> io::Result<()> {
        let Self { input, output, error, size, room, streams } = self;
        let resize = move |new| {
            size.send_replace(Some(new));
            Ok(())
        };
        let pump = match streams {
            Streams::Terminal => Pump::terminal(input, output, Box::new(resize)),
            _ => Pump::pipes([input, output, error]),
        };
        pump.and_then(|pump| pump.run(room, cancel)).inspect_err(|_| cancel.cancel())
    }
}

/// What became of a piece of what a program said.
#[derive(Debug)]
pub(crate) enum Shown {
    Yes,
    /// Nobody reads any more.
    No,
}

/// Carries what a program says, and by the way what it is told, until it has said all.
pub(crate) fn attend(
    far: Far,
    attached: AttachContainerResults,
    docker: &Docker,
    container: &str,
) -> impl Stream<Item = Result<Shown, Error>> + use<> {
    let Far { input, output, error, sizes, alive } = far;
    let AttachContainerResults { output: said, input: told } = attached;
    let tasks =
        [tokio::spawn(tell(input, told)), tokio::spawn(resize(docker.clone(), container.to_owned(), sizes))];
    let showing =
        Showing { said, output: Some(output), error: Some(error), _tasks: Tasks(tasks), _alive: alive };
    stream::unfold(showing, Showing::next)
}

struct Showing {
    said: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    output: Option<Sender>,
    error: Option<Sender>,
    _tasks: Tasks,
    _alive: PipeWriter,
}

impl Showing {
    async fn next(mut self) -> Option<(Result<Shown, Error>, Self)> {
        let shown = match self.said.next().await? {
            Ok(LogOutput::StdErr { message }) => {
                // A program is not ended because nobody hears its complaints.
                show(&mut self.error, &message).await;
                Ok(Shown::Yes)
            }
            Ok(said) => Ok(show(&mut self.output, &said.into_bytes()).await),
            Err(error) => Err(error),
        };
        Some((shown, self))
    }
}

/// Writes into a pipe, which is given up when it has no reader.
async fn show(pipe: &mut Option<Sender>, bytes: &[u8]) -> Shown {
    let Some(open) = pipe else { return Shown::No };
    match open.write_all(bytes).await {
        Ok(()) => Shown::Yes,
        Err(_) => {
            *pipe = None;
            Shown::No
        }
    }
}

/// Tells the program what is typed, and that nothing more will be.
async fn tell(mut input: Receiver, mut told: Pin<Box<dyn AsyncWrite + Send>>) {
    // A program that ended hears nothing, which is seen elsewhere.
    if copy(&mut input, &mut told).await.is_ok() {
        let _ = told.shutdown().await;
    }
}

/// Gives the room's terminal each new size of the user's.
async fn resize(docker: Docker, container: String, mut sizes: watch::Receiver<Option<Winsize>>) {
    while sizes.changed().await.is_ok() {
        let Some(size) = *sizes.borrow_and_update() else { continue };
        let (rows, columns) = (size.ws_row.into(), size.ws_col.into());
        let options = ResizeContainerTTYOptionsBuilder::default().h(rows).w(columns).build();
        // A program that just ended has no terminal; another error shows as lines of a wrong length.
        let _ = docker.resize_container_tty(&container, options).await;
    }
}

/// Tasks that end when this is dropped.
struct Tasks([JoinHandle<()>; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
