//! Density of one parameter.

use ndarray::{Array1, ArrayView1};

use super::{Span, WIDER, bandwidth, share};
use crate::error::{InferError, Result};

/// Points of a density.
const NODES: usize = 256;

/// A density of one parameter on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Density1 {
    /// Rising points; the first and the last may be hard bounds.
    pub x: Array1<f64>,
    /// The density at these, with an integral of 1.
    pub density: Array1<f64>,
}

impl Density1 {
    /// A density that is known at equidistant points; it is divided by its integral.
    ///
    /// # Errors
    /// Fewer than two points, other lengths, values that are negative or not finite, or 0 everywhere.
    pub fn new(x: Array1<f64>, density: Array1<f64>) -> Result<Self> {
        let n = x.len();
        crate::check::shape("density", density.shape(), &[n])?;
        crate::check::finite("x", &x)?;
        crate::check::finite("density", &density)?;
        if n < 2 || x[n - 1] <= x[0] {
            return Err(InferError::setting("x", x.to_vec(), "at least two points that rise"));
        }
        let step = (x[n - 1] - x[0]) / (n - 1) as f64;
        let sum: f64 = density.iter().enumerate().map(|(k, d)| d * share(k, n)).sum::<f64>() * step;
        if density.iter().any(|d| *d < 0.0) || sum.is_nan() || sum <= 0.0 {
            return Err(InferError::NoMass {
                method: "density",
                reason: "it is negative somewhere, or 0 everywhere".into(),
            });
        }
        Ok(Density1 { x, density: density / sum })
    }

    /// The kernel estimate from weighted samples: divided by the part of the kernel that is inside hard bounds, and
    /// then made right to the next order by the ratio of the samples to this first estimate (Jones, Linton & Nielsen
    /// 1995, Biometrika 82, 327).
    ///
    /// The ratio takes the bias at a bound away too, where the density has a slope: so there is no need of the linear
    /// boundary kernel (Jones 1993), whose errors are twice as large there and four times in a corner of two bounds.
    pub(crate) fn estimate(
        values: ArrayView1<'_, f64>,
        weights: ArrayView1<'_, f64>,
        independent: f64,
        bounds: [f64; 2],
    ) -> Result<Self> {
        let span = Span::of(values, weights, bounds)?;
        let step = span.width() / (NODES - 1) as f64;
        let h = WIDER * bandwidth(values, weights, independent, [span.low, span.high]);
        let h = h.clamp(0.8 * step, 0.3 * span.width());
        let mut mass = vec![0.0; NODES];
        for (value, &w) in values.iter().zip(weights) {
            let (k, part) = span.place(*value, NODES);
            mass[k] += w * (1.0 - part);
            mass[k + 1] += w * part;
        }
        let reach = ((4.5 * h / step).ceil() as usize).min(NODES - 1);
        let kernel: Vec<f64> = (0..=reach).map(|k| (-0.5 * (k as f64 * step / h).powi(2)).exp()).collect();
        let first = smoothed(&mass, &kernel);
        let ratio: Vec<f64> = mass.iter().zip(&first).map(|(m, f)| if *f > 0.0 { m / f } else { 0.0 }).collect();
        let second = smoothed(&ratio, &kernel);
        let density = first.iter().zip(&second).map(|(f, r)| f * r).collect();
        Density1::new(span.nodes(NODES), density)
    }

    /// The value at which a share of the mass is below.
    pub fn quantile(&self, p: f64) -> f64 {
        let n = self.x.len();
        let step = (self.x[n - 1] - self.x[0]) / (n - 1) as f64;
        let mut below = 0.0;
        for k in 0..n - 1 {
            let piece = 0.5 * (self.density[k] + self.density[k + 1]) * step;
            if below + piece >= p && piece > 0.0 {
                return self.x[k] + step * (p - below) / piece;
            }
            below += piece;
        }
        self.x[n - 1]
    }
}

/// The mean of masses under the kernel about each node, by the part of the kernel that is inside.
fn smoothed(mass: &[f64], kernel: &[f64]) -> Vec<f64> {
    let n = mass.len();
    let reach = kernel.len() - 1;
    let at = |k: usize| {
        let (mut sum, mut inside) = (0.0, 0.0);
        for j in k.saturating_sub(reach)..=(k + reach).min(n - 1) {
            let w = kernel[j.abs_diff(k)];
            sum += w * mass[j];
            inside += w * share(j, n);
        }
        sum / inside
    };
    (0..n).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_sim::Key;

    fn uniform(n: usize) -> Array1<f64> {
        let mut rng = Key::new(1).rng();
        (0..n).map(|_| rand::RngExt::random::<f64>(&mut rng)).collect()
    }

    #[test]
    fn a_uniform_law_is_flat_to_its_hard_edges() {
        let n = 10_000;
        let weights = Array1::from_elem(n, 1.0 / n as f64);
        let density = Density1::estimate(uniform(n).view(), weights.view(), n as f64, [0.0, 1.0]).unwrap();
        assert_eq!((density.x[0], density.x[255]), (0.0, 1.0));
        for edge in [0, 255] {
            assert!((density.density[edge] - 1.0).abs() < 0.05, "{}", density.density[edge]);
        }
        assert!(density.density.iter().all(|d| (d - 1.0).abs() < 0.1), "{}", density.density);
    }

    #[test]
    fn a_law_that_rises_to_its_edge_keeps_its_slope() {
        // p = 2 x on [0, 1].
        let n = 20_000;
        let weights = Array1::from_elem(n, 1.0 / n as f64);
        let density =
            Density1::estimate(uniform(n).mapv(f64::sqrt).view(), weights.view(), n as f64, [0.0, 1.0]).unwrap();
        assert!((density.density[255] - 2.0).abs() < 0.12, "{}", density.density[255]);
        assert!(density.density[0] < 0.1);
    }

    #[test]
    fn normal_samples_have_the_normal_density() {
        let n = 20_000;
        let mut z = vec![0.0; n];
        Key::new(2).fill_normal(&mut z);
        let weights = Array1::from_elem(n, 1.0 / n as f64);
        let none = [f64::NEG_INFINITY, f64::INFINITY];
        let density = Density1::estimate(Array1::from(z).view(), weights.view(), n as f64, none).unwrap();
        for (x, d) in density.x.iter().zip(&density.density) {
            let exact = imnn_prior::special::normal_pdf(*x);
            assert!((d - exact).abs() < 0.015, "{x}: {d} {exact}");
        }
        assert!((density.quantile(0.5)).abs() < 0.03 && (density.quantile(0.84) - 0.994).abs() < 0.04);
    }

    #[test]
    fn what_is_no_density_is_refused() {
        use ndarray::array;
        assert!(Density1::new(array![0.0, 1.0], array![0.0, 0.0]).is_err());
        assert!(Density1::new(array![0.0, 1.0], array![-1.0, 2.0]).is_err());
        assert!(Density1::new(array![1.0, 0.0], array![1.0, 1.0]).is_err());
        assert!(Density1::new(array![0.0, 1.0], array![1.0, f64::NAN]).is_err());
        let one = Array1::from_elem(10, 3.0);
        let error = Density1::estimate(one.view(), Array1::from_elem(10, 0.1).view(), 10.0, [0.0, 5.0])
            .unwrap_err()
            .to_string();
        assert_eq!(error, "density: all samples of a parameter have the value 3");
    }
}
