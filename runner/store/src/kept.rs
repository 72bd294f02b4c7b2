//! What failed builds left, for `eadem shell`.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::PathBuf,
};

use eadem_model::{At, Kept, Name};

use crate::{
    StoreError,
    store::{Parents, Store, make_private},
};

/// The place of what a recipe's failed build left; nobody else has it meanwhile.
///
/// ```text
/// kept/RECIPE/state/     the writable directories, as an engine left them
/// kept/RECIPE/kept.json  what is known of them; without it there is no state
/// ```
#[derive(Debug)]
pub struct KeptPlace<'a> {
    store: &'a Store,
    dir: PathBuf,
    _lock: File,
}

const NOTE: &str = "kept.json";

impl Store {
    /// Whether something is known of what a recipe's failed build left.
    pub fn has_kept(&self, recipe: &Name) -> bool {
        self.kept_dir(recipe).join(NOTE).exists()
    }

    fn kept_dir(&self, recipe: &Name) -> PathBuf {
        self.dir().join("kept").join(recipe.as_str())
    }

    /// Takes the place of what a recipe's failed build left; `None` while somebody else has it.
    pub fn kept(&self, recipe: &Name) -> Result<Option<KeptPlace<'_>>, StoreError> {
        let path = self.dir().join("locks").join(format!("kept-{recipe}"));
        let lock = File::options().create(true).append(true).open(&path).at(&path)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => Err(error).at(&path)?,
            Ok(()) => {}
        }
        let dir = self.kept_dir(recipe);
        make_private(&dir, Parents::Expect)?;
        Ok(Some(KeptPlace { store: self, dir, _lock: lock }))
    }
}

impl KeptPlace<'_> {
    /// Where an engine puts the state, and finds it.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// What is known of the state, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it cannot be read.
    pub fn read(&self) -> Result<Option<Kept>, StoreError> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.at(&path)?,
        };
        let kept = serde_json::from_slice(&bytes);
        kept.map(Some).map_err(|error| StoreError::Damaged { path, why: error.to_string() })
    }

    /// Says what the state is, now that it is whole.
    pub fn write(&self, kept: &Kept) -> Result<(), StoreError> {
        let json = serde_json::to_vec_pretty(kept).expect("it has only text keys");
        Ok(self.store.replace(&self.path(), &json)?)
    }

    /// Says that there is no state any more; goes before its removal.
    pub fn forget(&self) -> Result<(), StoreError> {
        let path = self.path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed.at(&path)?),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(NOTE)
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::{Digest, Ending, RunId, Setting, document::Version1};

    use super::*;

    #[test]
    fn a_place_belongs_to_one_at_a_time_and_remembers() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let (one, two) = ("one".parse().expect("a name"), "two".parse().expect("a name"));
        let place = store.kept(&one).expect("opens").expect("is free");
        assert!(store.kept(&one).expect("looks").is_none());
        assert!(store.kept(&two).expect("opens").is_some());
        assert_eq!(place.read().expect("reads"), None);
        let kept = Kept {
            eadem_kept: Version1,
            run: RunId::new(1, 1),
            n_round: 2,
            plan: Digest::of(b"plan"),
            engine: "native".to_owned(),
            setting: Setting::baseline(),
            ending: Ending::Failed(1),
        };
        assert!(!store.has_kept(&one));
        place.write(&kept).expect("is written");
        assert!(store.has_kept(&one));
        drop(place);
        let place = store.kept(&one).expect("opens").expect("is free again");
        assert_eq!(place.read().expect("reads"), Some(kept));
        place.forget().expect("is forgotten");
        assert_eq!(place.read().expect("reads"), None);
    }
}
