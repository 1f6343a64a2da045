//! Addresses that MPI gets.

use std::ffi::c_void;
use std::sync::atomic::AtomicU8;

/// Where MPI reads. The address of an empty slice may be any, 1 for instance, which Open MPI and the standard interface
/// take for MPI_IN_PLACE: those get that of a byte which is there, and is not read.
pub(super) fn readable(bytes: &[u8]) -> *const c_void {
    static NOTHING: u8 = 0;
    if bytes.is_empty() { (&raw const NOTHING).cast() } else { bytes.as_ptr().cast() }
}

/// Where MPI writes, as [`readable`]; the byte is another one, since what is read and what is written must not be the same.
pub(super) fn writable(bytes: &mut [u8]) -> *mut c_void {
    static NOTHING: AtomicU8 = AtomicU8::new(0);
    if bytes.is_empty() { NOTHING.as_ptr().cast() } else { bytes.as_mut_ptr().cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_slices_have_an_address_that_is_no_sign() {
        let (from, to) = (readable(&[]), writable(&mut []));
        for address in [from as usize, to as usize] {
            // MPI_BOTTOM and MPI_IN_PLACE of the three interfaces.
            assert!(![0, 1, usize::MAX].contains(&address));
        }
        assert_ne!(from, to.cast_const());
        let bytes = [1, 2];
        assert_eq!(readable(&bytes), bytes.as_ptr().cast());
    }
}
