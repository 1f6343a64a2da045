//! How programs are run, and what is told while they do.

use std::num::NonZero;
use std::time::Duration;

use crate::{Failure, Shard};

/// How programs are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The folder that they are started in.
    pub dir: std::path::PathBuf,
    /// How many run at a time, at least 1.
    pub jobs: usize,
    /// How long each may run; without one as long as it likes.
    pub timeout: Option<Duration>,
    /// How often each is tried again at once when it fails.
    pub retries: usize,
    /// Which part of the seeds is done here.
    pub shard: Shard,
    /// Whether what failed in earlier runs is tried again.
    pub retry_failed: bool,
    /// Whether this is one of several processes, on one machine or many, that take the next simulation each.
    pub claim: bool,
    /// How many simulations there are in a file, from the first seed on; without it each is a file of its own.
    ///
    /// The file of a block is `{first}-{last}.npy`, `(n, *shape)`, with the simulations of these seeds in this order: as
    /// many as that, fewer at the end, and those in a row where seeds between them failed. Parts of the work are then
    /// whole blocks, which may be put together by other sizes in each run.
    pub block: Option<NonZero<usize>>,
    /// Whether the first simulation at the fiducial is made a second time, when it is made, to see that it is the same.
    pub again: bool,
    /// After what time all programs are to have ended: none is started that would not, by what nine of ten took so far.
    pub until: Option<Duration>,
}

impl RunOptions {
    /// One process that does everything: programs are started in `dir`, as many at a time as there are `jobs`.
    pub fn new(dir: impl Into<std::path::PathBuf>, jobs: usize) -> Self {
        let (dir, shard) = (dir.into(), Shard::ALL);
        let (timeout, retries, retry_failed, claim) = (None, 0, false, false);
        Self { dir, jobs, timeout, retries, shard, retry_failed, claim, block: None, again: false, until: None }
    }

    /// Whether the seed at this place, counted from 0, is done here: a [part](Self::shard) is every `n`-th seed, or every
    /// `n`-th [block](Self::block).
    pub fn has(&self, place: usize) -> bool {
        self.shard.has(place / self.together())
    }

    /// How many seeds are done together.
    pub(crate) fn together(&self) -> NonZero<usize> {
        self.block.unwrap_or(NonZero::<usize>::MIN)
    }
}

/// What became of a simulation that was made a second time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Again {
    /// It is the same to the last bit.
    Same,
    /// It differs by so much, in units of its scatter, which is little.
    Rounded(f64),
    /// It could not be made again.
    Failed,
}

/// What happens while programs run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many programs will be run.
    Start {
        /// How many.
        todo: usize,
    },
    /// A simulation is done.
    Done,
    /// A simulation could not be made.
    Failed(&'a Failure),
    /// A simulation is another process's, which has made it or is about to.
    Elsewhere,
    /// No more programs are started: they would not end in time.
    TooLate,
    /// The first simulation has been made a second time.
    Again {
        /// Its seed.
        seed: u64,
        /// What became of it.
        again: Again,
    },
}
