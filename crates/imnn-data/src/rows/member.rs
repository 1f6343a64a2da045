//! Arrays of `.npz` archives, read by rows where they are stored as they are.

use std::path::Path;

use imnn_sim::Real;
use zip::{CompressionMethod, ZipArchive};

use super::npy::{NpyRows, stamp};
use super::{HeldRows, RowArray, RowOptions};
use crate::DataError;
use crate::arrays::archive::{DEFLATE_AT_MOST, find, unreadable};
use crate::arrays::npy::Npy;
use crate::arrays::read::open;

/// The array `key` of an archive, or its only one.
pub(super) fn open_member<E: Real>(
    path: &Path,
    key: Option<&str>,
    label: String,
    options: &RowOptions,
) -> Result<Box<dyn RowArray<E>>, DataError> {
    let opened = open(path)?;
    // Before the checksum is compared: what is written afterwards is found out by it.
    let stamp = stamp(opened.reader.get_ref(), &label)?;
    let unreadable = |error| unreadable(path, error);
    let mut archive = ZipArchive::new(opened.reader).map_err(unreadable)?;
    let index = find(&archive, path, key)?;
    let mut member = archive.by_index(index).map_err(unreadable)?;
    let (len, start) = (member.size(), member.data_start());
    if member.compression() == CompressionMethod::Stored {
        // The directory may say what is not there; `within` would find out only where the part is read.
        let end = start.checked_add(len).filter(|&end| end <= opened.len && len == member.compressed_size());
        let Some(end) = end else {
            let reason = format!("its directory promises {len} bytes of {label} at {start}, which are not there");
            return Err(DataError::Archive { path: path.to_owned(), reason });
        };
        if options.checksums {
            // To the end, where the checksum is compared.
            std::io::copy(&mut member, &mut std::io::sink()).map_err(|source| DataError::Io {
                action: "read",
                label: label.clone(),
                source,
            })?;
        }
        drop(member);
        return Ok(Box::new(NpyRows::within(archive.into_inner().into_inner(), stamp, start..end, label)?));
    }
    let at_most = opened.len.saturating_mul(DEFLATE_AT_MOST).min(len);
    let mut npy = Npy { label: label.clone(), reader: member, len, at_most };
    let header = npy.header()?;
    let needed = header.len.saturating_mul(size_of::<E>());
    if needed > options.memory {
        return Err(DataError::Compressed { label, needed, allowed: options.memory });
    }
    Ok(Box::new(HeldRows::new(label, npy.values(header, None)?)))
}
