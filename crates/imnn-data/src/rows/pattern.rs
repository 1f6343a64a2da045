//! Names of files with a random seed in them.

use std::path::{Component, Path, PathBuf};

use imnn_io::folder::names;

use crate::{ArrayPath, DataError};

/// A path with `{seed}` in one of its parts: all files of that name with any number in that place.
///
/// With `{seeds}` a file may also hold several rows, for consecutive numbers: `0-999.npy` those of 0 to 999.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// As it was given, for messages.
    label: String,
    /// The folder whose entries are numbered.
    folder: PathBuf,
    /// What stands before and after the number.
    prefix: String,
    suffix: String,
    /// The least number of digits, which shorter numbers are filled up to with zeros; without it any zeros are allowed.
    width: Option<usize>,
    /// Whether it is `{seeds}`, so that files may hold several rows.
    several: bool,
    /// What follows the numbered folder; empty where files are numbered.
    rest: PathBuf,
    key: Option<String>,
}

/// A number as it is written in a name, or several that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number, or the first of several.
    pub seed: u64,
    /// The last of several, which is at least the first: the file then has a row for each.
    pub last: Option<u64>,
    /// How it is written.
    pub digits: Box<str>,
}

const SEED: &str = "{seed";

impl Pattern {
    /// The pattern that a path is, if it is one; a file of that very name is meant first.
    ///
    /// # Errors
    /// If it cannot be understood.
    pub fn of(path: &ArrayPath) -> Result<Option<Self>, DataError> {
        let (file, key) = (path.file(), path.key().map(str::to_owned));
        let numbered = |part: &Component<'_>| part.as_os_str().to_str().is_some_and(|part| part.contains(SEED));
        let parts: Vec<Component<'_>> = file.components().collect();
        let Some(at) = parts.iter().position(numbered) else { return Ok(None) };
        if path.locate().0.is_file() {
            return Ok(None);
        }
        let label = path.to_string();
        let refuse = |reason: &str| DataError::unusable(&label, reason);
        let part = parts[at].as_os_str().to_str().unwrap_or_default();
        let (prefix, rest) = part.split_once(SEED).unwrap_or_default();
        if rest.contains(SEED) || parts[at + 1..].iter().any(numbered) {
            return Err(refuse("there are several {seed}; one can be read"));
        }
        let odd = "write {seed}, or {seed:05} for numbers that are filled up with zeros to five digits, or {seeds} for files of several rows, as 0-999.npy";
        let (format, suffix) = rest.split_once('}').ok_or_else(|| refuse(odd))?;
        let width = match format.strip_prefix(":0") {
            None if format.is_empty() || format == "s" => None,
            None => return Err(refuse(odd)),
            Some(width) => {
                let width = width.trim_end_matches('d').parse().ok().filter(|width| (1..=20).contains(width));
                Some(width.ok_or_else(|| refuse(odd))?)
            }
        };
        let folder: PathBuf = parts[..at].iter().collect();
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let (prefix, suffix, several) = (prefix.to_owned(), suffix.to_owned(), format == "s");
        Ok(Some(Self { label, folder, prefix, suffix, width, several, rest: parts[at + 1..].iter().collect(), key }))
    }

    /// Whether files may hold several rows: `{seeds}`.
    pub fn has_several(&self) -> bool {
        self.several
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The folder whose entries are numbered.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether files with this ending are numbered, not folders above them, and without keys.
    pub(crate) fn numbers_files(&self, ending: &str) -> bool {
        self.rest.as_os_str().is_empty() && self.key.is_none() && self.suffix.ends_with(ending)
    }

    /// The name of the file of a seed.
    pub(crate) fn name(&self, seed: u64) -> String {
        let width = self.width.unwrap_or(0);
        format!("{}{seed:0width$}{}", self.prefix, self.suffix)
    }

    /// The number in a name, as it is written.
    pub(crate) fn digits<'a>(&self, name: &'a str) -> Option<&'a str> {
        let digits = self.between(name)?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
    }

    /// What a name has in place of the number.
    fn between<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)
    }

    /// The same names in another folder.
    pub(crate) fn within(&self, folder: &Path) -> ArrayPath {
        let width = self.width.map_or(String::new(), |width| format!(":0{width}"));
        ArrayPath::of_file(folder.join(format!("{}{SEED}{width}}}{}", self.prefix, self.suffix)))
    }

    /// The array that a number stands for.
    pub fn path(&self, digits: &str) -> ArrayPath {
        let mut file = self.folder.join(format!("{}{digits}{}", self.prefix, self.suffix));
        if !self.rest.as_os_str().is_empty() {
            file.push(&self.rest);
        }
        match &self.key {
            Some(key) => ArrayPath::with_key(file, key),
            None => ArrayPath::of_file(file),
        }
    }

    /// The numbers there are, ascending.
    ///
    /// # Errors
    /// If there are none, or the same twice.
    pub fn numbers(&self) -> Result<Vec<Numbered>, DataError> {
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => {
                let hint = format!("; the pattern {} needs this folder", self.label);
                DataError::Missing { path: self.folder.clone(), hint }
            }
            _ => DataError::read(self.folder.display(), source),
        };
        let mut numbers = vec![];
        let mut other: Option<String> = None;
        for name in names(&self.folder).map_err(io)? {
            match self.number(&name)? {
                Some(number) => numbers.push(number),
                None => other = Some(name),
            }
        }
        if numbers.is_empty() {
            let several = |name: &str| self.between(name).is_some_and(|text| consecutive(text).is_some());
            let there = match other {
                None => "it is empty".to_owned(),
                Some(name) if several(&name) => format!("there is {name}; write {{seeds}} for files of several rows"),
                Some(name) => format!("there is {name}"),
            };
            let reason = format!("no file in {} has such a name; {there}", self.folder.display());
            return Err(DataError::unusable(&self.label, reason));
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

    /// The number in a name in the folder, where it has one.
    fn number(&self, name: &str) -> Result<Option<Numbered>, DataError> {
        if let Some((seed, last)) = self.between(name).filter(|_| self.several).and_then(consecutive) {
            let digits = self.between(name).unwrap_or_default().into();
            return Ok(self.is_there(name).then_some(Numbered { seed, last: Some(last), digits }));
        }
        let Some(digits) = self.digits(name) else { return Ok(None) };
        let seed: u64 = digits.parse().map_err(|_| {
            let reason = format!("the number {digits} is beyond the range of seeds, 64 bits");
            DataError::unusable(&self.label, reason)
        })?;
        if self.width.is_some_and(|width| format!("{seed:0width$}") != digits) {
            return Ok(None);
        }
        Ok(self.is_there(name).then(|| Numbered { seed, last: None, digits: digits.into() }))
    }

    /// Whether there is a file in the folder of this name, where folders are numbered.
    fn is_there(&self, name: &str) -> bool {
        self.rest.as_os_str().is_empty() || self.folder.join(name).join(&self.rest).is_file()
    }
}

/// The first and last of several numbers that follow each other, which are written `first-last`.
pub fn consecutive(text: &str) -> Option<(u64, u64)> {
    let number = |digits: &str| digits.parse().ok().filter(|number: &u64| number.to_string() == digits);
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// Whether a path names many files.
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
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        folder
    }

    /// The names that a pattern finds, or why not, without the folder.
    #[track_caller]
    fn found(folder: &tempfile::TempDir, pattern: &str) -> Result<Vec<(u64, String)>, String> {
        let without = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        let find = || {
            let pattern = Pattern::of(&ArrayPath::from(pattern).resolve(folder.path()))?.expect("a pattern");
            let numbers = pattern.numbers()?;
            Ok(numbers.into_iter().map(|n| (n.seed, without(pattern.path(&n.digits).to_string()))).collect())
        };
        find().map_err(|error: DataError| without(error.to_string()))
    }

    #[test]
    fn seeds_are_sorted_as_numbers() {
        let folder = folder(&["f/10.npy", "f/9.npy", "f/0100.npy", "f/x.npy", "f/9.npy.bak", "f/-1.npy", "f/.npy"]);
        let expected = [(9, "f/9.npy"), (10, "f/10.npy"), (100, "f/0100.npy")];
        assert_eq!(found(&folder, "f/{seed}.npy").unwrap(), expected.map(|(seed, name)| (seed, name.to_owned())));
    }

    #[test]
    fn padded_numbers_have_their_width_at_least() {
        let folder = folder(&["s007.npy", "s12.npy", "s012.npy", "s1234.npy", "s0001234.npy"]);
        let seeds: Vec<u64> = found(&folder, "s{seed:03}.npy").unwrap().into_iter().map(|(seed, _)| seed).collect();
        assert_eq!(seeds, [7, 12, 1234]);
        assert_eq!(
            found(&folder, "s{seed}.npy").unwrap_err(),
            "s{seed}.npy: s012.npy and s12.npy have the same seed; remove one of them"
        );
    }

    #[test]
    fn folders_may_be_numbered() {
        let folder = folder(&["3/f.npz", "1/f.npz", "2/g.npz"]);
        let expected = [(1, "1/f.npz:x"), (3, "3/f.npz:x")].map(|(seed, name)| (seed, name.to_owned()));
        assert_eq!(found(&folder, "{seed}/f.npz:x").unwrap(), expected);
    }

    #[test]
    fn files_may_hold_several_rows() {
        let names = ["f/10-19.npy", "f/9.npy", "f/0-8.npy", "f/10.npy", "f/7-3.npy", "f/1-2-3.npy", "f/01-02.npy"];
        let folder = folder(&[&names[..], &["f/3-99999999999999999999.npy", "f/-5.npy", "f/20-20.npy"]].concat());
        let expected = [(0, "f/0-8.npy"), (9, "f/9.npy"), (10, "f/10.npy"), (10, "f/10-19.npy"), (20, "f/20-20.npy")];
        assert_eq!(found(&folder, "f/{seeds}.npy").unwrap(), expected.map(|(seed, name)| (seed, name.to_owned())));
        std::fs::remove_file(folder.path().join("f/9.npy")).unwrap();
        std::fs::remove_file(folder.path().join("f/10.npy")).unwrap();
        for odd in ["7-3", "1-2-3", "01-02", "3-99999999999999999999", "-5"] {
            std::fs::remove_file(folder.path().join(format!("f/{odd}.npy"))).unwrap();
        }
        let message = found(&folder, "f/{seed}.npy").unwrap_err();
        assert!(message.contains("-") && message.ends_with("write {seeds} for files of several rows"), "{message}");
        assert_eq!(consecutive("0-18446744073709551615"), Some((0, u64::MAX)));
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        let folder = folder(&["a/x.npy", "99999999999999999999999.npy", "odd{seed}.npy"]);
        assert!(found(&folder, "a/{seed}.npy").unwrap_err().contains("a has such a name; there is x.npy"));
        assert!(
            found(&folder, "b/{seed}.npy").unwrap_err().starts_with("b: no such file; the pattern b/{seed}.npy needs")
        );
        assert!(found(&folder, "{seed}.npy").unwrap_err().contains("beyond the range of seeds"));
        for odd in [
            "{seed:5}.npy",
            "{seed:0}.npy",
            "{seed:099}.npy",
            "{seed.npy",
            "{seeds:05}.npy",
            "{seedss}.npy",
            "{seed:x}.npy",
        ] {
            assert!(found(&folder, odd).unwrap_err().contains("write {seed}, or {seed:05}"), "{odd}");
        }
        for twice in ["{seed}/{seed}.npy", "{seed}{seed}.npy"] {
            assert!(found(&folder, twice).unwrap_err().contains("there are several {seed}"), "{twice}");
        }
        for file in ["odd{seed}.npy", "a/x.npy", "{i}.npy"] {
            assert_eq!(Pattern::of(&ArrayPath::from(file).resolve(folder.path())).unwrap(), None);
        }
    }
}
