//! Arrays copied from one kind of file into another, in bounded memory.

mod shape;

use imnn_data::writing::{ArchiveWriter, RowWriter, WriteOptions, create_rows};
use imnn_data::{ArrayPath, ArrayReader, DataError, RowOptions, Visit, arrays, pieces};
use imnn_sim::Real;

use crate::inspect::{self, Meaning};

/// How an array is copied.
///
/// What is written is read again and compared before it is put in its place. Values are those of the
/// array that is read; one that the type asked for cannot hold is an error.
///
/// ```
/// use imnn_data::{ArrayPath, arrays};
/// use imnn_tools::Conversion;
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| ArrayPath::from(folder.path().join(name));
/// let x = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
/// arrays::write_npy(path("x.npy").file(), x.view())?;
///
/// let done = Conversion::default().run(&path("x.npy"), &path("rows/{seed}.npy"))?;
/// assert_eq!(done.shape, [2, 2]);
/// assert_eq!(arrays::read::<f64>(&path("rows/1.npy"))?, array![3.0, 4.0].into_dyn());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conversion {
    /// The type that is written; by default single precision where that holds the values as well as the file, and double
    /// where it does not.
    pub element: Option<Element>,
    /// The shape of one simulation, where it is to differ from the file's: `(n, *input)`, `(n, 2, n_params, *input)` or
    /// `(n, *input, n_params)`.
    pub input_shape: Option<Vec<usize>>,
    /// What the array is; it decides on the layout of TFRecord files, and of other shapes where these are not clear.
    pub meaning: Option<Meaning>,
    /// The level of gzip compression of HDF5 files, 1 to 9; none by default.
    pub gzip: Option<u8>,
    /// The bytes of a chunk of HDF5 files; 1 MiB by default.
    pub chunk: usize,
    /// Whether what is there already is replaced; never TFRecord files.
    pub replace: bool,
    /// Whether what was written is read again and compared.
    pub verify: bool,
    /// How the array is opened.
    pub rows: RowOptions,
}

/// A type of numbers that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Converted {
    /// What it was read from.
    pub from: ArrayPath,
    /// Where it is.
    pub to: ArrayPath,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its type.
    pub element: Element,
    /// Whether it was read again and compared.
    pub compared: bool,
}

impl Default for Conversion {
    fn default() -> Self {
        Self {
            element: None,
            input_shape: None,
            meaning: None,
            gzip: None,
            chunk: 1 << 20,
            replace: false,
            verify: true,
            rows: RowOptions::default(),
        }
    }
}

/// An array on its way.
struct Job<'a> {
    from: &'a ArrayPath,
    to: &'a ArrayPath,
    shape: Vec<usize>,
    seeds: Option<Vec<u64>>,
    dtype: String,
    settings: &'a Conversion,
}

impl Conversion {
    /// Copies an array.
    ///
    /// # Errors
    /// If it cannot be read or written, holds values that the type asked for cannot, or does not read back as it was
    /// written.
    pub fn run(&self, from: &ArrayPath, to: &ArrayPath) -> Result<Converted, DataError> {
        let mut reader = ArrayReader::default();
        let (job, element) = self.job(&mut reader, from, to)?;
        match element {
            Element::F32 => job.run::<f32>(&mut reader)?,
            Element::F64 => job.run::<f64>(&mut reader)?,
        }
        let (from, to) = (from.clone(), to.clone());
        Ok(Converted { from, to, shape: job.shape, element, compared: self.verify })
    }

    /// Copies all arrays of an archive into another, without compression.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_archive(&self, from: &ArrayPath, to: &ArrayPath) -> Result<Vec<Converted>, DataError> {
        let mut archive = ArchiveWriter::create(to.file(), self.replace)?;
        // One for what is read and one for what was written: the directory of each is read once for all arrays.
        let (mut reader, mut back) = (ArrayReader::default(), ArrayReader::default());
        let mut done = vec![];
        for key in arrays::keys(from.file())? {
            let one = ArrayPath::with_key(from.file(), &key);
            let target = ArrayPath::with_key(to.file(), &key);
            let (job, element) = self.job(&mut reader, &one, &target)?;
            match element {
                Element::F32 => job.add::<f32>(&mut reader, &mut archive, &key)?,
                Element::F64 => job.add::<f64>(&mut reader, &mut archive, &key)?,
            }
            let shape = job.shape;
            done.push(Converted { from: one, to: target, shape, element, compared: self.verify });
        }
        let written = archive.end()?;
        for of in done.iter().filter(|_| self.verify) {
            let at = ArrayPath::with_key(written.array().file(), of.to.key().unwrap_or_default());
            match of.element {
                Element::F32 => self.compare::<f32>((&mut reader, &of.from), (&mut back, &at), &of.to)?,
                Element::F64 => self.compare::<f64>((&mut reader, &of.from), (&mut back, &at), &of.to)?,
            }
        }
        written.keep()?;
        Ok(done)
    }

    fn job<'a>(
        &'a self,
        reader: &mut ArrayReader,
        from: &'a ArrayPath,
        to: &'a ArrayPath,
    ) -> Result<(Job<'a>, Element), DataError> {
        // What is compressed is not unpacked to be asked for its shape; seeds are known where it is opened.
        let known = if reader.has_seeds(from)? { None } else { reader.info(from).ok() };
        let (shape, dtype, seeds) = match known {
            Some(info) => (info.shape, info.dtype, None),
            None => {
                let array = reader.open_rows::<f64>(from, &self.rows)?;
                (array.shape().to_vec(), array.dtype().to_owned(), array.seeds().map(<[u64]>::to_vec))
            }
        };
        let single = inspect::fits_single(&dtype);
        let element = self.element.unwrap_or(if single { Element::F32 } else { Element::F64 });
        let shape = match &self.input_shape {
            Some(input) => shape::viewed(from, &shape, input, self.meaning)?,
            None => shape,
        };
        Ok((Job { from, to, shape, seeds, dtype, settings: self }, element))
    }

    /// Compares an array, row by row, with what was written of it at `at`; `to` is what messages call that.
    fn compare<E: Real>(
        &self,
        (reader, from): (&mut ArrayReader, &ArrayPath),
        (back, at): (&mut ArrayReader, &ArrayPath),
        to: &ArrayPath,
    ) -> Result<(), DataError> {
        let unlike = |row| {
            DataError::unusable(
                to,
                format!("row {row} could not be verified after writing and was removed; check the disk"),
            )
        };
        let written = back.open_rows::<E>(at, &self.rows)?;
        let Some(&n_rows) = written.shape().first() else {
            // One number; there are no rows to read.
            let (a, b) = (reader.read::<E>(from)?, back.read::<E>(at)?);
            return if a.iter().zip(&b).all(|(a, b)| same(*a, *b)) { Ok(()) } else { Err(unlike(0)) };
        };
        let len: usize = written.shape()[1..].iter().product();
        let (mut values_back, mut seen) = (vec![], 0);
        reader.for_each_rows::<E>(from, &self.rows, &mut |first, values| {
            let n = values.len().checked_div(len).unwrap_or(0);
            if first + n > n_rows || n * len != values.len() {
                return Err(unlike(n_rows));
            }
            for rows in pieces::<E>(first..first + n, len) {
                let start = rows.start;
                values_back.resize(rows.len() * len, E::zero());
                written.read(rows, &mut values_back)?;
                let values = &values[(start - first) * len..][..values_back.len()];
                if let Some(at) = values.iter().zip(&values_back).position(|(a, b)| !same(*a, *b)) {
                    return Err(unlike(start + at / len));
                }
            }
            seen = first + n;
            Ok(())
        })?;
        if len > 0 && seen != n_rows { Err(unlike(seen)) } else { Ok(()) }
    }
}

impl Job<'_> {
    fn run<E: Real>(&self, reader: &mut ArrayReader) -> Result<(), DataError> {
        let Conversion { replace, gzip, chunk, meaning, .. } = *self.settings;
        let numerical = meaning == Some(Meaning::Numerical);
        let options = WriteOptions { replace, seeds: self.seeds.clone(), numerical, gzip, chunk };
        let mut writer = create_rows::<E>(self.to, &self.shape, &options)?;
        self.each::<E>(reader, &mut |_, values| writer.write(values))?;
        let written = writer.finish()?;
        if self.settings.verify {
            let back = &mut ArrayReader::default();
            self.settings.compare::<E>((reader, self.from), (back, written.array()), self.to)?;
        }
        written.keep()
    }

    fn add<E: Real>(&self, reader: &mut ArrayReader, archive: &mut ArchiveWriter, key: &str) -> Result<(), DataError> {
        archive.begin::<E>(key, &self.shape)?;
        self.each::<E>(reader, &mut |_, values| archive.write(values))
    }

    /// Goes through the array; whole numbers that would be rounded are refused.
    fn each<E: Real>(&self, reader: &mut ArrayReader, visit: &mut Visit<'_, E>) -> Result<(), DataError> {
        let long = self.dtype.ends_with("i8") || self.dtype.ends_with("u8");
        let limit = E::of(if size_of::<E>() == 4 { 2f64.powi(24) } else { 2f64.powi(53) });
        reader.for_each_rows::<E>(self.from, &self.settings.rows, &mut |first, values| {
            // A limit that is reached may have been rounded to.
            if long && self.settings.element.is_none() && values.iter().any(|value| value.abs() >= limit) {
                let reason = format!(
                    "{} has whole numbers of more than 53 bits, which floating-point numbers do not hold; ask for f64 to have them rounded",
                    self.from
                );
                return Err(DataError::target(self.to, reason));
            }
            visit(first, values)
        })
    }
}

/// Whether two numbers have the same bits, or are both NaN.
fn same<E: Real>(a: E, b: E) -> bool {
    a.f64().to_bits() == b.f64().to_bits() || (a.is_nan() && b.is_nan())
}
