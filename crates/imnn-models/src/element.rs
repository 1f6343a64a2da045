//! The types of numbers that networks run in.

use bytemuck::Pod;
use dfdx::dtypes::Dtype;
use imnn_compute::Number;

/// `f32` or `f64`: [`imnn_sim::Real`], the arithmetic that simulators need, with what the loops of the engines need
/// ([`Number`]), what dfdx needs for its tape, and that they are plain bytes, which go to GPUs.
pub trait Element: Number + Dtype + Pod {
    /// One of two values, by the type.
    #[doc(hidden)]
    fn select<F: Family>(single: F::Of<f32>, double: F::Of<f64>) -> F::Of<Self>;
}

/// A type for each type of numbers, such as a function of vectors of them.
#[doc(hidden)]
pub trait Family {
    /// That for numbers of the type `E`.
    type Of<E: Element>;
}

impl Element for f32 {
    fn select<F: Family>(single: F::Of<f32>, _: F::Of<f64>) -> F::Of<f32> {
        single
    }
}

impl Element for f64 {
    fn select<F: Family>(_: F::Of<f32>, double: F::Of<f64>) -> F::Of<f64> {
        double
    }
}
