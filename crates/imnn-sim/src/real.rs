//! The floating-point types in which data and weights are held.

use std::fmt::{Debug, Display};
use std::iter::Sum;

/// `f32` or `f64`: what a simulation, a weight or an activation is stored as.
///
/// The trait is sealed: the autodiff engine and the file formats know these two types.
pub trait Real: num_traits::Float + Default + Debug + Display + Send + Sync + Sum + sealed::Sealed + 'static {
    /// The name used in run files and error messages, `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// The nearest value to `x`.
    fn of(x: f64) -> Self;

    /// This value as `f64`, exactly.
    fn f64(self) -> f64;
}

impl Real for f32 {
    const NAME: &'static str = "f32";

    fn of(x: f64) -> Self {
        x as f32
    }

    fn f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const NAME: &'static str = "f64";

    fn of(x: f64) -> Self {
        x
    }

    fn f64(self) -> f64 {
        self
    }
}

mod sealed {
    /// Keeps [`super::Real`] to the types of this crate.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_nearest_and_exact() {
        assert_eq!(<f32 as Real>::of(0.1), 0.1_f32);
        assert_eq!(0.1_f32.f64(), 0.100_000_001_490_116_12);
        assert_eq!(<f64 as Real>::of(0.1).f64(), 0.1);
        assert_eq!((f32::NAME, f64::NAME), ("f32", "f64"));
    }
}
