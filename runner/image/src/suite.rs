//! What a suite's signed indices say.

use std::io::Read;

use eadem_model::{Digest, Fetcher, Image, Name, Origin, Want};
use eadem_store::Store;

use crate::{
    Events, ImageError,
    decode::decode,
    keyring::Keyring,
    release::{IndexFile, Release, ReleaseError},
};

/// More than any suite's index holds, in bytes.
const INDEX_LIMIT: u64 = 1 << 30;

/// The suite of an image, and what it is read with.
#[derive(Clone, Copy)]
pub struct Suite<'a> {
    /// Whose suite it is.
    pub image: &'a Image,
    /// The keys that may sign for it; the image's definition pins them.
    pub keyring: &'a [u8],
    /// Where indices are kept.
    pub store: &'a Store,
    /// What brings them.
    pub fetcher: &'a dyn Fetcher,
    /// In seconds since 1970: releases, signatures and keys whose time is over are refused.
    pub now: u64,
    /// Takes events.
    pub events: Events<'a>,
}

/// Finds the index of a component in a release.
type Pick<'a> = &'a dyn Fn(&Release, &Name) -> Result<IndexFile, ReleaseError>;

impl Suite<'_> {
    /// The release, and the text of an index of each component.
    pub(crate) fn indices(&self, pick: Pick<'_>) -> Result<(Release, Vec<String>), ImageError> {
        let release = self.release()?;
        let components = &self.image.debian.components;
        let files = components.iter().map(|component| pick(&release, component));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let wants: Vec<Want> = files.iter().map(|file| want(file, &release)).collect();
        self.fetcher.fetch(self.image.name.as_str(), &wants, self.events)?;
        let texts = files.iter().map(|file| unpack_index(file, self.store));
        let texts = texts.collect::<Result<_, _>>()?;
        Ok((release, texts))
    }

    fn release(&self) -> Result<Release, ImageError> {
        let (keyring, suite) = (self.open_keyring()?, &self.image.debian.suite);
        let verify = |bytes: &[u8]| Release::verify(bytes, &keyring, suite, self.now);
        let accept = |bytes: &[u8]| verify(bytes).map(drop).map_err(|error| with_causes(&error));
        let bytes = self.fetcher.in_release(suite, &accept)?;
        // Again, since what a fetcher gives is not what it showed until that is checked.
        Ok(verify(&bytes)?)
    }

    fn open_keyring(&self) -> Result<Keyring, ImageError> {
        let pinned = &self.image.debian.keyring;
        let found = Digest::of(self.keyring);
        if found != pinned.sha256 {
            let (file, wanted) = (pinned.file.to_string(), pinned.sha256);
            return Err(ImageError::WrongKeyring { file, wanted, found });
        }
        Ok(Keyring::parse(self.keyring)?)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn want(file: &IndexFile, release: &Release) -> Want {
    let title = format!("index {}", file.path);
    let origin = Origin::Package { title, path: file.path.clone(), snapshot: release.stamp.clone() };
    Want { origin, sha256: file.sha256, size: Some(file.size) }
}

fn unpack_index(file: &IndexFile, store: &Store) -> Result<String, ImageError> {
    let bytes = store.read_blob(&file.sha256)?;
    let mut text = String::new();
    let unpacked =
        decode("Packages.xz", &bytes[..], INDEX_LIMIT).and_then(|mut from| from.read_to_string(&mut text));
    unpacked.map_err(|source| ImageError::Unreadable { path: file.path.clone(), source })?;
    Ok(text)
}
