//! Tells what an archive is by its first bytes; names of files may lie.

use std::io::{self, BufRead, Read};

use crate::fault::ArchiveFault;

/// How the tar in an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
}

/// So many first bytes tell every format: the first header of a tar.
pub(crate) const HEAD: usize = 512;

/// Memory that unpacking an xz may take.
const XZ_MEMORY: u64 = 1 << 30;

impl Format {
    /// Tells the format from the first [`HEAD`] bytes, or fewer if there are no more.
    pub(crate) fn of(head: &[u8]) -> Result<Self, ArchiveFault> {
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Self::Zstd),
            [b'B', b'Z', b'h', ..] => Ok(Self::Bzip2),
            [b'P', b'K', 3..=8, ..] => Err(ArchiveFault::Zip),
            _ if is_tar(head) => Ok(Self::Plain),
            _ => Err(ArchiveFault::Unknown),
        }
    }

    /// Reads what is packed; bytes after the last packed part are an error of the reader.
    pub(crate) fn unpack<'a>(self, packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Plain => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Xz => {
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        })
    }
}

/// Whether the first header has the right checksum; tars older than `ustar` have no other mark.
fn is_tar(head: &[u8]) -> bool {
    let Ok(header) = <&[u8; 512]>::try_from(head) else { return false };
    let sum = |index: usize| if (148..156).contains(&index) { 32 } else { u32::from(header[index]) };
    let mut typed = tar::Header::new_old();
    typed.as_mut_bytes().copy_from_slice(header);
    typed.cksum().is_ok_and(|stated| stated == (0..512).map(sum).sum::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zips_and_unknown_bytes_are_refused_by_content() {
        assert!(matches!(Format::of(b"PK\x03\x04rest"), Err(ArchiveFault::Zip)));
        for bytes in [&b""[..], b"<html>", &[0; 512], b"\x1f"] {
            assert!(matches!(Format::of(bytes), Err(ArchiveFault::Unknown)), "{bytes:?}");
        }
    }

    #[test]
    fn a_tar_without_a_magic_is_known_by_its_checksum() {
        let mut header = tar::Header::new_old();
        header.set_path("a").expect("short");
        header.set_size(0);
        header.set_cksum();
        assert_eq!(Format::of(header.as_bytes()).expect("a tar"), Format::Plain);
    }
}
