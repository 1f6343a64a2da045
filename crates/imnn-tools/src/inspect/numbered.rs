//! Files with numbers in their names, as patterns.

use imnn_data::{
    ArrayInfo, ArrayPath, ArrayReader, DataError, Pattern, RowOptions, arrays, is_pattern, numbers, open_rows,
};
use ndarray::{ArrayD, Axis};

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
    /// The numbers.
    pub seeds: Vec<u64>,
    /// The columns of tables that are the same in all files, and are left out of `info`.
    pub same: Vec<String>,
    /// The files of which type and shape were compared: all, or some of many.
    pub compared: usize,
    /// Those of them that differ from the first, with what is different.
    pub unlike: Vec<String>,
}

/// As many files are opened, evenly spread over all.
const OPENED: usize = 12;

/// As many missing numbers and unlike files are named.
const NAMED: usize = 5;

/// What the files of a pattern are.
///
/// # Errors
/// If there are none, or the first cannot be read.
pub fn numbered(path: &ArrayPath) -> Result<Numbered, DataError> {
    let no_pattern = || DataError::unusable(path, "write {seed} where the names of the files have a number");
    let pattern = Pattern::of(path)?.ok_or_else(no_pattern)?;
    let numbers = numbers(&pattern)?;
    if pattern.has_several() {
        return several(path, &pattern.path(&numbers[0].digits), numbers.len());
    }
    let n = numbers.len();
    let opened = n.min(OPENED);
    let (mut first, mut unlike) = (None, vec![]);
    for k in 0..opened {
        // The first and the last are among them.
        let at = if opened > 1 { k * (n - 1) / (opened - 1) } else { 0 };
        let path = pattern.path(&numbers[at].digits);
        match (array(&path), &first) {
            (Ok(info), None) => first = Some(info),
            (Ok(info), Some(first)) if info.shape == first.shape && info.dtype == first.dtype => {}
            (Ok(info), Some(_)) => {
                unlike.push(format!("{path}: {} of {}", imnn_io::text::tuple(&info.shape), info.dtype))
            }
            // One that cannot be read does not hide the others.
            (Err(error), _) => unlike.push(error.to_string()),
        }
    }
    let Some(of_first) = first else { return Err(DataError::other(unlike.swap_remove(0))) };
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
    Numbered { info, first, last, n_missing, missing, seeds: seeds.to_vec(), same: vec![], compared, unlike }
}

/// What one array is, without reading its values.
///
/// # Errors
/// As [`contents`](super::contents), and if the path names several arrays.
pub fn array(path: &ArrayPath) -> Result<ArrayInfo, DataError> {
    if is_pattern(path)? {
        return Ok(numbered(path)?.info);
    }
    ArrayReader::default().info(path)
}

/// Of tables of which some columns are the same in all files, such as the wavenumbers of spectra, the others.
///
/// Two files are compared, the first and the last.
pub(super) fn columns_that_differ(path: &ArrayPath, of: Numbered) -> Numbered {
    differing(path, &of).unwrap_or(of)
}

/// Tables of more columns are no columns of one quantity each.
const COLUMNS: usize = 32;

fn differing(path: &ArrayPath, of: &Numbered) -> Option<Numbered> {
    let [_, _, n] = of.info.shape[..] else { return None };
    if path.key().is_some() || !(2..=COLUMNS).contains(&n) || !of.info.has_columns() {
        return None;
    }
    let pattern = Pattern::of(path).ok()??;
    let numbers = numbers(&pattern).ok()?;
    let read = |at: usize| arrays::read::<f64>(&pattern.path(&numbers[at].digits)).ok();
    let (first, last) = (read(0)?, read(numbers.len() - 1)?);
    let is_same = |column: &usize| {
        let of =
            |table: &ArrayD<f64>| table.index_axis(Axis(1), *column).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        of(&first) == of(&last)
    };
    let (same, differ): (Vec<usize>, Vec<usize>) = (0..n).partition(is_same);
    if same.is_empty() || differ.is_empty() {
        return None;
    }
    let key: Vec<String> = differ.iter().map(usize::to_string).collect();
    let name = |column: usize| of.info.columns.get(column).cloned().unwrap_or_else(|| column.to_string());
    let path = ArrayPath::with_key(path.file(), key.join(","));
    let kept = if differ.len() == 1 { vec![] } else { vec![differ.len()] };
    let shape = [&of.info.shape[..2], &kept[..]].concat();
    let columns = differ.iter().filter_map(|&column| of.info.columns.get(column).cloned()).collect();
    let bytes = of.info.bytes / n as u64 * differ.len() as u64;
    let info = ArrayInfo { path, shape, columns, bytes, ..of.info.clone() };
    Some(Numbered { info, same: same.into_iter().map(name).collect(), ..of.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{Contents, contents};

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
    }
}
