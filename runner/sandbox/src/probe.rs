//! The smallest room, to see whether there can be rooms.

use std::{collections::BTreeMap, env::consts::ARCH, io, path::PathBuf};

use eadem_model::{
    Architecture, Digest, DirectoryOrder, EngineError, Inputs, Limits, OutputSink, Processors, Room,
    TreePath, User,
};

/// The architecture that this program runs on; the plan's must be the same.
pub(crate) fn native(wanted: Architecture) -> Result<(), EngineError> {
    let machine = match ARCH {
        "x86_64" => Some(Architecture::Amd64),
        "aarch64" => Some(Architecture::Arm64),
        _ => None,
    };
    if machine == Some(wanted) {
        return Ok(());
    }
    Err(EngineError::Architecture { wanted: wanted.as_str(), machine: ARCH.to_owned() })
}

/// A room without layers and without a program, which still has every mount of a real one.
pub(crate) fn bare_room() -> Room {
    let path = |text: &str| text.parse().expect("written clean here");
    Room {
        rootfs: Vec::new(),
        architecture: Architecture::Amd64,
        inputs: Vec::new(),
        order: DirectoryOrder::AsStored,
        scratch: vec![path("/build")],
        argv: Vec::new(),
        env: BTreeMap::new(),
        cwd: path("/build"),
        user: User { name: "builder".to_owned(), uid: 1000, gid: 1000, home: path("/build") },
        hostname: "eadem".to_owned(),
        umask: 0o022,
        processors: Processors::All,
        limits: Limits { wall_seconds: 60, log_bytes: 0, output_bytes: 0 },
        outputs: Vec::new(),
    }
}

/// There are none.
pub(crate) struct NoInputs;

impl Inputs for NoInputs {
    fn layer_dir(&self, _: &Digest) -> io::Result<PathBuf> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// There are none.
pub(crate) struct NoOutputs;

impl OutputSink for NoOutputs {
    fn directory(&mut self, _: &TreePath) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &TreePath, _: bool, _: &mut dyn io::Read) -> io::Result<()> {
        Ok(())
    }

    fn symlink(&mut self, _: &TreePath, _: &str) -> io::Result<()> {
        Ok(())
    }
}
