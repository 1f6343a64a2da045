//! What a run goes on from, copied from the first of several processes to the others.

use super::RunFolder;
use crate::error::{Result, refuse};
use crate::files::{CHECKPOINT, PREVIOUS, UNFINISHED};
use imnn_device::DeviceError;
use imnn_io::folder::names_if_there;
use imnn_io::{FileError, atomic};
use imnn_ranks::{Outcome, Ranks, agree, gather_all};
use std::fs;
use std::path::Path;

impl RunFolder {
    /// Gives the other ranks, which call [`RunFolder::of_rank_0`], the checkpoint that is in this folder of rank 0.
    ///
    /// # Errors
    /// If it cannot be read, or another rank is gone.
    pub fn give(&self, ranks: &dyn Ranks) -> Result<()> {
        exchange(ranks, packed(&self.path())).map(drop)
    }

    /// A folder for a rank other than 0, from what rank 0 [gives](RunFolder::give): a temporary one, which is removed with this
    /// value, and in which the same checkpoint is.
    ///
    /// # Errors
    /// If it cannot be written, or another rank is gone.
    pub fn of_rank_0(ranks: &dyn Ranks) -> Result<Self> {
        let files = exchange(ranks, Ok(vec![]))?;
        let target = std::env::temp_dir().join(format!("imnn-{:016x}", atomic::token()));
        let written = unpack(&files, &target.join(UNFINISHED));
        let folder = written.and_then(|()| RunFolder::replacing(&target, &|_| {}));
        match folder {
            Ok(mut folder) => {
                folder.is_copy = true;
                Ok(folder)
            }
            Err(error) => {
                let _ = fs::remove_dir_all(&target);
                Err(error)
            }
        }
    }
}

/// What rank 0 has, on all.
fn exchange(ranks: &dyn Ranks, own: Result<Vec<u8>>) -> Result<Vec<u8>> {
    ranks.purpose("the checkpoint of rank 0");
    agree(ranks, &Outcome::of(&own), None).map_err(DeviceError::from)?;
    let all = gather_all(ranks, &own?).map_err(DeviceError::from)?;
    Ok(all.into_iter().next().unwrap_or_default())
}

/// The checkpoints in a folder: of each file the lengths of its name and content, and these.
fn packed(folder: &Path) -> Result<Vec<u8>> {
    let mut all = vec![];
    for checkpoint in [CHECKPOINT, PREVIOUS] {
        let place = folder.join(checkpoint);
        for name in names_if_there(&place).map_err(FileError::of("read the folder", &place))? {
            let path = place.join(&name);
            let content = fs::read(&path).map_err(FileError::of("read", &path))?;
            let name = format!("{checkpoint}/{name}");
            for part in [name.as_bytes(), &content] {
                all.extend((part.len() as u64).to_le_bytes());
                all.extend(part);
            }
        }
    }
    Ok(all)
}

fn unpack(files: &[u8], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(FileError::of("create", folder))?;
    let mut rest = files;
    let mut part = || {
        let (len, others) = rest.split_first_chunk()?;
        let (part, others) = others.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
        rest = others;
        Some(part)
    };
    while let Some(name) = part() {
        let (Ok(name), Some(content)) = (std::str::from_utf8(name), part()) else {
            return Err(refuse(
                folder,
                "the checkpoint of rank 0 came in part; this is a fault in imnn, please report it",
            ));
        };
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, content)).map_err(FileError::of("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_ranks::Threads;

    #[test]
    fn all_have_the_files_of_the_first() {
        let parent = tempfile::tempdir().unwrap();
        let first = RunFolder::create(parent.path().join("run"), &|_| {}).unwrap();
        fs::create_dir(first.path().join(CHECKPOINT)).unwrap();
        for (name, content) in [("state.toml", "x = 1".as_bytes()), ("empty", &[]), ("weights", &[0; 5000])] {
            fs::write(first.path().join(CHECKPOINT).join(name), content).unwrap();
        }
        let found: Vec<_> = std::thread::scope(|scope| {
            let first = &first;
            let rank = |ranks: Threads| {
                scope.spawn(move || match ranks.rank() {
                    0 => first.give(&ranks).map(|()| None),
                    _ => RunFolder::of_rank_0(&ranks).map(Some),
                })
            };
            let threads: Vec<_> = Threads::new(3).into_iter().map(rank).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        assert!(found[0].is_none());
        for folder in found.into_iter().flatten() {
            assert_eq!(packed(&folder.path()).unwrap(), packed(&first.path()).unwrap());
            let target = folder.target().to_owned();
            drop(folder);
            assert!(!target.exists());
        }
        assert!(first.path().join(CHECKPOINT).join("weights").exists());
    }
}
