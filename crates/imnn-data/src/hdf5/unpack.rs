//! Unpacks chunks: what filters did, undone in the order opposite to theirs.

use flate2::{Decompress, FlushDecompress, Status};

use super::blosc::blosc;
use super::bytes::Found;
use super::describe::Filter;

/// Unpacks a chunk that has to have `len` bytes; the filters in `mask` were left out.
pub(super) fn unpack(mut bytes: Vec<u8>, filters: &[Filter], mask: u32, len: usize) -> Found<Vec<u8>> {
    for (at, filter) in filters.iter().enumerate().rev() {
        if mask >> at & 1 != 0 {
            continue;
        }
        // What is before the filters in front of this one: a checksum adds four bytes, a packer leaves any number.
        let before = filters[..at].iter().enumerate().filter(|(at, _)| mask >> at & 1 == 0).map(|(_, filter)| *filter);
        let packed = before.clone().any(Filter::may_fail);
        let sums = 4 * before.filter(|filter| *filter == Filter::Fletcher32).count();
        let expected = if packed { None } else { Some(len + sums) };
        // Twice packed data are smaller than what they were at first, or little larger.
        let at_most = expected.unwrap_or(len + len / 8 + 4096);
        bytes = match *filter {
            Filter::Gzip => gzip(&bytes, at_most)?,
            Filter::Shuffle(size) => unshuffle(&bytes, size),
            Filter::Fletcher32 => fletcher32(bytes)?,
            Filter::Lzf => lzf(&bytes, at_most)?,
            Filter::Blosc => blosc(&bytes, at_most)?,
        };
        if expected.is_some_and(|expected| bytes.len() != expected) && filter.may_fail() {
            return Err(format!("unpacks to {} bytes in place of {at_most}", bytes.len()));
        }
    }
    if bytes.len() != len {
        return Err(format!("has {} bytes in place of {len}", bytes.len()));
    }
    Ok(bytes)
}

/// What zlib packed, whose checksum is compared.
pub(super) fn gzip(bytes: &[u8], at_most: usize) -> Found<Vec<u8>> {
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
pub(super) fn unshuffle(bytes: &[u8], size: usize) -> Vec<u8> {
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

/// Compares the checksum in the last four bytes, and takes it off.
fn fletcher32(mut bytes: Vec<u8>) -> Found<Vec<u8>> {
    let Some((data, sum)) = bytes.split_last_chunk::<4>() else {
        return Err("has no checksum".to_owned());
    };
    let found = u32::from_le_bytes(*sum);
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
    let expected = b << 16 | a;
    // HDF5 1.6.2 and before swapped the bytes of each half.
    let swapped = (expected & 0x00ff_00ff) << 8 | (expected >> 8) & 0x00ff_00ff;
    if found != expected && found != swapped {
        return Err("has another checksum than its data".to_owned());
    }
    let len = data.len();
    bytes.truncate(len);
    Ok(bytes)
}

/// Copies `len` bytes from `back` bytes before the end, which may be copied themselves.
pub(super) fn repeat(to: &mut Vec<u8>, back: usize, len: usize, at_most: usize) -> Found<()> {
    let Some(from) = to.len().checked_sub(back).filter(|_| back > 0 && len <= at_most - to.len().min(at_most)) else {
        return Err("cannot be unpacked: it refers to what is not there".to_owned());
    };
    for k in from..from + len {
        to.push(to[k]);
    }
    Ok(())
}

/// Copies bytes as they are.
pub(super) fn literal(to: &mut Vec<u8>, bytes: &[u8], at: &mut usize, len: usize, at_most: usize) -> Found<()> {
    match bytes.get(*at..at.saturating_add(len)) {
        Some(bytes) if to.len() + len <= at_most => to.extend(bytes),
        _ => return Err("cannot be unpacked: it ends too early".to_owned()),
    }
    *at += len;
    Ok(())
}

/// The next byte.
pub(super) fn next(bytes: &[u8], at: &mut usize) -> Found<usize> {
    let byte = bytes.get(*at).ok_or("cannot be unpacked: it ends too early")?;
    *at += 1;
    Ok(usize::from(*byte))
}

fn lzf(bytes: &[u8], at_most: usize) -> Found<Vec<u8>> {
    let mut to = Vec::with_capacity(at_most);
    let mut at = 0;
    while at < bytes.len() {
        let code = next(bytes, &mut at)?;
        if code < 32 {
            literal(&mut to, bytes, &mut at, code + 1, at_most)?;
        } else {
            let mut len = code >> 5;
            if len == 7 {
                len += next(bytes, &mut at)?;
            }
            let back = ((code & 31) << 8 | next(bytes, &mut at)?) + 1;
            repeat(&mut to, back, len + 2, at_most)?;
        }
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_elements() {
        assert_eq!(unshuffle(&[1, 3, 5, 2, 4, 6, 9], 2), [1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(unshuffle(&[1, 2, 3], 4), [1, 2, 3]);
    }

    #[test]
    fn repeats_of_repeats_stop_at_the_end() {
        assert_eq!(lzf(&[0, 7, 0xe0, 3, 0], 20).unwrap(), [7; 13]);
        assert!(lzf(&[0, 7, 0xe0, 255, 0], 20).is_err());
        assert!(lzf(&[0, 7, 0x20, 1], 20).is_err());
        assert!(lzf(&[5, 7], 20).is_err());
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
