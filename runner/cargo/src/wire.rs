//! What the proxy and the runner say to each other; both are compiled from this file.
//!
//! The proxy says [`MAGIC`] and one request. The runner answers with frames, the last of which is
//! [`EXIT`] or [`SIGNAL`]. Numbers are little-endian; a text is its length in bytes and its bytes.

use std::io::{self, Read, Write};

/// The first bytes of a request; the last of them is the protocol's version.
pub(crate) const MAGIC: [u8; 8] = *b"eadem u\x01";

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
    /// Writes the magic and the request.
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
        to.write_all(&MAGIC)?;
        text(to, &body)
    }

    /// Reads what [`Request::send`] wrote.
    #[allow(dead_code, reason = "the runner's half")]
    pub(crate) fn receive(mut from: &mut (impl Read + ?Sized)) -> io::Result<Self> {
        let mut magic = MAGIC;
        from.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(invalid("a proxy of another version"));
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

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
