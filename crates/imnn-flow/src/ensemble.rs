//! Mixtures of flows.

use crate::error::{FlowError, Result};
use crate::evaluator::{Evaluator, rows};
use crate::flow::{Draws, Flow, Gradients};
use crate::weighting::mixture;
use imnn_compute::Number;
use imnn_sim::Key;
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};
use rand::RngExt;

/// A mixture of flows of the same columns: `q(y | c) = sum_m w_m q_m(y | c)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble<E> {
    members: Vec<Flow<E>>,
    weights: Vec<f64>,
}

impl<E: Number> Ensemble<E> {
    /// Members with the same weights.
    ///
    /// # Errors
    /// If there is none, or their columns differ in number.
    pub fn uniform(members: Vec<Flow<E>>) -> Result<Self> {
        let weights = vec![1.0 / members.len() as f64; members.len()];
        Self::new(members, &weights)
    }

    /// Members with these weights, which are divided by their sum.
    ///
    /// # Errors
    /// If there is no member, their columns differ in number, or the weights do not fit.
    pub fn new(members: Vec<Flow<E>>, weights: &[f64]) -> Result<Self> {
        let columns = |flow: &Flow<E>| (flow.dims(), flow.context(), flow.y().constant());
        let Some(first) = members.first().map(columns) else {
            return Err(FlowError::Parts("an ensemble needs at least one member".into()));
        };
        if members.iter().any(|member| columns(member) != first) {
            return Err(FlowError::Parts("the members of an ensemble have different columns of y or c".into()));
        }
        Ensemble { members, weights: vec![] }.weighted(weights)
    }

    /// The same members with these weights, which are divided by their sum.
    ///
    /// # Errors
    /// If their number is another, one is negative or not finite, or all are 0.
    pub fn weighted(mut self, weights: &[f64]) -> Result<Self> {
        let sum: f64 = weights.iter().sum();
        let fits = weights.len() == self.members.len() && weights.iter().all(|w| *w >= 0.0) && sum > 0.0;
        if !fits || !sum.is_finite() {
            return Err(FlowError::Parts(format!(
                "{weights:?} are no weights of {} members: as many are needed, none negative, not all 0",
                self.members.len()
            )));
        }
        self.weights = weights.iter().map(|weight| weight / sum).collect();
        Ok(self)
    }

    /// The same members with weights that were those of an ensemble before.
    pub(crate) fn with_exact_weights(mut self, weights: Vec<f64>) -> Self {
        self.weights = weights;
        self
    }

    /// The members.
    pub fn members(&self) -> &[Flow<E>] {
        &self.members
    }

    /// Their weights, which sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Number of columns of y.
    pub fn dims(&self) -> usize {
        self.members[0].dims()
    }

    /// Number of columns of c.
    pub fn context(&self) -> usize {
        self.members[0].context()
    }

    /// The same ensemble in another precision; `None` where a weight is too large for it.
    pub fn cast<F: Number>(&self) -> Option<Ensemble<F>> {
        let members = self.members.iter().map(Flow::cast).collect::<Option<_>>()?;
        Some(Ensemble { members, weights: self.weights.clone() })
    }

    /// Evaluates again and again without new memory for passes, as samplers need it.
    pub fn evaluator(&self) -> EnsembleEvaluator<'_, E> {
        EnsembleEvaluator { ensemble: self, members: self.members.iter().map(Flow::evaluator).collect() }
    }

    /// `ln q_m(y | c)` of each member, `(n, members)`; rows as in [`Flow::log_density`].
    ///
    /// # Errors
    /// As there.
    pub fn member_log_densities(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.evaluator().member_log_densities(y, c)
    }

    /// `ln q(y | c)`; rows as in [`Flow::log_density`].
    ///
    /// # Errors
    /// As there.
    pub fn log_density(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        self.evaluator().log_density(y, c)
    }

    /// `ln q(y | c)` with its gradients by y and c; rows as in [`Flow::log_density`].
    ///
    /// ```text
    /// grad ln q = sum_m r_m grad ln q_m,     r_m = w_m q_m / q
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn gradients(&self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Gradients> {
        self.evaluator().gradients(y, c)
    }

    /// `n` draws of y for each row of `c`, with the log densities of the mixture.
    ///
    /// Each draw is of a member drawn by the weights. Those for row k come from `key.fold_in(k)`: they do not depend on
    /// what other rows there are.
    ///
    /// # Errors
    /// As [`Flow::sample`].
    pub fn sample(&self, c: ArrayView2<'_, f64>, n: usize, key: Key) -> Result<Draws> {
        let contexts = c.nrows();
        let mut base = Array2::zeros((contexts * n, self.members[0].transforms().dims()));
        let mut of_member = vec![vec![]; self.members.len()];
        for (k, key) in key.fold_in_each(0..contexts as u64).enumerate() {
            let [normal, member] = key.split();
            let mut rng = member.rng();
            let mut row = vec![0.0; n * base.ncols()];
            normal.fill_normal(&mut row);
            let mut part = base.slice_axis_mut(Axis(0), (k * n..(k + 1) * n).into());
            part.iter_mut().zip(row).for_each(|(to, from)| *to = from);
            for draw in k * n..(k + 1) * n {
                of_member[self.drawn(rng.random())].push(draw);
            }
        }
        let mut y = Array2::zeros((contexts * n, self.dims()));
        for (member, rows) in self.members.iter().zip(of_member) {
            let contexts: Vec<usize> = rows.iter().map(|row| row / n.max(1)).collect();
            let (drawn, _) =
                member.from_base(base.select(Axis(0), &rows).view(), c.select(Axis(0), &contexts).view())?;
            rows.iter().zip(drawn.rows()).for_each(|(row, drawn)| y.row_mut(*row).assign(&drawn));
        }
        let all: Vec<usize> = (0..contexts * n).map(|row| row / n.max(1)).collect();
        let density = self.log_density(y.view(), c.select(Axis(0), &all).view())?;
        let shape = |_| FlowError::Parts("draws of another shape".into());
        Ok(Draws {
            y: Array3::from_shape_vec((contexts, n, self.dims()), y.into_raw_vec_and_offset().0).map_err(shape)?,
            log_density: Array2::from_shape_vec((contexts, n), density.to_vec()).map_err(shape)?,
        })
    }

    /// The member at this place of the cumulative weights.
    fn drawn(&self, at: f64) -> usize {
        let mut sum = 0.0;
        let found = self.weights.iter().position(|weight| {
            sum += weight;
            at < sum
        });
        // Where rounding leaves the sum below 1.
        found.unwrap_or_else(|| self.weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0))
    }

    /// How far the members are apart for each row of `c`: see [`disagreement`].
    ///
    /// # Errors
    /// As [`Flow::sample`].
    pub fn disagreement(&self, c: ArrayView2<'_, f64>, n: usize, key: Key) -> Result<Vec<f64>> {
        let keys = key.fold_in_each(0..self.members.len() as u64);
        let draws: Vec<Array3<f64>> = (self.members.iter().zip(keys))
            .map(|(member, key)| Ok(member.sample(c, n, key)?.y))
            .collect::<Result<_>>()?;
        Ok((0..c.nrows())
            .map(|k| disagreement(&draws.iter().map(|draws| draws.index_axis(Axis(0), k)).collect::<Vec<_>>()))
            .collect())
    }
}

/// An ensemble with the memory of its members' passes, for one thread.
#[derive(Debug)]
pub struct EnsembleEvaluator<'a, E> {
    ensemble: &'a Ensemble<E>,
    members: Vec<Evaluator<'a, E>>,
}

impl<E: Number> EnsembleEvaluator<'_, E> {
    /// See [`Ensemble::member_log_densities`].
    ///
    /// # Errors
    /// As there.
    pub fn member_log_densities(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut all = Array2::zeros((rows(y.nrows(), c.nrows())?, self.members.len()));
        for (member, mut column) in self.members.iter_mut().zip(all.columns_mut()) {
            column.assign(&member.log_density(y, c)?);
        }
        Ok(all)
    }

    /// See [`Ensemble::log_density`].
    ///
    /// # Errors
    /// As there.
    pub fn log_density(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        Ok(mixture(self.member_log_densities(y, c)?.view(), self.ensemble.weights()))
    }

    /// See [`Ensemble::gradients`].
    ///
    /// # Errors
    /// As there.
    pub fn gradients(&mut self, y: ArrayView2<'_, f64>, c: ArrayView2<'_, f64>) -> Result<Gradients> {
        let n = rows(y.nrows(), c.nrows())?;
        let mut found = Vec::new();
        for member in &mut self.members {
            found.push(member.gradients(y, c)?);
        }
        let weights = self.ensemble.weights();
        let all = Array2::from_shape_fn((n, found.len()), |(row, m)| found[m].log_density[row]);
        let log_density = mixture(all.view(), weights);
        let [dims, context] = [self.ensemble.dims(), self.ensemble.context()];
        let mut sum = Gradients { y: Array2::zeros((n, dims)), c: Array2::zeros((n, context)), log_density };
        for ((m, member), weight) in found.iter().enumerate().zip(weights) {
            for row in 0..n {
                // Where all members say minus infinity there is no share.
                let share = weight * (all[[row, m]] - sum.log_density[row]).exp();
                let share = if share.is_nan() { 0.0 } else { share };
                sum.y.row_mut(row).scaled_add(share, &member.y.row(row));
                sum.c.row_mut(row).scaled_add(share, &member.c.row(row));
            }
        }
        Ok(sum)
    }
}

/// The mean distance between the means of two members, in standard deviations: from `(n, D)` draws of each member.
///
/// ```text
/// d_ab = sqrt(mean_i ((mean_a,i - mean_b,i) / sd_i)^2),    sd_i^2 the mean of the members' variances of dimension i
/// ```
///
/// Above about 0.3 the members do not know the same posterior: there are too few pairs. One member has distance 0.
pub fn disagreement(draws: &[ArrayView2<'_, f64>]) -> f64 {
    let members = draws.len();
    let moments: Vec<_> = draws.iter().map(|d| (d.mean_axis(Axis(0)), d.var_axis(Axis(0), 0.0))).collect();
    let dims = draws.first().map_or(0, |draws| draws.ncols());
    let mean = |m: usize, i: usize| moments[m].0.as_ref().map_or(f64::NAN, |mean| mean[i]);
    let sd: Vec<f64> =
        (0..dims).map(|i| (moments.iter().map(|(_, var)| var[i]).sum::<f64>() / members as f64).sqrt()).collect();
    // Constant columns are the same in all members.
    let varying: Vec<usize> = (0..dims).filter(|i| sd[*i] > 0.0).collect();
    let (mut sum, mut pairs) = (0.0, 0_usize);
    for a in 0..members {
        for b in 0..a {
            let squares = varying.iter().map(|&i| ((mean(a, i) - mean(b, i)) / sd[i]).powi(2)).sum::<f64>();
            sum += (squares / varying.len().max(1) as f64).sqrt();
            pairs += 1;
        }
    }
    if pairs == 0 { 0.0 } else { sum / pairs as f64 }
}
