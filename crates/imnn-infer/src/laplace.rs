//! The normal law about the largest value of a density: where samplers begin.

use imnn_prior::Cholesky;
use ndarray::{Array1, Array2};

/// The place of a maximum, and the covariance of the normal law with the same curvature there.
#[derive(Clone, Debug)]
pub struct Laplace {
    /// Where the log density is largest.
    pub mode: Array1<f64>,
    /// The log density there.
    pub value: f64,
    /// Minus the inverse of its second derivatives.
    pub covariance: Array2<f64>,
}

/// Steps of central differences, in coordinates of scale 1.
const STEP: f64 = 1e-4;

/// Looks for a maximum of a log density from a start, in coordinates in which the prior is standard normal: Newton's
/// method with differences, halving steps that do not rise. Directions in which the density does not curve down get the
/// variance 1, that of the prior.
///
/// None where the density is not finite at the start.
pub fn laplace(start: &Array1<f64>, ln_density: impl Fn(&[f64]) -> f64) -> Option<Laplace> {
    let at = |x: &Array1<f64>| ln_density(&x.to_vec());
    let (mut mode, mut value) = (start.clone(), at(start));
    if !value.is_finite() {
        return None;
    }
    let mut covariance = Array2::eye(start.len());
    for _ in 0..100 {
        let (gradient, hessian) = differences(&mode, value, &at);
        covariance = inverse(&hessian);
        let step = covariance.dot(&gradient);
        let mut length = 1.0;
        let better = loop {
            let next = &mode + &(&step * length);
            let there = at(&next);
            if there > value {
                break Some((next, there));
            }
            length *= 0.5;
            if length < 1e-6 {
                break None;
            }
        };
        let Some((next, there)) = better else { break };
        let gained = there - value;
        (mode, value) = (next, there);
        if gained < 1e-9 {
            break;
        }
    }
    Some(Laplace { mode, value, covariance })
}

/// Gradient and second derivatives; what is not finite, at the edge of a constraint, counts as flat.
fn differences(x: &Array1<f64>, value: f64, at: &impl Fn(&Array1<f64>) -> f64) -> (Array1<f64>, Array2<f64>) {
    let d = x.len();
    let shifted = |shifts: &[(usize, f64)]| {
        let mut x = x.clone();
        shifts.iter().for_each(|(i, by)| x[*i] += by);
        let there = at(&x);
        if there.is_finite() { there } else { value }
    };
    let (mut gradient, mut hessian) = (Array1::zeros(d), Array2::zeros((d, d)));
    for i in 0..d {
        let (up, down) = (shifted(&[(i, STEP)]), shifted(&[(i, -STEP)]));
        gradient[i] = (up - down) / (2.0 * STEP);
        hessian[[i, i]] = (up + down - 2.0 * value) / (STEP * STEP);
        for j in 0..i {
            let corners = shifted(&[(i, STEP), (j, STEP)]) + shifted(&[(i, -STEP), (j, -STEP)])
                - shifted(&[(i, STEP), (j, -STEP)])
                - shifted(&[(i, -STEP), (j, STEP)]);
            hessian[[i, j]] = corners / (4.0 * STEP * STEP);
            hessian[[j, i]] = hessian[[i, j]];
        }
    }
    (gradient, hessian)
}

/// Minus the inverse, or the diagonal's where that is not positive definite.
fn inverse(hessian: &Array2<f64>) -> Array2<f64> {
    match Cholesky::new((-hessian).view()) {
        Some(factor) => factor.inverse(),
        None => Array2::from_diag(&hessian.diag().mapv(|h| if h < -1.0 { -1.0 / h } else { 1.0 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_normal_density_is_found_exactly() {
        let precision = array![[2.0, 0.5], [0.5, 1.0]];
        let centre = array![1.0, -2.0];
        let found = laplace(&array![0.0, 0.0], |x| {
            let d = Array1::from(x.to_vec()) - &centre;
            -0.5 * d.dot(&precision.dot(&d))
        })
        .unwrap();
        assert!((&found.mode - &centre).iter().all(|x| x.abs() < 1e-6));
        let product = found.covariance.dot(&precision);
        assert!((product - Array2::<f64>::eye(2)).iter().all(|x| x.abs() < 1e-6));
    }

    #[test]
    fn a_density_without_curvature_or_value_is_survived() {
        let flat = laplace(&array![0.3], |_| 1.0).unwrap();
        assert_eq!((flat.mode, flat.covariance), (array![0.3], array![[1.0]]));
        assert!(laplace(&array![0.3], |_| f64::NEG_INFINITY).is_none());
    }
}
