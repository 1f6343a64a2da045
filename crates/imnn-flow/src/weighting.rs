//! Weights of the members of a mixture, from their log densities on pairs that none was trained on.

use crate::error::{FlowError, Result};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// How the members of an ensemble are weighted in their mixture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Weighting {
    /// The weights with which the mixture is best on the held-out pairs, [`stacking`].
    #[default]
    Stacking,
    /// `w_m` proportional to `exp(mean_n ln q_m(y_n | c_n))`, as in ltu-ili: nearly uniform unless members differ much.
    Softmax,
    /// All the same, as in sbi.
    Uniform,
}

impl Weighting {
    /// Weights that sum to 1, from `(n, members)` log densities of held-out pairs.
    ///
    /// # Errors
    /// If there is no member or no pair, or a log density is NaN or plus infinity.
    pub fn weights(self, log_densities: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        check(log_densities)?;
        let members = log_densities.ncols();
        match self {
            Weighting::Stacking => stacking(log_densities),
            Weighting::Uniform => Ok(vec![1.0 / members as f64; members]),
            Weighting::Softmax => {
                let mut weights: Vec<f64> =
                    log_densities.columns().into_iter().map(|column| column.sum() / column.len() as f64).collect();
                softmax(&mut weights);
                Ok(weights)
            }
        }
    }
}

/// Steps of expectation and maximisation.
const STEPS: usize = 200;

/// Weights by stacking: those that maximise
///
/// ```text
/// sum_n ln sum_m w_m q_m(y_n | c_n) + (1/M) sum_m ln w_m
/// ```
///
/// by EM, 200 steps from equal weights. The second term is a Dirichlet(1 + 1/M) prior, in all the weight of one pair: on few
/// pairs it keeps members from being thrown away.
///
/// ```
/// use imnn_flow::stacking;
/// use ndarray::array;
/// // Each member is right about a half: both are needed.
/// let weights = stacking(array![[0.0, -9.0], [-9.0, 0.0]].view())?;
/// assert!((weights[0] - 0.5).abs() < 1e-12);
/// # Ok::<(), imnn_flow::FlowError>(())
/// ```
///
/// # Errors
/// As [`Weighting::weights`].
///
/// # References
/// Yao, Vehtari, Simpson & Gelman 2018, arXiv:1704.02030, section 3.1 with the logarithmic score.
pub fn stacking(log_densities: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    check(log_densities)?;
    Ok(expectation_maximisation(log_densities, &[], 0.0))
}

/// As [`stacking`], with the members in `group` held at `least` of the weight in all: for members that are safe where others
/// may lose theirs.
///
/// The maximisation under this condition has a closed form: where the group falls below, its weights are scaled up to
/// `least` and the others down to the rest.
///
/// # Errors
/// As [`Weighting::weights`]; if `least` is not within 0 and 1, or `group` is empty or names a member that does not exist.
pub fn stacking_with_floor(log_densities: ArrayView2<'_, f64>, group: &[usize], least: f64) -> Result<Vec<f64>> {
    check(log_densities)?;
    if !(0.0..=1.0).contains(&least) {
        return Err(FlowError::setting("the least weight of a group", least, "0 to 1"));
    }
    let members = log_densities.ncols();
    if let Some(member) = group.iter().find(|member| **member >= members) {
        return Err(FlowError::Parts(format!("the group names member {member} of {members}")));
    }
    if group.is_empty() {
        return Err(FlowError::Parts("the group of members that are held at a weight is empty".into()));
    }
    Ok(expectation_maximisation(log_densities, group, least))
}

fn expectation_maximisation(log_densities: ArrayView2<'_, f64>, group: &[usize], least: f64) -> Vec<f64> {
    let members = log_densities.ncols();
    let mut weights = vec![1.0 / members as f64; members];
    let mut shares = vec![0.0; members];
    for _ in 0..STEPS {
        let mut next = vec![1.0 / members as f64; members];
        for row in log_densities.rows() {
            for ((share, density), weight) in shares.iter_mut().zip(row).zip(&weights) {
                *share = density + weight.ln();
            }
            // A pair that no member thinks possible says nothing of their weights.
            if softmax(&mut shares) {
                next.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share);
            }
        }
        let total: f64 = next.iter().sum();
        next.iter_mut().for_each(|weight| *weight /= total);
        hold(&mut next, group, least);
        weights = next;
    }
    weights
}

/// Brings the members of the group to `least` in all, if they have less.
fn hold(weights: &mut [f64], group: &[usize], least: f64) {
    let inside = |member: usize| group.contains(&member);
    let held: f64 = (0..weights.len()).filter(|m| inside(*m)).map(|m| weights[m]).sum();
    if held >= least || held <= 0.0 {
        return;
    }
    for member in 0..weights.len() {
        weights[member] *= if inside(member) { least / held } else { (1.0 - least) / (1.0 - held) };
    }
}

/// `exp(v) / sum exp(v)`, in place; false, and nothing done, where all are minus infinity.
fn softmax(values: &mut [f64]) -> bool {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return false;
    }
    values.iter_mut().for_each(|v| *v = (*v - largest).exp());
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
    true
}

/// `ln sum_m w_m exp(ln q_m)` of each row, the log density of the mixture.
pub fn mixture(log_densities: ArrayView2<'_, f64>, weights: &[f64]) -> ndarray::Array1<f64> {
    log_densities
        .rows()
        .into_iter()
        .map(|row| {
            let terms = row.iter().zip(weights).filter(|(_, w)| **w > 0.0).map(|(density, w)| density + w.ln());
            let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
            if largest == f64::NEG_INFINITY {
                return largest;
            }
            largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
        })
        .collect()
}

fn check(log_densities: ArrayView2<'_, f64>) -> Result<()> {
    let (pairs, members) = log_densities.dim();
    if pairs == 0 || members == 0 {
        return Err(FlowError::Parts(format!("log densities of {members} members on {pairs} pairs give no weights")));
    }
    let wrong = |value: f64| value.is_nan() || value == f64::INFINITY;
    match log_densities.indexed_iter().find(|(_, value)| wrong(**value)) {
        Some(((pair, member), value)) => {
            Err(FlowError::Parts(format!("the log density of pair {pair} in member {member} is {value}")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_sim::Key;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    /// The aim of stacking, with its prior.
    fn aim(log_densities: ArrayView2<'_, f64>, weights: &[f64]) -> f64 {
        let m = weights.len() as f64;
        mixture(log_densities, weights).sum() + weights.iter().map(|w| w.ln() / m).sum::<f64>()
    }

    fn random(pairs: usize, members: usize, seed: u64) -> Array2<f64> {
        let mut values = vec![0.0; pairs * members];
        Key::new(seed).fill_normal(&mut values);
        Array2::from_shape_vec((pairs, members), values).unwrap()
    }

    proptest! {
        /// No small step to other weights is better.
        #[test]
        fn stacking_is_a_maximum(pairs in 5..60_usize, members in 2..5_usize, seed: u64) {
            let densities = random(pairs, members, seed);
            let weights = stacking(densities.view()).unwrap();
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let best = aim(densities.view(), &weights);
            for (from, to) in (0..members).flat_map(|a| (0..members).map(move |b| (a, b))) {
                let mut moved = weights.clone();
                let step = 0.1 * moved[from];
                moved[from] -= step;
                moved[to] += step;
                prop_assert!(aim(densities.view(), &moved) <= best + 1e-6);
            }
        }

        #[test]
        fn a_group_keeps_its_floor_and_gains_nothing_beyond(seed: u64, least in 0.0..1.0_f64) {
            let densities = random(40, 4, seed);
            let free = stacking(densities.view()).unwrap();
            let held = stacking_with_floor(densities.view(), &[0, 2], least).unwrap();
            prop_assert!(held[0] + held[2] >= least - 1e-12);
            prop_assert!((held.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            if free[0] + free[2] > least + 0.05 {
                free.iter().zip(&held).for_each(|(a, b)| assert!((a - b).abs() < 0.02, "{free:?} {held:?}"));
            }
        }
    }

    #[test]
    fn weights_by_hand() {
        let densities = array![[0.0, -1.0, f64::NEG_INFINITY], [0.0, -1.0, 3.0]];
        assert_eq!(Weighting::Uniform.weights(densities.view()).unwrap(), [1.0 / 3.0; 3]);
        let softmax = Weighting::Softmax.weights(densities.view()).unwrap();
        approx::assert_relative_eq!(softmax[0], 1.0 / (1.0 + (-1.0_f64).exp()), max_relative = 1e-12);
        assert_eq!(softmax[2], 0.0);
        // The member that is impossible on one pair keeps a weight for the other.
        let stacked = Weighting::Stacking.weights(densities.view()).unwrap();
        assert!(stacked[2] > 0.2 && stacked[0] > stacked[1], "{stacked:?}");
        approx::assert_relative_eq!(
            mixture(array![[0.0, -1.0]].view(), &[0.25, 0.75])[0],
            (0.25 + 0.75 * (-1.0_f64).exp()).ln(),
            max_relative = 1e-14
        );
        let impossible = array![[f64::NEG_INFINITY, f64::NEG_INFINITY]];
        assert_eq!(stacking(impossible.view()).unwrap(), [0.5, 0.5]);
        assert_eq!(mixture(impossible.view(), &[0.5, 0.5])[0], f64::NEG_INFINITY);
    }

    #[test]
    fn log_densities_that_are_none_are_refused() {
        let message = |x: Array2<f64>| stacking(x.view()).unwrap_err().to_string();
        assert_eq!(message(array![[0.0, f64::NAN]]), "the log density of pair 0 in member 1 is NaN");
        assert!(message(Array2::zeros((0, 2))).contains("on 0 pairs"));
        let x = array![[0.0, 0.0]];
        assert!(stacking_with_floor(x.view(), &[2], 0.1).is_err());
        assert!(stacking_with_floor(x.view(), &[], 0.1).is_err());
        assert!(stacking_with_floor(x.view(), &[0], 1.5).is_err());
    }
}
