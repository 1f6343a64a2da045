//! Whether data that the posterior predicts look like the observed ones.

use imnn_prior::Cholesky;
use ndarray::{Array1, ArrayView1, ArrayView2};

use super::Verdict;
use crate::check;
use crate::error::{InferError, Result};
use crate::weights;

/// Posterior predictive p values: of the whole observation, and of each summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictive {
    /// The share of replications that are as far from their mean as the observation, by Mahalanobis distance.
    pub p: f64,
    /// For each summary twice the share of replications on the far side of the observation.
    pub each: Vec<f64>,
}

/// Compares an observation with simulations at parameters drawn from its posterior. Values near 1/2 are usual: the
/// posterior was fitted to the same observation, so p values are not uniform, and only small ones say something.
///
/// # Shapes
/// `replications` `(n, q)`, 500 is a good number; `observed` `(q)`.
///
/// # Errors
/// Other shapes, NaN or infinity, too few replications, summaries that are functions of each other.
pub fn predictive(replications: ArrayView2<'_, f64>, observed: ArrayView1<'_, f64>) -> Result<Predictive> {
    let (n, q) = replications.dim();
    check::shape("observed", observed.shape(), &[q])?;
    check::finite("replications", &replications)?;
    check::finite("observed", &observed)?;
    if n < 2 * q + 10 {
        return Err(InferError::TooFew {
            what: "replications".into(),
            found: n,
            least: 2 * q + 10,
            advice: "simulate at more draws of the posterior".into(),
        });
    }
    let equal = Array1::from_elem(n, 1.0 / n as f64);
    let mean = weights::mean(replications, equal.view());
    let covariance = weights::covariance(replications, equal.view());
    let factor = Cholesky::new(covariance.view()).ok_or_else(|| InferError::Singular {
        what: "the covariance of the replications".into(),
        advice: "some summaries do not vary or are functions of others; leave them out".into(),
    })?;
    let distance = |x: ArrayView1<'_, f64>| factor.squared_length((&x - &mean).view());
    let own = distance(observed);
    let as_far = replications.rows().into_iter().filter(|row| distance(row.view()) >= own).count();
    let side = |j: usize| {
        let above = replications.column(j).iter().filter(|x| **x >= observed[j]).count();
        let below = replications.column(j).iter().filter(|x| **x <= observed[j]).count();
        (2.0 * (above.min(below) + 1) as f64 / (n + 1) as f64).min(1.0)
    };
    Ok(Predictive { p: (as_far + 1) as f64 / (n + 1) as f64, each: (0..q).map(side).collect() })
}

impl Predictive {
    /// Whether the observation is like what the posterior predicts.
    pub fn verdict(&self) -> Verdict {
        // As many small values as there are summaries are to be expected: the least is multiplied by their number.
        let least = self.each.iter().copied().fold(1.0, f64::min) * self.each.len() as f64;
        let good = self.p >= 0.01 && least >= 0.01;
        let said = if good { "is like" } else { "is unlike" };
        Verdict {
            good,
            text: format!(
                "the observation {said} what the posterior predicts (p = {:.2e}, worst summary {:.2e})",
                self.p,
                least.min(1.0)
            ),
        }
    }
}
