//! What stands in the place of the vDSO's clock functions: machine code for x86-64.
//!
//! It runs wherever it lies, uses no stack and changes no register that a caller may still need.

/// In an argument that the calls do not have, this says that the caller adds the offset itself.
///
/// It is no secret: who knows it sees the machine's clock, as who reads the times of files does.
pub(crate) const MARK: u32 = 0x5ea1_c10c;

/// Numbers of calls on x86-64.
pub(crate) const CLOCK_GETTIME: u8 = 228;
pub(crate) const GETTIMEOFDAY: u8 = 96;
pub(crate) const TIME: u8 = 201;

/// Clocks that tell the time of day: `CLOCK_REALTIME`, `CLOCK_REALTIME_COARSE` and `CLOCK_TAI`.
pub(crate) const TIMES_OF_DAY: [u8; 3] = [0, 5, 11];

/// A bit for each of them.
const MASK: [u8; 2] = (1_u16 << 0 | 1 << 5 | 1 << 11).to_le_bytes();
const M: [u8; 4] = MARK.to_le_bytes();

/// Where the functions start, from the stub's own start.
pub(crate) const AT_CLOCK_GETTIME: usize = 0;
pub(crate) const AT_GETTIMEOFDAY: usize = CLOCK_GETTIME_CODE.len();
pub(crate) const AT_TIME: usize = AT_GETTIMEOFDAY + GETTIMEOFDAY_CODE.len();

#[rustfmt::skip]
const CLOCK_GETTIME_CODE: [u8; 42] = [
    0xba, M[0], M[1], M[2], M[3],             // mov  edx, MARK
    0xb8, CLOCK_GETTIME, 0, 0, 0,             // mov  eax, CLOCK_GETTIME
    0x0f, 0x05,                               // syscall
    0x85, 0xc0,                               // test eax, eax
    0x75, 0x19,                               // jnz  out
    0x83, 0xff, TIMES_OF_DAY[2],              // cmp  edi, 11
    0x77, 0x14,                               // ja   out
    0xba, MASK[0], MASK[1], 0, 0,             // mov  edx, MASK
    0x0f, 0xa3, 0xfa,                         // bt   edx, edi
    0x73, 0x0a,                               // jnc  out
    0x48, 0x8b, 0x15, 0x45, 0, 0, 0,          // mov  rdx, [rip + offset]
    0x48, 0x01, 0x16,                         // add  [rsi], rdx
    0xc3,                                     // out: ret
];

#[rustfmt::skip]
const GETTIMEOFDAY_CODE: [u8; 32] = [
    0xba, M[0], M[1], M[2], M[3],             // mov  edx, MARK
    0xb8, GETTIMEOFDAY, 0, 0, 0,              // mov  eax, GETTIMEOFDAY
    0x0f, 0x05,                               // syscall
    0x85, 0xc0,                               // test eax, eax
    0x75, 0x0f,                               // jnz  out
    0x48, 0x85, 0xff,                         // test rdi, rdi
    0x74, 0x0a,                               // jz   out
    0x48, 0x8b, 0x15, 0x25, 0, 0, 0,          // mov  rdx, [rip + offset]
    0x48, 0x01, 0x17,                         // add  [rdi], rdx
    0xc3,                                     // out: ret
];

#[rustfmt::skip]
const TIME_CODE: [u8; 33] = [
    0x49, 0x89, 0xf8,                         // mov  r8, rdi
    0x31, 0xff,                               // xor  edi, edi
    0xba, M[0], M[1], M[2], M[3],             // mov  edx, MARK
    0xb8, TIME, 0, 0, 0,                      // mov  eax, TIME
    0x0f, 0x05,                               // syscall
    0x48, 0x03, 0x05, 0x09, 0, 0, 0,          // add  rax, [rip + offset]
    0x4d, 0x85, 0xc0,                         // test r8, r8
    0x74, 0x03,                               // jz   out
    0x49, 0x89, 0x00,                         // mov  [r8], rax
    0xc3,                                     // out: ret
];

/// The three functions, and the offset that they add, in seconds.
pub(crate) fn code(offset: i64) -> Vec<u8> {
    [&CLOCK_GETTIME_CODE[..], &GETTIMEOFDAY_CODE, &TIME_CODE, &offset.to_le_bytes()].concat()
}

/// A jump from one place to another.
pub(crate) fn jump(from: usize, to: usize) -> Option<[u8; 5]> {
    let from_behind = i64::try_from(to).ok()? - i64::try_from(from + 5).ok()?;
    let [a, b, c, d] = i32::try_from(from_behind).ok()?.to_le_bytes();
    Some([0xe9, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_OFFSET: usize = AT_TIME + TIME_CODE.len();

    /// The place that an instruction of `code` means which ends before `end` with a distance.
    fn meant(code: &[u8], end: usize) -> usize {
        end + usize::from(code[end - 4])
    }

    #[test]
    fn every_function_adds_the_same_offset() {
        let code = code(-2);
        let ends = [AT_GETTIMEOFDAY - 4, AT_TIME - 4, AT_OFFSET - 9];
        assert_eq!(ends.map(|end| meant(&code, end)), [AT_OFFSET; 3]);
        assert_eq!(code[AT_OFFSET..], (-2_i64).to_le_bytes());
        assert_eq!([AT_GETTIMEOFDAY, AT_TIME, AT_OFFSET].map(|end| code[end - 1]), [0xc3; 3]);
    }

    #[test]
    fn a_jump_counts_from_behind_itself() {
        assert_eq!(jump(0x10, 0x20), Some([0xe9, 0x0b, 0, 0, 0]));
        assert_eq!(jump(0x20, 0x10), Some([0xe9, 0xeb, 0xff, 0xff, 0xff]));
    }
}
