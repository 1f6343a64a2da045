//! What the messages of a dataset say: its shape, its elements, its filters, and where its data are.

use crate::bytes::{Block, Bytes, Found};
use crate::header::{Object, about};
use imnn_io::npy::Dtype;

/// The shape, and the largest one that it may grow to (of an axis without limit the largest number there is).
pub(crate) fn dataspace(mut block: Block) -> Found<(Vec<u64>, Option<Vec<u64>>)> {
    let at = block.at;
    let (version, rank, flags, kind) = (block.byte()?, usize::from(block.byte()?), block.byte()?, block.byte()?);
    match version {
        1 => {
            block.take(4)?;
        }
        2 if kind == 2 => return Err("it is empty, without even a shape".to_owned()),
        2 => {}
        _ => return Err(format!("damaged: the shape at byte {at} is of version {version}")),
    }
    if rank > 32 || flags > 3 || version == 2 && kind != u8::from(rank > 0) {
        return Err(format!("damaged: the shape at byte {at} has {rank} axes"));
    }
    let shape = (0..rank).map(|_| block.length()).collect::<Found<Vec<u64>>>()?;
    let unlimited = u64::MAX >> (64 - 8 * block.widths.1);
    let most = |block: &mut Block| block.length().map(|axis| if axis == unlimited { u64::MAX } else { axis });
    let most =
        if flags & 1 == 0 { None } else { Some((0..rank).map(|_| most(&mut block)).collect::<Found<Vec<u64>>>()?) };
    if most.as_ref().is_some_and(|most| most.iter().zip(&shape).any(|(most, axis)| axis > most)) {
        return Err(format!("damaged: its shape at byte {at} is {shape:?}, beyond the largest that it may have"));
    }
    nothing_left(&block)?;
    Ok((shape, most))
}

/// Messages are filled up with less than eight bytes.
fn nothing_left(block: &Block) -> Found<()> {
    if block.left() < 8 {
        return Ok(());
    }
    Err(format!("damaged: what is described at byte {} is longer than it should be", block.at))
}

/// What cannot be read, and what to do about it.
const READABLE: &str =
    "as real numbers: floating-point numbers and integers can be read; save it as x.astype(np.float64)";

/// The type of the elements, and its name.
pub(crate) fn datatype(mut block: Block) -> Found<(Dtype, String)> {
    let at = block.at;
    let class = block.byte()?;
    let bits = block.number(3)?;
    let size = block.four()?;
    let name = match (class >> 4, class & 15) {
        (1..=3, 0 | 1) => ["integers", "floats"][usize::from(class & 15)],
        (1..=5, 2) => return Err(format!("cannot read times {READABLE}")),
        (1..=5, 3 | 9) => return Err(format!("cannot read text {READABLE}")),
        (1..=5, 6) => return Err(format!("cannot read compound elements (complex numbers, records) {READABLE}")),
        (1..=5, 8) => return Err(format!("cannot read enumerations (booleans) {READABLE}")),
        (1..=5, 4..=11) => return Err(format!("cannot read its elements {READABLE}")),
        _ => return Err(format!("damaged or not known: its elements at byte {at} are of class {class}; {READABLE}")),
    };
    let other =
        || format!("its elements at byte {at} are {name} of {size} bytes in no common way; cannot be read {READABLE}");
    let (offset, precision) = (block.two()?, block.two()?);
    if offset != 0 || u32::from(precision) != size.saturating_mul(8) {
        return Err(other());
    }
    let (letter, order) = if class & 15 == 0 {
        if bits & !0b1001 != 0 || ![1, 2, 4, 8].contains(&size) {
            return Err(other());
        }
        (if bits & 8 == 0 { 'u' } else { 'i' }, bits & 1)
    } else {
        let (exponent, exponents, mantissa, mantissas) = (block.byte()?, block.byte()?, block.byte()?, block.byte()?);
        let bias = block.four()?;
        // Sign bit, exponent and fraction of IEEE 754, with a leading one that is not stored.
        let standard = match size {
            2 => (15, 10, 5, 15),
            4 => (31, 23, 8, 127),
            8 => (63, 52, 11, 1023),
            _ => return Err(other()),
        };
        let found = (bits >> 8, mantissas, exponents, bias);
        if found != standard || bits & 0xff & !1 != 0x20 || exponent != mantissas || mantissa != 0 {
            return Err(other());
        }
        ('f', bits & 1)
    };
    nothing_left(&block)?;
    let name = format!("{letter}{size}");
    let dtype = Dtype::parse(&format!("{}{name}", ['<', '>'][order as usize])).map_err(str::to_owned)?;
    Ok((dtype, name))
}

/// The type of a dataset, which may be one with a name, at another place.
pub(crate) fn element(bytes: &Bytes<'_>, object: &Object) -> Found<(Dtype, String)> {
    let none = || format!("damaged: the dataset at byte {} has no type", object.at);
    let message = object.one(about::DATATYPE)?.ok_or_else(none)?;
    let mut body = message.body.clone();
    if !message.shared {
        return datatype(body);
    }
    let (version, kind) = (body.byte()?, body.byte()?);
    match (version, kind) {
        (1, _) => {
            body.take(6)?;
            body.length()?;
        }
        (2, _) | (3, 2) => {}
        _ => return Err(format!("its type is shared in a way that is not read; {READABLE}")),
    }
    let named = Object::read(bytes, body.set()?)?;
    let message = named.one(about::DATATYPE)?.filter(|message| !message.shared).ok_or_else(none)?;
    datatype(message.body.clone())
}

/// How elements were changed before they were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Gzip,
    /// The bytes of elements of this size, sorted by their place in the element.
    Shuffle(usize),
    Fletcher32,
    Lzf,
    Blosc,
}

impl Filter {
    /// How much more can come out than went in.
    pub(crate) fn at_most(self) -> u64 {
        match self {
            Self::Gzip => 1032,
            Self::Shuffle(_) | Self::Fletcher32 => 1,
            Self::Lzf | Self::Blosc => 1 << 16,
        }
    }

    /// Whether HDF5 stores a chunk without it where it fails, as when data cannot be compressed.
    pub(crate) fn may_fail(self) -> bool {
        matches!(self, Self::Gzip | Self::Lzf | Self::Blosc)
    }
}

/// The filters in the order in which they were applied.
pub(crate) fn filters(mut block: Block, size: usize) -> Found<Vec<Filter>> {
    let version = block.byte()?;
    let n = block.byte()?;
    match version {
        1 => {
            block.take(6)?;
        }
        2 => {}
        _ => return Err(format!("damaged: the filters at byte {} are of version {version}", block.at)),
    }
    let mut filters = vec![];
    for _ in 0..n {
        let id = block.two()?;
        let name = if version == 1 || id >= 256 { usize::from(block.two()?) } else { 0 };
        let (_, n_values) = (block.two()?, usize::from(block.two()?));
        let name = if version == 1 { name.next_multiple_of(8) } else { name };
        let name = String::from_utf8_lossy(block.take(name)?).trim_end_matches('\0').to_owned();
        let values = (0..n_values).map(|_| block.four()).collect::<Found<Vec<u32>>>()?;
        if version == 1 && n_values % 2 == 1 {
            block.take(4)?;
        }
        filters.push(match id {
            1 => Filter::Gzip,
            2 if values == [size as u32] => Filter::Shuffle(size),
            2 => return Err(format!("damaged: its elements have {size} bytes, and {values:?} were shuffled")),
            3 => Filter::Fletcher32,
            32000 => Filter::Lzf,
            32001 => Filter::Blosc,
            _ => {
                let name = if name.is_empty() { format!("filter {id}") } else { format!("filter {id} ({name})") };
                return Err(format!(
                    "is compressed by {name}, which cannot be read; gzip, LZF and Blosc can: rewrite it with h5repack -f GZIP=4"
                ));
            }
        });
    }
    nothing_left(&block)?;
    Ok(filters)
}

#[derive(Debug)]
pub(crate) enum Layout {
    /// In the description itself, at this place.
    Compact { at: u64, len: u64 },
    /// In one piece.
    Contiguous { at: Option<u64>, len: Option<u64> },
    /// In chunks of one shape, found by an index, which may have lengths in full.
    Chunked { shape: Vec<u64>, size: u64, index: Index, at: Option<u64>, long: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// A tree of the first version.
    Tree,
    /// A single chunk: its length and the filters that it leaves out, where there are filters.
    Single(Option<(u64, u32)>),
    /// One after the other.
    Implicit,
    /// An array of as many as there can be.
    Fixed,
    /// An array that grows.
    Extensible,
    /// A tree of the second version.
    Tree2,
}

pub(crate) fn layout(mut block: Block) -> Found<Layout> {
    let at = block.at;
    let version = block.byte()?;
    let layout = match version {
        1 | 2 => {
            let (rank, class) = (usize::from(block.byte()?), block.byte()?);
            block.take(5)?;
            let data = if class == 0 { None } else { block.address()? };
            let shape = (0..rank).map(|_| block.four().map(u64::from)).collect::<Found<Vec<u64>>>()?;
            match (class, shape.split_last()) {
                (0, _) => compact(&mut block, 4)?,
                (1, _) => Layout::Contiguous { at: data, len: None },
                (2, Some((&size, shape))) => {
                    Layout::Chunked { shape: shape.to_vec(), size, index: Index::Tree, at: data, long: false }
                }
                _ => return Err(format!("damaged: its layout at byte {at} is of class {class}")),
            }
        }
        3..=5 => match block.byte()? {
            0 => compact(&mut block, 2)?,
            1 => Layout::Contiguous { at: block.address()?, len: Some(block.length()?) },
            2 if version == 3 => {
                let rank = usize::from(block.byte()?);
                let data = block.address()?;
                chunked(&mut block, rank, 4, false, |_| Ok((Index::Tree, data)))?
            }
            2 => {
                let (flags, rank, width) = (block.byte()?, usize::from(block.byte()?), usize::from(block.byte()?));
                if width > 8 || flags > 3 {
                    return Err(format!("damaged: its chunks at byte {at} make no sense"));
                }
                if flags & 1 != 0 {
                    return Err("stores chunks at its edges without filters, which is not read; copy it with h5repack -f GZIP=4".to_owned());
                }
                chunked(&mut block, rank, width, version == 5, |block| {
                    let index = match block.byte()? {
                        1 if flags & 2 == 0 => Index::Single(None),
                        1 => Index::Single(Some((block.length()?, block.four()?))),
                        2 => Index::Implicit,
                        3 => (block.byte()?, Index::Fixed).1,
                        4 => (block.take(5)?, Index::Extensible).1,
                        5 => (block.take(6)?, Index::Tree2).1,
                        other => return Err(format!("damaged: its chunks at byte {at} have an index of kind {other}")),
                    };
                    Ok((index, block.address()?))
                })?
            }
            3 => {
                return Err(
                    "is a virtual dataset, a view of others; copy it with f.create_dataset('x', data=v[:])".to_owned()
                );
            }
            class => return Err(format!("damaged: its layout at byte {at} is of class {class}")),
        },
        _ => {
            return Err(format!(
                "its layout at byte {at} is of version {version}, of which 1 to 5 are known; copy it with h5repack, or write it without libver='latest'"
            ));
        }
    };
    nothing_left(&block)?;
    Ok(layout)
}

fn compact(block: &mut Block, width: usize) -> Found<Layout> {
    let len = block.number(width)?;
    let data = block.part(len as usize)?;
    Ok(Layout::Compact { at: data.at, len })
}

fn chunked(
    block: &mut Block,
    rank: usize,
    width: usize,
    long: bool,
    index: impl FnOnce(&mut Block) -> Found<(Index, Option<u64>)>,
) -> Found<Layout> {
    let shape = (0..rank).map(|_| block.number(width)).collect::<Found<Vec<u64>>>()?;
    let Some((&size, shape)) = shape.split_last() else {
        return Err(format!("damaged: its chunks at byte {} have no shape", block.at));
    };
    let (index, at) = index(block)?;
    Ok(Layout::Chunked { shape: shape.to_vec(), size, index, at, long })
}
