//! `.npz` archives of numpy: arrays that are stored are read by rows, compressed ones as a whole.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use imnn_io::Partial;
use imnn_io::npy::{descr, write_values};
use imnn_io::npz::{Archive, Member as Stored, Writer};
use imnn_io::stamp::Stamp;
use imnn_sim::Real;
use ndarray::ArrayD;

use super::format::{Created, Format, Location, Member, Opened, RowOptions, RowShape, Visit};
use super::npy::{NpyRows, info};
use super::writing::{Progress, RowWriter, WriteOptions, Written, io};
use crate::file::open;
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

    fn rows<E: Real>(at: &Location<'_>, _: RowShape<'_>, options: &RowOptions) -> Opened<E> {
        let (path, label) = (&at.file, at.path.to_string());
        let opened = open(path)?;
        // Before the checksum is compared: what is written afterwards is found out by it.
        let stamp = Stamp::of(opened.reader.get_ref()).map_err(|source| DataError::read(&label, source))?;
        let refused = |error| DataError::npz(path, error);
        let mut archive = Archive::new(opened.reader, opened.len).map_err(refused)?;
        let member = archive.member(at.key).map_err(refused)?;
        if member.compressed().is_none() {
            // The directory may promise what is not there; the rows would find out only where they are read.
            let stored = member.stored().map_err(|(len, start)| {
                let reason = format!("its directory promises {len} bytes of {label} at {start}, which are not there");
                DataError::unusable(path.display(), reason)
            })?;
            if options.checksums {
                member.verify().map_err(|source| DataError::read(&label, source))?;
            } else {
                drop(member);
            }
            return Ok(Box::new(NpyRows::within(archive.into_inner().into_inner(), stamp, stored, label)?));
        }
        let refused = |error| DataError::npy(at.path, error);
        let mut reader = member.npy();
        let header = reader.header().map_err(refused)?;
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
        let values = reader.values(&header, None).map_err(refused)?;
        Ok(Box::new(HeldRows::new(label, values).with_dtype(header.descr)))
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        let mut archive = archive(&at.file)?;
        let keys = archive.keys();
        let mut one = |key: &str, path: &ArrayPath| {
            let member = archive.member(Some(key)).map_err(|error| DataError::npz(&at.file, error))?;
            let compressed = member.compressed();
            let header = member.npy().header().map_err(|error| DataError::npy(path, error))?;
            Ok(info(path.clone(), Self::NAME, header, compressed))
        };
        if let Some(key) = at.key {
            return Ok(vec![Member::Array(one(key, at.path)?)]);
        }
        let members = keys.into_iter().map(|key| {
            let path = ArrayPath::with_key(&at.file, &key);
            let info = one(&key, &path);
            Member::of(path, info)
        });
        Ok(members.collect())
    }

    fn read<E: Real>(at: &Location<'_>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        let mut archive = archive(&at.file)?;
        let member = archive.member(at.key).map_err(|error| DataError::npz(&at.file, error))?;
        member.npy().read(n_rows).map_err(|error| DataError::npy(at.path, error))
    }

    fn pass<E: Real>(at: &Location<'_>, visit: &mut Visit<'_, E>) -> Result<bool, DataError> {
        let mut archive = archive(&at.file)?;
        let member = archive.member(at.key).map_err(|error| DataError::npz(&at.file, error))?;
        if member.compressed().is_none() { Ok(false) } else { unpacked(member, at.path, visit) }
    }

    fn create<E: Real>(path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
        let mut archive = ArchiveWriter::create(path.file(), options.replace)?;
        archive.begin::<E>(path.key().unwrap_or("data"), shape)?;
        Ok(Box::new(archive))
    }
}

pub(crate) fn archive(path: &Path) -> Result<Archive<BufReader<File>>, DataError> {
    let opened = open(path)?;
    Archive::new(opened.reader, opened.len).map_err(|error| DataError::npz(path, error))
}

/// Goes through a compressed array; says whether it could, which it cannot in Fortran order.
fn unpacked<E: Real>(
    member: Stored<'_, BufReader<File>>,
    label: &ArrayPath,
    visit: &mut Visit<'_, E>,
) -> Result<bool, DataError> {
    let refused = |error| DataError::npy(label, error);
    let mut npy = member.npy();
    let header = npy.header().map_err(refused)?;
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

/// Arrays of any size, one after the other, as an archive without compression; the same arrays give the same bytes.
///
/// The values of an array are written by [`RowWriter::write`] after [`begin`](Self::begin).
pub struct ArchiveWriter {
    partial: Partial,
    writer: Writer<BufWriter<File>>,
    progress: Option<Progress>,
    label: String,
    keys: Vec<String>,
}

impl ArchiveWriter {
    /// Begins an archive.
    ///
    /// # Errors
    /// If it is there already and not to be replaced, or its folder cannot be written to.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<Self, DataError> {
        let label = path.as_ref().display().to_string();
        let (partial, file) = Partial::file(path.as_ref(), replace)?;
        Ok(Self { partial, writer: Writer::new(BufWriter::new(file)), progress: None, label, keys: vec![] })
    }

    /// Ends the array before, if there is one, and begins another.
    ///
    /// # Errors
    /// If there were too few values before, or the name is empty or used already.
    pub fn begin<E: Real>(&mut self, key: &str, shape: &[usize]) -> Result<(), DataError> {
        self.begin_as(key, descr::<E>(), shape)
    }

    fn begin_as(&mut self, key: &str, descr: &str, shape: &[usize]) -> Result<(), DataError> {
        self.end_array()?;
        let path = format!("{}:{key}", self.label);
        if key.is_empty() {
            return Err(DataError::target(path, "the name is empty"));
        }
        if self.keys.iter().any(|other| other == key) {
            return Err(DataError::target(path, "there is another array of that name"));
        }
        self.keys.push(key.to_owned());
        self.writer.begin(key, descr, shape).map_err(|source| io(&self.label, source))?;
        self.progress = Some(Progress::new(path, shape));
        Ok(())
    }

    /// Writes a whole array.
    pub(crate) fn array(
        &mut self,
        key: &str,
        (descr, shape): (&str, &[usize]),
        write: impl FnOnce(&mut Writer<BufWriter<File>>) -> std::io::Result<()>,
    ) -> Result<(), DataError> {
        self.begin_as(key, descr, shape)?;
        self.progress = None;
        write(&mut self.writer).map_err(|source| io(&self.label, source))
    }

    /// Ends the archive, which is then to be put in its place.
    ///
    /// # Errors
    /// If it cannot be written, or the last array lacks values.
    pub fn end(mut self) -> Result<Written, DataError> {
        self.end_array()?;
        self.writer.finish().map_err(|source| io(&self.label, source))?;
        let array = match &self.keys[..] {
            [key] => ArrayPath::with_key(self.partial.path(), key),
            _ => ArrayPath::of_file(self.partial.path()),
        };
        Ok(Written::new(self.partial, array))
    }

    fn end_array(&mut self) -> Result<(), DataError> {
        self.progress.take().map_or(Ok(()), |progress| progress.end())
    }
}

impl<E: Real> RowWriter<E> for ArchiveWriter {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        if let Some(progress) = &mut self.progress {
            progress.more(values.len())?;
        }
        write_values(values, &mut self.writer).map_err(|source| io(&self.label, source))
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.end()
    }
}
