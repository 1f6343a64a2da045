//! Where the data of a dataset are, checked before any of them is read.

use std::ops::Range;

use crate::bytes::{Bytes, Found};
use crate::describe::{self, Filter, Layout};
use crate::header::{Object, about};
use crate::index::{self, Chunk, Grid};
use imnn_io::npy::Dtype;

/// What a dataset is, of which all data are in the file.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: Dtype,
    pub(crate) name: String,
    pub(crate) data: Data,
}

/// Where the data are; places count from the start of the file.
#[derive(Debug)]
pub(crate) enum Data {
    /// In one piece.
    Whole {
        at: u64,
    },
    Chunks(Chunks),
}

/// The chunks of a dataset, all of one shape, in the order of their grid.
#[derive(Debug)]
pub(crate) struct Chunks {
    pub(crate) chunk: Vec<usize>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) filters: Vec<Filter>,
    /// Whether the dataset may grow, so that chunks may have room for more than its shape.
    pub(crate) spare: bool,
}

impl Description {
    /// What an object says about itself, and whether it can be true.
    pub(crate) fn read(bytes: &Bytes<'_>, object: &Object) -> Found<Self> {
        let none = |what: &str| format!("damaged: the dataset at byte {} has no {what}", object.at);
        let message = object.one(about::DATASPACE)?.filter(|message| !message.shared).ok_or_else(|| none("shape"))?;
        let (shape, most) = describe::dataspace(message.body.clone())?;
        let (dtype, name) = describe::element(bytes, object)?;
        let size = dtype.size() as u64;
        let filters = match object.one(about::FILTERS)? {
            Some(message) => describe::filters(message.body.clone(), dtype.size())?,
            None => vec![],
        };
        if object.has(about::EXTERNAL) {
            return Err("its data are in other files; copy it with h5repack".to_owned());
        }
        // Axes of length zero must not hide others that are too large, and values may be read in double precision.
        let product = shape.iter().filter(|&&axis| axis != 0).try_fold(size.max(8), |len, &axis| len.checked_mul(axis));
        if product.is_none_or(|len| isize::try_from(len).is_err()) {
            return Err("its size is beyond the range of this machine".to_owned());
        }
        let len = size * shape.iter().product::<u64>();
        let at_most = filters.iter().map(|filter| filter.at_most()).max().unwrap_or(1);
        if len > bytes.len.saturating_mul(at_most) {
            return Err(format!(
                "truncated or damaged: its shape needs {len} bytes, which a file of {} bytes cannot hold",
                bytes.len
            ));
        }
        let message = object.one(about::LAYOUT)?.ok_or_else(|| none("data"))?;
        let most = most.unwrap_or_else(|| shape.clone());
        let shape_at = |shape: &[u64]| shape.iter().map(|&axis| axis as usize).collect::<Vec<usize>>();
        let data = match describe::layout(message.body.clone())? {
            Layout::Chunked { shape: chunk, size: stored, index, at, long } => {
                let unpacked = chunk.iter().try_fold(size, |len, &axis| len.checked_mul(axis));
                let unpacked = unpacked.filter(|&bytes| bytes > 0 && bytes < 1 << 32 && stored == size);
                let Some(unpacked) = unpacked.filter(|_| chunk.len() == shape.len() && !shape.is_empty()) else {
                    return Err(format!("damaged: it cannot have chunks of shape {chunk:?}"));
                };
                let grid = Grid {
                    shape: &shape,
                    most: &most,
                    chunk: &chunk,
                    bytes: unpacked,
                    filtered: !filters.is_empty(),
                    long,
                };
                let chunks = index::chunks(bytes, &grid, index, at)?;
                let spare = shape != most;
                let chunks = stored_apart(bytes, chunks, unpacked, &filters)?;
                Data::Chunks(Chunks { chunk: shape_at(&chunk), chunks, filters, spare })
            }
            // Only chunks can be packed, and only they grow.
            _ if !filters.is_empty() || shape != most => {
                return Err(format!(
                    "damaged: the dataset at byte {} has filters or may grow, without chunks",
                    object.at
                ));
            }
            Layout::Compact { at, len: there } => {
                if there != len {
                    return Err(format!("damaged: its shape needs {len} bytes, and {there} are there"));
                }
                Data::Whole { at: bytes.base + at }
            }
            Layout::Contiguous { at, len: there } => {
                let Some(at) = at.or((len == 0).then_some(0)) else {
                    return Err(format!("only 0 of {len} bytes were ever written; write it again"));
                };
                if there.is_some_and(|there| there != len) {
                    return Err(format!("damaged: its shape needs {len} bytes, and {} are there", there.unwrap_or(0)));
                }
                let whole = at..at.saturating_add(len);
                apart(bytes, vec![whole])?;
                Data::Whole { at: bytes.base + at }
            }
        };
        Ok(Self { shape: shape_at(&shape), dtype, name, data })
    }
}

/// Checks the chunks one by one and against each other, and gives their places from the start of the file.
fn stored_apart(bytes: &Bytes<'_>, mut chunks: Vec<Chunk>, unpacked: u64, filters: &[Filter]) -> Found<Vec<Chunk>> {
    for (number, chunk) in chunks.iter().enumerate() {
        stored(chunk, unpacked, filters).map_err(|reason| {
            format!("damaged: chunk {number} at byte {} {reason}; write or copy the file again", chunk.at)
        })?;
    }
    apart(bytes, chunks.iter().map(|chunk| chunk.at..chunk.at.saturating_add(chunk.len)).collect())?;
    for chunk in &mut chunks {
        chunk.at += bytes.base;
    }
    Ok(chunks)
}

/// Checks the length of a chunk, and which filters it leaves out.
fn stored(chunk: &Chunk, unpacked: u64, filters: &[Filter]) -> Result<(), &'static str> {
    if u64::from(chunk.mask) >> filters.len().min(32) != 0 {
        return Err("leaves out filters that there are not");
    }
    let (mut most, mut sums, mut packed) = (1, 0, false);
    for (at, filter) in filters.iter().enumerate() {
        if chunk.mask >> at & 1 == 0 {
            most = most.max(filter.at_most());
            sums += u64::from(*filter == Filter::Fletcher32);
            packed |= filter.may_fail();
        } else if !filter.may_fail() {
            return Err("leaves out a filter that cannot fail");
        }
    }
    if !packed && chunk.len != unpacked + 4 * sums {
        return Err("has another length than its shape needs");
    }
    // A packed chunk may be a little larger than it was.
    if chunk.len == 0 || unpacked > chunk.len.saturating_mul(most) || chunk.len / 2 > unpacked + (1 << 16) {
        return Err("has a length that its shape does not allow");
    }
    Ok(())
}

/// Checks that data are in the file, apart from each other and from everything that describes them.
fn apart(bytes: &Bytes<'_>, mut data: Vec<Range<u64>>) -> Found<()> {
    data.retain(|part| !part.is_empty());
    data.sort_unstable_by_key(|part| part.start);
    if let Some(last) = data.iter().find(|part| part.end > bytes.len) {
        return Err(format!(
            "truncated or damaged: its data at byte {} end at byte {}, and the file has {}; copy or write it again",
            last.start, last.end, bytes.len
        ));
    }
    if let Some(two) = data.windows(2).find(|two| two[0].end > two[1].start) {
        return Err(format!("damaged: two of its chunks are at byte {}; write or copy the file again", two[1].start));
    }
    for read in bytes.read.borrow().iter() {
        let behind = data.partition_point(|part| part.end <= read.start);
        if let Some(part) = data.get(behind).filter(|part| part.start < read.end) {
            return Err(format!(
                "damaged: its data at byte {} would be where the file describes something else; write or copy it again",
                part.start
            ));
        }
    }
    Ok(())
}
