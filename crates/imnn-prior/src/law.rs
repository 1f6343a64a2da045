//! What a one-dimensional law is.

use std::fmt::Debug;

use crate::special::{LARGEST_PHI, normal_cdf, normal_ln_pdf, normal_quantile};

/// A one-dimensional law: density, distribution function and its inverse, all of them from either tail.
///
/// With `F` the distribution function and `Phi` that of the standard normal law, the law's own coordinate is
///
/// ```text
/// phi = Phi^-1(F(theta)),    theta = F^-1(Phi(phi)),    dtheta/dphi = N(phi; 0, 1) / p(theta)
/// ```
///
/// in which the law is standard normal. Above the median it is computed from the survival functions, so that both tails
/// keep their digits. `|phi|` ends at [`LARGEST_PHI`].
///
/// A law of one's own needs the five functions without a default:
///
/// ```
/// use imnn_prior::{Law, Prior};
///
/// /// p(theta) = 2 theta on [0, 1].
/// #[derive(Debug)]
/// struct Rising;
///
/// impl Law for Rising {
///     fn support(&self) -> [f64; 2] {
///         [0.0, 1.0]
///     }
///     fn ln_density(&self, theta: f64) -> f64 {
///         if theta > 0.0 && theta < 1.0 { (2.0 * theta).ln() } else { f64::NEG_INFINITY }
///     }
///     fn cdf(&self, theta: f64) -> f64 {
///         theta.clamp(0.0, 1.0).powi(2)
///     }
///     fn survival(&self, theta: f64) -> f64 {
///         (1.0 - theta.clamp(0.0, 1.0)) * (1.0 + theta)
///     }
///     fn quantile(&self, p: f64) -> f64 {
///         p.sqrt()
///     }
///     fn upper_quantile(&self, q: f64) -> f64 {
///         1.0 - q / (1.0 + (1.0 - q).sqrt())
///     }
/// }
///
/// let prior = Prior::builder().law("amplitude", Rising).build()?;
/// assert!((prior.to_theta(&[0.0])?[0] - 0.5_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), imnn_prior::PriorError>(())
/// ```
pub trait Law: Debug + Send + Sync {
    /// The least interval that holds all of the law; infinite where it does not end.
    fn support(&self) -> [f64; 2];

    /// `ln p(theta)`, normalised; minus infinity outside the support.
    fn ln_density(&self, theta: f64) -> f64;

    /// `F(theta)`, the probability below `theta`.
    fn cdf(&self, theta: f64) -> f64;

    /// `1 - F(theta)`, with the digits of the upper tail.
    fn survival(&self, theta: f64) -> f64;

    /// The `theta` with `F(theta) = p`, for p from 0 to 1/2.
    fn quantile(&self, p: f64) -> f64;

    /// The `theta` with `1 - F(theta) = q`, for q from 0 to 1/2.
    fn upper_quantile(&self, q: f64) -> f64;

    /// The derivative of `ln p` by `theta`, where it is known in closed form; by default it is not.
    fn ln_density_slope(&self, _theta: f64) -> Option<f64> {
        None
    }

    /// `Phi^-1(F(theta))`.
    fn to_phi(&self, theta: f64) -> f64 {
        let (below, above) = (self.cdf(theta), self.survival(theta));
        let phi = if below <= above { normal_quantile(below) } else { -normal_quantile(above) };
        phi.clamp(-LARGEST_PHI, LARGEST_PHI)
    }

    /// `F^-1(Phi(phi))`, inside the open support.
    fn to_theta(&self, phi: f64) -> f64 {
        let phi = phi.clamp(-LARGEST_PHI, LARGEST_PHI);
        let theta = if phi <= 0.0 { self.quantile(normal_cdf(phi)) } else { self.upper_quantile(normal_cdf(-phi)) };
        inside(theta, self.support())
    }

    /// `dtheta/dphi` at `phi` and its `theta`.
    fn slope(&self, phi: f64, theta: f64) -> f64 {
        (normal_ln_pdf(phi) - self.ln_density(theta)).exp()
    }

    /// The law as it stands in a TOML file, such as `{ uniform = [0.0, 1.0] }`; none for laws that have no name there.
    fn toml(&self) -> Option<String> {
        None
    }
}

/// The value itself, or the number next to an end of the interval where rounding put it there.
pub(crate) fn inside(theta: f64, [low, high]: [f64; 2]) -> f64 {
    if theta <= low {
        low.next_up()
    } else if theta >= high {
        high.next_down()
    } else {
        theta
    }
}
