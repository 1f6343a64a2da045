//! Unpacks chunks: what filters did, undone in the order opposite to theirs.

use crate::blosc::blosc;
use crate::bytes::Found;
use crate::codecs::{fletcher32, gzip, literal, next, repeat, unshuffle};
use crate::describe::Filter;

/// Unpacks a chunk that has to have `len` bytes; the filters in `mask` were left out.
pub(crate) fn unpack(mut bytes: Vec<u8>, filters: &[Filter], mask: u32, len: usize) -> Found<Vec<u8>> {
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
            Filter::Fletcher32 => checked(bytes)?,
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

/// Compares the checksum in the last four bytes, and takes it off.
fn checked(mut bytes: Vec<u8>) -> Found<Vec<u8>> {
    let Some((data, sum)) = bytes.split_last_chunk::<4>() else {
        return Err("has no checksum".to_owned());
    };
    let (found, expected) = (u32::from_le_bytes(*sum), fletcher32(data));
    // HDF5 1.6.2 and before swapped the bytes of each half.
    let swapped = (expected & 0x00ff_00ff) << 8 | (expected >> 8) & 0x00ff_00ff;
    if found != expected && found != swapped {
        return Err("has another checksum than its data".to_owned());
    }
    let len = data.len();
    bytes.truncate(len);
    Ok(bytes)
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
    fn repeats_of_repeats_stop_at_the_end() {
        assert_eq!(lzf(&[0, 7, 0xe0, 3, 0], 20).unwrap(), [7; 13]);
        assert!(lzf(&[0, 7, 0xe0, 255, 0], 20).is_err());
        assert!(lzf(&[0, 7, 0x20, 1], 20).is_err());
        assert!(lzf(&[5, 7], 20).is_err());
    }
}
