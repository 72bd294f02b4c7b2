//! One download of a batch.

use std::collections::BTreeMap;

use eadem_model::{Digest, Origin, Want};

use crate::shown::title;

/// Bytes to bring, with every origin that was named for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// What messages call it: the first origin.
    pub(crate) title: String,
    /// What must come.
    pub(crate) sha256: Digest,
    /// How long it must be, if that is known.
    pub(crate) size: Option<u64>,
    /// Where to look, in order.
    pub(crate) origins: Vec<Origin>,
}

impl Job {
    /// Whether it is a package, whose mirrors bear fewer downloads at once.
    pub(crate) fn is_package(&self) -> bool {
        matches!(self.origins[..], [Origin::Package { .. }, ..])
    }
}

/// One job for each digest that is missing, in the order of the wants.
pub(crate) fn jobs(wants: &[Want], has: impl Fn(&Digest) -> bool) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut place: BTreeMap<Digest, usize> = BTreeMap::new();
    for want in wants {
        match place.get(&want.sha256) {
            Some(index) => add(&mut jobs[*index], want),
            None if has(&want.sha256) => {}
            None => {
                place.insert(want.sha256, jobs.len());
                jobs.push(job(want));
            }
        }
    }
    jobs
}

fn job(want: &Want) -> Job {
    let Want { origin, sha256, size } = want;
    Job { title: title(origin), sha256: *sha256, size: *size, origins: vec![origin.clone()] }
}

fn add(job: &mut Job, want: &Want) {
    job.size = job.size.or(want.size);
    if !job.origins.contains(&want.origin) {
        job.origins.push(want.origin.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(url: &str, bytes: &[u8], size: Option<u64>) -> Want {
        Want { origin: Origin::Url(url.to_owned()), sha256: Digest::of(bytes), size }
    }

    #[test]
    fn equal_bytes_are_one_job_with_all_origins_and_bytes_that_are_there_are_none() {
        let wants =
            [want("b", b"1", None), want("a", b"2", None), want("c", b"1", Some(1)), want("b", b"1", None)];
        let jobs = jobs(&wants, |digest| *digest == Digest::of(b"2"));
        let origins = vec![Origin::Url("b".to_owned()), Origin::Url("c".to_owned())];
        assert_eq!(jobs, [Job { title: "b".to_owned(), sha256: Digest::of(b"1"), size: Some(1), origins }]);
    }
}
