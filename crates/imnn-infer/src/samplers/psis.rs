//! Pareto-smoothed importance sampling: how heavy the tail of importance weights is, and weights with a tail that is
//! not.

use ndarray::Array1;

use crate::weights::{effective_number, ln_sum_exp};

/// Importance weights with a smoothed tail.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothed {
    /// `ln` of weights that add up to 1.
    pub ln_weights: Array1<f64>,
    /// The shape of the tail: above 0.7 the weights cannot be relied on, infinite where there are too few to tell.
    pub k_hat: f64,
}

impl Smoothed {
    /// Kish's effective number of samples by the smoothed weights.
    pub fn effective(&self) -> f64 {
        effective_number(self.ln_weights.mapv(f64::exp).view())
    }
}

/// Smooths importance weights by a generalised Pareto law that is fitted to the largest of them.
///
/// The tail are the `M = min(n/5, 3 sqrt(n))` largest weights; they are replaced by the quantiles of the fitted law at
/// `(i - 1/2) / M`, none above the largest weight that there was.
///
/// # References
/// Vehtari, Simpson, Gelman, Yao & Gabry 2024, [arXiv:1507.02646](https://arxiv.org/abs/1507.02646), section 3; the fit
/// by Zhang & Stephens 2009, with the prior of appendix C.
pub fn smoothed(ln_weights: &[f64]) -> Smoothed {
    let n = ln_weights.len();
    let largest = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut ln: Vec<f64> = ln_weights.iter().map(|w| w - largest).collect();
    let tail = (0.2 * n as f64).min(3.0 * (n as f64).sqrt()).floor() as usize;
    let mut k_hat = f64::INFINITY;
    if tail > 4 && n > tail && largest.is_finite() {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| ln[a].total_cmp(&ln[b]).then(a.cmp(&b)));
        // Below e^-708 a weight is no longer a number of its own.
        let cutoff = ln[order[n - tail - 1]].max(f64::MIN_POSITIVE.ln());
        let above: Vec<usize> = order[n - tail..].iter().copied().filter(|&k| ln[k] > cutoff).collect();
        if above.len() > 4 {
            let excesses: Vec<f64> = above.iter().map(|&k| ln[k].exp() - cutoff.exp()).collect();
            let (k, sigma) = pareto_fit(&excesses);
            k_hat = k;
            if k.is_finite() {
                for (i, &at) in above.iter().enumerate() {
                    let p = (i as f64 + 0.5) / above.len() as f64;
                    // sigma ((1 - p)^-k - 1) / k.
                    let quantile = match k.abs() < 1e-12 {
                        true => -sigma * (-p).ln_1p(),
                        false => sigma * (-k * (-p).ln_1p()).exp_m1() / k,
                    };
                    ln[at] = (quantile + cutoff.exp()).ln().min(0.0);
                }
            }
        }
    }
    let sum = ln_sum_exp(ln.iter().copied());
    Smoothed { ln_weights: ln.iter().map(|w| w - sum).collect(), k_hat }
}

/// Shape and scale of a generalised Pareto law by Zhang and Stephens' quasi-Bayesian fit to rising values, the shape
/// drawn towards 1/2 with the weight of ten values.
fn pareto_fit(x: &[f64]) -> (f64, f64) {
    let n = x.len();
    let m = 30 + (n as f64).sqrt().floor() as usize;
    let quartile = x[(n as f64 / 4.0 + 0.5).floor() as usize - 1];
    let largest = x[n - 1];
    let theta = |j: usize| {
        let root = (m as f64 / (j as f64 + 0.5)).sqrt();
        (1.0 - root) / (3.0 * quartile) + 1.0 / largest
    };
    let shape = |b: f64| x.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / n as f64;
    let b: Vec<f64> = (0..m).map(theta).collect();
    let likelihood: Vec<f64> = b
        .iter()
        .map(|&b| {
            let k = shape(b);
            n as f64 * ((-b / k).ln() - k - 1.0)
        })
        .collect();
    let weights: Vec<f64> =
        likelihood.iter().map(|own| 1.0 / likelihood.iter().map(|other| (other - own).exp()).sum::<f64>()).collect();
    let kept = |w: &f64| *w >= 10.0 * f64::EPSILON;
    let sum: f64 = weights.iter().filter(|w| kept(w)).sum();
    let b: f64 = b.iter().zip(&weights).filter(|(_, w)| kept(w)).map(|(b, w)| b * w).sum::<f64>() / sum;
    let k = shape(b);
    let sigma = -k / b;
    ((k * n as f64 + 0.5 * 10.0) / (n as f64 + 10.0), sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pareto_tail_is_found() {
        // Quantiles of the law of shape 0.4 as weights; the numbers are arviz's, psislw.
        let ln: Vec<f64> = (0..2000)
            .map(|i| {
                let p = (f64::from(i) + 0.5) / 2000.0;
                (((1.0 - p).powf(-0.4) - 1.0) / 0.4).ln()
            })
            .collect();
        let smoothed = smoothed(&ln);
        assert!((smoothed.k_hat - 0.407_342_852_550_446_33).abs() < 1e-9, "{}", smoothed.k_hat);
        assert!((smoothed.effective() - 446.603_004_460_270_03).abs() < 1e-5, "{}", smoothed.effective());
        assert!((smoothed.ln_weights.mapv(f64::exp).sum() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn equal_weights_and_few_weights_are_survived() {
        let equal = smoothed(&[3.0; 100]);
        assert!((equal.effective() - 100.0).abs() < 1e-9);
        assert!(smoothed(&[0.0, 1.0]).k_hat.is_infinite());
        assert!(smoothed(&[f64::NEG_INFINITY; 50]).k_hat.is_infinite());
    }
}
