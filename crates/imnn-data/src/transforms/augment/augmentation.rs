//! Which symmetries there are to draw from.

use serde::Serialize;

/// Which symmetries of the grid are drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Augmentation {
    /// Periodic shifts along each spatial axis by any number of cells.
    pub shift: bool,
    /// Mirror images along each spatial axis.
    pub flip: bool,
    /// Permutations of the spatial axes, which must be of equal length.
    pub transpose: bool,
}

impl Augmentation {
    /// All symmetries of a periodic square or cube.
    pub fn all() -> Self {
        Self { shift: true, flip: true, transpose: true }
    }

    /// Whether any symmetry is drawn from.
    pub fn any(self) -> bool {
        self.shift || self.flip || self.transpose
    }
}
