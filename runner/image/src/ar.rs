//! The outer archive of a package: a few members one after the other.
//!
//! A general reader wants the whole file in memory; this one meets the members as they come.

use std::io::{self, Read};

/// A member's name and length; its content follows in the reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// Why a file is no such archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArError {
    #[error("it does not begin as an archive")]
    Magic,
    #[error("the header of its member {0} is broken")]
    Header(usize),
    #[error("its member `{0}` is longer than the file")]
    Overflow(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: u64 = 60;

/// Walks over the members of a file of a known length.
pub(crate) struct Members<R> {
    reader: R,
    left: u64,
    n_seen: usize,
}

impl<R: Read> Members<R> {
    pub(crate) fn open(mut reader: R, size: u64) -> Result<Self, ArError> {
        let mut magic = [0; 8];
        reader.read_exact(&mut magic).map_err(|_| ArError::Magic)?;
        if magic != *MAGIC {
            return Err(ArError::Magic);
        }
        Ok(Self { reader, left: size - 8, n_seen: 0 })
    }

    /// The next member, whose content must then be read through [`content`](Self::content).
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, ArError> {
        self.n_seen += 1;
        if self.left == 0 {
            return Ok(None);
        }
        let broken = ArError::Header(self.n_seen);
        let Some(left) = self.left.checked_sub(HEADER) else { return Err(broken) };
        let mut header = [0; HEADER as usize];
        self.reader.read_exact(&mut header)?;
        let member = parse(&header).ok_or(broken)?;
        let padded = member.size.checked_next_multiple_of(2);
        // The last member's padding may be missing.
        let Some(left) = padded.and_then(|padded| left.checked_sub(padded.min(left.max(member.size)))) else {
            return Err(ArError::Overflow(member.name));
        };
        self.left = left;
        Ok(Some(member))
    }

    /// Gives `read` the content of a member, then goes to its end.
    pub(crate) fn content<T, E: From<io::Error>>(
        &mut self,
        member: &Member,
        read: impl FnOnce(&mut io::Take<&mut R>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut content = (&mut self.reader).take(member.size);
        let value = read(&mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        io::copy(&mut (&mut self.reader).take(member.size % 2), &mut io::sink())?;
        Ok(value)
    }
}

fn parse(header: &[u8; HEADER as usize]) -> Option<Member> {
    let text = std::str::from_utf8(header).ok()?;
    let (name, size, end) = (text.get(..16)?, text.get(48..58)?, text.get(58..)?);
    let name = name.trim_end_matches(' ').trim_end_matches('/');
    let size = size.trim_end_matches(' ');
    let plain = !name.is_empty() && !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    (plain && end == "`\n")
        .then(|| Some(Member { name: name.to_owned(), size: size.parse().ok()? }))
        .flatten()
}
