//! A dataset, read by rows.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use imnn_io::stamp::Stamp;
use imnn_io::text::unravel;
use num_traits::Float;

use crate::Hdf5Error;
use crate::bytes::{Bytes, Found};
use crate::group;
use crate::header::{Object, about, superblock};
use crate::layout::{Chunks, Data, Description};
use crate::unpack::unpack;

/// The bytes of unpacked chunks that are kept because the rows read next may be in them.
const KEPT: usize = 1 << 24;

/// The bytes read at once of data in one piece; a multiple of every element's size.
const PIECE: usize = 1 << 18;

/// A dataset of an HDF5 file, opened for reading: the first axis counts its rows.
///
/// Several threads may read at once.
#[derive(Debug)]
pub struct Dataset {
    file: Arc<File>,
    stamp: Stamp,
    description: Description,
    /// Chunks of which only a part was read, the last one at the end.
    kept: Mutex<Vec<(usize, Arc<Vec<u8>>)>>,
}

impl Dataset {
    /// Opens the dataset `key` of a file, such as `group/dataset`, or the only one of the file.
    ///
    /// # Errors
    /// If there is no such file or dataset, its elements are not real numbers, or parts of it are not in the file.
    pub fn open(path: impl AsRef<Path>, key: Option<&str>) -> Result<Self, Hdf5Error> {
        let file = Arc::new(File::open(path)?);
        let stamp = Stamp::of(&file)?;
        let (bytes, root) = superblock(&file)?;
        let names = || group::datasets(&bytes, root);
        let only;
        let name = match key.filter(|key| !key.is_empty()) {
            Some(key) => key,
            None => match &names()?[..] {
                [one] => {
                    only = one.clone();
                    &only
                }
                there => return Err(Hdf5Error::KeyNeeded { there: there.to_vec() }),
            },
        };
        let object = group::find(&bytes, root, name)?;
        let missing = || Hdf5Error::MissingKey { key: name.to_owned(), there: names().unwrap_or_default() };
        Self::of(file.clone(), stamp, &bytes, object, missing)
    }

    /// The dataset that an object is; `missing` says that it is none.
    pub(crate) fn of(
        file: Arc<File>,
        stamp: Stamp,
        bytes: &Bytes<'_>,
        object: Option<Object>,
        missing: impl Fn() -> Hdf5Error,
    ) -> Result<Self, Hdf5Error> {
        let object = object.filter(|object| object.has(about::LAYOUT)).ok_or_else(missing)?;
        let description = Description::read(bytes, &object)?;
        Ok(Self { file, stamp, description, kept: Mutex::default() })
    }

    /// Its shape, `(n_rows, *row)`; empty where it is one number.
    pub fn shape(&self) -> &[usize] {
        &self.description.shape
    }

    /// The type of its elements as numpy writes it, such as `<f4`.
    pub fn dtype(&self) -> &str {
        &self.description.name
    }

    /// The bytes in memory: the list of chunks, and the unpacked chunks that are kept at most.
    pub fn memory(&self) -> usize {
        match &self.description.data {
            Data::Whole { .. } => 0,
            Data::Chunks(Chunks { chunks, filters, spare, .. }) => {
                let kept = if filters.is_empty() && !spare { 0 } else { KEPT };
                size_of_val(&chunks[..]) + kept
            }
        }
    }

    /// Reads `rows`, row-major, into `to`; of a dataset that is one number, that number, whatever the rows.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged or has changed since it was opened, and for finite values beyond the
    /// range of `E`.
    ///
    /// # Panics
    /// If the rows are not there or `to` is not as long as they are.
    pub fn read<E: Float>(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), Hdf5Error> {
        let shape = self.shape();
        let rows = if shape.is_empty() { 0..1 } else { rows };
        let n_rows = shape.first().copied().unwrap_or(1);
        assert!(rows.start <= rows.end && rows.end <= n_rows, "rows {rows:?} of {n_rows}");
        assert_eq!(to.len(), rows.len() * self.row_len(), "the length of rows {rows:?} of shape {shape:?}");
        if to.is_empty() {
            return Ok(());
        }
        match &self.description.data {
            Data::Whole { at } => self.piece(*at, rows.start * self.row_len(), to)?,
            Data::Chunks(grid) => self.chunks(grid, rows, to)?,
        }
        self.unchanged()
    }

    fn row_len(&self) -> usize {
        self.shape().iter().skip(1).product()
    }

    /// Bytes of the file, which are the data of `rows`.
    fn bytes(&self, at: u64, len: usize) -> Result<Vec<u8>, Hdf5Error> {
        let mut bytes = vec![0; len];
        match self.file.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(bytes),
            // Places were compared with the file's length, which has changed then.
            Err(source) => Err(self.unchanged().err().unwrap_or(Hdf5Error::Io(source))),
        }
    }

    /// Refuses what was read where the file is no longer the one that was opened.
    fn unchanged(&self) -> Result<(), Hdf5Error> {
        if Stamp::of(&self.file)? == self.stamp { Ok(()) } else { Err(Hdf5Error::Changed) }
    }

    /// Decodes elements that follow each other; the first is number `first` of the array.
    fn decode<E: Float>(&self, bytes: &[u8], to: &mut [E], first: usize) -> Result<(), Hdf5Error> {
        Ok(self.description.dtype.decode(bytes, to, |at| unravel(first + at, self.shape(), false))?)
    }

    /// Reads data in one piece, from element number `first` on.
    fn piece<E: Float>(&self, start: u64, first: usize, to: &mut [E]) -> Result<(), Hdf5Error> {
        let size = self.description.dtype.size();
        for (k, to) in to.chunks_mut(PIECE / size).enumerate() {
            let first = first + k * (PIECE / size);
            let bytes = self.bytes(start + (first * size) as u64, to.len() * size)?;
            self.decode(&bytes, to, first)?;
        }
        Ok(())
    }

    /// Reads rows from the chunks that they are in.
    fn chunks<E: Float>(&self, grid: &Chunks, rows: Range<usize>, to: &mut [E]) -> Result<(), Hdf5Error> {
        let shape = self.shape();
        let counts: Vec<usize> = shape.iter().zip(&grid.chunk).map(|(axis, chunk)| axis.div_ceil(*chunk)).collect();
        let in_row: usize = counts[1..].iter().product();
        for number in rows.start / grid.chunk[0] * in_row..rows.end.div_ceil(grid.chunk[0]) * in_row {
            let from: Vec<usize> =
                unravel(number, &counts, false).iter().zip(&grid.chunk).map(|(place, chunk)| place * chunk).collect();
            let end = shape[0].min(from[0] + grid.chunk[0]);
            let wanted = rows.start.max(from[0])..rows.end.min(end);
            let all = wanted.len() == end - from[0];
            let (bytes, start) = self.chunk(grid, number, &from, &wanted, all)?;
            self.place(&grid.chunk, &bytes, start, &from, &rows, wanted, to)?;
        }
        Ok(())
    }

    /// The bytes of a chunk from one of its rows on, and that row's number.
    fn chunk(
        &self,
        grid: &Chunks,
        number: usize,
        from: &[usize],
        wanted: &Range<usize>,
        all: bool,
    ) -> Result<(Arc<Vec<u8>>, usize), Hdf5Error> {
        let size = self.description.dtype.size();
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
        let bytes = unpack(packed, &grid.filters, chunk.mask, grid.chunk[0] * row)
            .and_then(|bytes| if grid.spare { self.edge(&grid.chunk, from, bytes) } else { Ok(bytes) });
        let bytes = match bytes {
            Ok(bytes) => Arc::new(bytes),
            Err(reason) => {
                self.unchanged()?;
                return Err(Hdf5Error::Unreadable(format!(
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
        let shape = self.shape();
        if from.iter().zip(chunk).zip(shape).all(|((from, chunk), axis)| from + chunk <= *axis) {
            return Ok(bytes);
        }
        let size = self.description.dtype.size();
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
    fn place<E: Float>(
        &self,
        chunk: &[usize],
        bytes: &[u8],
        start: usize,
        from: &[usize],
        rows: &Range<usize>,
        wanted: Range<usize>,
        to: &mut [E],
    ) -> Result<(), Hdf5Error> {
        let shape = self.shape();
        let (size, len) = (self.description.dtype.size(), self.row_len());
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

/// The names of the datasets of a file, those in groups with the groups' names.
///
/// # Errors
/// If the file is missing, damaged, or not an HDF5 file.
pub fn datasets(path: impl AsRef<Path>) -> Result<Vec<String>, Hdf5Error> {
    let file = File::open(path)?;
    let (bytes, root) = superblock(&file)?;
    Ok(group::datasets(&bytes, root)?)
}
