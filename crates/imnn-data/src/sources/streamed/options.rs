//! How simulations are streamed.

use serde::Serialize;

use crate::RowOptions;

/// How simulations are streamed from files: what is kept in memory and what is read in advance.
///
/// Whatever is chosen, the simulations are the same bits.
///
/// ```
/// use imnn_data::{Prefetch, Streaming};
///
/// let streaming = Streaming { cache: 256 << 20, prefetch: Prefetch::Never, ..Streaming::default() };
/// assert_eq!(streaming.ahead, 64 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streaming {
    /// How the arrays are opened.
    pub rows: RowOptions,
    /// The bytes of simulations to keep in memory: the first rows of the part that fit; 0 by default, since the operating
    /// system keeps in memory it has left what was read from files.
    pub cache: usize,
    /// Which part of the simulations this process reads, and of how many, where several processes train together. By
    /// default the first of one.
    pub part: (usize, usize),
    /// Whether rows are read before they are asked for.
    pub prefetch: Prefetch,
    /// The bytes that rows read in advance may take; 64 MiB by default.
    pub ahead: usize,
}

impl Default for Streaming {
    fn default() -> Self {
        Self { rows: RowOptions::default(), cache: 0, part: (0, 1), prefetch: Prefetch::Auto, ahead: 64 << 20 }
    }
}

/// Whether rows are read before they are asked for, by threads of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefetch {
    /// Where reading is slow: not while the file is in the memory of the operating system, from which it is copied faster
    /// than another thread could hand it over.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
