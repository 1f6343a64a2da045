//! What a target is.

/// What came of an input: in a few words what was read, or why it was refused.
pub type Answer = Result<String, String>;

/// A parser, and what is done with what it reads.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&[u8]) -> Answer,
    /// Words of the format, that mutations put in.
    pub words: &'static [&'static str],
    /// Files of the repository to begin with, beside those in `fuzz/corpus`: folders, with the ends of the files' names.
    pub seeds: &'static [(&'static str, &'static [&'static str])],
}
