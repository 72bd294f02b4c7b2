//! The vDSO: the kernel's code in every process, which tells the time without a call.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use super::stub;

/// What is written over a process's vDSO, and what must be there before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// From the vDSO's start.
    pub(crate) at: u64,
    pub(crate) original: Vec<u8>,
    pub(crate) changed: Vec<u8>,
}

/// Longer than any; the kernel's has two pages.
const LONGEST: usize = 64 << 10;

/// The name under which the kernel tells a process where its vDSO starts.
const START_OF_VDSO: u64 = libc::AT_SYSINFO_EHDR;

/// Where the vDSO of a process starts, by its `auxv`.
pub(crate) fn start(auxv: &Path) -> Option<u64> {
    let bytes = std::fs::read(auxv).ok()?;
    let pairs = bytes.chunks_exact(16).map(|pair| Some((number(pair, 0)?, number(pair, 8)?)));
    pairs.flatten().find(|(name, _)| *name == START_OF_VDSO).map(|(_, start)| start)
}

/// This process's own vDSO, which is like all others but for its place.
pub(crate) fn own() -> Option<Vec<u8>> {
    let start = start(Path::new("/proc/self/auxv"))?;
    let mut image = vec![0; LONGEST];
    let n = read_up_to_the_end(&File::open("/proc/self/mem").ok()?, start, &mut image).ok()?;
    image.truncate(n);
    Some(image)
}

fn read_up_to_the_end(memory: &File, start: u64, image: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < image.len() {
        match memory.read_at(&mut image[n..], start + n as u64) {
            // Behind the last page there is nothing, or what nobody may read.
            Ok(0) | Err(_) if n > 0 => break,
            read => n += read?,
        }
    }
    Ok(n)
}

impl Patch {
    /// Puts the stub into the longest of the three functions, behind its own jump, and jumps into all.
    /// `None` if they are not where and as long as they have to be.
    pub(crate) fn build(image: &[u8], offset: i64) -> Option<Self> {
        let functions = [
            (find(image, "__vdso_clock_gettime")?, stub::AT_CLOCK_GETTIME),
            (find(image, "__vdso_gettimeofday")?, stub::AT_GETTIMEOFDAY),
            (find(image, "__vdso_time")?, stub::AT_TIME),
        ];
        let (host, _) = functions.iter().max_by_key(|(function, _)| function.length)?;
        let (code, place) = (stub::code(offset), host.at + JUMP);
        let fits = functions.iter().all(|(function, _)| function.length >= JUMP);
        if !fits || JUMP + code.len() > host.length {
            return None;
        }
        let mut changed = image.to_owned();
        changed.get_mut(place..place + code.len())?.copy_from_slice(&code);
        for (function, entry) in &functions {
            let jump = stub::jump(function.at, place + entry)?;
            changed.get_mut(function.at..function.at + JUMP)?.copy_from_slice(&jump);
        }
        Some(Self::between(image, &changed))
    }

    /// The part that differs.
    fn between(image: &[u8], changed: &[u8]) -> Self {
        let differs = |at: &usize| image[*at] != changed[*at];
        let first = (0..image.len()).find(differs).unwrap_or(0);
        let end = (0..image.len()).rev().find(differs).map_or(first, |last| last + 1);
        Self {
            at: first as u64,
            original: image[first..end].to_owned(),
            changed: changed[first..end].to_owned(),
        }
    }
}

/// Bytes of a jump.
const JUMP: usize = 5;

struct Function {
    at: usize,
    length: usize,
}

/// Finds a function by its name, by the image's own table.
fn find(image: &[u8], name: &str) -> Option<Function> {
    const TABLE_OF_SYMBOLS: u32 = 11;
    const SYMBOL: usize = 24;
    let table = sections(image)?.find(|section| section.kind == TABLE_OF_SYMBOLS)?;
    let names = sections(image)?.nth(table.link)?;
    let symbols = image.get(table.at..table.at.checked_add(table.length)?)?.chunks_exact(SYMBOL);
    symbols.into_iter().find_map(|symbol| {
        let called = image.get(names.at.checked_add(word(symbol, 0)? as usize)?..)?;
        let is_it = called.strip_prefix(name.as_bytes())?.first() == Some(&0);
        is_it.then_some(Function { at: size(symbol, 8)?, length: size(symbol, 16)? })
    })
}

/// A section of an ELF file. Where the vDSO's lie in the file, they lie in memory.
struct Section {
    kind: u32,
    at: usize,
    length: usize,
    link: usize,
}

fn sections(image: &[u8]) -> Option<impl Iterator<Item = Section>> {
    let (at, each, n) = (size(image, 40)?, short(image, 58)? as usize, short(image, 60)? as usize);
    let section = move |index: usize| {
        let header = image.get(at.checked_add(index.checked_mul(each)?)?..)?;
        Some(Section {
            kind: word(header, 4)?,
            at: size(header, 24)?,
            length: size(header, 32)?,
            link: word(header, 40)? as usize,
        })
    };
    Some((0..n).map_while(section))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn size(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(number(bytes, at)?).ok()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_patch_of_this_machine_changes_little_and_keeps_the_rest() {
        let image = own().expect("every process has one");
        let patch = Patch::build(&image, 1_000).expect("this kernel's is known");
        let at = usize::try_from(patch.at).expect("is small");
        assert_eq!(image[at..at + patch.original.len()], patch.original);
        assert_eq!(patch.original.len(), patch.changed.len());
        assert!(patch.changed.len() < 4096, "{}", patch.changed.len());
    }

    #[test]
    fn an_image_that_is_none_has_no_patch() {
        let image = own().expect("every process has one");
        assert_eq!(Patch::build(&[], 1), None);
        assert_eq!(Patch::build(&image[..200], 1), None);
        assert_eq!(Patch::build(&vec![0xff; 8192], 1), None);
        let mut nameless = image.clone();
        let place = image.windows(11).position(|bytes| bytes == b"__vdso_time").expect("is named");
        nameless[place] = b'x';
        assert_eq!(Patch::build(&nameless, 1), None);
    }
}
