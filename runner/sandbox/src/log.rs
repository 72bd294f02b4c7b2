//! Reads what a room writes.

use std::io::{self, PipeReader, Read};

use eadem_model::Cancel;

/// Hands over at most `limit` bytes and reads on to the end, so that nobody in the room blocks.
///
/// Raises `too_long` with the first byte that is dropped, and returns how many were.
pub(crate) fn drain(
    mut from: PipeReader,
    limit: u64,
    to: &(dyn Fn(&[u8]) + Sync),
    too_long: &Cancel,
) -> io::Result<u64> {
    let (mut kept, mut dropped) = (0_u64, 0_u64);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(dropped),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let room = usize::try_from(limit - kept).unwrap_or(usize::MAX).min(n);
        if room > 0 {
            to(&buffer[..room]);
        }
        kept += room as u64;
        dropped += (n - room) as u64;
        if dropped > 0 {
            too_long.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Mutex};

    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(b"0123456789").expect("fits");
        drop(writer);
        let seen = Mutex::new(Vec::new());
        let take = |bytes: &[u8]| seen.lock().expect("one thread").extend_from_slice(bytes);
        let too_long = Cancel::new();
        assert_eq!(drain(reader, 4, &take, &too_long).expect("reads"), 6);
        assert!(too_long.is_cancelled());
        assert_eq!(*seen.lock().expect("one thread"), b"0123");
    }
}
