//! Files with numbers in their names, as patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{ArrayInfo, Contents, Member, array, contents};
use imnn_data::{ArrayPath, DataError, Pattern, RowOptions, array_endings, consecutive, open_rows};
use imnn_io::folder::names;

/// Files of a pattern such as `fiducial/{seed}.npy`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Numbered {
    /// All of them as one array, its shape `(n, *row)`.
    pub info: ArrayInfo,
    /// The least number.
    pub first: u64,
    /// The largest.
    pub last: u64,
    /// How many numbers between these have no file.
    pub n_missing: u64,
    /// The first few of them.
    pub missing: Vec<u64>,
    /// The files of which type and shape were compared: all, or some of many.
    pub compared: usize,
    /// Those of them that differ from the first, with what is different.
    pub unlike: Vec<String>,
}

/// As many files are opened, evenly spread over all.
const OPENED: usize = 1000;

/// As many missing numbers and unlike files are named.
const NAMED: usize = 5;

/// What the files of a pattern are.
///
/// # Errors
/// If there are none, or the first cannot be read.
pub fn numbered(path: &ArrayPath) -> Result<Numbered, DataError> {
    let no_pattern = || DataError::unusable(path, "write {seed} where the names of the files have a number");
    let pattern = Pattern::of(path)?.ok_or_else(no_pattern)?;
    let numbers = pattern.numbers()?;
    if pattern.has_several() {
        return several(path, &pattern.path(&numbers[0].digits), numbers.len());
    }
    let of_first = array(&pattern.path(&numbers[0].digits))?;
    let n = numbers.len();
    let opened = n.min(OPENED);
    let mut unlike = vec![];
    for k in 0..opened {
        // The first and the last are among them.
        let at = if opened > 1 { k * (n - 1) / (opened - 1) } else { 0 };
        let other = pattern.path(&numbers[at].digits);
        match array(&other) {
            Ok(info) if info.shape == of_first.shape && info.dtype == of_first.dtype => {}
            Ok(info) => unlike.push(format!("{other}: {} of {}", imnn_io::text::tuple(&info.shape), info.dtype)),
            Err(error) => unlike.push(error.to_string()),
        }
    }
    let seeds: Vec<u64> = numbers.iter().map(|number| number.seed).collect();
    let info = ArrayInfo {
        path: path.clone(),
        shape: [&[n], &of_first.shape[..]].concat(),
        bytes: of_first.bytes.saturating_mul(n as u64),
        ..of_first
    };
    Ok(described(info, &seeds, opened, unlike))
}

/// What files of several rows are; all of them are opened.
fn several(path: &ArrayPath, first: &ArrayPath, opened: usize) -> Result<Numbered, DataError> {
    let rows = open_rows::<f64>(path, &RowOptions::default())?;
    let of_first = array(first)?;
    let n_values = |shape: &[usize]| shape.iter().product::<usize>().max(1) as u64;
    let bytes = of_first.bytes / n_values(&of_first.shape) * n_values(rows.shape());
    let info = ArrayInfo { path: path.clone(), shape: rows.shape().to_vec(), bytes, ..of_first };
    Ok(described(info, rows.seeds().unwrap_or_default(), opened, vec![]))
}

/// With the numbers that are missing between `seeds`, of which there is at least one.
fn described(info: ArrayInfo, seeds: &[u64], compared: usize, unlike: Vec<String>) -> Numbered {
    let (first, last) = (seeds[0], seeds[seeds.len() - 1]);
    let gaps = seeds.windows(2).map(|pair| pair[0] + 1..pair[1]);
    let missing = gaps.flat_map(|gap| gap.take(NAMED)).take(NAMED).collect();
    let n_missing = last - first - (seeds.len() as u64 - 1);
    Numbered { info, first, last, n_missing, missing, compared, unlike }
}

/// What is in a folder: patterns that stand for several files in it and in the folders in it, and other arrays.
pub(super) fn folder(folder: &Path) -> Result<Vec<Contents>, DataError> {
    let mut found = vec![];
    let mut folders = vec![folder.to_owned()];
    folders.extend(entries(folder)?.into_iter().map(|name| folder.join(name)).filter(|path| path.is_dir()));
    for folder in folders {
        found.extend(of_one(&folder)?);
    }
    if found.is_empty() {
        let endings: Vec<&str> = array_endings().collect();
        let reason = format!("no file in it, nor in the folders in it, ends in .{}", endings.join(", ."));
        return Err(DataError::unusable(folder.display(), reason));
    }
    Ok(found)
}

fn of_one(folder: &Path) -> Result<Vec<Contents>, DataError> {
    let mut groups: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut of_several = BTreeSet::new();
    for name in entries(folder)? {
        let ending = Path::new(&name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let is_array = array_endings().any(|known| known == ending) && !name.starts_with('.');
        if is_array && folder.join(&name).is_file() {
            of_several.extend(around_several(&name));
            groups.entry(around_number(&name)).or_default().push(name);
        }
    }
    let mut found = vec![];
    for (before, after) in of_several {
        // Other names look like these, but then their rows are not as many.
        let path = ArrayPath::of_file(folder.join(format!("{before}{{seeds}}{after}")));
        let Ok(numbered) = numbered(&path) else { continue };
        found.push(Contents::Numbered(numbered));
        let around = (before, after);
        groups.retain(|key, names| {
            names.retain(|name| around_several(name).as_ref() != Some(&around));
            *key != around && !names.is_empty()
        });
    }
    for ((before, after), names) in groups {
        // An archive of several arrays is not a row, so the files are named one by one.
        let as_pattern = folder.join(format!("{before}{{seed}}{after}"));
        if names.len() > 1
            && let Ok(numbered) = numbered(&ArrayPath::of_file(as_pattern))
        {
            found.push(Contents::Numbered(numbered));
            continue;
        }
        for name in names {
            let path = ArrayPath::of_file(folder.join(name));
            found
                .push(contents(&path).unwrap_or_else(|error| {
                    Contents::Members(vec![Member::Other { path, reason: error.to_string() }])
                }));
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<String>, DataError> {
    names(folder).map_err(|source| DataError::read(folder.display(), source))
}

/// What stands before and after the last number in a name; the whole name where it has none.
fn around_number(name: &str) -> (String, String) {
    let stem = name.rfind('.').unwrap_or(name.len());
    let Some(end) = name[..stem].rfind(|c: char| c.is_ascii_digit()).map(|at| at + 1) else {
        return (name.to_owned(), String::new());
    };
    let start = name[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    (name[..start].to_owned(), name[end..].to_owned())
}

/// What stands before and after the numbers of several rows in a name, such as `0-999`.
fn around_several(name: &str) -> Option<(String, String)> {
    let (before, after) = around_number(name);
    let end = name.len() - after.len();
    let digits = before.strip_suffix('-')?;
    let start = digits.len() - digits.chars().rev().take_while(char::is_ascii_digit).count();
    consecutive(&name[start..end])?;
    Some((before[..start].to_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::arrays;

    #[test]
    fn the_last_number_of_a_name_is_the_seed() {
        let around = |name: &str| around_number(name);
        assert_eq!(around("lens_z1_0042.npy"), ("lens_z1_".to_owned(), ".npy".to_owned()));
        assert_eq!(around("7é.npy"), (String::new(), "é.npy".to_owned()));
        assert_eq!(around("é7.npy"), ("é".to_owned(), ".npy".to_owned()));
        assert_eq!(around("x.npy"), ("x.npy".to_owned(), String::new()));
    }

    #[test]
    fn gaps_and_unlike_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |seed: u64, n: usize| {
            let zeros = ndarray::ArrayD::<f32>::zeros(vec![n]);
            arrays::write_npy(folder.path().join(format!("{seed}.npy")), zeros.view()).unwrap();
        };
        [3, 5, 6, 20].iter().for_each(|&seed| write(seed, 4));
        write(9, 5);
        let found = numbered(&ArrayPath::from("{seed}.npy").resolve(folder.path())).unwrap();
        assert_eq!((found.first, found.last, found.n_missing), (3, 20, 13));
        assert_eq!((found.missing, found.info.shape), (vec![4, 7, 8, 10, 11], vec![5, 4]));
        assert_eq!((found.unlike.len(), found.compared), (1, 5));
        assert!(found.unlike[0].contains("9.npy: (5,) of <f4"), "{:?}", found.unlike);
        let Contents::Folder(parts) = contents(&ArrayPath::of_file(folder.path())).unwrap() else { panic!("a folder") };
        assert!(matches!(&parts[..], [Contents::Numbered(_)]));
    }

    #[test]
    fn files_of_several_rows_are_one_array() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, shape: &[usize]| {
            let zeros = ndarray::ArrayD::<f32>::zeros(shape);
            arrays::write_npy(folder.path().join(name), zeros.view()).unwrap();
        };
        write("x0-4.npy", &[5, 3, 2]);
        write("x8-9.npy", &[2, 3, 2]);
        write("x5.npy", &[3, 2]);
        let found = numbered(&ArrayPath::from("x{seeds}.npy").resolve(folder.path())).unwrap();
        assert_eq!((found.first, found.last, found.missing, found.n_missing), (0, 9, vec![6, 7], 2));
        assert_eq!((found.info.shape, found.info.bytes, found.compared), (vec![8, 3, 2], 8 * 6 * 4, 3));
        let found = || match contents(&ArrayPath::of_file(folder.path())).unwrap() {
            Contents::Folder(parts) => parts,
            other => panic!("{other:?}"),
        };
        assert!(matches!(&found()[..], [Contents::Numbered(all)] if all.first == 0), "{:?}", found());
        // Names that only look like it.
        write("x8-9.npy", &[3, 3, 2]);
        assert!(found().len() > 1 && found().iter().all(|part| matches!(part, Contents::Members(_))), "{:?}", found());
        assert_eq!(around_several("a1-2b.npy"), Some(("a".to_owned(), "b.npy".to_owned())));
        assert_eq!(around_several("2-1.npy"), None);
    }
}
