//! Names with a random seed in them: of files, and of arrays in a file.

mod numbering;

use std::path::{Component, Path, PathBuf};

use imnn_io::folder::names;

pub use self::numbering::{Numbered, consecutive};
use self::numbering::{Numbering, SEED, SEVERAL};
use crate::{ArrayPath, DataError};

/// A path with `{seed}` in one of its parts: all files of that name with any number in that place, or with `{seed}` in its
/// key all arrays of such a name in one file.
///
/// The number may stand again in what follows a numbered folder, `{seed}/map_{seed}.npy`.
/// With `{seeds}` a file may also hold several rows, for consecutive numbers: `0-999.npy` those of 0 to 999.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// As it was given, for messages.
    label: String,
    numbering: Numbering,
    place: Place,
}

/// Where the numbers are.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// In the names of the entries of a folder.
    Files {
        folder: PathBuf,
        /// What follows the numbered folder; empty where files are numbered.
        rest: PathBuf,
        key: Option<String>,
    },
    /// In the names of arrays, or of groups of them.
    Keys {
        file: PathBuf,
        /// The groups above the numbered part; empty where there are none.
        group: String,
        /// What follows the numbered group; empty where arrays are numbered.
        rest: String,
    },
}

impl Pattern {
    /// The pattern that a path is, if it is one; a file of that very name is meant first.
    ///
    /// # Errors
    /// If it cannot be understood.
    pub fn of(path: &ArrayPath) -> Result<Option<Self>, DataError> {
        let parts: Vec<Component<'_>> = path.file().components().collect();
        let numbered = |part: &Component<'_>| part.as_os_str().to_str().is_some_and(|part| part.contains(SEED));
        let at = parts.iter().position(numbered);
        let key = path.key().filter(|key| key.contains(SEED));
        if at.is_none() && key.is_none() {
            return Ok(None);
        }
        let (there, key_there) = path.locate();
        if there.is_file() && (at.is_some() || key_there.is_none()) {
            return Ok(None);
        }
        let refuse = |reason: &str| DataError::unusable(path, reason);
        let (numbering, place) = match (at, key) {
            (Some(at), None) if parts[at + 1..].iter().all(|part| again(&part.as_os_str().to_string_lossy())) => {
                let folder: PathBuf = parts[..at].iter().collect();
                let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
                let (rest, key) = (parts[at + 1..].iter().collect(), path.key().map(str::to_owned));
                let part = parts[at].as_os_str().to_str().unwrap_or_default();
                (Numbering::of(part).map_err(refuse)?, Place::Files { folder, rest, key })
            }
            (None, Some(key)) => {
                let before = key.find(SEED).and_then(|at| key[..at].rfind('/'));
                let (group, rest) = before.map_or(("", key), |at| (&key[..at], &key[at + 1..]));
                let (part, rest) = rest.split_once('/').unwrap_or((rest, ""));
                if !again(rest) {
                    return Err(refuse(SEVERAL));
                }
                let numbering = Numbering::of(part).map_err(refuse)?;
                if numbering.several {
                    let reason = "{seeds} stands for files of several rows; write {seed} for arrays in a file";
                    return Err(refuse(reason));
                }
                let (group, rest) = (group.trim_matches('/').to_owned(), rest.to_owned());
                (numbering, Place::Keys { file: path.file().to_owned(), group, rest })
            }
            _ => return Err(refuse(SEVERAL)),
        };
        Ok(Some(Self { label: path.to_string(), numbering, place }))
    }

    /// Whether files may hold several rows: `{seeds}`.
    pub fn has_several(&self) -> bool {
        self.numbering.several
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Where arrays in a file are numbered: the file, the group above, and what follows the numbered part.
    pub(crate) fn in_file(&self) -> Option<(&Path, &str, &str)> {
        match &self.place {
            Place::Files { .. } => None,
            Place::Keys { file, group, rest } => Some((file, group, rest)),
        }
    }

    /// The folder whose entries are numbered, where there is one.
    pub(crate) fn folder(&self) -> &Path {
        match &self.place {
            Place::Files { folder, .. } => folder,
            Place::Keys { file, .. } => file,
        }
    }

    /// Whether files with this ending are numbered, not folders above them, and without keys.
    pub(crate) fn numbers_files(&self, ending: &str) -> bool {
        let of_files = |place: &Place| match place {
            Place::Files { rest, key, .. } => rest.as_os_str().is_empty() && key.is_none(),
            Place::Keys { .. } => false,
        };
        of_files(&self.place) && self.numbering.ends_with(ending)
    }

    /// The name of the file of a seed.
    pub(crate) fn name(&self, seed: u64) -> String {
        self.numbering.name(seed)
    }

    /// The number in a name, as it is written.
    pub(crate) fn digits<'a>(&self, name: &'a str) -> Option<&'a str> {
        self.numbering.digits(name)
    }

    /// The part of a name in which the number stands, with this number.
    pub(crate) fn part(&self, digits: &str) -> String {
        self.numbering.with(digits)
    }

    /// The same names in another folder.
    pub(crate) fn within(&self, folder: &Path) -> ArrayPath {
        ArrayPath::of_file(folder.join(self.numbering.pattern()))
    }

    /// The array that a number stands for.
    pub fn path(&self, digits: &str) -> ArrayPath {
        let part = self.part(digits);
        match &self.place {
            Place::Files { folder, rest, key } => {
                let mut file = folder.join(part);
                if !rest.as_os_str().is_empty() {
                    file.push(with_again(rest, digits));
                }
                match key {
                    Some(key) => ArrayPath::with_key(file, key),
                    None => ArrayPath::of_file(file),
                }
            }
            Place::Keys { file, group, rest } => {
                let rest = rest.replace(AGAIN, digits);
                let parts = [group.as_str(), &part, &rest].into_iter().filter(|part| !part.is_empty());
                ArrayPath::with_key(file, parts.collect::<Vec<_>>().join("/"))
            }
        }
    }

    /// The numbers of files there are, ascending.
    pub(crate) fn of_files(&self) -> Result<Vec<Numbered>, DataError> {
        let folder = self.folder();
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => {
                let hint = format!("; the pattern {} needs this folder", self.label);
                DataError::Missing { path: folder.to_owned(), hint }
            }
            _ => DataError::read(folder.display(), source),
        };
        self.among(&names(folder).map_err(io)?)
    }

    /// The numbers among the names of the folder or group, ascending.
    ///
    /// # Errors
    /// If there are none, or the same twice.
    pub(crate) fn among(&self, names: &[String]) -> Result<Vec<Numbered>, DataError> {
        let (mut numbers, mut other) = (vec![], None);
        for name in names {
            match self.numbering.number(&self.label, name)?.filter(|_| self.is_there(name)) {
                Some(number) => numbers.push(number),
                None => other = Some(name),
            }
        }
        if numbers.is_empty() {
            let there = match other {
                None => "it is empty".to_owned(),
                Some(name) if self.numbering.is_of_several(name) => {
                    format!("there is {name}; write {{seeds}} for files of several rows")
                }
                Some(name) => format!("there is {name}"),
            };
            let (what, of) = match &self.place {
                Place::Files { folder, .. } => ("no file", folder.display().to_string()),
                Place::Keys { file, group, .. } if group.is_empty() => ("nothing", file.display().to_string()),
                Place::Keys { file, group, .. } => ("nothing", format!("{}:{group}", file.display())),
            };
            return Err(DataError::unusable(&self.label, format!("{what} in {of} has such a name; {there}")));
        }
        numbers.sort_by(|a, b| (a.seed, a.last, &a.digits).cmp(&(b.seed, b.last, &b.digits)));
        // Several that overlap are no fault: see `Folder`.
        let same = |pair: &&[Numbered]| pair[0].seed == pair[1].seed && pair[1].last.is_none();
        if let Some(pair) = numbers.windows(2).find(same) {
            let name = |number: &Numbered| self.path(&number.digits).to_string();
            let (one, two) = (name(&pair[0]), name(&pair[1]));
            let reason = format!("{one} and {two} have the same seed; remove one of them");
            return Err(DataError::unusable(&self.label, reason));
        }
        Ok(numbers)
    }

    /// Whether there is a file in the folder of this name, where folders are numbered.
    fn is_there(&self, name: &str) -> bool {
        match &self.place {
            Place::Files { folder, rest, .. } => {
                let rest = |digits| with_again(rest, digits);
                rest("").as_os_str().is_empty()
                    || folder.join(name).join(rest(self.digits(name).unwrap_or_default())).is_file()
            }
            Place::Keys { .. } => true,
        }
    }
}

/// The number once more, as it is written where it stands first.
const AGAIN: &str = "{seed}";

/// Whether a part behind the number has it again at most, or not at all.
fn again(part: &str) -> bool {
    !part.replace(AGAIN, "").contains(SEED)
}

fn with_again(rest: &Path, digits: &str) -> PathBuf {
    match rest.to_str() {
        Some(text) => text.replace(AGAIN, digits).into(),
        None => rest.to_owned(),
    }
}

/// Whether a path names many files, or many arrays of a file.
///
/// # Errors
/// If it is a pattern that cannot be understood.
pub fn is_pattern(path: &ArrayPath) -> Result<bool, DataError> {
    Ok(Pattern::of(path)?.is_some())
}

/// What to say about a missing file in whose name there are braces.
pub(crate) fn hint(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    (text.contains('{') && text.contains('}')).then(|| "; the one pattern there is for many files is {seed}".to_owned())
}

#[cfg(test)]
mod tests;
