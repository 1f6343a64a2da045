//! A part of all work, for one of several processes.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use crate::JobsError;

/// The part `i` of `n`, counted from 1: every `n`-th seed, or block of seeds, with all its parameter vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    i: usize,
    n: usize,
}

impl Shard {
    /// All of the work.
    pub const ALL: Self = Self { i: 1, n: 1 };

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.n
    }

    /// Whether the seed at this place, counted from 0, belongs to it; or the block, where seeds are divided by blocks.
    pub fn has(&self, place: usize) -> bool {
        place % self.n == self.i - 1
    }
}

const COUNTED: &str = "parts are counted from 1 to n; a SLURM array that counts from 0 gives --shard $((SLURM_ARRAY_TASK_ID + 1))/n, \
                       and one with --array=1-n gives --shard $SLURM_ARRAY_TASK_ID/n";

impl Default for Shard {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Shard {
    type Err = JobsError;

    fn from_str(text: &str) -> Result<Self, JobsError> {
        let fail = |reason| JobsError::Shard { text: text.to_owned(), reason };
        let (i, n) = text.split_once('/').ok_or_else(|| fail("write i/n, as 1/8 for the first of eight"))?;
        let number = |text: &str| text.parse::<usize>().map_err(|_| fail("write two whole numbers, as 1/8"));
        let (i, n) = (number(i)?, number(n)?);
        if i < 1 || i > n {
            return Err(fail(COUNTED));
        }
        Ok(Self { i, n })
    }
}

impl Display for Shard {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.i, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_is_in_one_shard() {
        for place in 0..20 {
            let shards = (1..=3).filter(|i| format!("{i}/3").parse::<Shard>().unwrap().has(place));
            assert_eq!(shards.count(), 1);
            assert!(Shard::ALL.has(place));
        }
    }

    #[test]
    fn shards_are_every_nth_seed_and_written_as_they_are_read() {
        let second: Shard = "2/3".parse().unwrap();
        assert_eq!((0..8).filter(|&place| second.has(place)).collect::<Vec<_>>(), [1, 4, 7]);
        assert_eq!((second.to_string(), Shard::default().to_string()), ("2/3".to_owned(), "1/1".to_owned()));
    }

    #[test]
    fn odd_shards_are_refused() {
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2", " 1/2"] {
            let message = text.parse::<Shard>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("\"{text}\" is not a valid shard: ")), "{message}");
        }
    }
}
