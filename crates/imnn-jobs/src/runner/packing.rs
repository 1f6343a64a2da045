//! Puts blocks of simulations together as they are made.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Job, Run};
use crate::claims::Claims;
use crate::data_set::{DataSet, Status};
use crate::design::Vector;
use crate::shelf::Block;
use crate::{JobsError, RunOptions};

/// How many jobs are left in each block, by the name of the vector and the first seed.
pub(super) type Left<'a> = HashMap<(&'a str, u64), AtomicUsize>;

impl DataSet {
    /// The blocks that are there, or have failed, and are not yet as few files as there can be.
    pub(super) fn left_to_pack(&self, status: &Status, options: &RunOptions) -> Vec<(&Vector, Block)> {
        options.block.map_or_else(Vec::new, |size| self.unpacked(status, size))
    }
}

impl Run<'_> {
    /// Counts the jobs in each block.
    pub(super) fn blocks<'j>(&self, jobs: &[Job<'j>]) -> Left<'j> {
        let mut blocks = Left::new();
        for job in jobs {
            if let Some((block, _)) = self.block(job) {
                *blocks.entry((job.vector.name.as_str(), block)).or_default().get_mut() += 1;
            }
        }
        blocks
    }

    fn block(&self, job: &Job<'_>) -> Option<Block> {
        self.options.block.map(|size| self.set.block(job.vector, size, job.place))
    }

    /// Puts a block together after the last of the jobs in it, unless some of it are still being made elsewhere.
    pub(super) fn ended(&self, job: &Job<'_>, blocks: &Left<'_>) -> Result<(), JobsError> {
        let Some(block) = self.block(job) else { return Ok(()) };
        let left = blocks.get(&(job.vector.name.as_str(), block.0));
        match left.map(|left| left.fetch_sub(1, Ordering::SeqCst)) {
            Some(1) if !self.stops() => self.pack(job.vector, block).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Puts a block together if all of it is there; says whether another process is at it.
    fn pack(&self, vector: &Vector, block: Block) -> Result<bool, JobsError> {
        let Some(claims) = &self.claims else { return Ok(false) };
        let Some(_claim) = claims.take_block(&vector.name, block)? else { return Ok(true) };
        self.set.pack(vector, block, self.session, &|found| self.fits(found, false), &|| self.stops())?;
        Ok(false)
    }

    /// Puts all blocks together that are there and are not yet.
    pub(super) fn pack_all(&self, status: &Status) -> Result<(), JobsError> {
        let mut elsewhere = vec![];
        for (vector, block) in self.set.left_to_pack(status, self.options) {
            if self.stops() {
                return Ok(());
            }
            if self.pack(vector, block)? {
                elsewhere.push((vector, block));
            }
        }
        // Those of processes that are gone.
        let claims = self.claims.as_ref().filter(|_| !elsewhere.is_empty());
        if claims.map_or(Ok(0), Claims::take_over)? > 0 {
            for (vector, block) in elsewhere {
                self.pack(vector, block)?;
            }
        }
        Ok(())
    }
}
