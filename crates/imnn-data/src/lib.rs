//! Sources of simulations: arrays in memory, npy and npz files, simulators on the fly, and symmetry augmentation.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arrays;
mod augment;
mod error;
mod files;
mod layout;
mod memory;
mod on_the_fly;
mod simulate;
mod source;
mod steps;
mod text;
mod values;

pub use arrays::ArrayPath;
pub use augment::{Augmentation, Augmented};
pub use error::DataError;
pub use files::{Files, FilesKind};
pub use memory::Arrays;
pub use on_the_fly::OnTheFly;
pub use simulate::{simulate_exact, simulate_numerical};
pub use source::{Derivatives, Leaf, Source, check_rows};
pub use steps::Steps;
