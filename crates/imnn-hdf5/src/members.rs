//! A group whose links are read once, for files with a dataset for each simulation.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use imnn_io::stamp::Stamp;

use crate::group::{self, Link};
use crate::header::{Object, superblock};
use crate::{Dataset, Hdf5Error};

/// A group of an HDF5 file, kept open; of each name in it the place is known, so that opening a dataset does not read the
/// links of the group again.
#[derive(Debug)]
pub struct Group {
    file: Arc<File>,
    stamp: Stamp,
    path: String,
    names: Vec<String>,
    /// Nothing where a name leads elsewhere.
    places: HashMap<String, Option<u64>>,
}

impl Group {
    /// Opens the group of this path; the empty path is the whole file.
    ///
    /// # Errors
    /// If there is no such file or group, or what describes it is damaged.
    pub fn open(file: impl AsRef<Path>, path: &str) -> Result<Self, Hdf5Error> {
        let file = Arc::new(File::open(file)?);
        let stamp = Stamp::of(&file)?;
        let (bytes, root) = superblock(&file)?;
        let Some(object) = group::find(&bytes, root, path)? else {
            return Err(Hdf5Error::MissingKey { key: path.to_owned(), there: group::datasets(&bytes, root)? });
        };
        let links = group::links(&bytes, &object)?;
        drop(bytes);
        let mut places = HashMap::new();
        for (name, link) in &links {
            let at = match link {
                Link::Hard(at) => Some(*at),
                // They lead elsewhere, and are followed where they are opened.
                Link::Soft(_) | Link::External => None,
            };
            // Of several of one name the first, as everywhere.
            places.entry(name.clone()).or_insert(at);
        }
        let mut names: Vec<String> = links.into_iter().map(|(name, _)| name).collect();
        names.sort();
        Ok(Self { file, stamp, path: path.trim_matches('/').to_owned(), names, places })
    }

    /// The names in it, of datasets and groups, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Opens the dataset `name`, or the one of the path `rest` in the group `name`.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn dataset(&self, name: &str, rest: &str) -> Result<Dataset, Hdf5Error> {
        let (bytes, root) = superblock(&self.file)?;
        let place = self.places.get(name).copied().flatten();
        let object = match place {
            Some(at) if rest.is_empty() => Some(Object::read(&bytes, at)?),
            Some(at) => group::find(&bytes, at, rest)?,
            None => group::find(&bytes, root, &[&self.path, name, rest].join("/"))?,
        };
        let missing = || {
            let there = place.and_then(|at| group::datasets(&bytes, at).ok()).unwrap_or_default();
            let key = [&self.path, name, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
            Hdf5Error::MissingKey { key: key.join("/"), there }
        };
        Dataset::of(self.file.clone(), self.stamp, &bytes, object, missing)
    }
}
