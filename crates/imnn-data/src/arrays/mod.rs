//! Arrays in `.npy` and `.npz` files, read into the precision asked for and checked completely.
//!
//! What can be read: format versions 1 to 3; `float16`, `float32`, `float64`, integers and `bool` of either byte order,
//! converted to `f32` or `f64`; C and Fortran order; archives stored or deflated, zip64 included.
//! Whatever the bytes are, the answer is an array or a [`DataError`](crate::DataError) that names the file and key; no
//! more memory is taken than the file can fill.
//!
//! ```
//! use imnn_data::{ArrayPath, arrays};
//! use ndarray::array;
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("train.npz");
//! let fiducial = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
//! arrays::write_npz(&file, &[("fiducial", fiducial.view().into())])?;
//!
//! let path = ArrayPath::with_key(&file, "fiducial");
//! assert_eq!(arrays::read::<f64>(&path)?, fiducial);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod archive;
pub(crate) mod dtype;
pub(crate) mod header;
mod literal;
pub(crate) mod npy;
mod path;
pub(crate) mod read;
pub(crate) mod write;

pub use archive::keys;
pub use path::ArrayPath;
pub use read::{read, read_rows, read_vector};
pub use write::{AnyArray, write_npy, write_npz};
