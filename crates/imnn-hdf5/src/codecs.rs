//! The parts that filters are made of.

use flate2::{Decompress, FlushDecompress, Status};

use crate::bytes::Found;

/// What zlib packed, whose checksum is compared.
pub(crate) fn gzip(bytes: &[u8], at_most: usize) -> Found<Vec<u8>> {
    let mut unpacked = vec![0; at_most + 1];
    let mut zlib = Decompress::new(true);
    loop {
        let (from, to) = (zlib.total_in() as usize, zlib.total_out() as usize);
        let status = zlib
            .decompress(&bytes[from..], &mut unpacked[to..], FlushDecompress::Finish)
            .map_err(|error| format!("cannot be unpacked: {error}"))?;
        let (read, written) = (zlib.total_in() as usize, zlib.total_out() as usize);
        if status == Status::StreamEnd {
            if read != bytes.len() || written > at_most {
                return Err("is longer or shorter than what was packed".to_owned());
            }
            unpacked.truncate(written);
            return Ok(unpacked);
        }
        if (read, written) == (from, to) || written > at_most {
            return Err("unpacks to more or less than its shape needs".to_owned());
        }
    }
}

/// Puts together the bytes of each element, which were sorted by their place in it.
pub(crate) fn unshuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let n = bytes.len() / size;
    if size < 2 || n < 2 {
        return bytes.to_vec();
    }
    let mut whole = vec![0; bytes.len()];
    for k in 0..size {
        for (to, byte) in whole[k..n * size].iter_mut().step_by(size).zip(&bytes[k * n..][..n]) {
            *to = *byte;
        }
    }
    // What does not fill an element stays where it was.
    whole[n * size..].copy_from_slice(&bytes[n * size..]);
    whole
}

/// Sorts the bytes of all elements by their place in the element, as [`unshuffle`] takes them.
pub(crate) fn shuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    (0..size).flat_map(|k| bytes[k..].iter().step_by(size).copied()).collect()
}

/// The checksum `fletcher32` of HDF5: of words of two bytes, the first the higher.
pub(crate) fn fletcher32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (0_u32, 0_u32);
    // The sums stay below 2^32 for 360 words.
    for words in data.chunks(720) {
        for word in words.chunks(2) {
            a += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0));
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    b << 16 | a
}

/// Copies `len` bytes from `back` bytes before the end, which may be copied themselves.
pub(crate) fn repeat(to: &mut Vec<u8>, back: usize, len: usize, at_most: usize) -> Found<()> {
    let Some(from) = to.len().checked_sub(back).filter(|_| back > 0 && len <= at_most - to.len().min(at_most)) else {
        return Err("cannot be unpacked: it refers to what is not there".to_owned());
    };
    for k in from..from + len {
        to.push(to[k]);
    }
    Ok(())
}

pub(crate) fn literal(to: &mut Vec<u8>, bytes: &[u8], at: &mut usize, len: usize, at_most: usize) -> Found<()> {
    match bytes.get(*at..at.saturating_add(len)) {
        Some(bytes) if to.len() + len <= at_most => to.extend(bytes),
        _ => return Err("cannot be unpacked: it ends too early".to_owned()),
    }
    *at += len;
    Ok(())
}

/// A length that goes on for as long as its bytes are 255.
pub(crate) fn long(bytes: &[u8], at: &mut usize) -> Found<usize> {
    let mut len = 0;
    loop {
        let more = next(bytes, at)?;
        len += more;
        if more < 255 {
            return Ok(len);
        }
    }
}

pub(crate) fn next(bytes: &[u8], at: &mut usize) -> Found<usize> {
    let byte = bytes.get(*at).ok_or("cannot be unpacked: it ends too early")?;
    *at += 1;
    Ok(usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_elements() {
        assert_eq!(unshuffle(&[1, 3, 5, 2, 4, 6, 9], 2), [1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(unshuffle(&[1, 2, 3], 4), [1, 2, 3]);
        let whole: Vec<u8> = (0..24).collect();
        assert_eq!(unshuffle(&shuffle(&whole, 8), 8), whole);
    }

    #[test]
    fn a_stream_that_is_cut_or_goes_on_is_refused() {
        use std::io::Write;
        let mut zlib = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::default());
        zlib.write_all(&[5; 1000]).unwrap();
        let packed = zlib.finish().unwrap();
        assert_eq!(gzip(&packed, 1000).unwrap(), [5; 1000]);
        for len in 0..packed.len() {
            assert!(gzip(&packed[..len], 1000).is_err(), "{len}");
        }
        assert!(gzip(&[&packed[..], &[0]].concat(), 1000).is_err());
        assert!(gzip(&packed, 999).is_err());
        let mut sum = packed.clone();
        *sum.last_mut().unwrap() ^= 1;
        assert!(gzip(&sum, 1000).is_err());
    }
}
