//! Regression adjustment of accepted simulations.

use imnn_prior::Cholesky;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// How accepted simulations are moved to where they would be if their summaries were those of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adjust {
    /// Not at all.
    None,
    /// The mean is a linear function of the summaries: Beaumont, Zhang & Balding 2002, Genetics 162, 2025.
    Mean,
    /// The logarithm of the variance is one too: Blum & François 2010,
    /// [arXiv:0809.4178](https://arxiv.org/abs/0809.4178).
    #[default]
    MeanAndVariance,
}

/// `phi* = m(x_o) + (phi - m(x)) s(x_o) / s(x)`, in the coordinates in which the prior is standard normal, so that
/// nothing leaves it.
///
/// `m` and `ln s^2` are weighted linear regressions on the summaries, with weights `1 - (r / epsilon)^2` of distances
/// `r`.
///
/// # Errors
/// Why it cannot be done.
pub(crate) fn adjusted(
    phi: ArrayView2<'_, f64>,
    x: ArrayView2<'_, f64>,
    target: ArrayView1<'_, f64>,
    weights: ArrayView1<'_, f64>,
    how: Adjust,
) -> Result<Array2<f64>, String> {
    let (n, q) = x.dim();
    let effective = crate::weights::effective_number(weights);
    if effective < 2.0 * (q + 1) as f64 {
        return Err(format!(
            "{n} accepted simulations (worth {effective:.1} by their weights) are too few for a regression on {q} summaries; \
             accept more"
        ));
    }
    let design = Design::new(x, target, weights).ok_or("the summaries of the accepted simulations are collinear")?;
    let mut result = phi.to_owned();
    for (i, column) in phi.columns().into_iter().enumerate() {
        let fit = design.fit(column);
        let residuals: Array1<f64> = (0..n).map(|k| column[k] - design.at(&fit, k)).collect();
        let mut stretch = Array1::ones(n);
        if how == Adjust::MeanAndVariance {
            // A residual of exactly 0 would have the logarithm -inf: it counts as a small one.
            let square = residuals.iter().map(|r| r * r).sum::<f64>() / n as f64;
            let ln_squares = residuals.mapv(|r| (r * r).max(1e-10 * square).max(f64::MIN_POSITIVE).ln());
            let variance = design.fit(ln_squares.view());
            // s(x_o)/s(x): the regression at the target is its constant.
            stretch = (0..n).map(|k| (0.5 * (variance[0] - design.at(&variance, k))).exp()).collect();
        }
        for k in 0..n {
            result[[k, i]] = fit[0] + residuals[k] * stretch[k];
        }
    }
    match result.iter().all(|phi| phi.is_finite()) {
        true => Ok(result),
        false => Err("the regression came to nothing finite".into()),
    }
}

/// Weighted linear regression on summaries about the target, in units of their spread; columns that do not vary are
/// left out.
struct Design {
    /// `(n, 1 + columns)`, the first of ones.
    rows: Array2<f64>,
    weights: Array1<f64>,
    normal: Cholesky,
}

impl Design {
    fn new(x: ArrayView2<'_, f64>, target: ArrayView1<'_, f64>, weights: ArrayView1<'_, f64>) -> Option<Self> {
        let total = weights.sum();
        let spread = |j: usize| {
            let mean = x.column(j).dot(&weights) / total;
            (x.column(j).iter().zip(weights).map(|(v, w)| w * (v - mean).powi(2)).sum::<f64>() / total).sqrt()
        };
        let varying: Vec<(usize, f64)> = (0..x.ncols())
            .map(|j| (j, spread(j)))
            .filter(|(j, spread)| *spread > 1e-10 * x.column(*j).iter().fold(0.0, |l: f64, v| l.max(v.abs())))
            .collect();
        let rows = Array2::from_shape_fn((x.nrows(), 1 + varying.len()), |(k, c)| match c.checked_sub(1) {
            None => 1.0,
            Some(c) => (x[[k, varying[c].0]] - target[varying[c].0]) / varying[c].1,
        });
        let scaled = &rows * &weights.to_owned().insert_axis(ndarray::Axis(1));
        let normal = Cholesky::new(rows.t().dot(&scaled).view())?;
        Some(Design { rows, weights: weights.to_owned(), normal })
    }

    fn fit(&self, y: ArrayView1<'_, f64>) -> Array1<f64> {
        let weighted = &y * &self.weights;
        self.normal.solve(self.rows.t().dot(&weighted).view())
    }

    fn at(&self, fit: &Array1<f64>, k: usize) -> f64 {
        self.rows.row(k).dot(fit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// phi = 1 + 2 (x - x_o) + (1 + 0.5 (x - x_o)) z with z = ±1 at each x.
    #[test]
    fn a_linear_mean_and_a_spread_that_depends_on_the_summary_are_taken_out() {
        let n = 400;
        let x = Array2::from_shape_fn((n, 1), |(k, _)| 3.0 + (k / 2) as f64 / 200.0 - 0.5);
        let phi = Array2::from_shape_fn((n, 1), |(k, _)| {
            let (d, z) = (x[[k, 0]] - 3.0, if k % 2 == 0 { 1.0 } else { -1.0 });
            1.0 + 2.0 * d + (0.5 * d).exp() * z
        });
        let (target, weights) = (ndarray::array![3.0], Array1::ones(n));
        let all = adjusted(phi.view(), x.view(), target.view(), weights.view(), Adjust::MeanAndVariance).unwrap();
        for (k, value) in all.iter().enumerate() {
            let expected = if k % 2 == 0 { 2.0 } else { 0.0 };
            assert!((value - expected).abs() < 1e-2, "{k}: {value}");
        }
        let mean = adjusted(phi.view(), x.view(), target.view(), weights.view(), Adjust::Mean).unwrap();
        assert!((mean[[0, 0]] - (1.0 + (-0.25f64).exp())).abs() < 1e-2);
        let few = adjusted(
            phi.slice_axis(ndarray::Axis(0), (0..3).into()),
            x.slice_axis(ndarray::Axis(0), (0..3).into()),
            target.view(),
            Array1::ones(3).view(),
            Adjust::Mean,
        );
        assert!(few.unwrap_err().contains("too few for a regression on 1 summaries"));
    }
}
