//! The ground floor for files and text. It knows nothing of simulations, networks or statistics.
//!
//! - [`atomic`]: files and folders that appear whole or not at all.
//! - [`config`]: TOML files read key by key, with errors that name file, line and key.
//! - [`text`]: shapes, counts and amounts of memory in messages.
//! - [`nearest`]: "did you mean".

pub mod atomic;
pub mod config;
pub mod nearest;
pub mod text;

pub use atomic::{FileError, Partial};
pub use config::{ConfigError, Document, Item, Section};
