//! What the last build of a recipe tells of the next one; may be deleted at any time.

use std::{fs, path::PathBuf};

use eadem_model::{Forecast, Name};

use crate::{StoreError, store::Store};

impl Store {
    /// What the last build of a recipe in units told; nothing if that is not known.
    pub fn forecast(&self, recipe: &Name) -> Option<Forecast> {
        // Whatever is wrong with it: without a forecast a build is built all the same.
        serde_json::from_slice(&fs::read(self.forecast_path(recipe)).ok()?).ok()
    }

    /// Keeps what a build told.
    pub fn put_forecast(&self, recipe: &Name, forecast: &Forecast) -> Result<(), StoreError> {
        let json = serde_json::to_vec(forecast).expect("forecasts have only text keys");
        Ok(self.replace(&self.forecast_path(recipe), &json)?)
    }

    fn forecast_path(&self, recipe: &Name) -> PathBuf {
        self.dir().join("forecasts").join(format!("{recipe}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_read_as_it_was_kept_and_a_damaged_one_is_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path()).expect("a store");
        let recipe: Name = "hexyl".parse().expect("a name");
        assert_eq!(store.forecast(&recipe), None);
        let took_ms = [("compilation of a 1.0.0 a".to_owned(), 7)].into();
        let forecast = Forecast { total: 1, at_once_percent: 150, took_ms };
        store.put_forecast(&recipe, &forecast).expect("kept");
        assert_eq!(store.forecast(&recipe), Some(forecast));
        fs::write(store.forecast_path(&recipe), b"{").expect("written");
        assert_eq!(store.forecast(&recipe), None);
    }
}
