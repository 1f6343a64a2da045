//! A dataset, read by rows.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use imnn_sim::Real;

use super::bytes::Found;
use super::describe::Filter;
use super::group;
use super::header::superblock;
use super::index::Chunk;
use super::place::{self, Data, Dataset};
use super::unpack::unpack;
use crate::arrays::read::open;
use crate::rows::{check_read, row_len, stamp::Stamp};
use crate::{DataError, RowArray};
use imnn_io::text::unravel;

/// The bytes of unpacked chunks that are kept because the rows read next may be in them.
const KEPT: usize = 1 << 24;

/// The bytes read at once of data in one piece; a multiple of every element's size.
const PIECE: usize = 1 << 18;

/// A dataset of an HDF5 file.
#[derive(Debug)]
pub struct Hdf5Rows {
    label: String,
    file: File,
    stamp: Stamp,
    dataset: Dataset,
    /// Chunks of which only a part was read, the last one at the end.
    kept: Mutex<Vec<(usize, Arc<Vec<u8>>)>>,
}

impl Hdf5Rows {
    /// Opens the dataset `key` of a file, or its only one.
    ///
    /// # Errors
    /// Where there is no such file or dataset, its elements are no real numbers, or parts of it are not in the file.
    pub fn open(file: impl AsRef<Path>, key: Option<&str>) -> Result<Self, DataError> {
        let path = file.as_ref();
        let label = match key {
            Some(key) => format!("{}:{key}", path.display()),
            None => path.display().to_string(),
        };
        let refuse = |reason: String| DataError::Hdf5 { label: label.clone(), reason };
        let file = open(path)?.reader.into_inner();
        let stamp = Stamp::of(&file.metadata().map_err(|error| refuse(error.to_string()))?);
        let (bytes, root) = superblock(&file).map_err(refuse)?;
        let names = || group::datasets(&bytes, root).map_err(refuse);
        let named;
        let name = match key.filter(|key| !key.is_empty()) {
            Some(key) => key,
            None => match &names()?[..] {
                [one] => {
                    named = one.clone();
                    &named
                }
                there => return Err(DataError::KeyNeeded { path: path.to_owned(), there: there.to_vec() }),
            },
        };
        let Some(dataset) = place::find(&bytes, root, name).map_err(refuse)? else {
            return Err(DataError::MissingKey { path: path.to_owned(), key: name.to_owned(), there: names()? });
        };
        Ok(Self { label, file, stamp, dataset, kept: Mutex::default() })
    }

    fn refuse(&self, reason: String) -> DataError {
        DataError::Hdf5 { label: self.label.clone(), reason }
    }

    /// Bytes of the file, which are the data of `rows`.
    fn bytes(&self, at: u64, len: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, at).map_err(|source| {
            // Places were compared with the file's length, which is another then.
            match self.unchanged() {
                Err(changed) => changed,
                Ok(()) => DataError::Io { action: "read", label: self.label.clone(), source },
            }
        })?;
        Ok(bytes)
    }

    /// Refuses what was read where the file is no longer the one that was opened.
    fn unchanged(&self) -> Result<(), DataError> {
        match self.file.metadata() {
            Ok(metadata) if Stamp::of(&metadata) == self.stamp => Ok(()),
            Ok(_) => Err(DataError::Changed { label: self.label.clone() }),
            Err(source) => Err(DataError::Io { action: "read", label: self.label.clone(), source }),
        }
    }

    /// Decodes elements that follow each other; the first is number `first` of the array.
    fn decode<E: Real>(&self, bytes: &[u8], to: &mut [E], first: usize) -> Result<(), DataError> {
        self.dataset.dtype.decode(bytes, to).map_err(|(value, at)| DataError::Overflow {
            label: self.label.clone(),
            index: unravel(first + at, &self.dataset.shape, false),
            value,
            precision: E::NAME,
        })
    }

    /// Reads data in one piece, from element number `first` on.
    fn piece<E: Real>(&self, start: u64, first: usize, to: &mut [E]) -> Result<(), DataError> {
        let size = self.dataset.dtype.size();
        for (k, to) in to.chunks_mut(PIECE / size).enumerate() {
            let first = first + k * (PIECE / size);
            let bytes = self.bytes(start + (first * size) as u64, to.len() * size)?;
            self.decode(&bytes, to, first)?;
        }
        Ok(())
    }

    /// Reads rows from the chunks that they are in.
    fn chunks<E: Real>(&self, grid: &Chunks<'_>, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        let shape = &self.dataset.shape;
        let counts: Vec<usize> = shape.iter().zip(grid.chunk).map(|(axis, chunk)| axis.div_ceil(*chunk)).collect();
        let in_row: usize = counts[1..].iter().product();
        for number in rows.start / grid.chunk[0] * in_row..rows.end.div_ceil(grid.chunk[0]) * in_row {
            let from: Vec<usize> =
                unravel(number, &counts, false).iter().zip(grid.chunk).map(|(place, chunk)| place * chunk).collect();
            let end = shape[0].min(from[0] + grid.chunk[0]);
            let wanted = rows.start.max(from[0])..rows.end.min(end);
            let all = wanted.len() == end - from[0];
            let (bytes, start) = self.chunk(grid, number, &from, &wanted, all)?;
            self.place(grid.chunk, &bytes, start, &from, &rows, wanted, to)?;
        }
        Ok(())
    }

    /// The bytes of a chunk from one of its rows on, and that row's number.
    fn chunk(
        &self,
        grid: &Chunks<'_>,
        number: usize,
        from: &[usize],
        wanted: &Range<usize>,
        all: bool,
    ) -> Result<(Arc<Vec<u8>>, usize), DataError> {
        let size = self.dataset.dtype.size();
        let row: usize = grid.chunk[1..].iter().product::<usize>() * size;
        let chunk = &grid.chunks[number];
        if grid.filters.is_empty() && !grid.spare {
            let at = chunk.at + ((wanted.start - from[0]) * row) as u64;
            return Ok((Arc::new(self.bytes(at, wanted.len() * row)?), wanted.start));
        }
        // A thread that panicked elsewhere has left the list whole.
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = lock().iter().find(|(kept, _)| *kept == number) {
            return Ok((bytes.clone(), from[0]));
        }
        let packed = self.bytes(chunk.at, chunk.len as usize)?;
        let bytes = unpack(packed, grid.filters, chunk.mask, grid.chunk[0] * row)
            .and_then(|bytes| if grid.spare { self.edge(grid.chunk, from, bytes) } else { Ok(bytes) });
        let bytes = match bytes {
            Ok(bytes) => Arc::new(bytes),
            Err(reason) => {
                self.unchanged()?;
                return Err(self.refuse(format!(
                    "damaged: chunk {number} at byte {}, of which row {} is a part, {reason}; write or copy the file again",
                    chunk.at, wanted.start
                )));
            }
        };
        let room = KEPT / bytes.len().max(1);
        if !all && room > 0 {
            let mut kept = lock();
            let surplus = (kept.len() + 1).saturating_sub(room);
            kept.drain(..surplus);
            kept.push((number, bytes.clone()));
        }
        Ok((bytes, from[0]))
    }

    /// Looks at what a chunk holds beyond the edge of a dataset that may grow: nothing that was written, or the dataset
    /// is larger than its shape says.
    fn edge(&self, chunk: &[usize], from: &[usize], bytes: Vec<u8>) -> Found<Vec<u8>> {
        let shape = &self.dataset.shape;
        if from.iter().zip(chunk).zip(shape).all(|((from, chunk), axis)| from + chunk <= *axis) {
            return Ok(bytes);
        }
        let size = self.dataset.dtype.size();
        let mut fill = None;
        for (at, element) in bytes.chunks(size).enumerate() {
            let place = unravel(at, chunk, false);
            let outside = place.iter().zip(from).zip(shape).any(|((place, from), axis)| place + from >= *axis);
            if outside && **fill.get_or_insert(element) != *element {
                return Err(format!("has values beyond the shape {shape:?}"));
            }
        }
        Ok(bytes)
    }

    /// Copies the rows `wanted` out of a chunk, whose bytes start at row `start`.
    #[expect(clippy::too_many_arguments, reason = "places in the array, in the chunk, and in what is read")]
    fn place<E: Real>(
        &self,
        chunk: &[usize],
        bytes: &[u8],
        start: usize,
        from: &[usize],
        rows: &Range<usize>,
        wanted: Range<usize>,
        to: &mut [E],
    ) -> Result<(), DataError> {
        let shape = &self.dataset.shape;
        let (size, len) = (self.dataset.dtype.size(), row_len(shape));
        if chunk[1..] == shape[1..] {
            let bytes = &bytes[(wanted.start - start) * len * size..][..wanted.len() * len * size];
            let to = &mut to[(wanted.start - rows.start) * len..][..wanted.len() * len];
            return self.decode(bytes, to, wanted.start * len);
        }
        // Runs along the last axis, which is not the first: of one axis the branch above has it all.
        let inner: Vec<usize> = (1..shape.len()).map(|axis| chunk[axis].min(shape[axis] - from[axis])).collect();
        let run = inner[inner.len() - 1];
        let runs: usize = inner[..inner.len() - 1].iter().product();
        for row in wanted {
            for k in 0..runs {
                let place = unravel(k, &inner[..inner.len() - 1], false);
                let (mut source, mut target) = (row - start, row);
                for axis in 1..shape.len() {
                    let place = place.get(axis - 1).copied().unwrap_or(0);
                    source = source * chunk[axis] + place;
                    target = target * shape[axis] + from[axis] + place;
                }
                let to = &mut to[target - rows.start * len..][..run];
                self.decode(&bytes[source * size..][..run * size], to, target)?;
            }
        }
        Ok(())
    }
}

/// The chunks of a dataset.
struct Chunks<'a> {
    chunk: &'a [usize],
    chunks: &'a [Chunk],
    filters: &'a [Filter],
    spare: bool,
}

impl<E: Real> RowArray<E> for Hdf5Rows {
    fn label(&self) -> &str {
        &self.label
    }

    fn shape(&self) -> &[usize] {
        &self.dataset.shape
    }

    fn dtype(&self) -> &str {
        &self.dataset.name
    }

    fn memory(&self) -> usize {
        match &self.dataset.data {
            Data::Whole { .. } => 0,
            Data::Chunks { chunks, filters, spare, .. } => {
                let kept = if filters.is_empty() && !spare { 0 } else { KEPT };
                size_of_val(&chunks[..]) + kept
            }
        }
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        let shape = &self.dataset.shape;
        if !shape.is_empty() {
            check_read(shape, &rows, to);
        }
        if to.is_empty() {
            return Ok(());
        }
        match &self.dataset.data {
            Data::Whole { at } => {
                self.piece(*at, if shape.is_empty() { 0 } else { rows.start * row_len(shape) }, to)?
            }
            Data::Chunks { chunk, chunks, filters, spare } => {
                self.chunks(&Chunks { chunk, chunks, filters, spare: *spare }, rows, to)?;
            }
        }
        self.unchanged()
    }
}

/// The names of the datasets of a file, those in groups with the groups' names.
///
/// # Errors
/// Where the file is missing or no HDF5 file.
pub fn datasets(file: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    let path = file.as_ref();
    let refuse = |reason: String| DataError::Hdf5 { label: path.display().to_string(), reason };
    let file = open(path)?.reader.into_inner();
    let (bytes, root) = superblock(&file).map_err(refuse)?;
    group::datasets(&bytes, root).map_err(refuse)
}
