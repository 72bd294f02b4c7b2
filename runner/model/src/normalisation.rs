//! What may be taken out of an output without a change of its content.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An output whose sides differ in nothing but what its normalisations take out.
///
/// It is not reproducible: whoever compares digests sees two outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Normalised {
    /// Its name; none if two files were compared.
    pub output: Option<String>,
    /// All that had to be taken out, in a fixed order.
    pub normalisations: Vec<Normalisation>,
}

/// One thing that is taken out before contents are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// When `ar` says that a member was changed.
    ArTimes,
    /// Whose `ar` says that a member is.
    ArOwners,
    /// The permissions that `ar` has of a member.
    ArPermissions,
    /// In which order the members stand, where no symbol is in two of them.
    ArOrder,
    /// How a bzip2 file was packed.
    Bzip2Compression,
    /// When cpio says that a member was changed.
    CpioTimes,
    /// The numbers of inodes and of their device; which members are one file stays.
    CpioInodes,
    /// In which order the members stand, where none needs another one.
    CpioOrder,
    /// Zeros behind the last member.
    CpioPadding,
    /// The digest or number by which a linker names its output.
    ElfBuildId,
    /// The checksum of the file with debugging information, and its name if that is the build-id.
    ElfDebugLink,
    /// When gzip says that the content was changed.
    GzipTime,
    /// The name that gzip has of the content.
    GzipName,
    /// The system that gzip names.
    GzipSystem,
    /// How a gzip file was packed.
    GzipCompression,
    /// When tar says that a member was changed, read or made.
    TarTimes,
    /// Whose tar says that a member is: never of packages, nor where the user or group changes at execution.
    TarOwners,
    /// In which order the members stand, where none needs another one.
    TarOrder,
    /// What tar calls the headers that hold a member's further attributes.
    TarExtensions,
    /// Zeros behind the last member.
    TarPadding,
    /// How an xz file was packed.
    XzCompression,
    /// When zip says that a member was changed, read or made.
    ZipTimes,
    /// Whose zip says that a member is.
    ZipOwners,
    /// In which order the members stand.
    ZipOrder,
    /// How members of a zip file were packed.
    ZipCompression,
    /// How a zstd file was packed.
    ZstdCompression,
}

impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ArTimes => "ar: times",
            Self::ArOwners => "ar: owners",
            Self::ArPermissions => "ar: permissions",
            Self::ArOrder => "ar: order of members",
            Self::Bzip2Compression => "bzip2: compression",
            Self::CpioTimes => "cpio: times",
            Self::CpioInodes => "cpio: inodes",
            Self::CpioOrder => "cpio: order of members",
            Self::CpioPadding => "cpio: zeros at the end",
            Self::ElfBuildId => "elf: build-id",
            Self::ElfDebugLink => "elf: debug link",
            Self::GzipTime => "gzip: time in the header",
            Self::GzipName => "gzip: name in the header",
            Self::GzipSystem => "gzip: system in the header",
            Self::GzipCompression => "gzip: compression",
            Self::TarTimes => "tar: times",
            Self::TarOwners => "tar: owners",
            Self::TarOrder => "tar: order of members",
            Self::TarExtensions => "tar: extended headers",
            Self::TarPadding => "tar: zeros at the end",
            Self::XzCompression => "xz: compression",
            Self::ZipTimes => "zip: times",
            Self::ZipOwners => "zip: owners",
            Self::ZipOrder => "zip: order of members",
            Self::ZipCompression => "zip: compression",
            Self::ZstdCompression => "zstd: compression",
        })
    }
}
