//! Copies simulations into one file, as they are.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use imnn_io::FileError;
use imnn_io::npy::{Header, Reader, header};
use imnn_io::text::unravel;

use crate::shelf::{Block, Condition, Item};

/// Writes the simulations of these seeds, which the good of the files hold, into one file; says whether all were still
/// there, and written before everything was to stop.
pub(super) fn write(
    (first, last): Block,
    files: &[(Item, Condition)],
    folder: &Path,
    to: &Path,
    stops: &dyn Fn() -> bool,
) -> Result<bool, FileError> {
    let failed = |error| FileError::of("write", to)(error);
    let mut out: Option<(BufWriter<File>, Header)> = None;
    // The one that holds most has each seed: of files that overlap it is the last that was put together.
    let mut good: Vec<Item> = files.iter().filter(|file| file.1 == Condition::Good).map(|(item, _)| *item).collect();
    good.sort_by_key(|item| item.width());
    let mut items = vec![None; (last - first) as usize + 1];
    for item in good.into_iter().filter(|item| item.overlaps((first, last))) {
        let (from, to) = item.seeds();
        items[(from.max(first) - first) as usize..=(to.min(last) - first) as usize].fill(Some(item));
    }
    let mut at = 0;
    while at < items.len() && !stops() {
        let Some(item) = items[at] else { return Ok(false) };
        let n = items[at..].iter().take_while(|&&other| other == Some(item)).count();
        let path = item.path(folder);
        let copied = (|| {
            let mut source = Source::open(item, &path)?;
            if out.is_none() {
                let mut file = BufWriter::with_capacity(1 << 20, File::create(to)?);
                file.write_all(&header(&source.header.descr, &[&[items.len()], source.row()].concat()))?;
                out = Some((file, source.header.clone()));
            }
            let Some((file, of_first)) = &mut out else { return Ok(false) };
            let alike = source.header.descr == of_first.descr;
            source.copy((first + at as u64 - item.seeds().0) as usize, n, file)?;
            Ok::<bool, std::io::Error>(alike)
        })();
        match copied {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound && to.parent().is_some_and(Path::exists) => {
                return Ok(false);
            }
            Err(error) => return Err(failed(error)),
        }
        at += n;
    }
    match out.filter(|_| at == items.len()) {
        Some((mut file, _)) => file.flush().map(|()| true).map_err(failed),
        None => Ok(false),
    }
}

/// A file of which rows are copied as they are, so that a block has the bits and the type of its simulations.
struct Source {
    header: Header,
    file: BufReader<File>,
    several: bool,
}

impl Source {
    fn open(item: Item, path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut reader = Reader::new(&file, len);
        let header = reader.header().map_err(std::io::Error::other)?;
        Ok(Self { header, file: BufReader::new(file), several: matches!(item, Item::Block(..)) })
    }

    /// The shape of a simulation.
    fn row(&self) -> &[usize] {
        &self.header.shape[usize::from(self.several)..]
    }

    /// Copies `n` simulations, row-major, from number `first`.
    fn copy(&mut self, first: usize, n: usize, to: &mut impl Write) -> std::io::Result<()> {
        let len = self.row().iter().product::<usize>() * self.header.dtype.size();
        let (start, bytes) = ((first * len) as u64, (n * len) as u64);
        let cut = || std::io::Error::new(ErrorKind::UnexpectedEof, "a simulation is shorter than it was");
        let start_of_data = self.header.data_offset;
        if self.header.fortran_order && self.header.shape.len() > 1 {
            let mut all = vec![0; self.header.n_bytes() as usize];
            self.file.seek(SeekFrom::Start(start_of_data))?;
            self.file.read_exact(&mut all)?;
            let rows = row_major(&all, &self.header.shape, self.header.dtype.size());
            return to.write_all(rows.get(first * len..(first + n) * len).ok_or_else(cut)?);
        }
        self.file.seek(SeekFrom::Start(start_of_data + start))?;
        let copied = std::io::copy(&mut (&mut self.file).take(bytes), to)?;
        if copied == bytes { Ok(()) } else { Err(cut()) }
    }
}

/// The elements of an array in Fortran order, `size` bytes each, in row-major order.
fn row_major(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut rows = Vec::with_capacity(bytes.len());
    for k in 0..bytes.len() / size {
        let index = unravel(k, shape, false);
        let at = index.iter().zip(shape).rev().fold(0, |at, (index, len)| at * len + index);
        rows.extend_from_slice(&bytes[at * size..(at + 1) * size]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataSet;
    use crate::design::tests::design;
    use crate::session::Session;

    /// Files of these arrays, in rows of 2 x 3 elements of two bytes that count up, as programs of other languages may
    /// write them.
    fn raw(folder: &Path, name: &str, shape: &[usize], fortran: bool, start: u16) {
        let mut bytes = header(">i2", shape);
        if fortran {
            let at = bytes.windows(5).position(|part| part == b"False").unwrap();
            bytes[at..at + 5].copy_from_slice(b"True ");
        }
        let n: usize = shape.iter().product();
        let mut values = vec![0_u16; n];
        for k in 0..n {
            let index = unravel(k, shape, false);
            let at = index.iter().zip(shape).rev().fold(0, |at, (index, len)| at * len + index);
            values[if fortran { at } else { k }] = start + k as u16;
        }
        bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    #[test]
    fn types_and_bits_are_kept_whatever_the_order() {
        let root = tempfile::tempdir().unwrap();
        let set = DataSet::create(root.path(), design()).unwrap();
        let folder = set.root().join("fiducial");
        raw(&folder, "10.npy", &[2, 3], true, 0);
        raw(&folder, "11-12.npy", &[2, 2, 3], true, 6);
        raw(&folder, "13.npy", &[2, 3], false, 18);
        let session = Session::begin(set.root()).unwrap();
        let block = (10, 13);
        set.pack(&set.vectors()[0], block, &session, &|_| Ok(()), &|| true).unwrap();
        assert!(folder.join("13.npy").exists() && !folder.join("10-13.npy").exists());
        set.pack(&set.vectors()[0], block, &session, &|_| Ok(()), &|| false).unwrap();
        assert_eq!(imnn_io::folder::names(&folder).unwrap(), ["10-13.npy"]);
        raw(root.path(), "expected", &[4, 2, 3], false, 0);
        let read = |path: std::path::PathBuf| std::fs::read(path).unwrap();
        assert_eq!(read(folder.join("10-13.npy")), read(root.path().join("expected")));
    }
}
