//! `.npz` archives of numpy: arrays that are stored are read by rows, compressed ones as a whole.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use imnn_io::npz::{Archive, Member as Stored};
use imnn_io::stamp::Stamp;
use imnn_sim::Real;
use ndarray::ArrayD;

use super::archive_writer::ArchiveWriter;
use super::foreign;
use super::format::{
    ArrayInfo, Created, Format, Location, Member, Opened as OpenedRows, RowOptions, RowShape, Shelf, Visit,
};
use super::npy::{NpyRows, described, info};
use super::writing::WriteOptions;
use crate::file::{Opened, open};
use crate::rows::{HeldRows, pieces, row_len};
use crate::{ArrayPath, DataError};

pub(crate) struct Npz;

impl Format for Npz {
    const ENDINGS: &'static [&'static str] = &["npz"];
    const NAME: &'static str = "npz";
    const TARGET: Option<&'static str> = Some("file.npz:key");

    fn starts(start: &[u8]) -> bool {
        start.starts_with(b"PK")
    }

    fn rows<E: Real>(at: &Location<'_>, _: RowShape<'_>, options: &RowOptions) -> OpenedRows<E> {
        OpenArchive::open(&at.file)?.rows(at.key, at.path, options)
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        let mut archive = OpenArchive::open(&at.file)?;
        if at.key.is_some() {
            return Ok(vec![Member::Array(archive.info(at.key, at.path)?)]);
        }
        let members = archive.archive.keys().to_vec().into_iter().map(|key| {
            let path = ArrayPath::with_key(&at.file, &key);
            let info = archive.info(Some(&key), &path);
            Member::of(path, info)
        });
        Ok(members.collect())
    }

    fn keys(file: &Path) -> Result<Option<Vec<String>>, DataError> {
        Ok(Some(OpenArchive::open(file)?.keys().to_vec()))
    }

    fn shelf<E: Real>(file: &Path, group: &str) -> Result<Option<Box<dyn Shelf<E>>>, DataError> {
        let archive = OpenArchive::open(file)?;
        let before = if group.is_empty() { String::new() } else { format!("{group}/") };
        let inside = archive.keys().iter().filter_map(|key| key.strip_prefix(&before));
        let mut names: Vec<String> = inside.map(|key| key.split('/').next().unwrap_or(key).to_owned()).collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(DataError::key_needed(file, archive.keys()));
        }
        Ok(Some(Box::new(NpzGroup { archive: Mutex::new(archive), names })))
    }

    fn read<E: Real>(at: &Location<'_>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        OpenArchive::open(&at.file)?.read(at.key, at.path, n_rows)
    }

    fn pass<E: Real>(at: &Location<'_>, visit: &mut Visit<'_, E>) -> Result<bool, DataError> {
        OpenArchive::open(&at.file)?.pass(at.key, at.path, visit)
    }

    fn create<E: Real>(path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
        let mut archive = ArchiveWriter::create(path.file(), options.replace)?;
        archive.begin::<E>(path.key().unwrap_or("data"), shape)?;
        Ok(Box::new(archive))
    }
}

/// The arrays of an archive whose names begin alike, as if they were in a group.
struct NpzGroup {
    archive: Mutex<OpenArchive>,
    names: Vec<String>,
}

impl<E: Real> Shelf<E> for NpzGroup {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn array(&self, _: &str, _: &str, path: &ArrayPath, options: &RowOptions) -> OpenedRows<E> {
        // A thread that panicked elsewhere has left the archive whole.
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        archive.rows(path.key(), path, options)
    }
}

/// An archive of which several arrays are read: its directory is read once, when it is opened.
pub(crate) struct OpenArchive {
    path: PathBuf,
    archive: Archive<BufReader<Arc<File>>>,
    file: Arc<File>,
    /// Before any checksum is compared: what is written afterwards is found out by it.
    stamp: Stamp,
}

impl OpenArchive {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let Opened { reader, len } = open(path)?;
        let file = Arc::new(reader.into_inner());
        let stamp = Stamp::of(&file).map_err(|source| DataError::read(path.display(), source))?;
        let archive = Archive::new(BufReader::new(file.clone()), len).map_err(|error| match foreign::what(path) {
            Some(other) => DataError::unusable(path.display(), other),
            None => DataError::npz(path, error),
        })?;
        // Archives of other programs hold files of their own, which cannot be taken for arrays.
        if let Some(other) = foreign::archive(path, archive.keys()) {
            return Err(DataError::unusable(path.display(), other));
        }
        Ok(Self { path: path.to_owned(), archive, file, stamp })
    }

    /// The file that it was opened as.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn keys(&self) -> &[String] {
        self.archive.keys()
    }

    fn member(&mut self, key: Option<&str>) -> Result<Stored<'_, BufReader<Arc<File>>>, DataError> {
        self.archive.member(key).map_err(|error| DataError::npz(&self.path, error))
    }

    /// What an array is, without its values; `label` is what messages call it.
    pub(super) fn info(&mut self, key: Option<&str>, label: &ArrayPath) -> Result<ArrayInfo, DataError> {
        let member = self.member(key)?;
        let compressed = member.compressed();
        let header = described(&mut member.npy(), label)?;
        Ok(info(label.clone(), Npz::NAME, header, compressed))
    }

    /// Reads an array, or its first `n_rows` rows.
    pub(super) fn read<E: Real>(
        &mut self,
        key: Option<&str>,
        label: &ArrayPath,
        n_rows: Option<usize>,
    ) -> Result<ArrayD<E>, DataError> {
        let mut reader = self.member(key)?.npy();
        let header = described(&mut reader, label)?;
        reader.values(&header, n_rows).map_err(|error| DataError::npy(label, error))
    }

    /// Goes through an array that is compressed; says whether it did.
    pub(super) fn pass<E: Real>(
        &mut self,
        key: Option<&str>,
        label: &ArrayPath,
        visit: &mut Visit<'_, E>,
    ) -> Result<bool, DataError> {
        let member = self.member(key)?;
        if member.compressed().is_none() { Ok(false) } else { unpacked(member, label, visit) }
    }

    /// Opens an array for reading by rows.
    pub(super) fn rows<E: Real>(
        &mut self,
        key: Option<&str>,
        path: &ArrayPath,
        options: &RowOptions,
    ) -> OpenedRows<E> {
        let label = path.to_string();
        let (file, stamp, shown) = (self.file.clone(), self.stamp, self.path.display().to_string());
        let member = self.member(key)?;
        if member.compressed().is_none() {
            // The directory may promise what is not there; the rows would find out only where they are read.
            let stored = member.stored().map_err(|(len, start)| {
                let reason = format!("its directory promises {len} bytes of {label} at {start}, which are not there");
                DataError::unusable(shown, reason)
            })?;
            if options.checksums {
                member.verify().map_err(|source| DataError::read(&label, source))?;
            } else {
                drop(member);
            }
            let file = file.try_clone().map_err(|source| DataError::read(&label, source))?;
            return Ok(Box::new(NpyRows::within(file, stamp, stored, path)?));
        }
        let mut reader = member.npy();
        let header = described(&mut reader, path)?;
        let needed = header.len.saturating_mul(size_of::<E>());
        if needed > options.memory {
            let allowed = options.memory;
            return Err(DataError::unusable(
                label,
                format!(
                    "is compressed, so it cannot be read a few rows at a time, and in memory it needs {needed} bytes where {allowed} are allowed; save it with np.savez in place of np.savez_compressed, convert it with `imnn data convert`, or allow more memory"
                ),
            ));
        }
        let values = reader.values(&header, None).map_err(|error| DataError::npy(path, error))?;
        Ok(Box::new(HeldRows::new(label, values).with_dtype(header.descr)))
    }
}

/// Goes through a compressed array; says whether it could, which it cannot in Fortran order.
fn unpacked<E: Real>(
    member: Stored<'_, BufReader<Arc<File>>>,
    label: &ArrayPath,
    visit: &mut Visit<'_, E>,
) -> Result<bool, DataError> {
    let refused = |error| DataError::npy(label, error);
    let mut npy = member.npy();
    let header = described(&mut npy, label)?;
    if header.shape.is_empty() || (header.fortran_order && header.shape.len() > 1) {
        return Ok(false);
    }
    let row_len = row_len(&header.shape);
    let mut values: Vec<E> = vec![];
    for rows in pieces::<E>(0..header.shape[0], row_len).filter(|_| row_len > 0) {
        let len = rows.len() * row_len;
        let found = npy.some(&header, rows.start * row_len, len, &mut values).map_err(refused)?;
        if values.len() < len {
            return Err(refused(header.wrong_length(found)));
        }
        visit(rows.start, &values)?;
    }
    npy.end(&header).map_err(refused)?;
    Ok(true)
}
