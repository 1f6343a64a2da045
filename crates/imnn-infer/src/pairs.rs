//! Pairs of parameters and simulated summaries, checked.

use imnn_prior::special::normal_cdf;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::caution::Caution;
use crate::check;
use crate::error::{InferError, Result};

/// What is done with simulations that failed: with pairs that hold NaN or infinity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Invalid {
    /// An error with their rows.
    #[default]
    Refuse,
    /// They are left out, and it is said how many, and on which parameters failure depends.
    Drop,
}

/// Parameters and the summaries of a simulation at each of them.
#[derive(Clone, Debug)]
pub struct Pairs {
    theta: Array2<f64>,
    x: Array2<f64>,
    /// `ln` of the density that the parameters were drawn from, where it is not the prior.
    ln_proposal: Option<Array1<f64>>,
    dropped: Option<Caution>,
}

impl Pairs {
    /// Pairs whose parameters were drawn from the prior.
    ///
    /// # Shapes
    /// `theta` `(n, p)`, `x` `(n, q)`.
    ///
    /// # Errors
    /// Different numbers of rows, none at all, and values that are not finite, unless these are dropped.
    pub fn new(theta: Array2<f64>, x: Array2<f64>, invalid: Invalid) -> Result<Self> {
        let n = theta.nrows();
        if x.nrows() != n || n == 0 || theta.ncols() == 0 || x.ncols() == 0 {
            let expected = format!("[{n}, q]: one row for each of theta, which has the shape {:?}", theta.shape());
            return Err(InferError::shape("x", x.shape(), expected));
        }
        let bad = |rows: &Array2<f64>, k: usize| rows.row(k).iter().position(|value| !value.is_finite());
        let rows: Vec<usize> = (0..n).filter(|&k| bad(&theta, k).is_some() || bad(&x, k).is_some()).collect();
        let Some(&first) = rows.first() else { return Ok(Pairs { theta, x, ln_proposal: None, dropped: None }) };
        if invalid == Invalid::Refuse || rows.len() == n {
            let (what, array) = if bad(&theta, first).is_some() { ("theta", &theta) } else { ("x", &x) };
            let column = bad(array, first).unwrap_or_default();
            return Err(InferError::Invalid { n, what, column, value: array[[first, column]], rows });
        }
        let failed: Vec<bool> = (0..n).map(|k| rows.binary_search(&k).is_ok()).collect();
        let depends_on = (0..theta.ncols())
            .filter_map(|i| Some((format!("parameter {i}"), rank_test(theta.column(i), &failed)?)))
            .filter(|(_, p)| *p < 0.01)
            .collect();
        let dropped = Caution::Dropped { n: rows.len(), of: n, depends_on };
        let kept: Vec<usize> = (0..n).filter(|&k| !failed[k]).collect();
        Ok(Pairs {
            theta: theta.select(Axis(0), &kept),
            x: x.select(Axis(0), &kept),
            ln_proposal: None,
            dropped: Some(dropped),
        })
    }

    /// With the logarithms of the density that the parameters were drawn from, up to a constant, in place of the prior.
    ///
    /// # Errors
    /// Another number of them than there are pairs, NaN or infinity.
    pub fn with_ln_proposal(mut self, ln_proposal: Array1<f64>) -> Result<Self> {
        check::shape("ln_proposal", ln_proposal.shape(), &[self.len()])?;
        check::finite("ln_proposal", &ln_proposal)?;
        self.ln_proposal = Some(ln_proposal);
        Ok(self)
    }

    /// Pairs of both.
    ///
    /// # Errors
    /// Other numbers of columns, or a proposal of only one of them.
    pub fn joined(&self, more: &Pairs) -> Result<Pairs> {
        check::shape("theta", &[more.theta.ncols()], &[self.theta.ncols()])?;
        check::shape("x", &[more.x.ncols()], &[self.x.ncols()])?;
        let join = |a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>| {
            let mut all = a.to_owned();
            let _ = all.append(Axis(0), b);
            all
        };
        let ln_proposal = match (&self.ln_proposal, &more.ln_proposal) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(a.iter().chain(b).copied().collect()),
            _ => {
                let reason = "a density of the proposal for all pairs or for none";
                return Err(InferError::setting("ln_proposal", "given for a part of the pairs", reason));
            }
        };
        Ok(Pairs {
            theta: join(self.theta.view(), more.theta.view()),
            x: join(self.x.view(), more.x.view()),
            ln_proposal,
            dropped: self.dropped.clone().or_else(|| more.dropped.clone()),
        })
    }

    /// The number of pairs.
    #[allow(clippy::len_without_is_empty)] // There is always one.
    pub fn len(&self) -> usize {
        self.theta.nrows()
    }

    /// The parameters, `(n, p)`.
    pub fn theta(&self) -> ArrayView2<'_, f64> {
        self.theta.view()
    }

    /// The summaries, `(n, q)`.
    pub fn x(&self) -> ArrayView2<'_, f64> {
        self.x.view()
    }

    /// `ln` of the density that the parameters were drawn from, where it is not the prior.
    pub fn ln_proposal(&self) -> Option<ArrayView1<'_, f64>> {
        self.ln_proposal.as_ref().map(|ln| ln.view())
    }

    /// What was left out.
    pub fn dropped(&self) -> Option<&Caution> {
        self.dropped.as_ref()
    }

    /// The numbers of summaries that have the same value in all pairs.
    pub fn constant_summaries(&self) -> Vec<usize> {
        let constant = |j: &usize| {
            let column = self.x.column(*j);
            let (low, high) = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (v.min(l), v.max(h)));
            high - low <= 1e-12 * low.abs().max(high.abs())
        };
        (0..self.x.ncols()).filter(constant).collect()
    }
}

/// The p value of the rank-sum test whether a value differs between the marked rows and the others (Wilcoxon 1945, Mann
/// & Whitney 1947; normal approximation), none where there are no values to rank.
pub(crate) fn rank_test(values: ArrayView1<'_, f64>, marked: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&k| values[k].is_finite()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (n, m) = (order.len() as f64, order.iter().filter(|&&k| marked[k]).count() as f64);
    if m == 0.0 || m == n {
        return None;
    }
    // Equal values share their mean rank.
    let (mut sum, mut at) = (0.0, 0);
    while at < order.len() {
        let end = at + order[at..].iter().take_while(|&&k| values[k] == values[order[at]]).count();
        let rank = 0.5 * (at + end + 1) as f64;
        sum += rank * order[at..end].iter().filter(|&&k| marked[k]).count() as f64;
        at = end;
    }
    let z = (sum - 0.5 * m * (n + 1.0)) / (m * (n - m) * (n + 1.0) / 12.0).sqrt();
    Some(2.0 * normal_cdf(-z.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn failed_simulations_are_refused_or_counted() {
        let theta = Array2::from_shape_fn((100, 2), |(k, i)| if i == 0 { k as f64 } else { ((k * 37) % 100) as f64 });
        let mut x = Array2::from_shape_fn((100, 1), |(k, _)| k as f64);
        for k in 80..100 {
            x[[k, 0]] = f64::NAN;
        }
        let refused = Pairs::new(theta.clone(), x.clone(), Invalid::Refuse).unwrap_err().to_string();
        assert!(
            refused.starts_with("20 of 100 pairs have values that are not finite, the first in row 80 (x 0 is NaN)"),
            "{refused}"
        );
        let pairs = Pairs::new(theta.clone(), x, Invalid::Drop).unwrap();
        assert_eq!(pairs.len(), 80);
        let said = pairs.dropped().unwrap().to_string();
        assert!(said.starts_with("20 of 100 simulations failed") && said.contains("parameter 0 (p = "), "{said}");
        assert!(!said.contains("parameter 1"), "{said}");
        let nothing = Array2::from_elem((100, 1), f64::INFINITY);
        assert!(matches!(Pairs::new(theta, nothing, Invalid::Drop), Err(InferError::Invalid { .. })));
    }

    #[test]
    fn shapes_are_checked() {
        let error = Pairs::new(Array2::zeros((3, 2)), Array2::zeros((4, 1)), Invalid::Refuse).unwrap_err().to_string();
        assert_eq!(
            error,
            "x has the shape [4, 1], expected [3, q]: one row for each of theta, which has the shape [3, 2]"
        );
        assert!(Pairs::new(Array2::zeros((0, 2)), Array2::zeros((0, 1)), Invalid::Refuse).is_err());
        let one = Pairs::new(array![[1.0]], array![[2.0]], Invalid::Refuse).unwrap();
        assert_eq!(one.joined(&one).unwrap().x(), array![[2.0], [2.0]]);
        let other = one.clone().with_ln_proposal(array![0.0]).unwrap();
        assert!(one.joined(&other).is_err());
    }

    #[test]
    fn rank_sums_have_their_p_values() {
        // Ranks 1 to 3 against 4 to 6: U = 0, z = -(10.5 - 6)/sqrt(5.25).
        let p =
            rank_test(array![1.0, 2.0, 3.0, 4.0, 5.0, 6.0].view(), &[true, true, true, false, false, false]).unwrap();
        assert!((p - 2.0 * normal_cdf(-4.5 / 5.25_f64.sqrt())).abs() < 1e-15);
        assert_eq!(rank_test(array![1.0, 1.0].view(), &[true, false]), Some(1.0));
    }
}
