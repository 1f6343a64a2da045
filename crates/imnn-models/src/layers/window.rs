//! Settings of layers that look at windows.

use crate::settings::settings;
use crate::windows::Padding;

/// Settings of a pooling layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Window size along each spatial axis.
    pub window: Vec<usize>,
    /// Stride along each spatial axis; empty means 1 everywhere.
    pub strides: Vec<usize>,
    /// What lies beyond the edge.
    pub padding: Padding,
}

settings!(Window { window: "[2, 2]", strides = Vec::<usize>::new(), padding: "\"same\"" });

/// How run files may write a window.
pub(super) const EXAMPLE: &str = "{ window = [2, 2], strides = [2, 2], padding = \"valid\" }";

impl Window {
    pub(super) fn new(window: &[usize], strides: &[usize], padding: Padding) -> Self {
        Window { window: window.to_vec(), strides: strides.to_vec(), padding }
    }
}
