//! The format npz of numpy: a zip archive of npy files.

use super::{Archive, Entry};
use imnn_io::npy::{self, Header};
use imnn_io::npz::{self, Writer};
use imnn_sim::Real;
use std::io::{Cursor, Read};

/// The bytes of an uncompressed archive with these arrays.
pub(super) fn encode<E: Real>(entries: &[Entry<'_, E>]) -> Result<Vec<u8>, String> {
    let write = || -> std::io::Result<Vec<u8>> {
        let mut writer = Writer::new(Cursor::new(vec![]));
        for (name, shape, values) in entries {
            writer.begin(name, npy::descr::<E>(), shape)?;
            npy::write_values(*values, &mut writer)?;
        }
        Ok(writer.finish()?.into_inner())
    };
    write().map_err(|error| error.to_string())
}

/// An archive in memory.
pub(super) struct NpzArchive<'a>(npz::Archive<Cursor<&'a [u8]>>);

impl<'a> NpzArchive<'a> {
    /// Reads the list of members.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let archive = npz::Archive::new(Cursor::new(bytes), bytes.len() as u64);
        archive.map(NpzArchive).map_err(|error| error.to_string())
    }

    /// A member at its data, and its header.
    fn member(&mut self, name: &str) -> Result<(npy::Reader<impl Read + use<'_, 'a>>, Header), String> {
        let mut member = self.0.member(Some(name)).map_err(|error| error.to_string())?.npy();
        let header = member.header().map_err(|error| format!("{name}: {error}"))?;
        if !["<f4", ">f4", "<f8", ">f8"].contains(&header.descr.as_str()) {
            return Err(format!("{name}: expected float32 or float64, found {}", header.descr));
        }
        Ok((member, header))
    }
}

impl Archive for NpzArchive<'_> {
    fn names(&self) -> Vec<String> {
        self.0.keys().to_vec()
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.member(name)?.1.shape)
    }

    fn read(&mut self, name: &str) -> Result<Vec<f64>, String> {
        let (member, header) = self.member(name)?;
        let array = member.values::<f64>(&header, None).map_err(|error| format!("{name}: {error}"))?;
        Ok(array.iter().copied().collect())
    }
}
