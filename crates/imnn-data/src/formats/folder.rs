//! Folders with one simulation in each file, or several.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::ops::Range;
use std::path::Path;

use imnn_io::Partial;
use imnn_io::folder::names_if_there;
use imnn_io::npy::{descr, header, write_values};
use imnn_io::stamp::Stamp;
use imnn_sim::Real;

use super::alike;
use super::format::{RowOptions, RowShape};
use super::open_file;
use super::writing::{Progress, RowWriter, WriteOptions, Written, io};
use crate::rows::{Numbered, Pattern, RowArray, RowSpec, check_read, row_len};
use crate::{ArrayPath, DataError};

/// The files of a pattern as the rows of one array, in the order of their seeds.
///
/// A seed that is in several files is read from the one that holds most: files of several rows are put together from
/// smaller ones, which are there a moment longer and hold the same. One file is open at a time, whatever their number.
pub(super) struct Folder {
    pattern: Pattern,
    spec: RowSpec,
    parts: Vec<Part>,
    /// For each row its part, and its place in that.
    places: Vec<(usize, usize)>,
    options: RowOptions,
}

/// A file.
struct Part {
    digits: Box<str>,
    stamp: Stamp,
    /// How many rows it has; without it the whole of the file is one.
    n_rows: Option<usize>,
}

/// A file whose name says that it holds more is not of simulations.
const MOST: u64 = 1 << 24;

impl Folder {
    /// Opens each file once and compares them; those that are damaged are left out where that is asked for.
    pub(super) fn open<E: Real>(pattern: Pattern, options: &RowOptions) -> Result<Self, DataError> {
        let numbers = pattern.of_files()?;
        let spec = RowSpec { label: pattern.label().to_owned(), ..RowSpec::default() };
        let parts = Vec::with_capacity(numbers.len());
        let mut folder = Self { spec, parts, places: vec![], options: *options, pattern };
        let mut rows = Vec::with_capacity(numbers.len());
        let mut damage = None;
        for Numbered { seed, last, digits } in numbers {
            let path = folder.pattern.path(&digits);
            let stamp = stamp(path.file())?;
            let array = match open_file::<E>(&path, RowShape::AsStored, options) {
                Err(error)
                    if options.skip_damaged && error.is_damage() && last.is_none_or(|last| last - seed < MOST) =>
                {
                    folder.spec.damaged.extend(seed..=last.unwrap_or(seed));
                    damage.get_or_insert(error);
                    continue;
                }
                array => array?,
            };
            let n_rows = last.map(|last| several(&*array, last - seed)).transpose()?;
            let part = Part { digits, stamp, n_rows };
            if folder.parts.is_empty() {
                let shape = array.shape()[usize::from(n_rows.is_some())..].to_vec();
                folder.spec.shape = [&[0], alike::row(&*array, &shape)?].concat();
                folder.spec.dtype = array.dtype().to_owned();
            }
            folder.check(&*array, &part)?;
            let n = n_rows.unwrap_or(1);
            rows.extend((0..n).map(|row| (seed + row as u64, Reverse(n), folder.parts.len(), row)));
            folder.parts.push(part);
        }
        if let Some(error) = damage.filter(|_| rows.is_empty()) {
            return Err(error);
        }
        rows.sort_unstable();
        rows.dedup_by_key(|(seed, ..)| *seed);
        folder.spec.shape[0] = rows.len();
        folder.spec.seeds = Some(rows.iter().map(|(seed, ..)| *seed).collect());
        folder.places = rows.into_iter().map(|(.., part, row)| (part, row)).collect();
        // What was checked now is not checked again: a file that changes is refused.
        folder.options.checksums = false;
        Ok(folder)
    }

    fn path(&self, part: &Part) -> ArrayPath {
        self.pattern.path(&part.digits)
    }

    /// Refuses an array that is not like the first.
    fn check<E: Real>(&self, array: &dyn RowArray<E>, part: &Part) -> Result<(), DataError> {
        let shape: Vec<usize> = part.n_rows.into_iter().chain(self.spec.shape[1..].iter().copied()).collect();
        alike::check(array, &shape, &self.spec.dtype, || self.path(self.parts.first().unwrap_or(part)))
    }

    /// How many of `rows`, from the first, follow each other in one part, with the part and the place of the first.
    fn together(&self, rows: Range<usize>) -> (usize, usize, usize) {
        let places = &self.places[rows];
        let (part, first) = places[0];
        let n = places.iter().enumerate().take_while(|&(k, place)| *place == (part, first + k)).count();
        (n, part, first)
    }
}

/// The number of rows of a file whose name says that it is one more than `more`.
fn several<E: Real>(array: &dyn RowArray<E>, more: u64) -> Result<usize, DataError> {
    let shape = array.shape();
    let n_rows = shape.first().copied().unwrap_or(0);
    if n_rows as u64 != more.saturating_add(1) || shape.contains(&0) {
        let expected = format!("{} rows, as its name says", more.saturating_add(1));
        let advice = "name a file of several rows after the first and the last seed of them, as 0-999.npy";
        return Err(DataError::shape(array.label(), shape, expected, advice));
    }
    Ok(n_rows)
}

impl<E: Real> RowArray<E> for Folder {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn element(&self, index: &[usize]) -> String {
        let [row, rest @ ..] = index else { return format!("{}{index:?}", self.spec.label) };
        let Some(&(part, place)) = self.places.get(*row) else { return format!("{}{index:?}", self.spec.label) };
        let part = &self.parts[part];
        match part.n_rows {
            None => format!("{}{rest:?}", self.path(part)),
            Some(_) => format!("{}{:?}", self.path(part), [&[place], rest].concat()),
        }
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let len = row_len(&self.spec.shape);
        let mut next = rows.start;
        while next < rows.end {
            let (n, part, first) = self.together(next..rows.end);
            let part = &self.parts[part];
            let path = self.path(part);
            let array = open_file::<E>(&path, RowShape::AsStored, &self.options)?;
            self.check(&*array, part)?;
            let of_file = part.n_rows.map_or(0..self.spec.shape[1], |_| first..first + n);
            array.read(of_file, &mut to[(next - rows.start) * len..][..n * len])?;
            if stamp(path.file())? != part.stamp {
                return Err(DataError::Changed { label: path.to_string() });
            }
            next += n;
        }
        Ok(())
    }
}

fn stamp(file: &Path) -> Result<Stamp, DataError> {
    std::fs::metadata(file).map(Stamp::from).map_err(|source| DataError::read(file.display(), source))
}

/// A folder with a `.npy` file for each row, written as the rows come.
pub(super) struct FolderWriter<E> {
    partial: Partial,
    pattern: Pattern,
    seeds: Option<Vec<u64>>,
    progress: Progress,
    row_len: usize,
    file: Option<BufWriter<File>>,
    element: PhantomData<E>,
}

impl<E: Real> FolderWriter<E> {
    pub(super) fn create(pattern: Pattern, shape: &[usize], options: &WriteOptions) -> Result<Self, DataError> {
        let refuse = |reason: String| DataError::target(pattern.label(), reason);
        if pattern.has_several() {
            return Err(refuse("files of several rows are read and not written; write folder/{seed}.npy".to_owned()));
        }
        if !pattern.numbers_files(".npy") {
            return Err(refuse("one file for each row is written as folder/{seed}.npy".to_owned()));
        }
        let row_len = shape.iter().skip(1).product();
        if shape.len() < 2 || row_len == 0 || shape[0] == 0 {
            return Err(refuse(format!("an array of shape {shape:?} has no rows to be files of their own")));
        }
        if let Some(seeds) = options.seeds.as_ref().filter(|seeds| seeds.len() != shape[0]) {
            return Err(refuse(format!("{} seeds for {} rows", seeds.len(), shape[0])));
        }
        if options.replace {
            only_rows(&pattern)?;
        }
        let partial = Partial::folder(pattern.folder(), options.replace)?;
        let progress = Progress::new(pattern.label().to_owned(), shape);
        let seeds = options.seeds.clone();
        Ok(Self { partial, pattern, seeds, progress, row_len, file: None, element: PhantomData })
    }

    /// The file of the row that comes next.
    fn begin(&self) -> Result<BufWriter<File>, DataError> {
        let row = self.progress.done / self.row_len;
        let seed = self.seeds.as_ref().map_or(row as u64, |seeds| seeds[row]);
        let path = self.partial.path().join(self.pattern.name(seed));
        let file = File::create_new(&path).map_err(|source| io(path.display(), source))?;
        let mut file = BufWriter::new(file);
        file.write_all(&header(descr::<E>(), &self.progress.shape[1..]))
            .map_err(|source| io(path.display(), source))?;
        Ok(file)
    }
}

impl<E: Real> RowWriter<E> for FolderWriter<E> {
    fn write(&mut self, mut values: &[E]) -> Result<(), DataError> {
        if values.len() > self.progress.len - self.progress.done {
            return self.progress.more(values.len());
        }
        while !values.is_empty() {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => self.begin()?,
            };
            let left = self.row_len - self.progress.done % self.row_len;
            let (now, rest) = values.split_at(left.min(values.len()));
            write_values(now, &mut file).map_err(|source| io(self.pattern.label(), source))?;
            self.progress.more(now.len())?;
            values = rest;
            if now.len() == left {
                file.flush().map_err(|source| io(self.pattern.label(), source))?;
            } else {
                self.file = Some(file);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        let array = self.pattern.within(self.partial.path());
        Ok(Written::new(self.partial, array))
    }
}

/// Refuses to replace a folder in which there is anything but the files of a pattern.
fn only_rows(pattern: &Pattern) -> Result<(), DataError> {
    let folder = pattern.folder().display();
    let names = names_if_there(pattern.folder()).map_err(|source| DataError::read(&folder, source))?;
    let Some(name) = names.iter().find(|name| pattern.digits(name).is_none()) else { return Ok(()) };
    let reason = format!(
        "{folder} is not replaced, since \"{name}\" in it is not a file of the pattern; move it away, or choose another folder"
    );
    Err(DataError::target(pattern.label(), reason))
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, Axis, IxDyn, Slice};

    use super::alike::ALIKE;
    use super::*;
    use crate::{arrays, open_rows};

    /// Rows 0 to 11 of maps, in files of these first and last ones; a file of one row is that row.
    fn folder(files: &[(usize, usize)]) -> (tempfile::TempDir, ArrayD<f64>) {
        let folder = tempfile::tempdir().unwrap();
        let all = ArrayD::from_shape_fn(IxDyn(&[12, 2, 3]), |index| (100 * index[0] + 10 * index[1] + index[2]) as f64);
        for &(first, last) in files {
            let rows = all.slice_axis(Axis(0), Slice::from(first..=last));
            arrays::write_npy(folder.path().join(format!("{first}-{last}.npy")), rows).unwrap();
        }
        (folder, all)
    }

    fn opened(folder: &tempfile::TempDir) -> Result<Box<dyn RowArray<f64>>, DataError> {
        open_rows(&ArrayPath::from("{seeds}.npy").resolve(folder.path()), &RowOptions::default())
    }

    #[test]
    fn files_of_several_rows_are_read_as_files_of_one_are() {
        let (folder, all) = folder(&[(0, 3), (4, 4), (6, 10)]);
        arrays::write_npy(folder.path().join("11.npy"), all.index_axis(Axis(0), 11)).unwrap();
        let array = opened(&folder).unwrap();
        let seeds = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11];
        assert_eq!((array.shape(), array.seeds()), (&[11, 2, 3][..], Some(&seeds[..])));
        for rows in [0..11, 2..6, 3..4, 9..11, 5..5] {
            let mut found = vec![f64::NAN; rows.len() * 6];
            array.read(rows.clone(), &mut found).unwrap();
            let expected: Vec<f64> =
                seeds[rows].iter().flat_map(|&seed| all.index_axis(Axis(0), seed as usize).to_owned()).collect();
            assert_eq!(found, expected);
        }
        assert!(array.element(&[6, 1, 2]).ends_with("6-10.npy[1, 1, 2]"), "{}", array.element(&[6, 1, 2]));
        assert!(array.element(&[10, 1, 2]).ends_with("11.npy[1, 2]"), "{}", array.element(&[10, 1, 2]));
    }

    #[test]
    fn what_a_file_was_put_together_from_may_be_there() {
        // Nested, and overlapping; the single file would be seen, as its values are others.
        let (folder, all) = folder(&[(0, 11), (0, 3), (2, 7)]);
        arrays::write_npy(folder.path().join("5.npy"), ArrayD::<f64>::zeros(IxDyn(&[2, 3])).view()).unwrap();
        let array = opened(&folder).unwrap();
        assert_eq!(array.shape(), [12, 2, 3]);
        let mut found = vec![0.0; 72];
        array.read(0..12, &mut found).unwrap();
        assert_eq!(found, all.into_raw_vec_and_offset().0);
    }

    #[test]
    fn other_files_of_several_rows_are_refused() {
        let refuses = |folder: &tempfile::TempDir, part: &str| {
            let message = opened(folder).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        };
        let (folder, all) = folder(&[(0, 3), (4, 7)]);
        let name = |name: &str| folder.path().join(name);
        std::fs::rename(name("4-7.npy"), name("4-8.npy")).unwrap();
        refuses(&folder, "expected 5 rows, as its name says");
        std::fs::rename(name("4-8.npy"), name("0-18446744073709551615.npy")).unwrap();
        refuses(&folder, "expected 18446744073709551615 rows, as its name says");
        std::fs::remove_file(name("0-18446744073709551615.npy")).unwrap();
        arrays::write_npy(name("8-9.npy"), all.slice_axis(Axis(0), Slice::from(0..2)).remove_axis(Axis(1))).unwrap();
        refuses(&folder, ALIKE);
        let bytes = std::fs::read(name("0-3.npy")).unwrap();
        std::fs::write(name("8-9.npy"), &bytes[..bytes.len() - 1]).unwrap();
        refuses(&folder, "truncated");
        std::fs::remove_file(name("8-9.npy")).unwrap();
        let array = opened(&folder).unwrap();
        std::fs::write(name("0-3.npy"), &bytes[..bytes.len() - 1]).unwrap();
        assert!(array.read(0..1, &mut [0.0; 6]).is_err());
    }
}
