//! Blocks: the simulations of consecutive seeds in one file each, `{first}-{last}.npy`, in place of many small ones.
//!
//! Every simulation is made as a file of its own. Where all of a block are there or have failed, whoever comes to know it
//! writes them into one file, brings it to the disk, renames it, and only then removes the single ones. Whoever is killed in
//! between leaves simulations that are there twice, the same in both; the next that looks removes those of them that are in
//! the larger file. Between seeds that failed there are several smaller files, which are put together anew when the gaps
//! are filled, as a short last block is when there are more seeds. Files that reach beyond a block, of runs with
//! another size of it, are left as they are.

mod copy;
mod plan;

use std::collections::HashSet;
use std::num::NonZero;

use imnn_io::atomic::{put, sync_folder};

use self::copy::write;
use self::plan::{Plan, plan};
use crate::check::{Layout, open_item};
use crate::data_set::{DataSet, Status};
use crate::design::Vector;
use crate::disk::{remove, seeds};
use crate::failure::Fault;
use crate::session::{Session, remove_folder};
use crate::shelf::{Block, Condition, Item, items};
use crate::{JobsError, Mark};

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
        let damaged: HashSet<Item> =
            files.iter().filter(|(_, condition)| *condition == Condition::Damaged).map(|(item, _)| *item).collect();
        for item in plan.remove {
            let path = item.path(&folder);
            // It may have been made again by another process meanwhile.
            if !damaged.contains(&item) || open_item::<f64>(item, &path).is_err() {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::tests::design;

    #[test]
    fn blocks_begin_at_the_first_seed() {
        let root = tempfile::tempdir().unwrap();
        let set = DataSet::create(root.path(), design()).unwrap();
        let block = |vector: usize, size, place| set.block(&set.vectors()[vector], NonZero::new(size).unwrap(), place);
        assert_eq!((block(0, 3, 0), block(0, 3, 2), block(0, 3, 3)), ((10, 12), (10, 12), (13, 13)));
        assert_eq!((block(1, 3, 1), block(0, usize::MAX, 3)), ((10, 11), (10, 13)));
    }
}
