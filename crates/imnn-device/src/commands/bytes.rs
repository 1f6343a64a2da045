//! Numbers as the bytes that are copied to and from a card.

use imnn_models::Element;
use std::any::TypeId;

/// Checks that every pattern of bytes is a number of this type, and that it has no padding.
fn is_plain<T: 'static>() {
    let plain = [TypeId::of::<f32>(), TypeId::of::<f64>(), TypeId::of::<u32>()];
    assert!(plain.contains(&TypeId::of::<T>()), "only plain numbers are copied");
}

/// The bytes of some numbers.
#[allow(unsafe_code)]
pub(crate) fn of<T: Copy + 'static>(numbers: &[T]) -> &[u8] {
    is_plain::<T>();
    // SAFETY: the slice covers exactly this many bytes, all of them initialised since T is f32, f64 or u32 and has no
    // padding; u8 has no alignment to keep, and the borrow is that of `numbers`.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// The bytes of some numbers, to be overwritten.
#[allow(unsafe_code)]
pub(crate) fn of_mut<E: Element>(numbers: &mut [E]) -> &mut [u8] {
    is_plain::<E>();
    // SAFETY: as in `of`; and whatever bytes are written, they are numbers, since every pattern is an f32, f64 or u32. The
    // borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) }
}

/// Numbers to be overwritten in a buffer, which is aligned for them and full of them.
#[allow(unsafe_code)]
pub(crate) fn numbers_mut<E: Element>(bytes: &mut [u8]) -> &mut [E] {
    is_plain::<E>();
    // SAFETY: every pattern of bytes is an f32, f64 or u32, and the borrow is exclusive.
    let (before, numbers, behind) = unsafe { bytes.align_to_mut::<E>() };
    assert!(before.is_empty() && behind.is_empty(), "buffers hold whole numbers");
    numbers
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_those_of_the_numbers() {
        assert_eq!(super::of(&[1.0_f32, -2.5]), [1.0_f32.to_ne_bytes(), (-2.5_f32).to_ne_bytes()].concat());
        let mut numbers = [0.0_f64; 2];
        super::of_mut(&mut numbers)[8..].copy_from_slice(&7.25_f64.to_ne_bytes());
        assert_eq!(numbers, [0.0, 7.25]);
        assert_eq!(super::numbers_mut::<f64>(super::of_mut(&mut numbers)), [0.0, 7.25]);
    }

    #[test]
    #[should_panic(expected = "whole numbers")]
    fn half_a_number_is_none() {
        super::numbers_mut::<f64>(&mut super::of_mut(&mut [0.0_f64])[4..]);
    }
}
