//! Which of the variations makes something differ, by as few trials as that takes.

use std::collections::BTreeSet;

use eadem_model::Variation;

/// Which variation is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Culprit {
    pub(crate) variation: Variation,
    /// Whether it makes the difference without any of the others, if that was tried.
    pub(crate) alone: Option<bool>,
}

/// Finds a variation without which the first ones of a list make no difference: by halving, and one trial more.
///
/// With none of them nothing differs, and with all of them something does; the caller has seen both. So there are
/// at most ⌈log2(n)⌉ + 1 trials of n variations. Nothing is found if a trial tells nothing.
pub(crate) fn culprit<E>(
    variations: &[Variation],
    mut differs: impl FnMut(&BTreeSet<Variation>) -> Result<Option<bool>, E>,
) -> Result<Option<Culprit>, E> {
    let (mut without, mut with) = (0, variations.len());
    while with.saturating_sub(without) > 1 {
        let half = without + (with - without) / 2;
        match differs(&variations[..half].iter().copied().collect())? {
            Some(true) => with = half,
            Some(false) => without = half,
            None => return Ok(None),
        }
    }
    let Some(variation) = with.checked_sub(1).map(|last| variations[last]) else { return Ok(None) };
    let alone = if with == 1 { Some(true) } else { differs(&[variation].into())? };
    Ok(Some(Culprit { variation, alone }))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// What is found of a fault that shows if `is_there`, and after how many trials.
    fn found(is_there: impl Fn(&BTreeSet<Variation>) -> bool) -> (Option<Culprit>, usize) {
        let mut n_trials = 0;
        let culprit = culprit(&Variation::ALL, |these| {
            n_trials += 1;
            Ok::<_, Infallible>(Some(is_there(these)))
        });
        (culprit.unwrap_or_default(), n_trials)
    }

    #[test]
    fn each_single_cause_is_found_within_the_logarithm_and_one() {
        for one in Variation::ALL {
            let (culprit, n_trials) = found(|these| these.contains(&one));
            assert_eq!(culprit, Some(Culprit { variation: one, alone: Some(true) }));
            assert!(n_trials <= 4 + 1, "{one}: {n_trials}");
        }
    }

    #[test]
    fn one_of_two_causes_is_found_and_the_other_one_is_left_for_the_next_search() {
        use Variation::{Locale, Umask};
        let (culprit, _) = found(|these| these.contains(&Umask) || these.contains(&Locale));
        assert_eq!(culprit, Some(Culprit { variation: Umask, alone: Some(true) }));
    }

    #[test]
    fn a_cause_that_wants_another_one_is_not_said_to_be_alone() {
        use Variation::{Locale, Umask};
        let (culprit, _) = found(|these| these.contains(&Umask) && these.contains(&Locale));
        assert_eq!(culprit, Some(Culprit { variation: Locale, alone: Some(false) }));
    }

    #[test]
    fn a_trial_that_tells_nothing_ends_the_search() {
        let culprit = culprit(&Variation::ALL, |_| Ok::<_, Infallible>(None));
        assert_eq!(culprit, Ok(None));
        let nothing = self::culprit(&[], |_| Ok::<_, Infallible>(Some(true)));
        assert_eq!(nothing, Ok(None));
    }
}
