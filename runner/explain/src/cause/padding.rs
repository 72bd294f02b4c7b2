//! The rule of padding: what differs is as long as no number, and ends where the next field begins.

use eadem_model::{Cause, Confidence, Reason};

use super::{cause, quoted};

/// Where fields begin, in bytes.
const ALIGNMENT: usize = 8;
/// As many gaps show that they are no chance.
const SEVERAL: usize = 2;
/// More bytes are not looked at.
const LONGEST: usize = 16 << 20;

/// The cause, if all that differs are gaps between fields.
///
/// A gap is one of 3, 5, 6 or 7 bytes before a multiple of eight: no field is that long.
pub(crate) fn of_padding(first: &[u8], second: &[u8]) -> Option<Cause> {
    if first.len() != second.len() || first.len() > LONGEST {
        return None;
    }
    let words = first.chunks(ALIGNMENT).zip(second.chunks(ALIGNMENT));
    let gaps: Vec<(&[u8], &[u8])> = words.filter(|(left, right)| left != right).collect();
    let is_padding = gaps.len() >= SEVERAL && gaps.iter().all(|(left, right)| is_gap(left, right));
    let [left, right] = gaps.first().map(|(left, right)| [left, right])?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    is_padding.then(|| cause(Reason::Padding, quoted(&[hex(left), hex(right)]), Confidence::Likely))
}

/// Whether two words differ in their last bytes alone, and in as many as no number has.
fn is_gap(left: &[u8], right: &[u8]) -> bool {
    let differs: Vec<usize> = (0..left.len()).filter(|at| left[*at] != right[*at]).collect();
    let (Some(first), Some(last)) = (differs.first(), differs.last()) else { return false };
    let number = [left, right].iter().any(|word| word[*last..].iter().all(|byte| *byte == 0));
    left.len() == ALIGNMENT && [1, 2, 3, 5].contains(first) && *last + 1 == ALIGNMENT && !number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_between_fields_are_padding_and_numbers_are_not() {
        let records =
            |gap: &[u8]| [b"w", gap, &7_u64.to_le_bytes(), b"w", gap, &8_u64.to_le_bytes()].concat();
        let told = |first: &[u8], second: &[u8]| of_padding(first, second).map(|cause| cause.cause);
        assert_eq!(told(&records(b"/build/"), &records(b"/bfbplo")), Some(Reason::Padding));
        let numbers = |numbers: [u64; 2]| numbers.map(u64::to_le_bytes).concat();
        assert_eq!(told(&numbers([0x1234_5601, 2]), &numbers([0x2345_6701, 3])), None);
        assert_eq!(told(&numbers([u64::MAX, 1 << 60]), &numbers([1, 3])), None);
    }
}
