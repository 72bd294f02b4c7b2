//! What one room has at a daemon, and its removal.

use std::sync::{Mutex, PoisonError};

use bollard::{
    errors::Error,
    models::VolumeCreateRequest,
    query_parameters::{
        RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use eadem_model::{EngineError, Limits};
use tokio::{runtime::Runtime, time::timeout};

use crate::{
    daemon::{Daemon, is_absence},
    download::Source,
    halt::Halt,
    owner::Owner,
};

/// The label of all that belongs to a room; its value is the owner.
pub(crate) const OWNER: &str = "eadem.owner";

/// The label that says which plan a room is for.
const PLAN: &str = "eadem.plan";

/// How long the removal of one thing may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A thing at a daemon, by its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thing {
    Container(String),
    Volume(String),
    Image(String),
}

/// Things to be removed when this is dropped at the latest.
pub(crate) struct Stay<'a> {
    pub(crate) daemon: &'a Daemon,
    /// What ends its transfers early.
    pub(crate) halt: Halt<'a>,
    runtime: &'a Runtime,
    labels: Vec<(String, String)>,
    things: Mutex<Vec<Thing>>,
}

impl<'a> Stay<'a> {
    pub(crate) fn new(
        daemon: &'a Daemon,
        halt: Halt<'a>,
        runtime: &'a Runtime,
        owner: &Owner,
        plan: String,
    ) -> Self {
        let labels = vec![(OWNER.to_owned(), owner.to_string()), (PLAN.to_owned(), plan)];
        Self { daemon, halt, runtime, labels, things: Mutex::default() }
    }

    /// What everything is marked with.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.labels.iter().cloned()
    }

    /// Takes a thing into care.
    pub(crate) fn keep(&self, thing: Thing) {
        self.things.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }

    /// The files of a container, from which as much may come as limits allow.
    pub(crate) fn source<'b>(&'b self, container: &'b str, limits: &'b Limits) -> Source<'b> {
        Source { daemon: self.daemon, halt: &self.halt, container, limits }
    }

    /// Makes an empty volume and gives its name.
    pub(crate) async fn volume(&self) -> Result<String, EngineError> {
        let request =
            VolumeCreateRequest { labels: Some(self.labels().collect()), ..VolumeCreateRequest::default() };
        let made = self.daemon.docker.create_volume(request).await;
        let name = made.map_err(self.daemon.failed("to make a volume"))?.name;
        self.keep(Thing::Volume(name.clone()));
        Ok(name)
    }

    /// Removes everything; the first error is the one that is told.
    pub(crate) fn end(&self) -> Result<(), EngineError> {
        let things = std::mem::take(&mut *self.things.lock().unwrap_or_else(PoisonError::into_inner));
        let mut result = Ok(());
        // The newest first: volumes cannot be removed before the containers that have them.
        for thing in things.into_iter().rev() {
            let removed =
                self.runtime.block_on(async { timeout(PATIENCE, remove(self.daemon, &thing)).await });
            let removed = removed.unwrap_or_else(|_| Err(Error::RequestTimeoutError));
            if let Err(error) = removed {
                result = result.and(Err(self.daemon.failed("to remove what a room left")(error)));
            }
        }
        result
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        // Something else went wrong before, else nothing is left; the next start removes the rest.
        let _ = self.end();
    }
}

/// Removes one thing; what is gone already is as good as removed.
pub(crate) async fn remove(daemon: &Daemon, thing: &Thing) -> Result<(), Error> {
    let docker = &daemon.docker;
    let removed = match thing {
        Thing::Container(id) => {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            docker.remove_container(id, Some(options)).await
        }
        Thing::Volume(name) => {
            let options = RemoveVolumeOptionsBuilder::default().force(true).build();
            docker.remove_volume(name, Some(options)).await
        }
        Thing::Image(id) => {
            let options = RemoveImageOptionsBuilder::default().force(true).build();
            docker.remove_image(id, Some(options), None).await.map(|_| ())
        }
    };
    match removed {
        Err(error) if is_absence(&error) => Ok(()),
        removed => removed,
    }
}
