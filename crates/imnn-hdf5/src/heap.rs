//! Trees of the second version, and the heap in which large groups keep their links.

use crate::bytes::{Block, Bytes, Found, log2};

/// All records of a tree of one of the kinds asked for, in their order, each with the tree's kind.
pub(crate) fn records(bytes: &Bytes<'_>, at: u64, kinds: &[u8], expected: Option<usize>) -> Found<Vec<Block>> {
    let (address, length) = (bytes.widths.0 as u64, bytes.widths.1 as u64);
    let mut head = bytes.checked(at, 22 + address + length, b"BTHD")?;
    head.version(0)?;
    let kind = head.byte()?;
    let (node, record, depth) = (u64::from(head.four()?), u64::from(head.two()?), head.two()?);
    head.take(2)?;
    let (root, n, total) = (head.address()?, u64::from(head.two()?), head.length()?);
    if !kinds.contains(&kind) || depth > 16 || record == 0 || record + 10 > node {
        return Err(format!("damaged: the tree at byte {at} is of kind {kind}"));
    }
    if expected.is_some_and(|expected| record != expected as u64) {
        return Err(format!("damaged: the records of the tree at byte {at} have {record} bytes"));
    }
    // For each level: the bytes of a pointer's number of records below it.
    let wide = |number: u64| u64::from(log2(number)) / 8 + 1;
    let most = (node - 10) / record;
    let one = wide(most);
    let mut below = vec![0];
    let mut sum = most;
    for level in 1..=usize::from(depth) {
        let pointer = address + one + below[level - 1];
        let most = node.saturating_sub(10 + pointer) / (record + pointer);
        sum = (most + 1).saturating_mul(sum).saturating_add(most);
        below.push(wide(sum));
    }
    let mut tree = Tree { bytes, kind, record, one, below, node, records: vec![] };
    if let Some(root) = root {
        tree.walk(root, n, usize::from(depth))?;
    }
    if tree.records.len() as u64 != total {
        return Err(format!("damaged: the tree at byte {at} has {} records in place of {total}", tree.records.len()));
    }
    Ok(tree.records)
}

struct Tree<'a> {
    bytes: &'a Bytes<'a>,
    kind: u8,
    record: u64,
    node: u64,
    /// The bytes of a number of records in one node, and in all below it.
    one: u64,
    below: Vec<u64>,
    records: Vec<Block>,
}

impl Tree<'_> {
    fn walk(&mut self, at: u64, n: u64, depth: usize) -> Found<()> {
        let name = if depth == 0 { b"BTLF" } else { b"BTIN" };
        let pointer = self.bytes.widths.0 as u64 + self.one + if depth > 1 { self.below[depth - 1] } else { 0 };
        let len = 10 + n * self.record + if depth == 0 { 0 } else { (n + 1) * pointer };
        if len > self.node {
            return Err(format!("damaged: the node at byte {at} has too many records"));
        }
        let mut node = self.bytes.checked(at, len, name)?;
        node.version(0)?;
        if node.byte()? != self.kind {
            return Err(format!("damaged: the node at byte {at} belongs to another tree"));
        }
        let records = (0..n).map(|_| node.part(self.record as usize)).collect::<Found<Vec<Block>>>()?;
        if depth == 0 {
            self.records.extend(records);
            return Ok(());
        }
        let mut records = records.into_iter();
        for _ in 0..=n {
            let child = node.set()?;
            let n = node.number(self.one as usize)?;
            if depth > 1 {
                node.take(self.below[depth - 1] as usize)?;
            }
            self.walk(child, n, depth - 1)?;
            self.records.extend(records.next());
        }
        Ok(())
    }
}

/// The identifiers in a heap of all links of a group, from the tree of their names.
pub(crate) fn named(bytes: &Bytes<'_>, at: u64) -> Found<Vec<Block>> {
    let mut records = records(bytes, at, &[5], None)?;
    for record in &mut records {
        // The name's checksum.
        record.four()?;
    }
    Ok(records)
}

/// A heap of small objects in blocks of doubling size.
pub(crate) struct Fractal {
    offset: usize,
    length: usize,
    /// Blocks: where each is in the heap's own space, its length, and its place in the file.
    blocks: Vec<(u64, u64, u64)>,
}

/// How the blocks of a heap are laid out.
struct Doubling {
    width: u64,
    start: u64,
    /// The rows of blocks that hold objects; in the rows behind them are blocks that name blocks.
    direct: u64,
    head: u64,
    offset: u64,
    checked: bool,
}

impl Doubling {
    fn row(&self, row: u64) -> u64 {
        self.start.saturating_mul(1_u64.checked_shl(row.saturating_sub(1) as u32).unwrap_or(u64::MAX))
    }
}

impl Fractal {
    pub(crate) fn read(bytes: &Bytes<'_>, at: u64) -> Found<Self> {
        let (address, length) = (bytes.widths.0 as u64, bytes.widths.1 as u64);
        let mut head = bytes.checked(at, 26 + 3 * address + 12 * length, b"FRHP")?;
        head.version(0)?;
        let (_, filters, flags, largest) = (head.two()?, head.two()?, head.byte()?, head.four()?);
        if filters != 0 {
            return Err(format!(
                "the names at byte {at} are compressed, which is not read; copy the file with h5repack"
            ));
        }
        head.take((2 * address + 10 * length) as usize)?;
        let (width, start, most, bits) =
            (u64::from(head.two()?), head.length()?, head.length()?, u64::from(head.two()?));
        head.take(2)?;
        let (root, rows) = (head.address()?, u64::from(head.two()?));
        if width == 0 || !start.is_power_of_two() || !most.is_power_of_two() || most < start || bits > 64 {
            return Err(format!("damaged: the heap at byte {at} has blocks that make no sense"));
        }
        let offset = bits.div_ceil(8);
        let wide = u64::from(log2(u64::from(largest))) / 8 + 1;
        let length = u64::from(log2(most)).div_ceil(8).min(wide);
        let direct = u64::from(log2(most) - log2(start)) + 2;
        let doubling = Doubling { width, start, direct, head: at, offset, checked: flags & 2 != 0 };
        let mut blocks = vec![];
        match root {
            None => {}
            Some(root) if rows == 0 => blocks.push((0, start, root)),
            Some(root) => Self::indirect(bytes, &doubling, root, 0, rows, &mut blocks)?,
        }
        for &(from, len, place) in &blocks {
            let mut block = bytes.block(place, len)?;
            block.name(b"FHDB")?;
            block.version(0)?;
            let (owner, start) = (block.set()?, block.number(offset as usize)?);
            if owner != at || start != from {
                return Err(format!("damaged: the block at byte {place} belongs to another heap"));
            }
            if doubling.checked {
                let sum = block.four()?;
                let end = block.bytes.len() - block.left();
                let mut whole = block.bytes.clone();
                whole[end - 4..end].fill(0);
                if crate::bytes::lookup3(&whole) != sum {
                    return Err(format!("damaged: the checksum of what is at byte {place} is wrong"));
                }
            }
        }
        Ok(Self { offset: offset as usize, length: length as usize, blocks })
    }

    fn indirect(
        bytes: &Bytes<'_>,
        heap: &Doubling,
        at: u64,
        from: u64,
        rows: u64,
        blocks: &mut Vec<(u64, u64, u64)>,
    ) -> Found<()> {
        let address = bytes.widths.0 as u64;
        let len = 9 + address + heap.offset + rows.saturating_mul(heap.width).saturating_mul(address);
        let mut block = bytes.checked(at, len, b"FHIB")?;
        block.version(0)?;
        if block.set()? != heap.head || block.number(heap.offset as usize)? != from {
            return Err(format!("damaged: the block at byte {at} belongs to another heap"));
        }
        let mut place = from;
        for row in 0..rows {
            let size = heap.row(row);
            for _ in 0..heap.width {
                match block.address()? {
                    Some(child) if row < heap.direct => blocks.push((place, size, child)),
                    Some(child) => {
                        let below = u64::from(log2(size))
                            .saturating_sub(u64::from(log2(heap.start.saturating_mul(heap.width))))
                            + 1;
                        // Less rows than here, so that this ends.
                        if below >= rows {
                            return Err(format!("damaged: the block at byte {child} cannot be there"));
                        }
                        Self::indirect(bytes, heap, child, place, below, blocks)?;
                    }
                    None => {}
                }
                place = place.saturating_add(size);
            }
        }
        Ok(())
    }

    /// An object by its identifier.
    pub(crate) fn object(&self, bytes: &Bytes<'_>, mut id: Block) -> Found<Block> {
        let at = id.at;
        let kind = id.byte()?;
        if kind & 0xf0 == 0x20 {
            return id.part(usize::from(kind & 15) + 1);
        }
        if kind & 0xf0 != 0 {
            return Err(format!("the name at byte {at} is too large to be read"));
        }
        let (offset, len) = (id.number(self.offset)?, id.number(self.length)?);
        let block = self.blocks.iter().find(|(from, size, _)| (*from..from.saturating_add(*size)).contains(&offset));
        match block {
            Some((from, size, place)) if len <= size - (offset - from) => bytes.block(place + (offset - from), len),
            _ => Err(format!("damaged: the name that byte {at} leads to is not there")),
        }
    }
}
