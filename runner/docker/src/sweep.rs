//! Removes what a killed eadem left at a daemon.

use std::collections::BTreeMap;

use bollard::{
    errors::Error,
    models::{ContainerSummary, ContainerSummaryStateEnum},
    query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListVolumesOptionsBuilder},
};

use crate::{
    daemon::Daemon,
    owner::{Fate, Owner},
    stay::{OWNER, Thing, remove},
};

/// Removes the things of dead owners: containers, then what they had.
///
/// One that cannot be removed is left to the next start: it is in nobody's way.
pub(crate) async fn sweep(daemon: &Daemon, this: &Owner) -> Result<(), Error> {
    for thing in leftovers(daemon, this).await? {
        let _ = remove(daemon, &thing).await;
    }
    Ok(())
}

async fn leftovers(daemon: &Daemon, this: &Owner) -> Result<Vec<Thing>, Error> {
    let filters = BTreeMap::from([("label", vec![OWNER])]).into_iter().collect();
    let dead = |owner: Option<&String>, runs| is_dead(daemon, this, owner, runs);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let containers = daemon.docker.list_containers(Some(options)).await?;
    let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
    let volumes = daemon.docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
    let options = ListImagesOptionsBuilder::default().all(true).filters(&filters).build();
    let images = daemon.docker.list_images(Some(options)).await?;

    let containers = containers
        .into_iter()
        .filter(|one| dead(one.labels.as_ref().and_then(|labels| labels.get(OWNER)), runs(one)))
        .filter_map(|one| one.id.map(Thing::Container));
    let images = images.into_iter().filter(|one| dead(one.labels.get(OWNER), false));
    let volumes = volumes.into_iter().filter(|one| dead(one.labels.get(OWNER), false));
    let rest = images.map(|one| Thing::Image(one.id)).chain(volumes.map(|one| Thing::Volume(one.name)));
    Ok(containers.chain(rest).collect())
}

/// Whether an owner is surely dead. Of another start of this machine nothing can run any more.
fn is_dead(daemon: &Daemon, this: &Owner, owner: Option<&String>, runs: bool) -> bool {
    let Some(Ok(owner)) = owner.map(|text| text.parse::<Owner>()) else { return false };
    match this.fate_of(&owner) {
        Fate::Dead => true,
        Fate::Elsewhere => daemon.is_local && !runs,
        Fate::Alive | Fate::Unknown => false,
    }
}

fn runs(container: &ContainerSummary) -> bool {
    container.state == Some(ContainerSummaryStateEnum::RUNNING)
}
