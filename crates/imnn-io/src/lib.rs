//! The ground floor for files and text. It knows nothing of simulations, networks or statistics.
//!
//! - [`atomic`]: files and folders that appear whole or not at all.
//! - [`text`]: shapes, counts and amounts of memory in messages.
//! - [`nearest`]: "did you mean".
//! - [`npy`], [`npz`]: numpy's files.

pub mod atomic;
pub mod nearest;
pub mod npy;
pub mod npz;
pub mod stamp;
pub mod text;

pub use atomic::{FileError, Partial};
