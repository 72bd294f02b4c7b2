//! ssh's standard streams as one connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    process::{Child, ChildStdin, ChildStdout},
};

/// A running ssh. It is ended when this is dropped, and not before: an answer may turn into a
/// conversation, which outlives the request.
pub(super) struct Line {
    /// None when nothing more will be said: to close a pipe is the only way to tell the other side.
    input: Option<ChildStdin>,
    output: ChildStdout,
    _ssh: Child,
}

impl Line {
    pub(super) fn new(ssh: Child, input: ChildStdin, output: ChildStdout) -> Self {
        Self { input: Some(input), output, _ssh: ssh }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        process::Command,
        runtime::Builder,
    };

    use super::*;

    #[test]
    fn the_other_side_hears_that_nothing_more_will_be_said() {
        let runtime = Builder::new_current_thread().enable_all().build().expect("starts");
        runtime.block_on(async {
            let mut cat = Command::new("cat");
            cat.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            let mut cat = cat.spawn().expect("starts");
            let (input, output) =
                (cat.stdin.take().expect("is a pipe"), cat.stdout.take().expect("is a pipe"));
            let mut line = Line::new(cat, input, output);
            line.write_all(b"the last word").await.expect("is heard");
            line.shutdown().await.expect("closes");
            let mut echo = String::new();
            line.read_to_string(&mut echo).await.expect("ends");
            assert_eq!(echo, "the last word");
        });
    }
}
