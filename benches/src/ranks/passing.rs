//! How the first of several processes passes its turns on.

use std::fs::{File, OpenOptions, read_to_string};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::Outcome;

/// Of one of them. Others than the first look into a file now and then: a call of MPI would wait at full load, and take the time
/// of whoever has its turn.
pub struct Passing {
    rank: usize,
    file: PathBuf,
    /// Turns so far.
    turns: usize,
}

/// Beside a turn of half a second this is nothing.
const NOW_AND_THEN: Duration = Duration::from_millis(1);

impl Passing {
    pub fn new(rank: usize, file: &Path) -> Self {
        Passing { rank, file: file.to_owned(), turns: 0 }
    }

    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// Passes a number of iterations on, or that there is nothing more to do.
    pub fn on(&mut self, turn: Option<usize>) -> Outcome {
        let mut file: File = OpenOptions::new().append(true).create(true).open(&self.file)?;
        Ok(file.write_all(format!("{}\n", turn.unwrap_or(0)).as_bytes())?)
    }

    /// Waits for the next number.
    pub fn wait(&mut self) -> Outcome<Option<usize>> {
        loop {
            let text = read_to_string(&self.file).unwrap_or_default();
            // One without its end is being written.
            let line = text.split_inclusive('\n').nth(self.turns).and_then(|line| line.strip_suffix('\n'));
            if let Some(line) = line {
                self.turns += 1;
                let iterations = line.parse()?;
                return Ok((iterations > 0).then_some(iterations));
            }
            sleep(NOW_AND_THEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_the_turns_of_the_first() {
        let file = std::env::temp_dir().join(format!("imnn-benches-test-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let [mut first, mut second] = [0, 1].map(|rank| Passing::new(rank, &file));
        assert!(first.is_first() && !second.is_first());
        first.on(Some(12)).unwrap();
        assert_eq!(second.wait().unwrap(), Some(12));
        first.on(Some(3)).unwrap();
        first.on(None).unwrap();
        assert_eq!((second.wait().unwrap(), second.wait().unwrap()), (Some(3), None));
        std::fs::remove_file(&file).unwrap();
    }
}
