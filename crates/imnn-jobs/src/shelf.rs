//! Which files of simulations are in a folder: `{seed}.npy`, and in blocks `{first}-{last}.npy`.

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

use imnn_data::consecutive;

use crate::JobsError;
use crate::disk::names;

/// The first and the last seed of a block.
pub(crate) type Block = (u64, u64);

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is like the others.
    Good,
    /// It is no array of as many simulations as its name says.
    Damaged,
    /// It is an array, and not like the others.
    Other,
}

/// A file of one simulation, or of several.
///
/// A simulation may be in more than one: those of which a block was put together are there a moment longer, and hold the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    /// The array is the simulation of this seed.
    Single(u64),
    /// The rows of the array are the simulations of the first to the last of these seeds.
    Block(u64, u64),
}

impl Item {
    /// What a file of this name holds.
    fn named(name: &str) -> Option<Self> {
        let text = name.strip_suffix(".npy")?;
        if let Some((first, last)) = consecutive(text) {
            return Some(Self::Block(first, last));
        }
        text.parse().ok().filter(|seed: &u64| seed.to_string() == text).map(Self::Single)
    }

    /// The first and the last seed.
    pub(crate) fn seeds(self) -> (u64, u64) {
        match self {
            Self::Single(seed) => (seed, seed),
            Self::Block(first, last) => (first, last),
        }
    }

    pub(crate) fn is_within(self, (first, last): (u64, u64)) -> bool {
        let seeds = self.seeds();
        first <= seeds.0 && seeds.1 <= last
    }

    pub(crate) fn overlaps(self, (first, last): (u64, u64)) -> bool {
        let seeds = self.seeds();
        seeds.0 <= last && first <= seeds.1
    }

    /// How many simulations it holds, less one.
    pub(crate) fn width(self) -> u64 {
        let (first, last) = self.seeds();
        last - first
    }

    pub(crate) fn path(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Self::Single(seed) => format!("{seed}.npy"),
            Self::Block(first, last) => format!("{first}-{last}.npy"),
        })
    }
}

/// As a message says it.
impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Single(seed) => write!(f, "seed {seed}"),
            Self::Block(first, last) => write!(f, "seeds {first} to {last}"),
        }
    }
}

/// The files in a folder, none where there is no folder.
///
/// Another process may put a block together meanwhile, and one list may then have neither the block nor what it is made
/// of. So there are two, one after the other: what has gone by the second was there for the first.
pub(crate) fn items(folder: &Path) -> Result<Vec<Item>, JobsError> {
    let mut items = vec![];
    for _ in 0..2 {
        items.extend(names(folder)?.iter().filter_map(|name| Item::named(name)));
    }
    items.sort_unstable();
    items.dedup();
    Ok(items)
}

/// The blocks with a seed, to be asked for when its own file was not there: that goes after the block has come.
pub(crate) fn blocks_with(folder: &Path, seed: u64) -> Result<Vec<Item>, JobsError> {
    let all = names(folder)?.into_iter().filter_map(|name| Item::named(&name));
    Ok(all.filter(|item| matches!(item, Item::Block(..)) && item.overlaps((seed, seed))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let others =
            ["007.npy", "x.npy", "3.txt", ".5.npy", "-1.npy", "5-3.npy", "1-2-3.npy", "99999999999999999999.npy"];
        for name in ["10.npy", "9.npy", "0-8.npy", "20-20.npy"].iter().chain(&others) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let all = [Item::Single(9), Item::Single(10), Item::Block(0, 8), Item::Block(20, 20)];
        assert_eq!(items(folder.path()).unwrap(), all);
        assert!(items(&folder.path().join("none")).unwrap().is_empty());
        assert!(all.iter().all(|item| item.path(folder.path()).exists()));
        assert_eq!(blocks_with(folder.path(), 8).unwrap(), [Item::Block(0, 8)]);
        assert!(blocks_with(folder.path(), 9).unwrap().is_empty());
    }
}
