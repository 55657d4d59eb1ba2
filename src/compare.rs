//! Comparing bytes in the browser, where no instruction does it: the compiler's own function goes byte by byte, and names that
//! are compared (of fields, of objects) came to a tenth of the work of a cluster that comes up. This one goes by words.

use std::ptr::read_unaligned;

/// The C library's function of that name, which the comparison of slices and strings becomes.
///
/// # Safety
///
/// `length` bytes can be read at both places.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    let mut at = 0;
    while at + 8 <= length {
        // SAFETY: all eight bytes lie within `length`.
        let (a, b) =
            unsafe { (read_unaligned(one.add(at).cast::<u64>()), read_unaligned(other.add(at).cast::<u64>())) };
        if a != b {
            // The first byte in memory is the lowest of the word.
            let place = (a ^ b).trailing_zeros() & !7;
            return (a >> place & 0xff) as i32 - (b >> place & 0xff) as i32;
        }
        at += 8;
    }
    while at < length {
        // SAFETY: `at` lies within `length`.
        let (a, b) = unsafe { (*one.add(at), *other.add(at)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
        at += 1;
    }
    0
}
