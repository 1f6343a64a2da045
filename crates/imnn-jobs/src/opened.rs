//! The files of a set, opened one after the other.

use std::ops::Range;

use crate::JobsError;
use crate::check::{Layout, open_item};
use crate::data_set::DataSet;
use crate::design::Vector;
use crate::failure::Fault;
use crate::shelf::{Item, items};

/// A file with what it holds, or what is wrong with it.
pub(crate) type Opened = (Item, Result<Layout, Fault>);

/// How often a folder is looked at again because another process puts simulations into blocks at the same time.
const TRIES: usize = 10;

impl DataSet {
    /// The places of the seeds in a file, as far as they are of this set.
    pub(crate) fn places(&self, vector: &Vector, item: Item) -> Range<usize> {
        let (first, last) = item.seeds();
        let end = self.design().first_seed + vector.n_seeds as u64;
        let place = |seed: u64| (seed.clamp(self.design().first_seed, end) - self.design().first_seed) as usize;
        place(first)..place(last.saturating_add(1))
    }

    /// The files of a vector that hold any of its seeds, as what they are found to be.
    pub(crate) fn opened(&self, vector: &Vector) -> Result<Vec<Opened>, JobsError> {
        let folder = self.root().join(&vector.name);
        let mut tries = 0;
        loop {
            tries += 1;
            let mut opened = vec![];
            let mut gone = false;
            for item in items(&folder)?.into_iter().filter(|item| !self.places(vector, *item).is_empty()) {
                let path = item.path(&folder);
                match open_item::<f64>(item, &path) {
                    // Another process has put it into a block since the list was made.
                    Err(_) if path.symlink_metadata().is_err() => gone = true,
                    found => opened.push((item, found.map(|(layout, _)| layout))),
                }
            }
            // Who goes on and on where others never rest is to look at what there was.
            if !gone || tries == TRIES {
                return Ok(opened);
            }
        }
    }
}
