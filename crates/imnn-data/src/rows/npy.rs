//! Rows of an array in the `.npy` format, read from their places in the file.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use imnn_sim::Real;

use super::stamp::Stamp;
use super::{RowArray, check_read, row_len};
use crate::DataError;
use crate::arrays::header::Header;
use crate::arrays::npy::{Npy, truncated};
use crate::arrays::read::open;
use crate::scratch::lend;
use imnn_io::text::unravel;

/// The bytes read at once, which stay in the processor's caches until they are numbers; a multiple of every element's
/// size.
const CHUNK: usize = 1 << 18;

/// An array in a file, or in a part of one that is stored as it is.
#[derive(Debug)]
pub(crate) struct NpyRows {
    label: String,
    file: File,
    header: Header,
    /// Where the data start in the file.
    start: u64,
    stamp: Stamp,
}

impl NpyRows {
    /// The array of a `.npy` file.
    pub(super) fn open(path: &Path, label: String) -> Result<Self, DataError> {
        let opened = open(path)?;
        let file = opened.reader.into_inner();
        let stamp = stamp(&file, &label)?;
        Self::within(file, stamp, 0..opened.len, label)
    }

    /// The array in the bytes `part` of a file that was as `stamp` says before anything was read.
    pub(super) fn within(file: File, stamp: Stamp, part: Range<u64>, label: String) -> Result<Self, DataError> {
        let len = part.end - part.start;
        // One read for the whole of most headers: folders have many files.
        let reader = BufReader::with_capacity(256, Part { file: &file, at: part.start, end: part.end });
        let header = Npy { label: label.clone(), reader, len, at_most: len }.header()?;
        let start = part.start + header.data_offset;
        Ok(Self { label, file, header, start, stamp })
    }

    /// Fills `bytes` from the place `at` of the data.
    fn bytes(&self, bytes: &mut [u8], at: u64) -> Result<(), DataError> {
        self.file.read_exact_at(bytes, self.start + at).map_err(|source| {
            let Ok(metadata) = self.file.metadata() else { return self.io(source) };
            if source.kind() != ErrorKind::UnexpectedEof {
                return self.io(source);
            }
            truncated(&self.label, self.header.clone(), metadata.len().saturating_sub(self.start))
        })
    }

    /// Reads elements that follow each other in the file, the first of them number `first`.
    fn elements<E: Real>(&self, first: usize, to: &mut [E]) -> Result<(), DataError> {
        let size = self.header.dtype.size();
        lend(&BYTES, |bytes| {
            bytes.resize(CHUNK, 0);
            for (k, to) in to.chunks_mut(CHUNK / size).enumerate() {
                let first = first + k * (CHUNK / size);
                let bytes = &mut bytes[..to.len() * size];
                self.bytes(bytes, (first * size) as u64)?;
                self.decode(bytes, to, |at| first + at)?;
            }
            Ok(())
        })
    }

    /// Reads rows of an array in Fortran order, in which the elements of all rows at one place lie together.
    fn columns<E: Real>(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        let (size, n_rows, n) = (self.header.dtype.size(), self.header.shape[0], rows.len());
        let row_len = row_len(&self.header.shape);
        let mut place = Place::new(&self.header.shape[1..]);
        // One read for several columns where little lies between them; the rows read are one call's, and bounded.
        let dense = n_rows.saturating_mul(size) <= (4 * n * size).max(PAGE);
        let at_once = if dense { (CHUNK / (n_rows * size)).clamp(1, row_len.max(1)) } else { 1 };
        let mut column = vec![E::zero(); n];
        lend(&BYTES, |bytes| {
            for first in (0..row_len).step_by(at_once) {
                let columns = at_once.min(row_len - first);
                let len = (columns - 1) * n_rows + n;
                bytes.resize(bytes.len().max(len * size), 0);
                let bytes = &mut bytes[..len * size];
                self.bytes(bytes, ((rows.start + first * n_rows) * size) as u64)?;
                for c in 0..columns {
                    let bytes = &bytes[c * n_rows * size..][..n * size];
                    self.decode(bytes, &mut column, |at| rows.start + at + (first + c) * n_rows)?;
                    let to = to[place.at..].iter_mut().step_by(row_len);
                    to.zip(&column).for_each(|(to, value)| *to = *value);
                    place.next();
                }
            }
            Ok(())
        })
    }

    /// Decodes `bytes`; `place` turns a position in `to` into one in the file's order.
    fn decode<E: Real>(&self, bytes: &[u8], to: &mut [E], place: impl Fn(usize) -> usize) -> Result<(), DataError> {
        self.header.dtype.decode(bytes, to).map_err(|(value, at)| DataError::Overflow {
            label: self.label.clone(),
            index: unravel(place(at), &self.header.shape, self.header.fortran_order),
            value,
            precision: E::NAME,
        })
    }

    /// Refuses what was read where the file is no longer the one that was opened.
    fn unchanged(&self) -> Result<(), DataError> {
        if stamp(&self.file, &self.label)? != self.stamp {
            return Err(DataError::Changed { label: self.label.clone() });
        }
        Ok(())
    }

    fn io(&self, source: std::io::Error) -> DataError {
        DataError::Io { action: "read", label: self.label.clone(), source }
    }
}

/// How a file is now.
pub(super) fn stamp(file: &File, label: &str) -> Result<Stamp, DataError> {
    match file.metadata() {
        Ok(metadata) => Ok(Stamp::of(&metadata)),
        Err(source) => Err(DataError::Io { action: "read", label: label.to_owned(), source }),
    }
}

/// The unit in which files lie in memory.
const PAGE: usize = 4096;

thread_local! {
    /// Bytes of a file before they are numbers.
    static BYTES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<E: Real> RowArray<E> for NpyRows {
    fn label(&self) -> &str {
        &self.label
    }

    fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    fn dtype(&self) -> &str {
        &self.header.descr
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.header.shape, &rows, to);
        if to.is_empty() {
            return Ok(());
        }
        if self.header.fortran_order && self.header.shape.len() > 1 {
            self.columns(rows, to)?;
        } else {
            self.elements(rows.start * row_len(&self.header.shape), to)?;
        }
        self.unchanged()
    }
}

/// A part of a file as a reader, without moving the file's own position.
struct Part<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = bytes.len().min(left);
        let n = self.file.read_at(&mut bytes[..len], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Goes through the elements of a row in Fortran order and knows their places in row-major order.
struct Place {
    /// For each axis its length and the distance of its neighbours.
    axes: Vec<(usize, usize)>,
    index: Vec<usize>,
    at: usize,
}

impl Place {
    fn new(row: &[usize]) -> Self {
        let mut axes = vec![];
        let mut stride = 1;
        for &len in row.iter().rev() {
            axes.push((len, stride));
            stride *= len;
        }
        axes.reverse();
        Self { index: vec![0; row.len()], axes, at: 0 }
    }

    fn next(&mut self) {
        for (index, &(len, stride)) in self.index.iter_mut().zip(&self.axes) {
            *index += 1;
            self.at += stride;
            if *index < len {
                return;
            }
            self.at -= len * stride;
            *index = 0;
        }
    }
}
