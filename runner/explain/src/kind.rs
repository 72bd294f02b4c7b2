//! What bytes are, by their first ones.

/// A format that can be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Elf,
    Ar,
    Tar,
    Cpio,
    Zip,
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    Text,
    Unknown,
}

/// Formats that begin with fixed bytes.
const MAGIC: [(&[u8], Kind); 10] = [
    (b"\x7fELF", Kind::Elf),
    (b"!<arch>\n", Kind::Ar),
    (b"070701", Kind::Cpio),
    (b"070702", Kind::Cpio),
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"\xfd7zXZ\0", Kind::Xz),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"BZh", Kind::Bzip2),
];

/// Where a tar says that it is one.
const USTAR: std::ops::Range<usize> = 257..262;

/// How much of a file decides whether it is a text.
const SAMPLE: usize = 64 << 10;

impl Kind {
    /// Looks at the first bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let known = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
        match known {
            Some((_, kind)) => *kind,
            None if bytes.get(USTAR) == Some(b"ustar") => Self::Tar,
            None if is_text(&bytes[..bytes.len().min(SAMPLE)]) => Self::Text,
            None => Self::Unknown,
        }
    }
}

/// Whether bytes are UTF-8 without control characters; a character at the end may be cut.
///
/// Cargo puts 0x1f between the flags that it hands on, so it stands in what was written of an environment.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\n' | b'\t' | b'\r' | 0x0c | 0x1b | 0x1f);
    whole && !bytes.iter().any(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        assert_eq!(Kind::of(b"\x7fELF\x02"), Kind::Elf);
        assert_eq!(Kind::of(b"\x1f\x8b\x08\0"), Kind::Gzip);
        assert_eq!(Kind::of("grüße\n".as_bytes()), Kind::Text);
        assert_eq!(Kind::of(b""), Kind::Text);
        assert_eq!(Kind::of(b"A=a\x1fb\n"), Kind::Text);
        assert_eq!(Kind::of(b"a\0b"), Kind::Unknown);
    }
}
