//! What the file of an activation says about it.
//!
//! A tangent passes an activation as `t' = f'(v) t`. The gradient of the loss flows through this product too, hence the
//! second derivative: `g_v = f'(v) g_y + f''(v) sum_a t_a g_t'_a`.

use imnn_compute::Number;
use imnn_sim::Real;

/// A function with its first two derivatives.
pub trait Function: Copy + Send + Sync + 'static {
    /// The name in run files.
    const NAME: &'static str;
    /// The formula, for `--help`.
    const FORMULA: &'static str;
    /// Whether it is made of two straight lines that meet at 0, with `f(v)` of the sign of v: `f''` is zero, and `f'(v)` is
    /// `f'(f(v))`, so that the output tells the slope.
    const PIECEWISE_LINEAR: bool = false;

    /// `f(v)`, `f'(v)` and `f''(v)`: the definition, of the functions of the standard library. Comparisons are to be written
    /// so that a NaN stays a NaN.
    fn derivatives<E: Real>(v: E) -> [E; 3];

    /// The same three, of the functions in [`imnn_compute::elementary`] and without branches, so that compilers make vector
    /// instructions of them; to be marked `#[inline(always)]`. What a caller does not use of the three is not computed. By
    /// default the definition, for functions that call none of the library.
    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        Self::derivatives(v)
    }

    /// The same in C, of `v` in numbers of the type `REAL`.
    fn cuda() -> CudaCase;
}

/// What is done with a function whose type is known only when the program runs: [`super::Activation::visit`].
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// With this function.
    fn visit<F: Function>(self) -> Self::Output;
}

/// An activation in C.
pub enum CudaCase {
    /// Value and slope of a piecewise linear function: two expressions.
    Kink([String; 2]),
    /// Statements that set `d.value`, `d.slope` and `d.curvature`.
    Smooth(String),
}

impl<S: Into<String>> From<S> for CudaCase {
    fn from(statements: S) -> Self {
        CudaCase::Smooth(statements.into())
    }
}
