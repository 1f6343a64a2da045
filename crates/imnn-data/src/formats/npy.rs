//! `.npy` files of numpy: rows are read from their places in the file.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use imnn_io::Partial;
use imnn_io::npy::{Header, NpyError, Reader, descr, header, write_values};
use imnn_io::stamp::Stamp;
use imnn_io::text::unravel;
use imnn_sim::Real;
use ndarray::ArrayD;

use super::foreign;
use super::format::{ArrayInfo, Created, Format, Location, Member, Opened, RowOptions, RowShape};
use super::writing::{Progress, RowWriter, WriteOptions, Written, io};
use crate::file::open;
use crate::rows::{RowArray, RowSpec, check_read, row_len};
use crate::scratch::lend;
use crate::{ArrayPath, DataError};

pub(crate) struct Npy;

impl Format for Npy {
    const ENDINGS: &'static [&'static str] = &["npy"];
    const NAME: &'static str = "npy";
    const TARGET: Option<&'static str> = Some("file.npy");

    fn starts(start: &[u8]) -> bool {
        start.starts_with(b"\x93NUMPY")
    }

    fn rows<E: Real>(at: &Location<'_>, _: RowShape<'_>, _: &RowOptions) -> Opened<E> {
        Ok(Box::new(NpyRows::open(at.without_key()?, at.path)?))
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        let mut opened = open(at.without_key()?)?;
        let header = described(&mut Reader::new(&mut opened.reader, opened.len), at.path)?;
        Ok(vec![Member::Array(info(at.path.clone(), Self::NAME, header, None))])
    }

    fn read<E: Real>(at: &Location<'_>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        let opened = open(at.without_key()?)?;
        let mut reader = Reader::new(opened.reader, opened.len);
        let header = described(&mut reader, at.path)?;
        reader.values(&header, n_rows).map_err(|error| DataError::npy(at.path, error))
    }

    fn create<E: Real>(path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
        if path.key().is_some() {
            return Err(DataError::target(path, "a .npy file holds one array without a name"));
        }
        Ok(Box::new(NpyWriter::create(path.file(), shape, options.replace)?))
    }
}

/// What the header of an array says, or what is there in place of an array of numbers.
pub(super) fn described<R: Read>(reader: &mut Reader<R>, path: &ArrayPath) -> Result<Header, DataError> {
    reader.header().map_err(|error| {
        let other = match &error {
            NpyError::NotAnArray { .. } if path.key().is_none() => foreign::what(path.file()),
            NpyError::Dtype { dtype, shape, .. } if dtype.ends_with('O') => {
                Some(foreign::objects(path, shape, &reader.peek(foreign::LOOKED_AT)))
            }
            _ => None,
        };
        match other {
            Some(other) => DataError::unusable(path, other),
            None => DataError::npy(path, error),
        }
    })
}

/// An array as its header describes it.
pub(super) fn info(path: ArrayPath, format: &'static str, header: Header, compressed: Option<u64>) -> ArrayInfo {
    let bytes = header.n_bytes();
    let Header { descr: dtype, fortran_order, shape, .. } = header;
    ArrayInfo { path, format, dtype, shape, columns: vec![], seeds: None, fortran_order, bytes, compressed }
}

/// The bytes read at once, which stay in the processor's caches until they are numbers; a multiple of every element's
/// size.
const CHUNK: usize = 1 << 18;

/// An array in a file, or in a part of one that is stored as it is.
#[derive(Debug)]
pub(crate) struct NpyRows {
    spec: RowSpec,
    file: File,
    header: Header,
    /// Where the data start in the file.
    start: u64,
    stamp: Stamp,
}

impl NpyRows {
    /// The array of a `.npy` file.
    pub(super) fn open(file: &Path, path: &ArrayPath) -> Result<Self, DataError> {
        let opened = open(file)?;
        let file = opened.reader.into_inner();
        let stamp = Stamp::of(&file).map_err(|source| DataError::read(path, source))?;
        Self::within(file, stamp, 0..opened.len, path)
    }

    /// The array in the bytes `part` of a file that was as `stamp` says before anything was read.
    pub(super) fn within(file: File, stamp: Stamp, part: Range<u64>, path: &ArrayPath) -> Result<Self, DataError> {
        let (len, label) = (part.end - part.start, path.to_string());
        // One read for the whole of most headers: folders have many files.
        let mut reader = BufReader::with_capacity(256, &file);
        reader.seek(SeekFrom::Start(part.start)).map_err(|source| DataError::read(&label, source))?;
        let header = described(&mut Reader::new(reader.take(len), len), path)?;
        let start = part.start + header.data_offset;
        let (shape, dtype) = (header.shape.clone(), header.descr.clone());
        Ok(Self { spec: RowSpec { label, shape, dtype, ..RowSpec::default() }, file, header, start, stamp })
    }

    /// Fills `bytes` from the place `at` of the data.
    fn bytes(&self, bytes: &mut [u8], at: u64) -> Result<(), DataError> {
        self.file.read_exact_at(bytes, self.start + at).map_err(|source| {
            let Ok(metadata) = self.file.metadata() else { return self.io(source) };
            if source.kind() != ErrorKind::UnexpectedEof {
                return self.io(source);
            }
            DataError::npy(&self.spec.label, self.header.wrong_length(metadata.len().saturating_sub(self.start)))
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
        let (size, n_rows, n) = (self.header.dtype.size(), self.spec.shape[0], rows.len());
        let row_len = row_len(&self.spec.shape);
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
                    let to = to[row_major(first + c, &self.spec.shape[1..])..].iter_mut().step_by(row_len);
                    to.zip(&column).for_each(|(to, value)| *to = *value);
                }
            }
            Ok(())
        })
    }

    /// Decodes `bytes`; `place` turns a position in `to` into one in the file's order.
    fn decode<E: Real>(&self, bytes: &[u8], to: &mut [E], place: impl Fn(usize) -> usize) -> Result<(), DataError> {
        let index = |at| unravel(place(at), &self.spec.shape, self.header.fortran_order);
        let label = || self.spec.label.clone();
        self.header.dtype.decode(bytes, to, index).map_err(|source| DataError::Overflow { label: label(), source })
    }

    /// Refuses what was read where the file is no longer the one that was opened.
    fn unchanged(&self) -> Result<(), DataError> {
        match Stamp::of(&self.file) {
            Ok(stamp) if stamp == self.stamp => Ok(()),
            Ok(_) => Err(DataError::Changed { label: self.spec.label.clone() }),
            Err(source) => Err(self.io(source)),
        }
    }

    fn io(&self, source: std::io::Error) -> DataError {
        DataError::read(&self.spec.label, source)
    }
}

/// The unit in which files lie in memory.
const PAGE: usize = 4096;

thread_local! {
    /// Bytes of a file before they are numbers.
    static BYTES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<E: Real> RowArray<E> for NpyRows {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        if to.is_empty() {
            return Ok(());
        }
        if self.header.fortran_order && self.spec.shape.len() > 1 {
            self.columns(rows, to)?;
        } else {
            self.elements(rows.start * row_len(&self.spec.shape), to)?;
        }
        self.unchanged()
    }
}

/// The place in row-major order of the element of a row that has number `at` in Fortran order.
fn row_major(mut at: usize, row: &[usize]) -> usize {
    let mut stride: usize = row.iter().product();
    row.iter().fold(0, |place, len| {
        stride /= len;
        let index = at % len;
        at /= len;
        place + index * stride
    })
}

/// A file that is written as its rows come.
struct NpyWriter<E> {
    partial: Partial,
    writer: BufWriter<File>,
    progress: Progress,
    element: PhantomData<E>,
}

impl<E: Real> NpyWriter<E> {
    fn create(path: &Path, shape: &[usize], replace: bool) -> Result<Self, DataError> {
        let (partial, file) = Partial::file(path, replace)?;
        let mut writer = BufWriter::new(file);
        writer.write_all(&header(descr::<E>(), shape)).map_err(|source| io(path.display(), source))?;
        let progress = Progress::new(path.display().to_string(), shape);
        Ok(Self { partial, writer, progress, element: PhantomData })
    }

    fn io(&self, source: std::io::Error) -> DataError {
        io(&self.progress.label, source)
    }
}

impl<E: Real> RowWriter<E> for NpyWriter<E> {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        self.progress.more(values.len())?;
        write_values(values, &mut self.writer).map_err(|source| self.io(source))
    }

    fn finish(mut self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        self.writer.flush().map_err(|source| self.io(source))?;
        let array = ArrayPath::of_file(self.partial.path());
        Ok(Written::new(self.partial, array))
    }
}
