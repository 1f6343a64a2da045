//! Whether a file holds one simulation, complete and finite, like the others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use imnn_data::{ArrayPath, DataError, RowArray, RowOptions, each_row, open_rows};
use imnn_io::text::unravel;
use imnn_sim::Real;

use crate::failure::Fault;
use crate::shelf::Item;

/// Shape and type of a simulation, which are to be the same for all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Layout {
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: String,
}

/// How a file of the program has to begin: an archive of arrays is read by the same functions.
const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// Opens a simulation, checking its header, its length and that there are values in it.
pub(crate) fn open<E: Real>(path: &Path) -> Result<(Layout, Box<dyn RowArray<E>>), Fault> {
    let regular = std::fs::symlink_metadata(path).map(|metadata| metadata.is_file());
    match regular {
        Ok(true) => {}
        // A pipe, for instance, would be read without end.
        Ok(false) => return Err(Fault::NotAnArray("it is not a plain file".to_owned())),
        Err(_) => return Err(Fault::NoOutput(String::new())),
    }
    let mut start = vec![];
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
    read.map_err(|error| Fault::NotAnArray(format!("it cannot be read: {error}")))?;
    if start != MAGIC {
        let found = if start.is_empty() {
            "it is empty".to_owned()
        } else {
            format!("it starts with {}", start.escape_ascii())
        };
        let instead = instead(&start);
        return Err(Fault::NotAnArray(format!("{found}, where a .npy file starts with \\x93NUMPY{instead}")));
    }
    let array = open_rows(&ArrayPath::from(path), &RowOptions::default()).map_err(|error| fault(path, &error))?;
    let (shape, dtype) = (array.shape().to_vec(), array.dtype().to_owned());
    if shape.is_empty() {
        let reason = "it is a single number without an axis; save it as an array of shape (1,)";
        return Err(Fault::Shape(reason.to_owned()));
    }
    if shape.contains(&0) {
        return Err(Fault::Shape(format!("it has shape {shape:?}: there are no values in it")));
    }
    Ok((Layout { shape, dtype }, array))
}

/// What a file is that starts so, and what to do.
fn instead(start: &[u8]) -> &'static str {
    match start {
        [] => "",
        [b'P', b'K', ..] => ": it is an archive, as np.savez writes it; np.save(out, x) writes one array",
        [0x80, ..] => ": it is a pickle; np.save(out, x) writes an array of numbers",
        [0x89, b'H', b'D', b'F', ..] => ": it is an HDF5 file; np.save(out, x) writes one array",
        [0x1f, 0x8b, ..] => ": it is compressed; np.save(out, x) writes an array as it is",
        b"SIMPLE" => ": it is a FITS file; np.save(out, x) writes one array",
        start if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => {
            ": it is text; np.save(out, x) writes an array, where np.savetxt writes text"
        }
        _ => "",
    }
}

/// Opens a file of a set, of one simulation or of several; the layout is that of one.
pub(crate) fn open_item<E: Real>(item: Item, path: &Path) -> Result<(Layout, Box<dyn RowArray<E>>), Fault> {
    let (mut layout, array) = open(path)?;
    if let Item::Block(..) = item {
        let n_rows = layout.shape.remove(0);
        if layout.shape.is_empty() || n_rows as u64 - 1 != item.width() {
            let reason = format!("it has shape {:?}, and by its name simulations of {item}", array.shape());
            return Err(Fault::Shape(reason));
        }
    }
    Ok((layout, array))
}

/// Checks all of a simulation.
pub(crate) fn check(path: &Path) -> Result<Layout, Fault> {
    let (layout, array) = open::<f64>(path)?;
    let len: usize = layout.shape[1..].iter().product();
    let (mut count, mut first) = (0_usize, None);
    each_row(&*array, &mut |row, values| {
        for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_finite()) {
            count += 1;
            first.get_or_insert_with(|| (unravel(row * len + at, &layout.shape, false), *value));
        }
        Ok(())
    })
    .map_err(|error| fault(path, &error))?;
    match first {
        None => Ok(layout),
        Some((index, value)) => {
            let all = layout.shape[0] * len;
            Err(Fault::NotFinite(format!("the value at {index:?} is {value}; not finite: {count} of {all}")))
        }
    }
}

/// Compares a simulation with another, or with what was asked for.
pub(crate) fn compare(found: &Layout, expected: &Layout, whose: &str) -> Result<(), Fault> {
    if found.shape != expected.shape {
        return Err(Fault::Shape(format!("it has shape {:?}, expected {:?} {whose}", found.shape, expected.shape)));
    }
    if found.dtype != expected.dtype && !expected.dtype.is_empty() {
        let reason = format!("it has elements of type {}, expected {} {whose}", found.dtype, expected.dtype);
        return Err(Fault::Shape(reason));
    }
    Ok(())
}

/// What is wrong, without the place that the file has while it is not done.
fn fault(path: &Path, error: &DataError) -> Fault {
    Fault::NotAnArray(error.to_string().replace(&path.display().to_string(), "the file"))
}

#[cfg(test)]
mod tests {
    use imnn_data::arrays::{write_npy, write_npz};
    use ndarray::{Array, Array1, Array2, arr0};

    use super::*;

    #[track_caller]
    fn refuses(path: &Path, part: &str) {
        let message = check(path).unwrap_err().to_string();
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }

    #[test]
    fn simulations_are_checked_to_the_last_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        refuses(&path, "wrote no file");
        write_npy(&path, Array1::from(vec![1.0_f32, 2.0]).view().into_dyn()).unwrap();
        let layout = check(&path).unwrap();
        assert_eq!(layout.shape, [2]);
        let other = Layout { shape: vec![2, 1], ..layout.clone() };
        let message = compare(&layout, &other, "as 0.npy has").unwrap_err().to_string();
        assert!(message.contains("it has shape [2], expected [2, 1] as 0.npy has"), "{message}");
        let other = Layout { dtype: "<f8".to_owned(), ..layout.clone() };
        assert!(compare(&layout, &other, "").unwrap_err().to_string().contains("elements of type"));

        let mut map = Array2::<f64>::zeros((3, 2));
        map[[2, 1]] = f64::NAN;
        map[[1, 0]] = f64::INFINITY;
        write_npy(&path, map.view().into_dyn()).unwrap();
        refuses(&path, "the value at [1, 0] is inf; not finite: 2 of 6");
        write_npy(&path, arr0(1.0).view().into_dyn()).unwrap();
        refuses(&path, "shape (1,)");
        write_npy(&path, Array::<f64, _>::zeros((2, 0)).view().into_dyn()).unwrap();
        refuses(&path, "no values");
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        std::fs::write(&path, "").unwrap();
        refuses(&path, "it is empty");
        std::fs::write(&path, "1.0 2.0\n").unwrap();
        refuses(&path, "it starts with 1.0 2.");
        write_npy(&path, Array1::<f64>::zeros(100).view().into_dyn()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        refuses(&path, "the file: truncated");
        std::fs::write(&path, &bytes[..40]).unwrap();
        refuses(&path, "the file: ");
        write_npz(&path, &[("x", Array1::<f64>::zeros(100).view().into_dyn().into())]).unwrap();
        refuses(&path, "it starts with PK");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refuses(&path, "not a plain file");
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        refuses(&path, "not a plain file");
    }
}
