//! Unpacks what Blosc packed.

use std::io::Read;

use crate::bytes::Found;
use crate::codecs::{gzip, literal, long, next, repeat, unshuffle};

const EARLY: &str = "cannot be unpacked: its Blosc blocks are not where they should be";

/// A number of four bytes at a place.
fn word(bytes: &[u8], at: usize) -> Found<usize> {
    let word = at.checked_add(4).and_then(|end| bytes.get(at..end)).ok_or(EARLY)?;
    Ok(word.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// Unpacks a buffer of Blosc 1: a head of 16 bytes, the places of the blocks, and the blocks.
pub(crate) fn blosc(bytes: &[u8], at_most: usize) -> Found<Vec<u8>> {
    if bytes.len() < 16 {
        return Err("is too short for Blosc".to_owned());
    }
    let (version, flags, size) = (bytes[0], bytes[2], usize::from(bytes[3]));
    let (len, block, packed) = (word(bytes, 4)?, word(bytes, 8)?, word(bytes, 12)?);
    if version != 2 || flags & 8 != 0 {
        return Err(format!("is of version {version} of Blosc, of which 2 is known"));
    }
    if packed != bytes.len() || len > at_most || size == 0 || block == 0 && len > 0 {
        return Err(format!("says that it has {packed} bytes for {len}, and it has {} for {at_most}", bytes.len()));
    }
    if flags & 2 != 0 {
        // Stored as it was.
        if len + 16 != packed {
            return Err(EARLY.to_owned());
        }
        return Ok(bytes[16..].to_vec());
    }
    let mut whole = Vec::with_capacity(len);
    let n = len.div_ceil(block.max(1));
    let mut begin = 16 + 4 * n;
    for number in 0..n {
        let short = len - number * block < block;
        let len = block.min(len - number * block);
        let start = word(bytes, 16 + 4 * number)?;
        // Blocks are in any order where several threads packed them; none is before the list.
        if start < 16 + 4 * n {
            return Err(EARLY.to_owned());
        }
        // Large elements, and the last block, are not split into streams of each byte of the elements.
        let split = flags & 16 == 0 && !short && size <= 16 && block / size >= 128;
        let streams = if split { size } else { 1 };
        let mut at = start;
        let mut parts = Vec::with_capacity(len);
        for _ in 0..streams {
            let part = len / streams;
            let packed = word(bytes, at)?;
            at += 4;
            let stream = at.checked_add(packed).and_then(|end| bytes.get(at..end)).ok_or(EARLY)?;
            at += packed;
            let unpacked = if packed == part { stream.to_vec() } else { stream_of(flags >> 5, stream, part)? };
            if unpacked.len() != part {
                return Err(format!("unpacks to {} bytes in place of {part}", unpacked.len()));
            }
            parts.extend(unpacked);
        }
        begin += at - start;
        if parts.len() != len {
            return Err(EARLY.to_owned());
        }
        whole.extend(match flags & 5 {
            1 => unshuffle(&parts, size),
            4 => unshuffle_bits(&parts, size),
            0 => parts,
            _ => return Err("was shuffled in two ways at once".to_owned()),
        });
    }
    // All blocks together fill the buffer: none was read twice in place of another.
    if begin != packed {
        return Err(EARLY.to_owned());
    }
    Ok(whole)
}

fn stream_of(packer: u8, bytes: &[u8], len: usize) -> Found<Vec<u8>> {
    match packer {
        0 => blosclz(bytes, len),
        1 => lz4(bytes, len),
        3 => gzip(bytes, len),
        4 => zstd(bytes, len),
        2 => Err("is packed by Snappy, which is not read; write it with Blosc's zstd or lz4".to_owned()),
        other => Err(format!("is packed by method {other} of Blosc, which is not known")),
    }
}

fn lz4(bytes: &[u8], len: usize) -> Found<Vec<u8>> {
    let mut to = Vec::with_capacity(len);
    let mut at = 0;
    let length = |short: usize, at: &mut usize| Found::Ok(short + if short < 15 { 0 } else { long(bytes, at)? });
    loop {
        let token = next(bytes, &mut at)?;
        let n = length(token >> 4, &mut at)?;
        literal(&mut to, bytes, &mut at, n, len)?;
        // The last sequence is of literals alone.
        if at == bytes.len() {
            return Ok(to);
        }
        let back = next(bytes, &mut at)? | next(bytes, &mut at)? << 8;
        let n = length(token & 15, &mut at)?;
        repeat(&mut to, back, n + 4, len)?;
    }
}

/// Blosc's own method, of the family of FastLZ.
fn blosclz(bytes: &[u8], len: usize) -> Found<Vec<u8>> {
    const FAR: usize = 8191;
    let mut to = Vec::with_capacity(len);
    let mut at = 0;
    let mut code = next(bytes, &mut at)? & 31;
    loop {
        if code < 32 {
            literal(&mut to, bytes, &mut at, code + 1, len)?;
        } else {
            let n = match code >> 5 {
                7 => 7 + long(bytes, &mut at)?,
                short => short,
            };
            let high = (code & 31) << 8;
            let low = next(bytes, &mut at)?;
            let mut back = high + low + 1;
            if high + low == FAR {
                back = FAR + 1 + (next(bytes, &mut at)? << 8 | next(bytes, &mut at)?);
            }
            repeat(&mut to, back, n + 2, len)?;
        }
        if at == bytes.len() {
            return Ok(to);
        }
        code = next(bytes, &mut at)?;
    }
}

fn zstd(bytes: &[u8], len: usize) -> Found<Vec<u8>> {
    let refuse = |error: String| format!("cannot be unpacked: {error}");
    let mut from = bytes;
    let mut to = vec![];
    {
        let decoder = ruzstd::decoding::StreamingDecoder::new(&mut from).map_err(|error| refuse(error.to_string()))?;
        decoder.take(len as u64 + 1).read_to_end(&mut to).map_err(|error| refuse(error.to_string()))?;
    }
    if !from.is_empty() {
        return Err(EARLY.to_owned());
    }
    Ok(to)
}

/// Puts together elements whose bits were sorted by their place in the element. Blosc leaves a block as it is if its
/// elements are no multiple of eight.
fn unshuffle_bits(bytes: &[u8], size: usize) -> Vec<u8> {
    let n = bytes.len() / size;
    let mut whole = bytes.to_vec();
    if !n.is_multiple_of(8) {
        return whole;
    }
    whole[..n * size].fill(0);
    for byte in 0..size {
        for bit in 0..8 {
            let row = &bytes[(8 * byte + bit) * n / 8..][..n / 8];
            for (eight, bits) in row.iter().enumerate() {
                for k in 0..8 {
                    whole[(8 * eight + k) * size + byte] |= (bits >> k & 1) << bit;
                }
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lz4_of_its_description() {
        assert_eq!(lz4(&[0x12, 7, 1, 0, 0x30, 1, 2, 3], 10).unwrap(), [7, 7, 7, 7, 7, 7, 7, 1, 2, 3]);
        assert!(lz4(&[0x12, 7, 2, 0, 0x30, 1, 2, 3], 10).is_err());
        assert!(lz4(&[0x1f, 7, 1, 0, 255, 255, 0], 10).is_err());
        assert!(lz4(&[0x12, 7, 1, 0, 0x30, 1, 2, 3], 9).is_err());
    }

    #[test]
    fn bits_of_elements() {
        let mut shuffled = vec![0; 16];
        // Element k of eight is 1 << k, of two bytes: bit b of byte 0 is set in element b alone.
        (0..8).for_each(|bit| shuffled[bit] = 1 << bit);
        let expected: Vec<u8> = (0..8).flat_map(|k| [1 << k, 0]).collect();
        assert_eq!(unshuffle_bits(&shuffled, 2), expected);
    }

    #[test]
    fn nothing_before_the_list_of_blocks_is_a_block() {
        let mut bytes = vec![2, 1, 0, 4, 8, 0, 0, 0, 8, 0, 0, 0, 32, 0, 0, 0, 20, 0, 0, 0, 8, 0, 0, 0];
        bytes.extend([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(blosc(&bytes, 8).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
        bytes[16] = 4;
        assert!(blosc(&bytes, 8).is_err());
        assert!(blosc(&bytes[..10], 8).is_err());
    }
}
