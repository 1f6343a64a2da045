//! The ground floor for files and text. It knows nothing of simulations, networks or statistics.
//!
//! - [`atomic`]: files and folders that appear whole or not at all.
//! - [`config`]: TOML files read key by key, with errors that name file, line and key.
//! - [`folder`]: the names of what is in a folder; [`lock`]: one process at a time works in it; [`manifest`]: what its files were.
//! - [`limits`]: how much memory there is.
//! - [`text`]: shapes, counts and amounts of memory in messages.
//! - [`nearest`]: "did you mean"; [`series`]: names that differ by a number, put together.
//! - [`npy`], [`npz`]: numpy's files, read and written; [`stamp`]: whether a file is still what it was.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod atomic;
pub mod config;
pub mod folder;
pub mod limits;
pub mod lock;
pub mod manifest;
pub mod nearest;
pub mod npy;
pub mod npz;
pub mod series;
pub mod stamp;
pub mod text;

pub use atomic::{FileError, Partial};
pub use config::{ConfigError, Document, Item, Section};
pub use lock::Lock;
pub use manifest::Manifest;
