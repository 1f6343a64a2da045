//! The bytes of a `.npy` file, wherever they come from, as an array.

use std::io::{ErrorKind, Read};

use imnn_sim::Real;
use ndarray::{ArrayD, Axis, IxDyn, ShapeBuilder};

use super::header::{Header, HeaderError};
use crate::DataError;
use imnn_io::text::unravel;

/// The bytes of one `.npy` file.
pub(crate) struct Npy<R> {
    /// The file and key, for messages.
    pub(crate) label: String,
    pub(crate) reader: R,
    /// How many bytes there should be in all.
    pub(crate) len: u64,
    /// How many bytes there can be at most; bounds the memory taken in advance.
    pub(crate) at_most: u64,
}

impl<R: Read> Npy<R> {
    /// Reads the array, or its first `n_rows` rows, in row-major order.
    pub(crate) fn read<E: Real>(mut self, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        let header = self.header()?;
        self.values(header, n_rows)
    }

    /// Reads the header and checks that there are as many bytes as it promises; the reader is then where the data start.
    pub(crate) fn header(&mut self) -> Result<Header, DataError> {
        let header = self.any_header()?;
        let expected = header.n_bytes();
        let found = self.len.saturating_sub(header.data_offset);
        if found < expected {
            return Err(truncated(&self.label, header, found));
        }
        if found > expected {
            return Err(self.trailing(header, found));
        }
        Ok(header)
    }

    /// Reads the data behind the header.
    pub(crate) fn values<E: Real>(mut self, header: Header, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        let size = header.dtype.size();
        let mut shape = header.shape.clone();
        // In Fortran order the first rows are spread over the whole file, which is then read.
        if let (Some(n_rows), false, Some(rows)) = (n_rows, header.fortran_order, shape.first_mut()) {
            *rows = n_rows.min(*rows);
        }
        let all = shape == header.shape;
        let len: usize = shape.iter().product();
        let mut values: Vec<E> = Vec::new();
        let in_advance = len.min(usize::try_from(self.at_most).unwrap_or(usize::MAX) / size);
        values.try_reserve_exact(in_advance).map_err(|_| self.io(ErrorKind::OutOfMemory.into()))?;
        let mut chunk = [0; CHUNK];
        while values.len() < len {
            let wanted = (len - values.len()).min(CHUNK / size) * size;
            let n_bytes = fill(&mut self.reader, &mut chunk[..wanted]).map_err(|e| self.io(e))?;
            if n_bytes < wanted {
                let found = (values.len() * size + n_bytes) as u64;
                return Err(truncated(&self.label, header, found));
            }
            let done = values.len();
            values.resize(done + wanted / size, E::zero());
            let decoded = header.dtype.decode(&chunk[..wanted], &mut values[done..]);
            decoded.map_err(|(value, at)| DataError::Overflow {
                label: self.label.clone(),
                index: unravel(done + at, &shape, header.fortran_order),
                value,
                precision: E::NAME,
            })?;
        }
        if all {
            self.end(header.clone())?;
        }
        let order = IxDyn(&shape).set_f(header.fortran_order);
        let array = ArrayD::from_shape_vec(order, values)
            .map_err(|error| DataError::Header { label: self.label.clone(), reason: error.to_string() })?;
        Ok(if header.fortran_order { rows_first(array, n_rows) } else { array })
    }

    /// Reads on where the reader is: as many of `n` elements as there are, the first of them number `first`, into `to`.
    ///
    /// Returns the bytes of data that there were up to there.
    pub(crate) fn some<E: Real>(
        &mut self,
        header: &Header,
        first: usize,
        n: usize,
        to: &mut Vec<E>,
    ) -> Result<u64, DataError> {
        let size = header.dtype.size();
        let mut chunk = [0; CHUNK];
        to.clear();
        while to.len() < n {
            let wanted = (n - to.len()).min(CHUNK / size) * size;
            let n_bytes = fill(&mut self.reader, &mut chunk[..wanted]).map_err(|e| self.io(e))?;
            let done = to.len();
            if n_bytes < wanted {
                return Ok(((first + done) * size + n_bytes) as u64);
            }
            to.resize(done + wanted / size, E::zero());
            let decoded = header.dtype.decode(&chunk[..wanted], &mut to[done..]);
            decoded.map_err(|(value, at)| DataError::Overflow {
                label: self.label.clone(),
                index: unravel(first + done + at, &header.shape, header.fortran_order),
                value,
                precision: E::NAME,
            })?;
        }
        Ok(((first + n) * size) as u64)
    }

    /// Refuses bytes behind the data; reading on to the end makes an archive compare its checksum.
    pub(crate) fn end(&mut self, header: Header) -> Result<(), DataError> {
        let more = fill(&mut self.reader, &mut [0]).map_err(|e| self.io(e))?;
        if more == 0 {
            return Ok(());
        }
        let found = header.n_bytes() + 1;
        Err(self.trailing(header, found))
    }

    fn any_header(&mut self) -> Result<Header, DataError> {
        let label = self.label.clone();
        Header::read(&mut self.reader).map_err(|error| match error {
            HeaderError::Magic(found) => DataError::NotAnArray {
                label,
                advice: resembles(&found),
                found: match found.is_empty() {
                    true => "nothing (it is empty)".to_owned(),
                    false => found.escape_ascii().to_string(),
                },
            },
            HeaderError::Malformed(reason) => DataError::Header { label, reason },
            HeaderError::Dtype(dtype, advice) => DataError::Dtype { label, dtype, advice },
            HeaderError::Io(source) => self.io(source),
        })
    }

    fn trailing(&self, header: Header, found: u64) -> DataError {
        let expected = header.n_bytes();
        let Header { descr: dtype, shape, .. } = header;
        DataError::Trailing { label: self.label.clone(), dtype, shape, expected, found }
    }

    fn io(&self, source: std::io::Error) -> DataError {
        DataError::Io { action: "read", label: self.label.clone(), source }
    }
}

/// There are `found` bytes of data, fewer than the header promises.
pub(crate) fn truncated(label: &str, header: Header, found: u64) -> DataError {
    let expected = header.n_bytes();
    let Header { descr: dtype, shape, .. } = header;
    DataError::Truncated { label: label.to_owned(), dtype, shape, expected, found }
}

/// The bytes read at once; a multiple of every element's size.
const CHUNK: usize = 1 << 16;

/// Fills `bytes` as far as the reader goes and returns how far that is.
fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < bytes.len() {
        match reader.read(&mut bytes[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

/// The first rows of an array in Fortran order, in row-major order.
fn rows_first<E: Real>(mut array: ArrayD<E>, n_rows: Option<usize>) -> ArrayD<E> {
    if let (Some(n_rows), true) = (n_rows, array.ndim() > 0) {
        let n_rows = n_rows.min(array.len_of(Axis(0)));
        array.slice_axis_inplace(Axis(0), (0..n_rows).into());
    }
    array.as_standard_layout().into_owned()
}

/// What a file with these first bytes may be.
fn resembles(magic: &[u8]) -> &'static str {
    match magic {
        [0x89, b'H', b'D', b'F', ..] => "; this is an HDF5 file, save the array with np.save(file, h5py_dataset[:])",
        [b'P', b'K', ..] => "; this is a zip archive inside an archive",
        [b'S', b'I', b'M', b'P', b'L', b'E'] => "; this is a FITS file, save the array with np.save",
        [0x80, 2..=5, ..] => "; this is a Python pickle, save the array with np.save",
        [0x1f, 0x8b, ..] => "; this is gzipped, unpack it first",
        _ if !magic.is_empty() && magic.iter().all(|&b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => {
            "; if it is text, convert it with np.save('file.npy', np.loadtxt('file'))"
        }
        _ => "",
    }
}
