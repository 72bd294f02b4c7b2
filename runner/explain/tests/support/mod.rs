//! Small archives, made by the libraries that read them, and what is told of a difference in one line.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{Cursor, Write};

use eadem_explain::{Bounds, Knowledge, files};
use eadem_model::{Change, Explanation, Finding, Spot};

/// A member: its name, content, time and owner.
pub(crate) type Entry<'a> = (&'a str, &'a [u8], u32, u32);

pub(crate) fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content, time, owner) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mtime((*time).into());
        header.set_uid((*owner).into());
        header.set_gid(0);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).expect("it goes to memory");
    }
    builder.into_inner().expect("it goes to memory")
}

pub(crate) fn ar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content, time, owner) in entries {
        let name = format!("{name}/");
        bytes.extend(
            format!("{name:16}{time:<12}{owner:<6}{:<6}{:<8o}{:<10}`\n", 0, 0o100_644, content.len()).bytes(),
        );
        bytes.extend(*content);
        bytes.extend((content.len() % 2 == 1).then_some(b'\n'));
    }
    bytes
}

pub(crate) fn cpio(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content, time, owner) in entries {
        let builder = cpio::newc::Builder::new(name).mtime(*time).uid(*owner).mode(0o100_644);
        let mut writer = builder.write(&mut bytes, content.len() as u32);
        writer.write_all(content).expect("it goes to memory");
        writer.finish().expect("it goes to memory");
    }
    cpio::newc::trailer(&mut bytes).expect("it goes to memory");
    bytes
}

pub(crate) fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, time, _) in entries {
        let time =
            zip::DateTime::from_date_and_time(2020, 1, 1, 0, 0, (*time % 30 * 2) as u8).expect("a time");
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(time);
        writer.start_file(*name, options).expect("it goes to memory");
        writer.write_all(content).expect("it goes to memory");
    }
    writer.finish().expect("it goes to memory").into_inner()
}

pub(crate) fn gzip(content: &[u8], time: u32) -> Vec<u8> {
    let mut writer = flate2::GzBuilder::new().mtime(time).write(Vec::new(), flate2::Compression::fast());
    writer.write_all(content).expect("it goes to memory");
    writer.finish().expect("it goes to memory")
}

pub(crate) fn xz(content: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 1);
    writer.write_all(content).expect("it goes to memory");
    writer.finish().expect("it goes to memory")
}

pub(crate) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(content).expect("it goes to memory");
    writer.finish().expect("it goes to memory")
}

pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("it goes to memory")
}

/// What is told of two files, with known values.
pub(crate) fn told_with(first: &[u8], second: &[u8], known: &Knowledge) -> Vec<String> {
    let Explanation { findings, .. } = files(first, second, known, Bounds::default());
    findings.iter().map(line).collect()
}

/// What is told of two files.
pub(crate) fn told(first: &[u8], second: &[u8]) -> Vec<String> {
    told_with(first, second, &Knowledge::default())
}

/// `PLACE: CHANGE, CAUSE CONFIDENCE`
pub(crate) fn line(finding: &Finding) -> String {
    let name = |step: &Spot| match step {
        Spot::File(name) | Spot::Packed(name) | Spot::Member(name) => name.clone(),
        Spot::Section(name) | Spot::Symbol(name) => name.clone(),
    };
    let place = finding.place.iter().map(name).collect::<Vec<_>>().join(" > ");
    let change = match &finding.change {
        Change::Only { side } => format!("only {side}"),
        Change::Kind { .. } => "kind".to_owned(),
        Change::Attribute { name, .. } => name.clone(),
        Change::Order { parts, .. } => format!("order of {parts}"),
        Change::Lines { .. } => "lines".to_owned(),
        Change::Bytes { .. } => "bytes".to_owned(),
        Change::Moved { .. } => "moved".to_owned(),
        Change::Packing => "packing".to_owned(),
    };
    let causes = finding.causes.iter().map(|cause| format!(", {:?} {:?}", cause.cause, cause.confidence));
    format!("{place}: {change}{}", causes.collect::<String>())
}
