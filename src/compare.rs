//! Comparing bytes in the browser, where no instruction does it: the compiler's own function goes byte by byte, and names that
//! are compared (of fields, of objects) came to a tenth of the work of a cluster that comes up. This one goes by words.

use std::ptr::read_unaligned;

/// The C library's function of that name, which the comparison of slices and strings becomes.
///
/// # Safety
///
/// `length` bytes can be read at both places.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    // SAFETY: as the caller says.
    unsafe { compare(one, other, length) }
}

/// Below, at or above 0 as the one is less than, equal to or greater than the other.
///
/// # Safety
///
/// `length` bytes can be read at both places.
#[inline(always)]
unsafe fn compare(one: *const u8, other: *const u8, length: usize) -> i32 {
    let mut at = 0;
    while at + 8 <= length {
        // SAFETY: all eight bytes lie within `length`.
        let (a, b) = unsafe { (word(one.add(at)), word(other.add(at))) };
        if a != b {
            return order(a, b);
        }
        at += 8;
    }
    if at == length {
        return 0;
    }
    // The rest is read together with bytes before it, which are equal; a short text from both ends, its bytes in their order.
    // SAFETY: every byte that is read lies within `length`.
    let (a, b) = unsafe {
        if length >= 8 {
            (word(one.add(length - 8)), word(other.add(length - 8)))
        } else if length >= 4 {
            let end = length - 4;
            (half(one) | half(one.add(end)) << 32, half(other) | half(other.add(end)) << 32)
        } else {
            let (middle, end) = (length / 2, length - 1);
            (
                byte(one) | byte(one.add(middle)) << 8 | byte(one.add(end)) << 16,
                byte(other) | byte(other.add(middle)) << 8 | byte(other.add(end)) << 16,
            )
        }
    };
    if a == b { 0 } else { order(a, b) }
}

/// The order of two words that differ: the first byte in memory is the lowest.
fn order(a: u64, b: u64) -> i32 {
    let place = (a ^ b).trailing_zeros() & !7;
    (a >> place & 0xff) as i32 - (b >> place & 0xff) as i32
}

// A call for each word would cost more than the word.

#[inline(always)]
unsafe fn word(at: *const u8) -> u64 {
    // SAFETY: the caller has eight bytes there.
    unsafe { read_unaligned(at.cast::<u64>()) }
}

#[inline(always)]
unsafe fn half(at: *const u8) -> u64 {
    // SAFETY: the caller has four bytes there.
    u64::from(unsafe { read_unaligned(at.cast::<u32>()) })
}

#[inline(always)]
unsafe fn byte(at: *const u8) -> u64 {
    // SAFETY: the caller has a byte there.
    u64::from(unsafe { *at })
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn texts_stand_in_the_order_of_their_bytes() {
        let long = "kubernetes.io/service-name: web";
        for length in 0..=long.len() {
            let text = &long.as_bytes()[..length];
            // SAFETY: both texts have this length.
            let order = |other: &[u8]| unsafe { compare(text.as_ptr(), other.as_ptr(), length) }.signum();
            assert_eq!(order(text), 0, "{length} bytes");
            for (first, byte) in text.iter().enumerate() {
                for (other, behind) in [(byte - 1, 0xff), (byte + 1, 0), (0, 0xff), (0xff, 0)] {
                    let mut changed = vec![behind; length];
                    changed[..first].copy_from_slice(&text[..first]);
                    changed[first] = other;
                    let expected = text.cmp(&changed) as i32;
                    assert_eq!(order(&changed), expected, "byte {first} of {length} is {other}");
                }
            }
        }
    }
}
