//! Decompression by a file's name, with an end to what may come out.

use std::io::{self, BufRead, Read};

/// The memory that an xz stream may ask for: what the strongest preset needs, and some.
const XZ_MEMORY: u64 = 100 << 20;

/// Opens what `name` says it is: `….xz`, `….zst`, `….gz`, `….bz2`, or plain.
///
/// More than `limit` bytes end in an error.
pub(crate) fn decode<'a>(name: &str, from: impl BufRead + 'a, limit: u64) -> io::Result<Box<dyn Read + 'a>> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    Ok(match ending {
        "xz" => Box::new(Limited::new(xz(from)?, limit)),
        "zst" => Box::new(Limited::new(zstd::Decoder::with_buffer(from)?, limit)),
        "gz" => Box::new(Limited::new(flate2::bufread::MultiGzDecoder::new(from), limit)),
        "bz2" => Box::new(Limited::new(bzip2::bufread::MultiBzDecoder::new(from), limit)),
        "tar" => Box::new(Limited::new(from, limit)),
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("`{name}` is packed in an unknown way"),
            ));
        }
    })
}

fn xz<R: BufRead>(from: R) -> io::Result<liblzma::bufread::XzDecoder<R>> {
    let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
    Ok(liblzma::bufread::XzDecoder::new_stream(from, stream))
}

/// Refuses to give more than a number of bytes: a small file can hold a bomb.
struct Limited<R> {
    inner: R,
    limit: u64,
    left: u64,
}

impl<R> Limited<R> {
    fn new(inner: R, limit: u64) -> Self {
        Self { inner, limit, left: limit }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let Some(left) = self.left.checked_sub(n as u64) else {
            let limit = self.limit;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it unpacks to more than {limit} bytes"),
            ));
        };
        self.left = left;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packing_gives_the_same_and_none_gives_too_much() {
        let plain = vec![b'a'; 5000];
        let mut gz = flate2::read::GzEncoder::new(&plain[..], flate2::Compression::fast());
        let mut xz = liblzma::read::XzEncoder::new(&plain[..], 1);
        let mut bz2 = bzip2::read::BzEncoder::new(&plain[..], bzip2::Compression::fast());
        let mut packed =
            [("a.gz", Vec::new()), ("a.xz", Vec::new()), ("a.bz2", Vec::new()), ("a.tar", plain.clone())];
        gz.read_to_end(&mut packed[0].1).expect("memory");
        xz.read_to_end(&mut packed[1].1).expect("memory");
        bz2.read_to_end(&mut packed[2].1).expect("memory");
        let zst = ("a.zst", zstd::encode_all(&plain[..], 1).expect("memory"));
        for (name, bytes) in packed.iter().chain([&zst]) {
            let read = |limit| {
                let mut out = Vec::new();
                decode(name, &bytes[..], limit).expect("known").read_to_end(&mut out).map(|_| out)
            };
            assert_eq!(read(5000).expect("within the limit"), plain, "{name}");
            let error = read(4999).expect_err("too much");
            assert_eq!(error.to_string(), "it unpacks to more than 4999 bytes", "{name}");
        }
    }

    #[test]
    fn an_unknown_packing_is_refused() {
        assert!(decode("data.tar.rar", &b""[..], 1).is_err());
    }
}
