//! The numbers that this crate computes with.

use crate::elementary::Precision;
use imnn_sim::Real;
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

/// `f32` or `f64`: [`Real`] with assigning arithmetic and the constants of the vectorised elementary functions.
pub trait Number: Real + Precision + AddAssign + SubAssign + MulAssign + DivAssign {}

impl Number for f32 {}
impl Number for f64 {}
