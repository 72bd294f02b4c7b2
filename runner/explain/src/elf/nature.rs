//! What a section is for.

use object::SectionKind;

use crate::cause::Ground;

/// Where a section's bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Machine code.
    Code,
    /// What the program reads and writes, and notes.
    Data,
    /// What debuggers read, in a packing.
    Packed,
    /// What debuggers read: mostly offsets into other sections, but texts too.
    Debug,
    /// Tables that a linker derives.
    Derived,
    /// A digest of the file.
    BuildId,
}

/// Sections that a linker or an assembler derives from others.
const DERIVED: [&str; 24] = [
    ".symtab",
    ".symtab_shndx",
    ".shstrtab",
    ".dynsym",
    ".hash",
    ".gnu.hash",
    ".gnu.version",
    ".gnu.version_r",
    ".eh_frame",
    ".eh_frame_hdr",
    ".gcc_except_table",
    ".dynamic",
    ".got",
    ".got.plt",
    ".plt",
    ".plt.got",
    ".plt.sec",
    ".iplt",
    ".relr.dyn",
    ".gnu_debuglink",
    ".gnu_debugdata",
    ".ARM.exidx",
    ".group",
    ".llvm_addrsig",
];

/// Texts that only debuggers read.
const DEBUG_TEXTS: [&str; 2] = [".debug_str", ".debug_line_str"];

impl Nature {
    /// By name, flags and kind.
    pub(crate) fn of(name: &str, kind: SectionKind, is_packed: bool) -> Self {
        match name {
            _ if is_packed => Self::Packed,
            ".note.gnu.build-id" => Self::BuildId,
            _ if DEBUG_TEXTS.contains(&name) => Self::Data,
            _ if name.starts_with(".debug_") || name.starts_with(".zdebug_") => Self::Debug,
            _ if DERIVED.contains(&name) || name.starts_with(".rela.") || name.starts_with(".rel.") => {
                Self::Derived
            }
            _ if kind == SectionKind::Text => Self::Code,
            _ => Self::Data,
        }
    }

    /// Whether what differs has a cause of its own.
    pub(crate) fn is_root(self) -> bool {
        matches!(self, Self::Code | Self::Data | Self::Packed)
    }

    /// What numbers there may be.
    pub(crate) fn ground(self) -> Ground {
        match self {
            Self::Code => Ground::Code,
            Self::Data | Self::Packed => Ground::Data,
            Self::Debug | Self::Derived | Self::BuildId => Ground::Table,
        }
    }
}
