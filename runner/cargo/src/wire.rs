//! What the proxy and the runner say to each other; both are compiled from this file.
//!
//! The proxy says a name, a version and one request. The runner answers with frames, the last of which is
//! [`EXIT`] or [`SIGNAL`]. Numbers are little-endian; a text is its length in bytes and its bytes.

use std::io::{self, Read, Write};

/// The protocol's version.
const VERSION: u8 = 1;
/// The first bytes of a request; the version follows.
const NAME: [u8; 7] = *b"eadem u";

/// The proxy ends with this status.
pub(crate) const EXIT: u8 = 0;
/// Goes to the proxy's standard output.
pub(crate) const STDOUT: u8 = 1;
/// Goes to the proxy's standard error.
pub(crate) const STDERR: u8 = 2;
/// A file of this name begins; what a build can run has [`EXECUTABLE`] before its name.
pub(crate) const FILE: u8 = 3;
/// The next bytes of the file.
pub(crate) const BYTES: u8 = 4;
/// The proxy lays itself down under this name, to be run there.
pub(crate) const PROXY: u8 = 5;
/// The proxy ends by this signal.
pub(crate) const SIGNAL: u8 = 6;

/// Stands before the name of a file that can be run; another one has a NUL there.
pub(crate) const EXECUTABLE: u8 = b'x';

/// Longer than any honest frame or request: the kernel takes less from one who starts a program.
const LONGEST: usize = 64 << 20;

/// What was to be run, where and in which environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The program, as it was called, and its arguments.
    pub(crate) argv: Vec<Vec<u8>>,
    /// Names and values.
    pub(crate) env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The working directory.
    pub(crate) cwd: Vec<u8>,
}

impl Request {
    /// Writes the name, the version and the request.
    #[allow(dead_code, reason = "the proxy's half")]
    pub(crate) fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let mut body = Vec::new();
        number(&mut body, self.argv.len())?;
        self.argv.iter().try_for_each(|word| text(&mut body, word))?;
        number(&mut body, self.env.len())?;
        for (name, value) in &self.env {
            text(&mut body, name)?;
            text(&mut body, value)?;
        }
        text(&mut body, &self.cwd)?;
        to.write_all(&NAME)?;
        to.write_all(&[VERSION])?;
        text(to, &body)
    }

    /// Reads what [`Request::send`] wrote.
    #[allow(dead_code, reason = "the runner's half")]
    pub(crate) fn receive(mut from: &mut (impl Read + ?Sized)) -> io::Result<Self> {
        let (mut name, mut version) = (NAME, [VERSION]);
        from.read_exact(&mut name)?;
        from.read_exact(&mut version)?;
        if name != NAME {
            return Err(invalid("it is no proxy"));
        }
        if version != [VERSION] {
            return Err(invalid(format!("it speaks version {}, and this eadem {VERSION}", version[0])));
        }
        let body = read_text(&mut from)?;
        let from = &mut &body[..];
        let argv = (0..read_number(from)?).map(|_| read_text(from)).collect::<io::Result<_>>()?;
        let env = (0..read_number(from)?)
            .map(|_| Ok((read_text(from)?, read_text(from)?)))
            .collect::<io::Result<_>>()?;
        Ok(Self { argv, env, cwd: read_text(from)? })
    }
}

/// Writes one frame.
#[allow(dead_code, reason = "the runner's half")]
pub(crate) fn send(to: &mut (impl Write + ?Sized), kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![kind];
    text(&mut frame, payload)?;
    to.write_all(&frame)
}

/// Reads one frame.
#[allow(dead_code, reason = "the proxy's half")]
pub(crate) fn receive(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    Ok((kind[0], read_text(from)?))
}

fn number(to: &mut impl Write, n: usize) -> io::Result<()> {
    let n = u32::try_from(n).map_err(|_| invalid("a number that is too great"))?;
    to.write_all(&n.to_le_bytes())
}

fn text(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    number(to, bytes.len())?;
    to.write_all(bytes)
}

fn read_number(from: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    match u32::from_le_bytes(bytes) as usize {
        n if n <= LONGEST => Ok(n),
        _ => Err(invalid("a text that is too long")),
    }
}

fn read_text(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = read_number(from)?;
    let mut bytes = Vec::new();
    // Not trusted: memory is taken as bytes come.
    match from.take(length as u64).read_to_end(&mut bytes)? {
        n if n == length => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(request: &Request) -> Vec<u8> {
        let mut bytes = Vec::new();
        request.send(&mut bytes).expect("memory takes it");
        bytes
    }

    fn heard(bytes: &[u8]) -> io::Result<Request> {
        Request::receive(&mut &*bytes)
    }

    #[test]
    fn a_request_arrives_as_it_was_said() {
        let pair = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        let request = Request {
            argv: vec![b"rustc".to_vec(), b"\xff\n".to_vec(), vec![b'x'; 300_000]],
            env: vec![pair(b"A", b""), pair(b"B", b"=")],
            cwd: b"/build/src".to_vec(),
        };
        assert_eq!(heard(&said(&request)).expect("it is whole"), request);
    }

    #[test]
    fn both_versions_are_said_when_they_differ() {
        let mut bytes = said(&Request::default());
        bytes[NAME.len()] = 9;
        let error = heard(&bytes).expect_err("it is of another version").to_string();
        assert_eq!(error, format!("it speaks version 9, and this eadem {VERSION}"));
        bytes[0] = b'E';
        assert_eq!(heard(&bytes).expect_err("it is nobody").to_string(), "it is no proxy");
    }

    #[test]
    fn what_is_cut_short_or_claims_too_much_is_refused() {
        let bytes = said(&Request { argv: vec![b"rustc".to_vec()], ..Request::default() });
        (0..bytes.len()).for_each(|n| assert!(heard(&bytes[..n]).is_err(), "{n} bytes are taken"));
        let mut long = bytes;
        long[NAME.len() + 1..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(heard(&long).is_err());
    }
}
