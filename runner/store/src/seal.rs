//! How a blob is known to be as it was written, without reading it.
//!
//! A blob's time of last change is its **seal**: a time that only a blob of this digest has. Whatever
//! writes to the file moves the time, and another file in its place has another one, so a blob with its
//! seal and the right length has been read or written whole by an eadem, and touched by nobody since. What
//! lacks it is read whole, and sealed if it is as it must be. Rooms cannot reach blobs; the store's owner
//! could forge a seal, as he could a record. What a disk does to bytes at rest shows in no time: that is
//! for `eadem store check`.

use std::fs::{File, Metadata};

use eadem_model::Digest;
use rustix::fs::{Timespec, Timestamps, UTIME_OMIT, futimens};
use std::os::unix::fs::MetadataExt;

/// All seals lie in this second, long ago: for programs that compare times, blobs are older than their own files.
const SECOND: i64 = 1_000_000_000;

/// The fraction of the second by which seals differ.
fn nanoseconds(digest: &Digest) -> i64 {
    let [a, b, c, d, ..] = *digest.bytes();
    i64::from(u32::from_be_bytes([a, b, c, d]) % 1_000_000_000)
}

/// Marks a file as one that holds what its digest says.
pub(crate) fn seal(file: &File, digest: &Digest) -> rustix::io::Result<()> {
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec { tv_sec: SECOND, tv_nsec: nanoseconds(digest) };
    futimens(file, &Timestamps { last_access, last_modification })
}

/// Whether a file has been left alone since it was sealed.
pub(crate) fn is_sealed(file: &Metadata, digest: &Digest) -> bool {
    (file.mtime(), file.mtime_nsec()) == (SECOND, nanoseconds(digest))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn a_seal_holds_until_somebody_writes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (path, digest) = (dir.path().join("blob"), Digest::of(b"abc"));
        fs::write(&path, "abc").expect("written");
        assert!(!is_sealed(&fs::metadata(&path).expect("there"), &digest));
        seal(&File::open(&path).expect("opens"), &digest).expect("is ours");
        fs::hard_link(&path, dir.path().join("again")).expect("linked");
        assert!(is_sealed(&fs::metadata(&path).expect("there"), &digest));
        assert!(!is_sealed(&fs::metadata(&path).expect("there"), &Digest::of(b"abd")));
        File::options().append(true).open(&path).expect("opens").write_all(b"d").expect("written");
        assert!(!is_sealed(&fs::metadata(&path).expect("there"), &digest));
    }
}
