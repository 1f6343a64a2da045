//! What the file of an activation says about it.
//!
//! A tangent passes an activation as `t' = f'(v) t`. The gradient of the loss flows through this product too, hence the
//! second derivative: `g_v = f'(v) g_y + f''(v) sum_a t_a g_t'_a`.

use imnn_compute::Number;
use imnn_sim::Real;

/// A function made of two straight lines that meet at 0, with `f(v)` of the sign of v: `f''` is zero, and `f'(v)` is
/// `f'(f(v))`, so that the output tells the slope. Comparisons are to be written so that a NaN stays a NaN.
pub trait Piecewise: Copy + Send + Sync + 'static {
    /// The name in run files.
    const NAME: &'static str;
    /// The formula, for `--help`.
    const FORMULA: &'static str;

    /// `f(v)`.
    fn value<E: Real>(v: E) -> E;

    /// `f'(v)`.
    fn slope<E: Real>(v: E) -> E;

    /// Value and slope as expressions in C: of `v`, in numbers of the type `REAL`.
    fn cuda() -> [String; 2];

    /// `f(v)`, `f'(v)` and `f''(v)`.
    fn derivatives<E: Real>(v: E) -> [E; 3] {
        [Self::value(v), Self::slope(v), E::zero()]
    }

    /// Gives the function to a visitor.
    fn visit<V: Visitor>(self, visitor: V) -> V::Output {
        visitor.piecewise(self)
    }

    /// Its case in the functions of [`super::cuda_source`].
    fn cuda_case() -> CudaCase {
        let [value, slope] = Self::cuda();
        CudaCase { value: Some(value), slope: Some(slope), smooth: None }
    }
}

/// Any other function, with its first two derivatives.
pub trait Smooth: Copy + Send + Sync + 'static {
    /// The name in run files.
    const NAME: &'static str;
    /// The formula, for `--help`.
    const FORMULA: &'static str;

    /// `f(v)`, `f'(v)` and `f''(v)`: the definition, of the functions of the standard library.
    fn derivatives<E: Real>(v: E) -> [E; 3];

    /// The same three, of the functions in [`imnn_compute::elementary`] and without branches, so that compilers make vector
    /// instructions of them; to be marked `#[inline(always)]`. What a caller does not use of the three is not computed.
    fn vector<L: Number>(v: L) -> [L; 3];

    /// The same three in C: statements that set `d.value`, `d.slope` and `d.curvature` from `v`, in numbers of the type
    /// `REAL`.
    fn cuda() -> String;

    /// Gives the function to a visitor.
    fn visit<V: Visitor>(self, visitor: V) -> V::Output {
        visitor.smooth(self)
    }

    /// Its case in the functions of [`super::cuda_source`].
    fn cuda_case() -> CudaCase {
        CudaCase { value: None, slope: None, smooth: Some(Self::cuda()) }
    }
}

/// What is done with a function whose type is known only when the program runs: [`super::Activation::visit`].
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// With a piecewise linear function.
    fn piecewise<F: Piecewise>(self, f: F) -> Self::Output;

    /// With a smooth function.
    fn smooth<F: Smooth>(self, f: F) -> Self::Output;
}

/// An activation in C.
pub struct CudaCase {
    pub(super) value: Option<String>,
    pub(super) slope: Option<String>,
    pub(super) smooth: Option<String>,
}
