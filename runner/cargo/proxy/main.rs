//! What stands in the driver's room for the compiler and for every build script: it runs nothing, asks the
//! runner outside to do it, and passes on what comes back.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
        net::UnixStream,
    },
    path::Path,
    process::ExitCode,
};

#[path = "../src/wire.rs"]
mod wire;

/// The socket, a place that the engine chooses.
const DOOR: &str = "/dev/eadem";

/// Nothing that cargo or a compiler ends with.
const BROKEN: u8 = 102;

unsafe extern "C" {
    safe fn raise(signal: i32) -> i32;
}

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            let _ = writeln!(io::stderr(), "eadem: a unit was lost: {error}");
            ExitCode::from(BROKEN)
        }
    }
}

fn run() -> io::Result<u8> {
    let mut door = UnixStream::connect(DOOR)?;
    request()?.send(&mut door)?;
    let mut file = None;
    loop {
        let (kind, payload) = wire::receive(&mut door)?;
        match kind {
            wire::STDOUT => pass(io::stdout().lock(), &payload)?,
            wire::STDERR => pass(io::stderr().lock(), &payload)?,
            wire::FILE => file = Some(create(&payload)?),
            wire::BYTES => file.as_mut().ok_or(io::ErrorKind::InvalidData)?.write_all(&payload)?,
            wire::PROXY => lay_down(Path::new(&OsString::from_vec(payload)))?,
            wire::EXIT => return payload.first().copied().ok_or(io::ErrorKind::InvalidData.into()),
            wire::SIGNAL => {
                let signal = payload.first().copied().ok_or(io::ErrorKind::InvalidData)?;
                raise(signal.into());
                // What is ignored here is told as a shell would.
                return Ok(128_u8.saturating_add(signal));
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Whoever reads may have left; what was to be built is built all the same.
fn pass(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        passed => passed,
    }
}

fn request() -> io::Result<wire::Request> {
    let argv: Vec<OsString> = env::args_os().collect();
    let own = env::current_exe()?;
    // A compiler's arguments may stand in a file; those of a build script mean what they say.
    let is_compiler = argv.first().is_some_and(|name| Path::new(name) == own) && argv.len() > 1;
    let argv = if is_compiler { expanded(argv)? } else { argv.into_iter().map(OsString::into_vec).collect() };
    let env = env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect();
    Ok(wire::Request { argv, env, cwd: env::current_dir()?.into_os_string().into_vec() })
}

/// The compiler reads each line of `@FILE` as one argument.
fn expanded(argv: Vec<OsString>) -> io::Result<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    for word in argv {
        match word.as_bytes().strip_prefix(b"@") {
            Some(name) => {
                let text = fs::read(Path::new(&OsString::from_vec(name.to_vec())))?;
                let text = text.strip_suffix(b"\n").unwrap_or(&text);
                words.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            }
            None => words.push(word.into_vec()),
        }
    }
    Ok(words)
}

fn create(payload: &[u8]) -> io::Result<File> {
    let (first, name) = payload.split_first().ok_or(io::ErrorKind::InvalidData)?;
    let name = OsString::from_vec(name.to_vec());
    let path = Path::new(&name);
    make_way(path)?;
    let file = File::create(path)?;
    let mode = if *first == wire::EXECUTABLE { 0o755 } else { 0o644 };
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

fn lay_down(path: &Path) -> io::Result<()> {
    make_way(path)?;
    fs::copy(env::current_exe()?, path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Nothing is written through what lies there: it may be a link, or have another name somewhere.
fn make_way(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
