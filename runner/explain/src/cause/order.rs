//! The rule of order: equal parts, otherwise arranged.

/// More parts are not sorted.
const MOST: usize = 1 << 20;

/// Whether both have the same parts, in another order.
pub(crate) fn is_permutation<T: Ord>(
    first: &mut dyn Iterator<Item = T>,
    second: &mut dyn Iterator<Item = T>,
) -> bool {
    let mut sides = [first.take(MOST).collect::<Vec<_>>(), second.take(MOST).collect()];
    let short = sides.iter().any(|side| side.len() < 2 || side.len() == MOST);
    if short || sides[0].len() != sides[1].len() || sides[0] == sides[1] {
        return false;
    }
    sides.iter_mut().for_each(|side| side.sort());
    sides[0] == sides[1]
}

/// Whether the texts in two byte strings are the same in another order.
pub(crate) fn strings_are_permuted(first: &[u8], second: &[u8]) -> bool {
    let (mut left, mut right) = (crate::window::runs(first), crate::window::runs(second));
    first.len() == second.len() && is_permutation(&mut left, &mut right)
}
