//! One ELF file, as far as it is compared.

use std::{collections::BTreeMap, io::Read, sync::LazyLock};

use object::{
    CompressionFormat, Endianness, File, Object, ObjectKind, ObjectSection, ObjectSegment, ObjectSymbol,
    SymbolKind,
};
use regex::Regex;

use super::{Nature, Pair};

/// More symbols are not looked at.
const SYMBOLS: usize = 3 << 19;
/// More sections are no program's.
const SECTIONS: usize = 1 << 20;

/// Sections and symbols of an ELF file.
pub(crate) struct Image<'a> {
    bytes: &'a [u8],
    pub(crate) file: File<'a>,
    pub(crate) sections: Vec<Section<'a>>,
    /// Functions and objects that have a place, in the order of the table.
    pub(crate) symbols: Vec<Symbol<'a>>,
}

/// A section that has bytes in the file or addresses in the program.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) size: u64,
    /// Where its bytes are in the file.
    pub(crate) offset: u64,
    pub(crate) data: &'a [u8],
    pub(crate) nature: Nature,
    is_loaded: bool,
    packing: CompressionFormat,
}

/// A function or an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a [u8],
    /// Its address; in a relocatable file, its offset in the section.
    pub(crate) address: u64,
    pub(crate) size: u64,
    /// The index of its section.
    pub(crate) section: u32,
    pub(crate) is_code: bool,
}

impl<'a> Image<'a> {
    /// Reads the tables; none if one of them is damaged.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let file = File::parse(bytes).ok()?;
        let mut sections = Vec::new();
        let mut places = BTreeMap::new();
        for section in file.sections().take(SECTIONS) {
            places.insert(section.index().0, sections.len());
            sections.push(Section::of(&section)?);
        }
        let symbols = symbols(&file, &places);
        Some(Self { bytes, file, sections, symbols })
    }

    /// Whether it is an object file, whose addresses mean nothing yet.
    pub(crate) fn is_relocatable(&self) -> bool {
        self.file.kind() == ObjectKind::Relocatable
    }

    /// Whether numbers begin with their lowest byte.
    pub(crate) fn is_little(&self) -> bool {
        self.file.endianness() == Endianness::Little
    }

    /// The section that is loaded at an address.
    pub(crate) fn section_at(&self, address: u64) -> Option<&Section<'a>> {
        let holds = |section: &&Section<'_>| section.is_loaded && section.range().contains(&address);
        self.sections.iter().find(holds)
    }

    /// The bytes behind all sections, segments and tables.
    pub(crate) fn trailing(&self) -> &'a [u8] {
        let sections =
            self.sections.iter().map(|section| section.offset.saturating_add(section.data.len() as u64));
        let segments = self
            .file
            .segments()
            .map(|segment| segment.file_range())
            .map(|(at, size)| at.saturating_add(size));
        let end = sections.chain(segments).chain([self.end_of_headers()]).max().unwrap_or_default();
        usize::try_from(end).ok().and_then(|end| self.bytes.get(end..)).unwrap_or_default()
    }

    /// Where the table of sections ends; a linker puts it last.
    fn end_of_headers(&self) -> u64 {
        let (at, each, n) = if self.file.is_64() { (0x28, 0x3a, 0x3c) } else { (0x20, 0x2e, 0x30) };
        let number = |at: usize, width: usize| {
            let bytes = self.bytes.get(at..at + width).unwrap_or_default().iter();
            let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            if self.is_little() { bytes.rev().fold(0, fold) } else { bytes.fold(0, fold) }
        };
        let table = number(at, if self.file.is_64() { 8 } else { 4 });
        let n = number(n, 2).max(self.sections.len() as u64 + 1);
        table.saturating_add(number(each, 2) * n)
    }
}

impl<'a> Section<'a> {
    fn of(section: &object::Section<'a, '_>) -> Option<Self> {
        let name = String::from_utf8_lossy(section.name_bytes().ok()?).into_owned();
        let (is_packed, packing, data) = match section.compressed_data() {
            Ok(packed) if packed.format != CompressionFormat::None => (true, packed.format, packed.data),
            Ok(plain) => (false, CompressionFormat::None, plain.data),
            Err(_) => (false, CompressionFormat::None, section.data().ok()?),
        };
        Some(Self {
            nature: Nature::of(&name, section.kind(), is_packed),
            name,
            address: section.address(),
            size: section.size(),
            offset: section.file_range().map(|(at, _)| at).unwrap_or_default(),
            data,
            is_loaded: section.address() != 0,
            packing,
        })
    }

    /// Its addresses.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.address..self.address.saturating_add(self.size)
    }

    /// The bytes from an address on.
    pub(crate) fn from(&self, address: u64) -> &'a [u8] {
        let at = usize::try_from(address.wrapping_sub(self.address)).unwrap_or(usize::MAX);
        self.data.get(at..).unwrap_or_default()
    }

    /// Whether it has addresses in the program.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// What unpacks it.
    pub(crate) fn decoder(&self) -> Option<Box<dyn Read + 'a>> {
        match self.packing {
            CompressionFormat::Zlib => Some(Box::new(flate2::read::ZlibDecoder::new(self.data))),
            CompressionFormat::Zstandard => crate::packed::zstd(self.data),
            _ => None,
        }
    }
}

fn symbols<'a>(file: &File<'a>, places: &BTreeMap<usize, usize>) -> Vec<Symbol<'a>> {
    let is_there = |kind| matches!(kind, SymbolKind::Text | SymbolKind::Data | SymbolKind::Unknown);
    let symbol = |symbol: object::Symbol<'a, '_>| {
        let section = symbol.section_index().and_then(|index| places.get(&index.0))?;
        let name = symbol.name_bytes().ok().filter(|name| !name.is_empty())?;
        Some(Symbol {
            name,
            address: symbol.address(),
            size: symbol.size(),
            section: u32::try_from(*section).ok()?,
            is_code: symbol.kind() == SymbolKind::Text,
        })
    };
    let of = |all: object::SymbolIterator<'a, '_>| -> Vec<Symbol<'a>> {
        all.take(SYMBOLS).filter(|it| is_there(it.kind())).filter_map(symbol).collect()
    };
    let symbols = of(file.symbols());
    if symbols.is_empty() { of(file.dynamic_symbols()) } else { symbols }
}

/// What GCC appends to the names of sections for the linker: a number that it draws.
static DRAWN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[.][0-9a-f]{6,16}$").expect("the expression is a constant"));

/// Pairs sections by name; those of one name in their order. Of what is left, by name without what a compiler drew.
pub(crate) fn pairs(first: &Image<'_>, second: &Image<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut left = [vec![true; first.sections.len()], vec![true; second.sections.len()]];
    for key in [whole, without_drawn] {
        let more = paired(first, second, key, &left);
        for Pair { first, second, .. } in &more {
            (left[0][*first], left[1][*second]) = (false, false);
        }
        pairs.extend(more);
    }
    pairs.sort_by_key(|pair| pair.first);
    pairs
}

fn whole(name: &str) -> &str {
    name
}

fn without_drawn(name: &str) -> &str {
    DRAWN.find(name).map_or(name, |drawn| &name[..drawn.start()])
}

/// Pairs those sections that are left.
fn paired(first: &Image<'_>, second: &Image<'_>, key: fn(&str) -> &str, left: &[Vec<bool>; 2]) -> Vec<Pair> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, section) in second.sections.iter().enumerate().rev().filter(|(index, _)| left[1][*index]) {
        by_name.entry(key(&section.name)).or_default().push(index);
    }
    let pair = |(index, section): (usize, &Section<'_>)| {
        let other = by_name.get_mut(key(&section.name))?.pop()?;
        Some(Pair { first: index, second: other, nature: section.nature, regions: None })
    };
    first.sections.iter().enumerate().filter(|(index, _)| left[0][*index]).filter_map(pair).collect()
}
