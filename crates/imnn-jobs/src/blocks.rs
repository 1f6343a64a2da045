//! Blocks: the simulations of consecutive seeds in one file each, `{first}-{last}.npy`, in place of many small ones.
//!
//! Every simulation is made as a file of its own. Where all of a block are there or have failed, whoever comes to know it
//! writes them into one file, brings it to the disk, renames it, and only then removes the single ones. Whoever is killed in
//! between leaves simulations that are there twice, the same in both; the next that looks removes those of them that are in
//! the larger file. Between seeds that failed there are several smaller files, which are put together anew when the gaps
//! are filled, as a short last block is when there are more seeds. Files that reach beyond a block, of runs with
//! another size of it, are left as they are.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::num::NonZero;
use std::path::Path;

use imnn_io::FileError;
use imnn_io::atomic::{put, sync_folder};
use imnn_io::npy::{Header, Reader, header};

use crate::check::{Layout, open_item};
use crate::data_set::{DataSet, Status};
use crate::design::Vector;
use crate::disk::{remove, seeds};
use crate::failure::Fault;
use crate::session::{Session, remove_folder};
use crate::shelf::{Item, items};
use crate::{JobsError, Mark};

/// The first and the last seed of a block.
pub(crate) type Block = (u64, u64);

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is like the others.
    Good,
    /// It is no array of as many simulations as its name says.
    Damaged,
    /// It is an array, and not like the others.
    Other,
}

/// What is to be done so that the simulations of a block are in as few files as there can be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plan {
    write: Vec<Block>,
    remove: Vec<Item>,
}

/// What is to be done with the files of a block, or nothing as long as one of its simulations is missing.
fn plan(block: Block, files: &[(Item, Condition)], has_failed: impl Fn(u64) -> bool) -> Plan {
    let good = || files.iter().filter(|(_, condition)| *condition == Condition::Good).map(|(item, _)| *item);
    let len = usize::try_from(block.1 - block.0).unwrap_or(usize::MAX - 1) + 1;
    // Whether each seed is in a file to be put together, and whether it needs to be.
    let (mut inside, mut settled) = (vec![false; len], vec![false; len]);
    for item in good().filter(|item| item.overlaps(block)) {
        let (first, last) = item.seeds();
        for seed in first.max(block.0)..=last.min(block.1) {
            let at = (seed - block.0) as usize;
            inside[at] |= item.is_within(block);
            settled[at] |= !item.is_within(block);
        }
    }
    let mut runs: Vec<Block> = vec![];
    for (at, seed) in (block.0..=block.1).enumerate() {
        match runs.last_mut().filter(|(_, last)| last.checked_add(1) == Some(seed)) {
            _ if settled[at] => {}
            Some((_, last)) if inside[at] => *last = seed,
            None if inside[at] => runs.push((seed, seed)),
            _ if has_failed(seed) => {}
            _ => return Plan::default(),
        }
    }
    let is_run = |item: Item| matches!(item, Item::Block(first, last) if runs.contains(&(first, last)));
    let remove = files.iter().filter(|(item, condition)| {
        let is_in = |other: Item| other.width() > item.width() && item.is_within(other.seeds());
        let replaced = runs.iter().any(|&run| item.is_within(run)) || good().any(is_in);
        // What is damaged would be in the way of those who read; what is of another kind may be of use to somebody.
        let in_the_way = *condition == Condition::Damaged && runs.iter().any(|&run| item.overlaps(run));
        !is_run(*item) && (in_the_way || replaced && item.is_within(block))
    });
    let remove = remove.map(|(item, _)| *item).collect();
    let write = runs.iter().copied().filter(|&(first, last)| !good().any(|item| item == Item::Block(first, last)));
    Plan { write: write.collect(), remove }
}

impl DataSet {
    /// The block of a vector's seeds in which there is this place, as far as there are seeds.
    pub(crate) fn block(&self, vector: &Vector, size: NonZero<usize>, place: usize) -> Block {
        let first = place - place % size;
        let last = first.saturating_add(size.get() - 1).min(vector.n_seeds.saturating_sub(1));
        (self.seed(first), self.seed(last))
    }

    /// The blocks in which files are to be put together or to be removed.
    pub(crate) fn unpacked(&self, status: &Status, size: NonZero<usize>) -> Vec<(&Vector, Block)> {
        let mut unpacked = vec![];
        for (vector, of_vector) in self.vectors().iter().zip(&status.vectors) {
            let mut files = vec![vec![]; vector.n_seeds.div_ceil(size.get())];
            for &(item, condition) in &of_vector.files {
                let (first, last) = item.seeds();
                let all = (self.seed(0), self.seed(vector.n_seeds - 1));
                let place = |seed: u64| (seed.clamp(all.0, all.1) - all.0) as usize / size;
                files[place(first)..=place(last)].iter_mut().for_each(|files| files.push((item, condition)));
            }
            for (k, files) in files.iter().enumerate() {
                let block = self.block(vector, size, k * size.get());
                let has_failed = |seed| {
                    let place = self.place(vector, seed);
                    place.is_some_and(|place| of_vector.marks[place] == Mark::Failed)
                };
                if plan(block, files, has_failed) != Plan::default() {
                    unpacked.push((vector, block));
                }
            }
        }
        unpacked
    }

    /// Puts the simulations of a block together, if all are there or have failed; `fits` says whether one is as it should
    /// be. Nothing more is written when `stops` becomes true.
    ///
    /// # Errors
    /// A disk that cannot be read or written; all that was there is there then.
    pub(crate) fn pack(
        &self,
        vector: &Vector,
        block: Block,
        session: &Session,
        fits: &dyn Fn(&Layout) -> Result<(), Fault>,
        stops: &dyn Fn() -> bool,
    ) -> Result<(), JobsError> {
        let folder = self.root().join(&vector.name);
        let failed = seeds(&self.failed(vector), ".json")?;
        let mut files = vec![];
        for item in items(&folder)?.into_iter().filter(|item| item.overlaps(block)) {
            let condition = match open_item::<f64>(item, &item.path(&folder)) {
                Ok((layout, _)) if fits(&layout).is_ok() => Condition::Good,
                Ok(_) => Condition::Other,
                // Another process has put it into a block, or removed it, since the list was made.
                Err(_) if !item.path(&folder).exists() => continue,
                Err(_) => Condition::Damaged,
            };
            files.push((item, condition));
        }
        let plan = plan(block, &files, |seed| failed.binary_search(&seed).is_ok());
        for &run in &plan.write {
            let place = session.folder(&format!(".{}-{}-{}", vector.name, run.0, run.1))?;
            let out = place.join("block.npy");
            if !write(run, &files, &folder, &out, stops)? {
                // Another process has put them together, or is to go on.
                remove_folder(&place);
                return Ok(());
            }
            put(&out, Item::Block(run.0, run.1).path(&folder))?;
            remove_folder(&place);
        }
        if !plan.remove.is_empty() {
            // A block that was there already may not have come to the disk yet.
            sync_folder(&folder);
        }
        for item in plan.remove {
            let path = item.path(&folder);
            let was_damaged = files.contains(&(item, Condition::Damaged));
            if !was_damaged || open_item::<f64>(item, &path).is_err() {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Writes the simulations of these seeds, which the good of the files hold, into one file; says whether all were still
/// there, and written before everything was to stop.
fn write(
    (first, last): Block,
    files: &[(Item, Condition)],
    folder: &Path,
    to: &Path,
    stops: &dyn Fn() -> bool,
) -> Result<bool, FileError> {
    let failed = |error| FileError::of("write", to)(error);
    let mut out: Option<(BufWriter<File>, Header)> = None;
    let mut seed = first;
    while seed <= last && !stops() {
        // The one that holds most: of files that overlap it is the last that was put together.
        let good = files.iter().filter(|(item, condition)| *condition == Condition::Good && item.overlaps((seed, seed)));
        let Some(item) = good.map(|(item, _)| *item).max_by_key(|item| item.width()) else { return Ok(false) };
        let until = item.seeds().1.min(last);
        let path = item.path(folder);
        let copied = (|| {
            let mut source = Source::open(item, &path)?;
            if out.is_none() {
                let mut file = BufWriter::with_capacity(1 << 20, File::create(to)?);
                let n_rows = (last - first) as usize + 1;
                file.write_all(&header(&source.header.descr, &[&[n_rows], source.row()].concat()))?;
                out = Some((file, source.header.clone()));
            }
            let Some((file, of_first)) = &mut out else { return Ok(false) };
            let alike = source.header.descr == of_first.descr;
            source.copy((seed - item.seeds().0) as usize, (until - seed) as usize + 1, file)?;
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
        // Seeds end long before their type does.
        seed = until + 1;
    }
    match out.filter(|_| seed > last) {
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
        let index = imnn_io::text::unravel(k, shape, false);
        let at = index.iter().zip(shape).rev().fold(0, |at, (index, len)| at * len + index);
        rows.extend_from_slice(&bytes[at * size..(at + 1) * size]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use Condition::{Damaged, Good, Other};

    use super::*;
    use crate::design::tests::design;
    use crate::shelf::Item::{Block as Rows, Single};

    #[track_caller]
    fn check(files: &[(Item, Condition)], failed: &[u64], write: &[Block], remove: &[Item]) {
        let plan = plan((10, 14), files, |seed| failed.contains(&seed));
        assert_eq!(plan, Plan { write: write.to_vec(), remove: remove.to_vec() });
    }

    #[test]
    fn what_is_complete_is_put_together() {
        let singles = [10, 11, 12, 13, 14].map(|seed| (Single(seed), Good));
        let all = singles.map(|(item, _)| item);
        check(&singles, &[], &[(10, 14)], &all);
        // One is missing, or not as it should be.
        check(&singles[1..], &[], &[], &[]);
        check(&[&singles[1..], &[(Single(10), Other)]].concat(), &[], &[], &[]);
        check(&[&singles[..4], &[(Single(14), Damaged)]].concat(), &[], &[], &[]);
        check(&[], &[], &[], &[]);
        // Those that failed leave gaps.
        check(&singles[1..], &[10], &[(11, 14)], &all[1..]);
        check(&[singles[0], singles[1], singles[3]], &[12, 14], &[(10, 11), (13, 13)], &[all[0], all[1], all[3]]);
        check(&[], &[10, 11, 12, 13, 14], &[], &[]);
    }

    #[test]
    fn what_is_together_is_left() {
        check(&[(Rows(10, 14), Good)], &[], &[], &[]);
        check(&[(Rows(10, 14), Good), (Single(12), Good), (Rows(11, 13), Good)], &[], &[], &[Single(12), Rows(11, 13)]);
        check(&[(Rows(10, 12), Good), (Rows(13, 14), Good)], &[], &[(10, 14)], &[Rows(10, 12), Rows(13, 14)]);
        check(&[(Rows(10, 11), Good), (Rows(13, 14), Good)], &[12], &[], &[]);
    }

    #[test]
    fn what_reaches_beyond_the_block_is_left() {
        check(&[(Rows(5, 11), Good), (Single(12), Good), (Rows(13, 14), Good)], &[], &[(12, 14)], &[
            Single(12),
            Rows(13, 14),
        ]);
        check(&[(Rows(5, 20), Good)], &[], &[], &[]);
        check(&[(Rows(5, 20), Good), (Rows(10, 14), Good)], &[], &[], &[Rows(10, 14)]);
        check(&[(Rows(0, u64::MAX), Good), (Single(3), Good)], &[], &[], &[]);
    }

    #[test]
    fn what_is_damaged_is_replaced_and_what_is_other_is_left() {
        let singles = [10, 11, 13, 14].map(|seed| (Single(seed), Good));
        let all = singles.map(|(item, _)| item);
        let with = |item, condition| [&singles[..], &[(item, condition)]].concat();
        let removed = |item: &[Item]| [&all[..], item].concat();
        let runs = [(10, 11), (13, 14)];
        check(&with(Rows(10, 14), Damaged), &[12], &runs, &removed(&[Rows(10, 14)]));
        check(&with(Rows(3, 17), Damaged), &[12], &runs, &removed(&[Rows(3, 17)]));
        check(&with(Rows(10, 14), Other), &[12], &runs, &removed(&[]));
        check(&with(Single(12), Damaged), &[12], &runs, &removed(&[]));
        check(&with(Rows(13, 14), Damaged), &[12], &runs, &removed(&[]));
    }

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
            let index = imnn_io::text::unravel(k, shape, false);
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

    #[test]
    fn blocks_begin_at_the_first_seed() {
        let root = tempfile::tempdir().unwrap();
        let set = DataSet::create(root.path(), design()).unwrap();
        let block = |vector: usize, size, place| {
            set.block(&set.vectors()[vector], NonZero::new(size).unwrap(), place)
        };
        assert_eq!((block(0, 3, 0), block(0, 3, 2), block(0, 3, 3)), ((10, 12), (10, 12), (13, 13)));
        assert_eq!((block(1, 3, 1), block(0, usize::MAX, 3)), ((10, 11), (10, 13)));
    }
}
