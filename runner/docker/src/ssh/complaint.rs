//! What ssh says when it fails.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, copy, sink},
    process::ChildStderr,
    task::JoinHandle,
    time::timeout,
};

/// Longer than any complaint of ssh's.
const LONGEST: u64 = 1 << 16;

/// An ssh that failed has said why. Another one, which it leaves behind to share its connection, may
/// hold the pipe for hours.
const PATIENCE: Duration = Duration::from_secs(2);

/// ssh's standard error, which is read in any case: ssh must not wait for a reader.
pub(super) struct Complaint(JoinHandle<Vec<u8>>);

impl Complaint {
    pub(super) fn of(talk: ChildStderr) -> Self {
        Self(tokio::spawn(read(talk)))
    }

    /// What ssh said last, if it said anything.
    pub(super) async fn hear(self) -> Option<io::Error> {
        let said = timeout(PATIENCE, self.0).await.ok()?.ok()?;
        last_line(&said).map(io::Error::other)
    }
}

async fn read(mut talk: ChildStderr) -> Vec<u8> {
    let mut said = Vec::new();
    // What cannot be read was not said.
    let _ = (&mut talk).take(LONGEST).read_to_end(&mut said).await;
    let _ = copy(&mut talk, &mut sink()).await;
    said
}

/// Banners and warnings come before the reason.
fn last_line(said: &[u8]) -> Option<String> {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stands_in_the_last_line() {
        let said = b"@@@@ WARNING @@@@\r\nHost key verification failed.\r\n\r\n";
        assert_eq!(last_line(said).as_deref(), Some("Host key verification failed"));
        assert_eq!(last_line(b"\n"), None);
    }
}
