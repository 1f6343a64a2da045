//! Whether a simulation is there, made by this process or another, and is like the others.

use std::path::Path;
use std::sync::PoisonError;

use super::{Job, Run};
use crate::JobsError;
use crate::check::{Layout, compare, open, open_item};
use crate::failure::Fault;
use crate::shelf::{Item, blocks_with};

impl Run<'_> {
    /// Whether there is a file that fits by its header, or a failure since this session began.
    pub(super) fn was_done_elsewhere(&self, job: &Job<'_>) -> Result<bool, JobsError> {
        let is_there = self.is_there(job, &|path| open::<f64>(path).map(|(found, _)| found))?;
        Ok(is_there || self.session.is_newer(&self.set.record(job.vector, job.seed)))
    }

    /// Whether there is a file that fits by what `look` finds in it, or a block that fits by its header.
    pub(super) fn is_there(
        &self,
        job: &Job<'_>,
        look: &dyn Fn(&Path) -> Result<Layout, Fault>,
    ) -> Result<bool, JobsError> {
        let file = self.set.file(job.vector, job.seed);
        if file.exists() && look(&file).and_then(|found| self.fits(&found, false)).is_ok() {
            return Ok(true);
        }
        if !self.has_blocks {
            return Ok(false);
        }
        let folder = self.set.root().join(&job.vector.name);
        let fits =
            |item: Item| open_item::<f64>(item, &item.path(&folder)).and_then(|(found, _)| self.fits(&found, false));
        Ok(blocks_with(&folder, job.seed)?.into_iter().any(|item| fits(item).is_ok()))
    }

    /// Compares with the others; the first that is made says how they have to be.
    pub(super) fn fits(&self, found: &Layout, may_be_first: bool) -> Result<(), Fault> {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expected) = &*expected {
            compare(found, expected, "as the first that was made has, or as `shape` says")?;
        }
        if may_be_first && expected.as_ref().is_none_or(|expected| expected.dtype.is_empty()) {
            *expected = Some(found.clone());
        }
        Ok(())
    }
}
