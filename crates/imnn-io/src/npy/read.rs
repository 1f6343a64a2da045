//! The bytes of a `.npy` file, wherever they come from, as an array.

use std::io::{ErrorKind, Read};

use ndarray::{ArrayD, Axis, IxDyn, ShapeBuilder};
use num_traits::Float;

use super::{Header, NpyError};
use crate::text::unravel;

/// Reads one array from the bytes of a `.npy` file.
#[derive(Debug)]
pub struct Reader<R> {
    reader: R,
    len: u64,
    at_most: u64,
}

/// The bytes read at once; a multiple of every element's size.
const CHUNK: usize = 1 << 16;

impl<R: Read> Reader<R> {
    /// Bytes of which there should be `len`, header included.
    pub fn new(reader: R, len: u64) -> Self {
        Self { reader, len, at_most: len }
    }

    /// Bounds the memory that is taken in advance where `len` itself may be wrong: there can be no more bytes than these.
    pub fn at_most(self, bytes: u64) -> Self {
        Self { at_most: bytes.min(self.len), ..self }
    }

    /// Reads the array, or its first `n_rows` rows, in row-major order.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes; finite values beyond the range of `E` too.
    pub fn read<E: Float>(mut self, n_rows: Option<usize>) -> Result<ArrayD<E>, NpyError> {
        let header = self.header()?;
        self.values(&header, n_rows)
    }

    /// Reads the header and checks that there are as many bytes as it promises; the reader is then where the data start.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn header(&mut self) -> Result<Header, NpyError> {
        let header = Header::read(&mut self.reader)?;
        let found = self.len.saturating_sub(header.data_offset);
        if found == header.n_bytes() { Ok(header) } else { Err(header.wrong_length(found)) }
    }

    /// The next bytes, at most so many and as many as can be read: of elements that the header says are no numbers.
    pub fn peek(&mut self, n: u64) -> Vec<u8> {
        let mut bytes = vec![];
        // What cannot be read is left out: it is looked at to say more about another fault.
        let _ = self.reader.by_ref().take(n).read_to_end(&mut bytes);
        bytes
    }

    /// Reads the data behind the header.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn values<E: Float>(mut self, header: &Header, n_rows: Option<usize>) -> Result<ArrayD<E>, NpyError> {
        let size = header.dtype.size();
        let mut shape = header.shape.clone();
        // In Fortran order the first rows are spread over the whole file, which is then read.
        if let (Some(n_rows), false, Some(rows)) = (n_rows, header.fortran_order, shape.first_mut()) {
            *rows = n_rows.min(*rows);
        }
        let len: usize = shape.iter().product();
        let mut values: Vec<E> = Vec::new();
        let in_advance = len.min(usize::try_from(self.at_most).unwrap_or(usize::MAX) / size);
        values.try_reserve_exact(in_advance).map_err(|_| NpyError::Io(ErrorKind::OutOfMemory.into()))?;
        let found = self.some(header, 0, len, &mut values)?;
        if values.len() < len {
            return Err(header.wrong_length(found));
        }
        if shape == header.shape {
            self.end(header)?;
        }
        let order = IxDyn(&shape).set_f(header.fortran_order);
        let array = ArrayD::from_shape_vec(order, values).map_err(|error| NpyError::Header(error.to_string()))?;
        Ok(if header.fortran_order { rows_first(array, n_rows) } else { array })
    }

    /// Reads on where the reader is: as many of `n` elements as there are, the first of them number `first`, into `to`.
    ///
    /// Returns the bytes of data that there were up to there.
    ///
    /// # Errors
    /// If reading fails, and for finite values beyond the range of `E`.
    pub fn some<E: Float>(
        &mut self,
        header: &Header,
        first: usize,
        n: usize,
        to: &mut Vec<E>,
    ) -> Result<u64, NpyError> {
        to.clear();
        let size = header.dtype.size();
        let mut chunk = Vec::with_capacity(CHUNK);
        while to.len() < n {
            let wanted = (n - to.len()).min(CHUNK / size) * size;
            chunk.clear();
            let n_bytes = self.reader.by_ref().take(wanted as u64).read_to_end(&mut chunk)?;
            let done = to.len();
            if n_bytes < wanted {
                return Ok(((first + done) * size + n_bytes) as u64);
            }
            to.resize(done + wanted / size, E::zero());
            let index = |at| unravel(first + done + at, &header.shape, header.fortran_order);
            header.dtype.decode(&chunk, &mut to[done..], index)?;
        }
        Ok(((first + n) * size) as u64)
    }

    /// Refuses bytes behind the data; reading on to the end makes an archive compare its checksum.
    ///
    /// # Errors
    /// If there are more bytes, or the checksum of an archive is wrong.
    pub fn end(&mut self, header: &Header) -> Result<(), NpyError> {
        match self.reader.by_ref().take(1).read_to_end(&mut vec![])? {
            0 => Ok(()),
            _ => Err(header.wrong_length(header.n_bytes() + 1)),
        }
    }
}

/// The first rows of an array in Fortran order, in row-major order.
fn rows_first<E: Float>(mut array: ArrayD<E>, n_rows: Option<usize>) -> ArrayD<E> {
    if let (Some(n_rows), true) = (n_rows, array.ndim() > 0) {
        let n_rows = n_rows.min(array.len_of(Axis(0)));
        array.slice_axis_inplace(Axis(0), (0..n_rows).into());
    }
    array.as_standard_layout().into_owned()
}
