//! The format npz of numpy: a zip archive of `.npy` files, stored or deflated, zip64 included.
//!
//! ```
//! use imnn_io::npz::{Archive, Writer};
//! use std::io::Cursor;
//!
//! let mut writer = Writer::new(Cursor::new(vec![]));
//! writer.begin("x", "<f8", &[2])?;
//! imnn_io::npy::write_values(&[1.0, 2.0], &mut writer)?;
//! let bytes = writer.finish()?.into_inner();
//!
//! let mut archive = Archive::new(Cursor::new(&bytes), bytes.len() as u64)?;
//! assert_eq!(archive.keys(), ["x"]);
//! assert_eq!(archive.member(Some("x"))?.npy().read::<f64>(None)?, ndarray::array![1.0, 2.0].into_dyn());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use zip::read::ZipFile;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::npy;
use crate::text::keys;

/// Why an array of an archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpzError {
    /// The bytes are not a zip archive that can be read.
    #[error("not a readable .npz archive: {0}; if it was copied, it may be truncated: copy or write it again")]
    Zip(#[from] ZipError),
    /// The archive has no array of that name.
    #[error("has no array `{key}`; {}", keys(there))]
    MissingKey {
        /// The name asked for.
        key: String,
        /// The names it has.
        there: Vec<String>,
    },
    /// The archive does not hold exactly one array, and none was named.
    #[error("name one array of the archive; {}", keys(there))]
    KeyNeeded {
        /// The names it has.
        there: Vec<String>,
    },
}

/// An archive opened for reading, its directory read once for all arrays.
#[derive(Debug)]
pub struct Archive<R> {
    zip: ZipArchive<R>,
    len: u64,
    /// The keys in the order of the archive.
    keys: Vec<String>,
    /// Where in the directory the array of a key is; of several of one name the first.
    places: HashMap<String, usize>,
}

/// The greatest ratio of deflate: 258 bytes from two bits, in round numbers.
const DEFLATE_AT_MOST: u64 = 1032;

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of an archive of `len` bytes.
    ///
    /// # Errors
    /// [`NpzError::Zip`] if the bytes are not a zip archive.
    pub fn new(reader: R, len: u64) -> Result<Self, NpzError> {
        let zip = ZipArchive::new(reader)?;
        let (mut keys, mut places) = (vec![], HashMap::new());
        for (place, name) in zip.file_names().enumerate().filter(|(_, name)| !name.ends_with('/')) {
            let key = name.strip_suffix(".npy").unwrap_or(name);
            keys.push(key.to_owned());
            places.entry(key.to_owned()).or_insert(place);
        }
        Ok(Self { zip, len, keys, places })
    }

    /// The names of the arrays, in the order of the archive; numpy appends `.npy` to the names of members.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The array `key`, or the only one.
    ///
    /// # Errors
    /// If there is no such array, none is named and there are several, or the archive is damaged.
    pub fn member(&mut self, key: Option<&str>) -> Result<Member<'_, R>, NpzError> {
        let there = || self.keys.clone();
        let key = match (key, &self.keys[..]) {
            (None, [key]) => key,
            (None | Some(""), _) => return Err(NpzError::KeyNeeded { there: there() }),
            (Some(key), _) => key,
        };
        let place = self.places.get(key).copied();
        let place = place.ok_or_else(|| NpzError::MissingKey { key: key.to_owned(), there: there() })?;
        Ok(Member { file: self.zip.by_index(place)?, archive: self.len })
    }
}

/// One array of an archive.
pub struct Member<'a, R: Read> {
    file: ZipFile<'a, R>,
    archive: u64,
}

impl<'a, R: Read> Member<'a, R> {
    /// The bytes of the member as it is stored; none where it is not compressed.
    pub fn compressed(&self) -> Option<u64> {
        (self.file.compression() != CompressionMethod::Stored).then_some(self.file.compressed_size())
    }

    /// Where in the archive the bytes of a member lie that is not compressed.
    ///
    /// # Errors
    /// How many bytes the directory promises and where, if they are not there.
    pub fn stored(&self) -> Result<Range<u64>, (u64, u64)> {
        let (len, start) = (self.file.size(), self.file.data_start());
        let end = start.checked_add(len).filter(|&end| end <= self.archive && len == self.file.compressed_size());
        end.map(|end| start..end).ok_or((len, start))
    }

    /// Reads the member to its end, where its checksum is compared.
    ///
    /// # Errors
    /// If it cannot be read or the checksum is wrong.
    pub fn verify(mut self) -> io::Result<()> {
        std::io::copy(&mut self.file, &mut std::io::sink()).map(drop)
    }

    /// Its bytes as an array.
    pub fn npy(self) -> npy::Reader<impl Read + use<'a, R>> {
        let len = self.file.size();
        // The size in the directory may be wrong; the archive cannot unpack to more than this.
        npy::Reader::new(self.file, len).at_most(self.archive.saturating_mul(DEFLATE_AT_MOST))
    }
}

/// An archive that is written, without compression: the same arrays give the same bytes.
///
/// The values of an array are written into it after [`begin`](Self::begin); they are not counted.
pub struct Writer<W: Write + Seek> {
    zip: ZipWriter<Target<W>>,
}

impl<W: Write + Seek> Writer<W> {
    /// An archive without arrays.
    pub fn new(writer: W) -> Self {
        Self { zip: ZipWriter::new(Target { writer, at: 0, end: 0, failed: false }) }
    }

    /// Ends the array before, if there is one, and begins another of elements `descr`, such as `<f8`, in C order.
    ///
    /// # Errors
    /// If there is an array of that name already, or it cannot be written.
    pub fn begin(&mut self, key: &str, descr: &str, shape: &[usize]) -> io::Result<()> {
        // Lets a single array pass 4 GiB, as numpy does.
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        self.zip.start_file(format!("{key}.npy"), stored).map_err(of_system)?;
        self.zip.write_all(&npy::header(descr, shape))
    }

    /// Ends the archive and gives back what it was written into, flushed.
    ///
    /// # Errors
    /// If it cannot be written, or could not be before.
    pub fn finish(self) -> io::Result<W> {
        let Target { mut writer, failed, .. } = self.zip.finish().map_err(of_system)?;
        if failed {
            return Err(io::Error::other("a part of the archive could not be written"));
        }
        writer.flush()?;
        Ok(writer)
    }
}

/// What the operating system said, in its words.
fn of_system(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => other.into(),
    }
}

/// What an archive is written into. After the first error, which is the writer's to tell, nothing is written any more: an
/// archive that is given up would try to end itself, and say on standard error what came of it.
struct Target<W> {
    writer: W,
    /// Where it writes, and how long it is.
    at: u64,
    end: u64,
    failed: bool,
}

impl<W> Target<W> {
    fn noted<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        // A write that a signal interrupted is made again.
        outcome.inspect_err(|error| self.failed = error.kind() != ErrorKind::Interrupted)
    }
}

impl<W: Write> Write for Target<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = if self.failed { Ok(bytes.len()) } else { self.writer.write(bytes) };
        let n = self.noted(n)?;
        self.at += n as u64;
        self.end = self.end.max(self.at);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.failed { Ok(()) } else { self.writer.flush() };
        self.noted(flushed)
    }
}

impl<W: Seek> Seek for Target<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = if self.failed {
            Ok(match to {
                SeekFrom::Start(at) => at,
                SeekFrom::Current(by) => self.at.saturating_add_signed(by),
                SeekFrom::End(by) => self.end.saturating_add_signed(by),
            })
        } else {
            self.writer.seek(to)
        };
        self.at = self.noted(at)?;
        Ok(self.at)
    }
}

impl<W: Write + Seek> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.zip.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A disk with room for so many bytes.
    struct Disk(Cursor<Vec<u8>>, u64);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = (self.1 - self.0.position().min(self.1)) as usize;
            if room == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.0.write(&bytes[..bytes.len().min(room)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn written(room: u64, buffer: usize) -> io::Result<u64> {
        let mut writer = Writer::new(io::BufWriter::with_capacity(buffer, Disk(Cursor::new(vec![]), room)));
        for key in ["a", "b"] {
            writer.begin(key, "<f8", &[3])?;
            npy::write_values(&[1.0, 2.0, 3.0], &mut writer)?;
        }
        Ok(writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.0.into_inner().len() as u64)
    }

    #[test]
    fn a_disk_that_is_full_at_any_byte_is_told_as_the_system_says_it() {
        for buffer in [0, 100, 8192] {
            let len = written(u64::MAX, buffer).unwrap();
            assert_eq!(written(len, buffer).unwrap(), len);
            for room in 0..len {
                let error = written(room, buffer).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{room} of {len} bytes: {error}");
                assert_eq!(error.to_string(), "no storage space");
            }
        }
    }
}
