//! Activation functions with their first and second derivatives.
//!
//! A tangent passes an activation as `t' = f'(v) t`. The gradient of the loss flows through this product too, hence
//! the second derivative: `g_v = f'(v) g_y + f''(v) sum_a t_a g_t'_a`.

use imnn_sim::Real;

/// A function applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// `max(v, 0)`, with derivative 0 at 0.
    Relu,
    /// `v` where `v >= 0`, else `0.01 v`.
    LeakyRelu,
    /// `tanh v`.
    Tanh,
    /// `1 / (1 + exp(-v))`.
    Sigmoid,
    /// `ln(1 + exp v)`.
    Softplus,
    /// `v` where `v > 0`, else `exp(v) - 1`.
    Elu,
    /// `v/2 (1 + tanh(sqrt(2/pi) (v + 0.044715 v^3)))`, the usual approximation of `v Phi(v)`; with
    /// `(1 + tanh u)/2 = 1/(1 + exp(-2u))` only one exponential is needed.
    Gelu,
    /// `s v` where `v > 0`, else `s a (exp(v) - 1)`, with `s = 1.0507...`, `a = 1.6732...`.
    Selu,
    /// `exp v`.
    Exp,
    /// `asinh v`: logarithmic for large values of either sign.
    Asinh,
    /// `ln(1 + v)`, for data above -1 such as a density contrast.
    Log1p,
    /// `v`.
    Identity,
}

impl Activation {
    /// Slope of the leaky ReLU below zero.
    pub const LEAK: f64 = 0.01;
    /// Scale of SELU (Klambauer et al. 2017, arXiv:1706.02515, eq. 14).
    pub const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
    /// Negative saturation of SELU before scaling (same equation).
    pub const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
    /// Coefficient of the cubic term in GELU (Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2).
    pub const GELU_CUBIC: f64 = 0.044_715;

    /// Every activation, in the order of the documentation.
    pub const ALL: [Activation; 12] = [
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Softplus,
        Activation::Elu,
        Activation::Gelu,
        Activation::Selu,
        Activation::Exp,
        Activation::Asinh,
        Activation::Log1p,
        Activation::Identity,
    ];

    /// The name in run files.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::LeakyRelu => "leaky_relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Softplus => "softplus",
            Activation::Elu => "elu",
            Activation::Gelu => "gelu",
            Activation::Selu => "selu",
            Activation::Exp => "exp",
            Activation::Asinh => "asinh",
            Activation::Log1p => "log1p",
            Activation::Identity => "identity",
        }
    }

    /// `f(v)`.
    ///
    /// ```
    /// use imnn_models::Activation;
    /// assert_eq!(Activation::LeakyRelu.value(-2.0_f64), -0.02);
    /// assert_eq!(Activation::Softplus.value(800.0_f64), 800.0); // no overflow
    /// ```
    #[inline]
    pub fn value<E: Real>(self, v: E) -> E {
        let zero = E::zero();
        match self {
            // Comparisons are written so that a NaN stays a NaN.
            Activation::Relu => {
                if v <= zero {
                    zero
                } else {
                    v
                }
            }
            Activation::LeakyRelu => {
                if v >= zero {
                    v
                } else {
                    E::of(Activation::LEAK) * v
                }
            }
            Activation::Tanh => tanh(v)[0],
            Activation::Sigmoid => sigmoid(v),
            Activation::Softplus => v.max(zero) + (-v.abs()).exp().ln_1p(),
            Activation::Elu => {
                if v > zero {
                    v
                } else {
                    v.exp_m1()
                }
            }
            Activation::Gelu => v * sigmoid(gelu_argument(v)),
            Activation::Selu => {
                E::of(Activation::SELU_SCALE) * if v > zero { v } else { E::of(Activation::SELU_ALPHA) * v.exp_m1() }
            }
            Activation::Exp => v.exp(),
            Activation::Asinh => v.asinh(),
            Activation::Log1p => v.ln_1p(),
            Activation::Identity => v,
        }
    }

    /// `f'(v)`.
    #[inline]
    pub fn slope<E: Real>(self, v: E) -> E {
        let (zero, one) = (E::zero(), E::one());
        match self {
            Activation::Relu => {
                if v > zero {
                    one
                } else {
                    zero
                }
            }
            Activation::LeakyRelu => {
                if v >= zero {
                    one
                } else {
                    E::of(Activation::LEAK)
                }
            }
            Activation::Tanh => tanh(v)[1],
            Activation::Sigmoid => sigmoid_slope(v),
            Activation::Softplus => sigmoid(v),
            Activation::Elu => {
                if v > zero {
                    one
                } else {
                    v.exp()
                }
            }
            Activation::Gelu => {
                let u = gelu_argument(v);
                sigmoid(u) + v * sigmoid_slope(u) * gelu_argument_slope(v)
            }
            Activation::Selu => {
                E::of(Activation::SELU_SCALE) * if v > zero { one } else { E::of(Activation::SELU_ALPHA) * v.exp() }
            }
            Activation::Exp => v.exp(),
            Activation::Asinh => one / one.hypot(v),
            Activation::Log1p => one / (one + v),
            Activation::Identity => one,
        }
    }

    /// `f''(v)`.
    #[inline]
    pub fn curvature<E: Real>(self, v: E) -> E {
        let (zero, one, two) = (E::zero(), E::one(), E::of(2.0));
        match self {
            Activation::Relu | Activation::LeakyRelu | Activation::Identity => zero,
            Activation::Tanh => {
                let [t, slope] = tanh(v);
                -two * t * slope
            }
            Activation::Sigmoid => sigmoid_slope(v) * (one - two * sigmoid(v)),
            Activation::Softplus => sigmoid_slope(v),
            Activation::Elu => {
                if v > zero {
                    zero
                } else {
                    v.exp()
                }
            }
            Activation::Gelu => {
                let u = gelu_argument(v);
                let (d, dd) = (gelu_argument_slope(v), gelu_argument_curvature(v));
                sigmoid_slope(u) * (two * d + v * (dd + d * d * (one - two * sigmoid(u))))
            }
            Activation::Selu => {
                if v > zero {
                    zero
                } else {
                    E::of(Activation::SELU_SCALE * Activation::SELU_ALPHA) * v.exp()
                }
            }
            Activation::Exp => v.exp(),
            Activation::Asinh => {
                let h = one.hypot(v);
                -(v / h) / (h * h)
            }
            Activation::Log1p => -one / ((one + v) * (one + v)),
        }
    }

    /// `f(v)`, `f'(v)` and `f''(v)` together, for what the three have in common.
    #[inline]
    pub fn with_derivatives<E: Real>(self, v: E) -> [E; 3] {
        match self {
            Activation::Tanh => {
                let [t, slope] = tanh(v);
                [t, slope, -E::of(2.0) * t * slope]
            }
            // What the others share are exponentials, which the compiler sees for itself.
            _ => [self.value(v), self.slope(v), self.curvature(v)],
        }
    }

    /// Whether the curvature is zero everywhere, so that values do not feel the tangents' gradients.
    pub fn is_piecewise_linear(self) -> bool {
        matches!(self, Activation::Relu | Activation::LeakyRelu | Activation::Identity)
    }
}

/// `1 / (1 + exp(-v))` without overflow: the exponential of a negative number only.
fn sigmoid<E: Real>(v: E) -> E {
    let e = (-v.abs()).exp();
    if v >= E::zero() { E::one() / (E::one() + e) } else { e / (E::one() + e) }
}

/// `exp(v) / (1 + exp(v))^2`, without the cancellation of `s (1 - s)` where s is near 1.
fn sigmoid_slope<E: Real>(v: E) -> E {
    let e = (-v.abs()).exp();
    e / ((E::one() + e) * (E::one() + e))
}

/// `tanh v` and its derivative, without the cancellation of `1 - t^2` where t is near 1.
///
/// ```text
/// e = exp(-2 |v|),   tanh |v| = (1 - e) / (1 + e),   tanh' = 4 e / (1 + e)^2
/// ```
fn tanh<E: Real>(v: E) -> [E; 2] {
    let (one, u) = (E::one(), E::of(-2.0) * v.abs());
    // Near zero the digits of 1 - e count, elsewhere those of e.
    let (e, rest) = if u > -one {
        let m = u.exp_m1();
        (one + m, -m)
    } else {
        let e = u.exp();
        (e, one - e)
    };
    let t = rest / (one + e);
    [if v < E::zero() { -t } else { t }, E::of(4.0) * e / ((one + e) * (one + e))]
}

/// `u(v) = 2 sqrt(2/pi) (v + 0.044715 v^3)`.
fn gelu_argument<E: Real>(v: E) -> E {
    gelu_scale::<E>() * (v + E::of(Activation::GELU_CUBIC) * v * v * v)
}

/// `u'(v)`.
fn gelu_argument_slope<E: Real>(v: E) -> E {
    gelu_scale::<E>() * (E::one() + E::of(3.0 * Activation::GELU_CUBIC) * v * v)
}

/// `u''(v)`.
fn gelu_argument_curvature<E: Real>(v: E) -> E {
    gelu_scale::<E>() * E::of(6.0 * Activation::GELU_CUBIC) * v
}

/// `2 sqrt(2/pi)`.
fn gelu_scale<E: Real>() -> E {
    E::of(std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slopes and curvatures against central differences, away from the kinks.
    #[test]
    fn derivatives_are_those_of_the_value() {
        let points = [-3.0, -0.7, -0.2, 0.3, 0.9, 2.5];
        for activation in Activation::ALL {
            for v in points.into_iter().filter(|v| activation != Activation::Log1p || *v > -1.0) {
                let h = 1e-5;
                let difference = |f: &dyn Fn(f64) -> f64| (f(v + h) - f(v - h)) / (2.0 * h);
                let slope = difference(&|v| activation.value(v));
                let curvature = difference(&|v| activation.slope(v));
                approx::assert_relative_eq!(activation.slope(v), slope, epsilon = 1e-8, max_relative = 1e-8);
                approx::assert_relative_eq!(activation.curvature(v), curvature, epsilon = 1e-8, max_relative = 1e-8);
            }
        }
    }

    #[test]
    fn together_or_one_by_one_they_are_the_same() {
        for activation in Activation::ALL {
            for v in [-0.9, -1e-3, 0.0, 0.4, 3.0] {
                let one_by_one = [activation.value(v), activation.slope(v), activation.curvature(v)];
                assert_eq!(activation.with_derivatives(v), one_by_one, "{activation:?} at {v}");
            }
        }
    }

    #[test]
    fn large_arguments_neither_overflow_nor_lose_the_sign() {
        for v in [-1e4_f64, 1e4] {
            for activation in
                [Activation::Sigmoid, Activation::Softplus, Activation::Tanh, Activation::Gelu, Activation::Asinh]
            {
                assert!(activation.value(v).is_finite(), "{activation:?} at {v}");
                assert!(activation.slope(v).is_finite(), "{activation:?} at {v}");
                assert!(activation.curvature(v).is_finite(), "{activation:?} at {v}");
            }
        }
    }

    /// Where a sigmoid is nearly flat, f32 keeps the digits of what is left of the slope.
    #[test]
    fn saturated_slopes_keep_their_digits() {
        for activation in [Activation::Tanh, Activation::Sigmoid] {
            for v in [-9.0_f32, -7.5, -2.0, -0.3, 1e-3, 0.5, 3.0, 8.0] {
                let (slope, wide) = (activation.slope(v), activation.slope(f64::from(v)));
                approx::assert_relative_eq!(f64::from(slope), wide, max_relative = 2e-6);
            }
        }
        for v in [-1.5_f64, -1e-9, 0.0, 2e-5, 0.7, 20.0] {
            approx::assert_relative_eq!(Activation::Tanh.value(v), v.tanh(), max_relative = 4e-16);
        }
    }

    #[test]
    fn nan_passes_through_every_activation() {
        for activation in Activation::ALL {
            assert!(activation.value(f64::NAN).is_nan(), "{activation:?}");
        }
    }
}
