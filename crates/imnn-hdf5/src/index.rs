//! The list of a dataset's chunks.

use std::collections::HashMap;

use crate::bytes::{Block, Bytes, Found, log2};
use crate::describe::Index;
use crate::heap::records;
use imnn_io::text::unravel;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// From the superblock, in bytes.
    pub(crate) at: u64,
    pub(crate) len: u64,
    /// A bit for each filter that was left out.
    pub(crate) mask: u32,
}

/// What is known of a dataset before its chunks are looked for.
pub(crate) struct Grid<'a> {
    pub(crate) shape: &'a [u64],
    /// The largest shape that it may grow to.
    pub(crate) most: &'a [u64],
    pub(crate) chunk: &'a [u64],
    /// The bytes of a chunk when it is unpacked.
    pub(crate) bytes: u64,
    pub(crate) filtered: bool,
    /// Whether lengths have eight bytes whatever a chunk may need, as from HDF5 2.0 on.
    pub(crate) long: bool,
}

impl Grid<'_> {
    /// The chunks along each axis.
    fn counts(&self, shape: &[u64]) -> Vec<u64> {
        shape.iter().zip(self.chunk).map(|(axis, chunk)| axis.div_ceil(*chunk)).collect()
    }

    /// The number of a chunk, in the order of the grid.
    fn number(&self, place: &[u64]) -> Option<u64> {
        let counts = self.counts(self.shape);
        let inside = place.iter().zip(&counts).all(|(place, count)| place < count);
        inside.then(|| place.iter().zip(&counts).fold(0, |number, (place, count)| number * count + place))
    }

    /// The bytes of the length of a compressed chunk.
    fn width(&self) -> usize {
        if self.long { 8 } else { (1 + (log2(self.bytes) as usize + 8) / 8).min(8) }
    }

    /// The bytes of a chunk in the arrays.
    fn entry(&self, bytes: &Bytes<'_>) -> usize {
        bytes.widths.0 + if self.filtered { self.width() + 4 } else { 0 }
    }

    /// A chunk of an array; nothing where it was never written.
    fn chunk(&self, block: &mut Block) -> Found<Option<Chunk>> {
        let at = block.address()?;
        let (len, mask) = if self.filtered { (block.number(self.width())?, block.four()?) } else { (self.bytes, 0) };
        Ok(at.map(|at| Chunk { at, len, mask }))
    }
}

/// All chunks in the order of the grid.
pub(crate) fn chunks(bytes: &Bytes<'_>, grid: &Grid<'_>, index: Index, at: Option<u64>) -> Found<Vec<Chunk>> {
    let expected = grid.counts(grid.shape).iter().try_fold(1_u64, |n, &count| n.checked_mul(count));
    // Each takes a byte at least.
    let expected = expected.filter(|&n| n <= bytes.len).ok_or_else(|| {
        format!("truncated or damaged: a file of {} bytes cannot hold all chunks of its shape", bytes.len)
    })?;
    let unwritten = |there: u64| {
        format!("{there} of {expected} chunks were ever written, so the others have no values; write it again")
    };
    let Some(at) = at else {
        return if expected == 0 { Ok(vec![]) } else { Err(unwritten(0)) };
    };
    let mut list = List { grid, chunks: vec![] };
    match index {
        Index::Tree => node(bytes, at, None, None, &mut list, &mut None)?,
        Index::Single(packed) => {
            if packed.is_some() != grid.filtered {
                return Err(format!("damaged: the description of its chunk at byte {at} does not fit its filters"));
            }
            let (len, mask) = packed.unwrap_or((grid.bytes, 0));
            list.add(&vec![0; grid.shape.len()], Chunk { at, len, mask })?;
        }
        Index::Implicit => {
            if grid.filtered {
                return Err(format!("damaged: its chunks at byte {at} cannot be compressed and without a list"));
            }
            if expected.saturating_mul(grid.bytes) > bytes.len {
                return Err(format!("truncated or damaged: its chunks at byte {at} are not in the file"));
            }
            let counts = grid.counts(grid.most);
            array(&mut list, &counts, 0, |number| {
                let at = number.checked_mul(grid.bytes)?.checked_add(at)?;
                Some(Chunk { at, len: grid.bytes, mask: 0 })
            })?;
        }
        Index::Fixed => {
            let found = fixed(bytes, at, grid)?;
            let counts = grid.counts(grid.most);
            array(&mut list, &counts, 0, |number| found.chunks.get(&number).copied())?;
        }
        Index::Extensible => {
            // The axis that may grow comes first.
            let axis = grid.most.iter().position(|&axis| axis == u64::MAX);
            let axis =
                axis.ok_or_else(|| format!("damaged: its list of chunks at byte {at} is of one that may grow"))?;
            let counts = grid.counts(grid.most);
            let along = grid.counts(grid.shape)[axis];
            let others = counts.iter().enumerate().filter(|(other, _)| *other != axis);
            let needed = others.map(|(_, n)| *n).try_fold(along, u64::checked_mul);
            let needed = needed.filter(|&needed| needed <= bytes.len).ok_or_else(|| unwritten(0))?;
            let found = extensible(bytes, at, grid, needed)?;
            array(&mut list, &counts, axis, |number| found.chunks.get(&number).copied())?;
        }
        Index::Tree2 => {
            let entry = grid.entry(bytes) + 8 * grid.shape.len();
            let kind = if grid.filtered { 11 } else { 10 };
            for mut record in records(bytes, at, &[kind], Some(entry))? {
                let chunk = grid.chunk(&mut record)?;
                let place = grid.shape.iter().map(|_| record.number(8)).collect::<Found<Vec<u64>>>()?;
                let chunk = chunk.ok_or_else(|| unwritten(list.chunks.len() as u64))?;
                list.add(&place, chunk)?;
            }
        }
    }
    let mut chunks = list.chunks;
    chunks.sort_unstable_by_key(|(number, _)| *number);
    if let Some(two) = chunks.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(format!("damaged: chunk {} is at byte {} and at byte {}", two[0].0, two[0].1.at, two[1].1.at));
    }
    if chunks.len() as u64 != expected {
        return Err(unwritten(chunks.len() as u64));
    }
    Ok(chunks.into_iter().map(|(_, chunk)| chunk).collect())
}

/// Chunks as they are found, each with its number: as many as the file has, whatever its shape says.
struct List<'a> {
    grid: &'a Grid<'a>,
    chunks: Vec<(u64, Chunk)>,
}

impl List<'_> {
    fn add(&mut self, place: &[u64], chunk: Chunk) -> Found<()> {
        let number = self.grid.number(place).ok_or_else(|| {
            format!("damaged: the chunk at byte {} would be at {place:?}, where there is none", chunk.at)
        })?;
        self.chunks.push((number, chunk));
        Ok(())
    }
}

/// The elements of an array that were written, by their numbers.
#[derive(Default)]
struct Array {
    chunks: HashMap<u64, Chunk>,
    /// The number of the next element.
    next: u64,
}

impl Array {
    fn push(&mut self, chunk: Option<Chunk>) {
        if let Some(chunk) = chunk {
            self.chunks.insert(self.next, chunk);
        }
        self.next += 1;
    }

    /// Elements that were never written.
    fn skip(&mut self, n: u64) {
        self.next = self.next.saturating_add(n);
    }
}

/// Adds the chunks of an array that is ordered by `counts`, the axis `first` before the others.
fn array(list: &mut List<'_>, counts: &[u64], first: usize, find: impl Fn(u64) -> Option<Chunk>) -> Found<()> {
    // As many as there are bytes in the file, at most.
    let here: Vec<usize> = list.grid.counts(list.grid.shape).into_iter().map(|count| count as usize).collect();
    for at in 0..here.iter().product() {
        let place: Vec<u64> = unravel(at, &here, false).into_iter().map(|index| index as u64).collect();
        let others = place.iter().zip(counts).enumerate().filter(|(axis, _)| *axis != first);
        let number = others
            .map(|(_, of_axis)| of_axis)
            .try_fold(place[first], |number, (at, count)| number.checked_mul(*count)?.checked_add(*at));
        // Where one is missing nobody asks for the others.
        let Some(chunk) = number.and_then(&find) else { return Ok(()) };
        list.add(&place, chunk)?;
    }
    Ok(())
}

/// A node of the list of the first version, which has no checksums: everything in it is compared.
fn node(
    bytes: &Bytes<'_>,
    at: u64,
    level: Option<u8>,
    above: Option<&[u64]>,
    list: &mut List<'_>,
    last: &mut Option<Vec<u64>>,
) -> Found<()> {
    let address = bytes.widths.0 as u64;
    let rank = list.grid.shape.len();
    let mut head = bytes.block(at, 8 + 2 * address)?;
    head.name(b"TREE")?;
    let (kind, found, n) = (head.byte()?, head.byte()?, u64::from(head.two()?));
    if kind != 1 || found > 32 || level.is_some_and(|level| level != found) {
        return Err(format!("damaged: there is no node of a list of chunks at byte {at}"));
    }
    let entry = 8 + 8 * (rank as u64 + 1);
    let mut body = bytes.block(at + 8 + 2 * address, n * (entry + address) + entry)?;
    let wrong = |key: u64| format!("damaged: key {key} of the list of chunks at byte {at} is not where it belongs");
    // The key of a chunk is its first element.
    let mut key = |number: u64| -> Found<(u64, u32, Vec<u64>, Option<u64>)> {
        let (len, mask) = (u64::from(body.four()?), body.four()?);
        let first = (0..rank).map(|_| body.number(8)).collect::<Found<Vec<u64>>>()?;
        let size = body.number(8)?;
        // What is behind the last chunk is no chunk, and may end with the size of an element.
        if number < n && size != 0 {
            return Err(wrong(number));
        }
        let child = if number < n { Some(body.set()?) } else { None };
        Ok((len, mask, first, child))
    };
    let mut before: Option<Vec<u64>> = None;
    for number in 0..=n {
        let (len, mask, first, child) = key(number)?;
        if before.as_ref().is_some_and(|before| *before > first || number < n && *before == first) {
            return Err(wrong(number));
        }
        if number == 0 && above.is_some_and(|above| above != first) {
            return Err(wrong(number));
        }
        if let Some(child) = child {
            if found > 0 {
                node(bytes, child, Some(found - 1), Some(&first), list, last)?;
            } else {
                if last.as_ref().is_some_and(|last| *last >= first) {
                    return Err(wrong(number));
                }
                let parts = first.iter().zip(list.grid.chunk);
                let place = parts.map(|(first, chunk)| (first % chunk == 0).then(|| first / chunk));
                let place = place.collect::<Option<Vec<u64>>>().ok_or_else(|| wrong(number))?;
                list.add(&place, Chunk { at: child, len, mask })?;
                *last = Some(first.clone());
            }
        }
        before = Some(first);
    }
    Ok(())
}

/// The head of an array: its kind, and the bytes of an element.
fn head(block: &mut Block, grid: &Grid<'_>, entry: usize) -> Found<()> {
    block.version(0)?;
    let (filtered, size) = (block.byte()?, usize::from(block.byte()?));
    if filtered != u8::from(grid.filtered) || size != entry {
        return Err(format!("damaged: the list of chunks at byte {} is of another kind than its chunks", block.at));
    }
    Ok(())
}

/// Whether a page was ever written, by the bits in front of the pages.
fn written(bits: &[u8], page: u64) -> bool {
    bits.get((page / 8) as usize).is_some_and(|byte| byte & (0x80 >> (page % 8)) != 0)
}

fn fixed(bytes: &Bytes<'_>, at: u64, grid: &Grid<'_>) -> Found<Array> {
    let address = bytes.widths.0 as u64;
    let mut block = bytes.checked(at, 12 + address + bytes.widths.1 as u64, b"FAHD")?;
    head(&mut block, grid, grid.entry(bytes))?;
    let (bits, n) = (u64::from(block.byte()?), block.length()?);
    let data = block.address()?;
    let Some(data) = data.filter(|_| bits < 32) else { return Ok(Array::default()) };
    if n > bytes.len {
        return Err(format!("damaged: the list of chunks at byte {at} is longer than the file"));
    }
    let mut found = Array::default();
    Blocks { bytes, grid, at, offset: 0, page: 1 << bits }.block(b"FADB", Some(data), n, (&[], 0), &mut found)?;
    Ok(found)
}

/// An array that grows: the first elements are in the index block, the others in blocks of doubling size.
fn extensible(bytes: &Bytes<'_>, at: u64, grid: &Grid<'_>, needed: u64) -> Found<Array> {
    let (address, length, entry) = (bytes.widths.0 as u64, bytes.widths.1 as u64, grid.entry(bytes));
    let mut block = bytes.checked(at, 16 + address + 6 * length, b"EAHD")?;
    head(&mut block, grid, entry)?;
    let bits = u64::from(block.byte()?);
    let first = u64::from(block.byte()?);
    let (least, pointers, page) = (u64::from(block.byte()?), u64::from(block.byte()?), u64::from(block.byte()?));
    block.take(6 * length as usize)?;
    let Some(index) = block.address()? else { return Ok(Array::default()) };
    let fits = least.is_power_of_two() && pointers.is_power_of_two() && bits <= 64 && page < 32;
    let supers = (1 + bits).saturating_sub(u64::from(log2(least)));
    let inside = 2 * u64::from(log2(pointers));
    if !fits || inside > supers {
        return Err(format!("damaged: the list of chunks at byte {at} makes no sense"));
    }
    let grown = Blocks { bytes, grid, at, offset: bits.div_ceil(8), page: 1 << page };
    let direct = 2 * (pointers - 1);
    let len = 10 + address + first * entry as u64 + (direct + supers - inside) * address;
    let mut block = bytes.checked(index, len, b"EAIB")?;
    grown.head(&mut block)?;
    let mut found = Array::default();
    grown.elements(&mut block, first, &mut found)?;
    // Super block u has 2^(u/2) blocks of 2^((u+1)/2) times the least elements; those of the first ones are named here.
    for number in 0..supers {
        let (n_blocks, n) = (1_u64 << (number / 2), least << number.div_ceil(2));
        if found.next >= needed {
            break;
        }
        if number < inside {
            for _ in 0..n_blocks {
                let place = block.address()?;
                grown.block(b"EADB", place, n, (&[], 0), &mut found)?;
            }
        } else {
            let place = block.address()?;
            grown.secondary(place, n_blocks, n, needed, &mut found)?;
        }
    }
    Ok(found)
}

/// The blocks of an array.
struct Blocks<'a> {
    bytes: &'a Bytes<'a>,
    grid: &'a Grid<'a>,
    /// Where the array's head is.
    at: u64,
    /// The bytes of a block's place in the array.
    offset: u64,
    /// The elements of a page.
    page: u64,
}

impl Blocks<'_> {
    fn head(&self, block: &mut Block) -> Found<()> {
        block.version(0)?;
        if block.byte()? != u8::from(self.grid.filtered) || block.set()? != self.at {
            return Err(format!("damaged: the list of chunks at byte {} belongs to another dataset", block.at));
        }
        Ok(())
    }

    /// The blocks of a super block.
    fn secondary(&self, at: Option<u64>, n_blocks: u64, n: u64, needed: u64, found: &mut Array) -> Found<()> {
        let Some(at) = at else {
            found.skip(n_blocks.saturating_mul(n));
            return Ok(());
        };
        let pages = if n > self.page { n / self.page } else { 0 };
        let bits = pages.div_ceil(8);
        let address = self.bytes.widths.0 as u64;
        let len = 10 + address + self.offset + n_blocks.saturating_mul(bits + address);
        let mut block = self.bytes.checked(at, len, b"EASB")?;
        self.head(&mut block)?;
        block.take(self.offset as usize)?;
        let bitmap = block.take((n_blocks * bits) as usize)?.to_vec();
        for number in 0..n_blocks {
            if found.next >= needed {
                break;
            }
            let place = block.address()?;
            // Each block has whole bytes of bits, but the bits of all blocks follow each other.
            self.block(b"EADB", place, n, (&bitmap, number * pages), found)?;
        }
        Ok(())
    }

    /// A block of elements, in pages with checksums of their own where they are many. Which of these were ever written is
    /// said by bits in a block of the kind `FADB`, and by `bits` from a place on in others.
    fn block(
        &self,
        kind: &[u8; 4],
        at: Option<u64>,
        n: u64,
        (bits, first): (&[u8], u64),
        found: &mut Array,
    ) -> Found<()> {
        let Some(at) = at else {
            found.skip(n);
            return Ok(());
        };
        let entry = self.grid.entry(self.bytes) as u64;
        let pages = if n > self.page { n.div_ceil(self.page) } else { 0 };
        let own = if kind == b"FADB" { pages.div_ceil(8) } else { 0 };
        let front = 6 + self.bytes.widths.0 as u64 + self.offset + own;
        let len = front + 4 + if pages > 0 { 0 } else { n.saturating_mul(entry) };
        let mut block = self.bytes.checked(at, len, kind)?;
        self.head(&mut block)?;
        block.take(self.offset as usize)?;
        let own = block.take(own as usize)?.to_vec();
        if pages == 0 {
            return self.elements(&mut block, n, found);
        }
        for number in 0..pages {
            let n = self.page.min(n - number * self.page);
            if written(if own.is_empty() { bits } else { &own }, first + number) {
                let mut page = self.bytes.block(at + len + number * (self.page * entry + 4), n * entry + 4)?;
                page.check()?;
                self.elements(&mut page, n, found)?;
            } else {
                found.skip(n);
            }
        }
        Ok(())
    }

    fn elements(&self, block: &mut Block, n: u64, found: &mut Array) -> Found<()> {
        (0..n).try_for_each(|_| {
            found.push(self.grid.chunk(block)?);
            Ok(())
        })
    }
}
