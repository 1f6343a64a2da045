//! The bytes of an HDF5 file, read at their places and never beyond the end of the file.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What was found in the file, or what is wrong with it.
pub(crate) type Found<T> = Result<T, String>;

/// A file while its description is read.
pub(crate) struct Bytes<'a> {
    pub(crate) file: &'a File,
    /// Where the superblock is, from which all addresses count.
    pub(crate) base: u64,
    /// The bytes from there to the end of the file.
    pub(crate) len: u64,
    /// The bytes of an address and of a length.
    pub(crate) widths: (usize, usize),
    /// The places of all descriptions that were read, in which no data can be.
    pub(crate) read: RefCell<Vec<Range<u64>>>,
    /// The bytes that may still be read: some are read several times, but what goes in circles has to end.
    pub(crate) left: Cell<u64>,
}

/// Descriptions are small; more than this in one piece is damage.
const LARGE: u64 = 1 << 28;

impl Bytes<'_> {
    /// The bytes of a description.
    pub(crate) fn block(&self, at: u64, len: u64) -> Found<Block> {
        let end = at.checked_add(len).filter(|&end| end <= self.len && len <= LARGE);
        let Some(end) = end else {
            return Err(format!("damaged: {len} bytes at byte {at} are not in the file, which has {}", self.len));
        };
        let Some(left) = self.left.get().checked_sub(len + 8) else {
            return Err(format!("damaged: what is described at byte {at} leads in circles"));
        };
        self.left.set(left);
        let mut bytes = vec![0; len as usize];
        self.file
            .read_exact_at(&mut bytes, self.base + at)
            .map_err(|error| format!("{len} bytes at byte {at} cannot be read: {error}"))?;
        self.read.borrow_mut().push(at..end);
        Ok(Block { at, bytes, next: 0, widths: self.widths })
    }

    /// A description that starts with a name of four letters and ends with a checksum.
    pub(crate) fn checked(&self, at: u64, len: u64, name: &[u8; 4]) -> Found<Block> {
        let mut block = self.block(at, len)?;
        block.name(name)?;
        block.check()?;
        Ok(block)
    }
}

/// A part of the file, read field by field.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Where it starts in the file.
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    next: usize,
    pub(crate) widths: (usize, usize),
}

impl Block {
    pub(crate) fn take(&mut self, len: usize) -> Found<&[u8]> {
        let end = self.next.checked_add(len).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("damaged: what is described at byte {} ends too early", self.at))?;
        let taken = &self.bytes[self.next..end];
        self.next = end;
        Ok(taken)
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.next
    }

    /// The next bytes as a block of their own.
    pub(crate) fn part(&mut self, len: usize) -> Found<Self> {
        let at = self.at + self.next as u64;
        let widths = self.widths;
        Ok(Self { at, bytes: self.take(len)?.to_vec(), next: 0, widths })
    }

    /// A little-endian number of at most eight bytes.
    pub(crate) fn number(&mut self, len: usize) -> Found<u64> {
        Ok(self.take(len)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    pub(crate) fn byte(&mut self) -> Found<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn two(&mut self) -> Found<u16> {
        Ok(self.number(2)? as u16)
    }

    pub(crate) fn four(&mut self) -> Found<u32> {
        Ok(self.number(4)? as u32)
    }

    /// A length, or a number of things.
    pub(crate) fn length(&mut self) -> Found<u64> {
        self.number(self.widths.1)
    }

    /// An address, or nothing where it is not set.
    pub(crate) fn address(&mut self) -> Found<Option<u64>> {
        let width = self.widths.0;
        let address = self.number(width)?;
        Ok((address != u64::MAX >> (64 - 8 * width)).then_some(address))
    }

    /// An address that has to be set.
    pub(crate) fn set(&mut self) -> Found<u64> {
        let at = self.at + self.next as u64;
        self.address()?.ok_or_else(|| format!("damaged: the address at byte {at} is not set"))
    }

    /// Compares the name at the start.
    pub(crate) fn name(&mut self, name: &[u8; 4]) -> Found<()> {
        let at = self.at;
        if self.take(4)? == name {
            return Ok(());
        }
        Err(format!("damaged: there is no {} at byte {at}", String::from_utf8_lossy(name)))
    }

    pub(crate) fn version(&mut self, known: u8) -> Found<()> {
        let (at, version) = (self.at, self.byte()?);
        if version == known {
            return Ok(());
        }
        Err(format!("what is at byte {at} is of version {version}, of which {known} is known; copy it with h5repack"))
    }

    /// Compares the checksum in the last four bytes, and takes it off.
    pub(crate) fn check(&mut self) -> Found<()> {
        let Some((rest, sum)) = self.bytes.split_last_chunk::<4>() else {
            return Err(format!("damaged: what is described at byte {} ends too early", self.at));
        };
        if lookup3(rest) != u32::from_le_bytes(*sum) {
            return Err(format!(
                "damaged: the checksum of what is at byte {} is wrong; write or copy it again",
                self.at
            ));
        }
        self.bytes.truncate(rest.len());
        Ok(())
    }
}

/// The number of bits of a number, less one.
pub(crate) fn log2(number: u64) -> u32 {
    number.max(1).ilog2()
}

/// The checksum of descriptions, by Bob Jenkins (lookup3, "hashlittle").
pub(crate) fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let word = |piece: &[u8], at: usize| {
        (0..4).fold(0, |word, k| word | u32::from(piece.get(at + k).copied().unwrap_or(0)) << (8 * k))
    };
    if bytes.is_empty() {
        return c;
    }
    let n = bytes.len().div_ceil(12);
    for (k, piece) in bytes.chunks(12).enumerate() {
        a = a.wrapping_add(word(piece, 0));
        b = b.wrapping_add(word(piece, 4));
        c = c.wrapping_add(word(piece, 8));
        if k + 1 < n {
            for (x, y, z, turn) in
                [(0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4)]
            {
                let mut abc = [a, b, c];
                abc[x] = abc[x].wrapping_sub(abc[y]) ^ abc[y].rotate_left(turn);
                abc[y] = abc[y].wrapping_add(abc[z]);
                [a, b, c] = abc;
            }
        }
    }
    for (x, y, turn) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        let mut abc = [a, b, c];
        abc[x] = (abc[x] ^ abc[y]).wrapping_sub(abc[y].rotate_left(turn));
        [a, b, c] = abc;
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_the_author() {
        // From the self-test of lookup3.c.
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }
}
