//! Tools for files of simulations, off the path of training: what is in them, whether they can be trained with, copies of
//! them in other formats, and parts of them.
//!
//! | Tool | Does |
//! | --- | --- |
//! | [`inspect`] | what is in a file or folder, and statistics of the values |
//! | [`sets`] | which arrays make up a set that can be trained with |
//! | [`looks`] | whether they look the same everywhere, as fields on a periodic grid do |
//! | [`check`] | whether simulations can be trained with |
//! | [`Conversion`] | copies an array into another kind of file |
//! | [`Split`] | divides simulations into a training and a validation set |
//!
//! Users of the whole project reach this crate as a part of `imnn::data`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod check;
mod convert;
pub mod inspect;
pub mod sets;
mod split;
mod symmetry;

pub use convert::{Conversion, Converted, Element};
pub use inspect::Meaning;
pub use split::{Part, Parts, Share, Split, SplitFormat};
pub use symmetry::{Looks, looks};
