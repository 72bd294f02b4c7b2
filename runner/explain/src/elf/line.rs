//! The source line of a machine instruction.

use addr2line::Context;
use gimli::{DwarfSections, EndianSlice, RunTimeEndian, SectionId};

use super::image::Image;

type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// What the first file's debugging information says.
pub(super) struct Lines<'a> {
    context: Option<Context<Slice<'a>>>,
}

impl<'a> Lines<'a> {
    /// Reads the headers of the debugging information, if it is no larger than `most` bytes.
    pub(super) fn of(images: [&Image<'a>; 2], most: u64) -> Self {
        let image = images[0];
        let size: u64 =
            image.sections.iter().filter(|it| it.name.starts_with(".debug_")).map(|it| it.size).sum();
        let usable = size > 0 && size <= most && !image.is_relocatable();
        Self { context: usable.then(|| context(image)).flatten() }
    }

    /// `FILE:LINE` of an address, or else of where the function begins.
    pub(super) fn find(&self, address: u64, start: u64) -> Option<String> {
        let context = self.context.as_ref()?;
        [address, start].into_iter().find_map(|address| {
            let mut frames = context.find_frames(address).skip_all_loads().ok()?;
            let mut outermost = None;
            while let Some(frame) = frames.next().ok()? {
                outermost = frame.location.or(outermost);
            }
            let location = outermost?;
            Some(format!("{}:{}", location.file?, location.line?))
        })
    }
}

fn context<'a>(image: &Image<'a>) -> Option<Context<Slice<'a>>> {
    let endian = if image.is_little() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let load = |id: SectionId| {
        let section = image.sections.iter().find(|section| section.name == id.name());
        let plain = section.filter(|section| section.nature != super::Nature::Packed);
        Ok::<_, gimli::Error>(EndianSlice::new(plain.map(|it| it.data).unwrap_or_default(), endian))
    };
    let sections: DwarfSections<Slice<'a>> = DwarfSections::load(load).ok()?;
    Context::from_dwarf(sections.borrow(|section| *section)).ok()
}
