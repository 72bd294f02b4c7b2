//! An image in the form that `docker save` writes and every container engine loads.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use eadem_model::{Architecture, Digest, DigestWriter};
use serde_json::json;
use tar::Header;

use crate::{
    layer::{self, ROOT},
    upload::Heard,
};

/// An image that is known byte by byte before it is sent.
pub(crate) struct Archive {
    tag: String,
    config: Vec<u8>,
    layers: Vec<Layer>,
}

/// A layer: its directory, and its tar's size and digest.
struct Layer {
    dir: PathBuf,
    digest: Digest,
    size: u64,
}

impl Archive {
    /// Reads the layers once, since an archive names digests and sizes before the bytes; as long as somebody
    /// waits for the archive.
    pub(crate) fn survey(
        dirs: &[PathBuf],
        architecture: Architecture,
        tag: String,
        label: (&str, &str),
        to: &dyn Heard,
    ) -> io::Result<Self> {
        let layers = dirs.iter().map(|dir| Layer::survey(dir.clone(), to)).collect::<io::Result<Vec<_>>>()?;
        let diff_ids: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
        let config = json!({
            "architecture": architecture.as_str(),
            "os": "linux",
            "config": {"Labels": {label.0: label.1}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        Ok(Self { tag, config: config.to_string().into_bytes(), layers })
    }

    /// Writes the whole.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let config = format!("{}.json", Digest::of(&self.config).hex());
        let names: Vec<String> = self.layers.iter().map(Layer::name).collect();
        let manifest = json!([{"Config": config, "RepoTags": [self.tag], "Layers": names}]).to_string();
        small(to, "manifest.json", manifest.as_bytes())?;
        small(to, &config, &self.config)?;
        // The same layer twice would be the same file twice.
        let mut sent = Vec::new();
        for layer in &self.layers {
            if !sent.contains(&layer.digest) {
                layer.write(to)?;
                sent.push(layer.digest);
            }
        }
        to.write_all(&[0; 1024])
    }
}

impl Layer {
    fn survey(dir: PathBuf, to: &dyn Heard) -> io::Result<Self> {
        let mut counter = io::BufWriter::with_capacity(1 << 20, DigestWriter::new(Sink(to)));
        layer::write(&dir, ROOT, &mut counter)?;
        let (digest, size, _) = counter.into_inner().map_err(io::IntoInnerError::into_error)?.finish();
        Ok(Self { dir, digest, size })
    }

    fn name(&self) -> String {
        format!("{}/layer.tar", self.digest.hex())
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        begin(to, &self.name(), self.size)?;
        let mut writer = DigestWriter::new(&mut *to);
        layer::write(&self.dir, ROOT, &mut writer)?;
        let (digest, size, _) = writer.finish();
        if (digest, size) != (self.digest, self.size) {
            let what = format!("{} changed while it was read", self.dir.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        pad(to, size)
    }
}

/// Takes everything as long as somebody listens elsewhere.
struct Sink<'a>(&'a dyn Heard);

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.is_heard().map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn small(to: &mut dyn Write, name: &str, content: &[u8]) -> io::Result<()> {
    begin(to, name, content.len() as u64)?;
    to.write_all(content)?;
    pad(to, content.len() as u64)
}

fn begin(to: &mut dyn Write, name: &str, size: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    to.write_all(header.as_bytes())
}

/// Fills the last block.
fn pad(to: &mut dyn Write, size: u64) -> io::Result<()> {
    const BLOCK: u64 = 512;
    let missing = size.next_multiple_of(BLOCK) - size;
    to.write_all(&vec![0; usize::try_from(missing).expect("is less than a block")])
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read};

    use super::*;

    /// Somebody who listens, or does not.
    struct Ear(Vec<u8>, bool);

    impl Write for Ear {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Heard for Ear {
        fn is_heard(&self) -> io::Result<()> {
            if self.1 { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        }
    }

    #[test]
    fn the_manifest_names_what_is_there_and_the_configuration_has_the_layers_digests() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("file"), "content").expect("writes");
        let dirs = [dir.path().to_owned(), dir.path().to_owned()];
        let tag = "name:tag".to_owned();
        let survey =
            |to: &dyn Heard| Archive::survey(&dirs, Architecture::Arm64, tag.clone(), ("key", "value"), to);
        assert!(survey(&Ear(Vec::new(), false)).is_err(), "nobody waits for it");
        let mut ear = Ear(Vec::new(), true);
        survey(&ear).expect("readable").write(&mut ear).expect("writes");
        let bytes = ear.0;
        let mut files = std::collections::BTreeMap::new();
        for entry in tar::Archive::new(&bytes[..]).entries().expect("an archive") {
            let mut entry = entry.expect("readable");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("readable");
            files.insert(entry.path().expect("a path").to_string_lossy().into_owned(), content);
        }
        assert_eq!(files.len(), 3, "{:?}", files.keys());
        let read = |name: &str| serde_json::from_slice::<serde_json::Value>(&files[name]).expect("JSON");
        let manifest = read("manifest.json");
        let layer = manifest[0]["Layers"][1].as_str().expect("text");
        let config = read(manifest[0]["Config"].as_str().expect("text"));
        assert_eq!(config["rootfs"]["diff_ids"][0], Digest::of(&files[layer]).to_string());
        assert_eq!(
            (&config["architecture"], &config["config"]["Labels"]["key"]),
            (&"arm64".into(), &"value".into())
        );
    }
}
