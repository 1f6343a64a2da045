//! Which simulations are accepted.

use crate::check;
use crate::error::{InferError, Result};

/// A setting that is the same for all targets, or one for each.
#[derive(Clone, Debug, PartialEq)]
pub enum PerTarget<T> {
    /// The same for all.
    All(T),
    /// One for each.
    Each(Vec<T>),
}

impl<T: Copy> PerTarget<T> {
    fn of(&self, target: usize, n_targets: usize, setting: &'static str) -> Result<T> {
        match self {
            PerTarget::All(value) => Ok(*value),
            PerTarget::Each(values) => match values.get(target) {
                Some(value) if values.len() == n_targets => Ok(*value),
                _ => Err(InferError::shape(setting, &[values.len()], format!("[{n_targets}], one for each target"))),
            },
        }
    }
}

/// Which simulations are accepted, for each target by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Accept {
    /// Those at a distance below epsilon.
    Within(PerTarget<f64>),
    /// So many of the nearest.
    Nearest(PerTarget<usize>),
    /// The nearest share, above 0 and at most 1.
    Quantile(PerTarget<f64>),
}

impl Accept {
    /// Those below a distance, for all targets.
    pub fn within(epsilon: f64) -> Self {
        Accept::Within(PerTarget::All(epsilon))
    }

    /// So many of the nearest, for all targets.
    pub fn nearest(n: usize) -> Self {
        Accept::Nearest(PerTarget::All(n))
    }

    /// The nearest share, for all targets.
    pub fn quantile(share: f64) -> Self {
        Accept::Quantile(PerTarget::All(share))
    }

    /// The accepted of these distances, by number, and the distance that bounds them. NaN is never accepted.
    pub(crate) fn chosen(&self, distances: &[f64], target: usize, n_targets: usize) -> Result<(Vec<usize>, f64)> {
        let n = distances.len();
        let count = match self {
            Accept::Within(epsilon) => {
                let epsilon = epsilon.of(target, n_targets, "epsilon")?;
                if epsilon.is_nan() || epsilon <= 0.0 {
                    return Err(InferError::setting("epsilon", epsilon, "a positive number"));
                }
                let chosen: Vec<usize> = (0..n).filter(|&k| distances[k] < epsilon).collect();
                if chosen.is_empty() {
                    let nearest = distances.iter().copied().filter(|d| !d.is_nan()).fold(f64::INFINITY, f64::min);
                    return Err(InferError::NoneAccepted { target, tried: n, epsilon, nearest });
                }
                return Ok((chosen, epsilon));
            }
            Accept::Nearest(count) => count.of(target, n_targets, "nearest")?,
            Accept::Quantile(share) => {
                let share = share.of(target, n_targets, "quantile")?;
                check::share("quantile", share)?;
                ((share * n as f64).round() as usize).max(1)
            }
        };
        let mut order: Vec<usize> = (0..n).filter(|&k| distances[k] < f64::INFINITY).collect();
        if count == 0 || count > order.len() {
            return Err(InferError::TooFew {
                what: format!("simulations with a distance from target {target}"),
                found: order.len(),
                least: count.max(1),
                advice: "accept fewer of the nearest, or simulate more".into(),
            });
        }
        // Equal distances in the order of the simulations, so that the choice does not depend on how they were sorted.
        order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
        order.truncate(count);
        let epsilon = distances[order[count - 1]];
        order.sort_unstable();
        Ok((order, epsilon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_what_they_say() {
        let distances = [0.5, f64::NAN, 0.1, 2.0, 0.5, f64::INFINITY];
        let chosen = |accept: Accept| accept.chosen(&distances, 0, 1).unwrap();
        assert_eq!(chosen(Accept::within(0.6)), (vec![0, 2, 4], 0.6));
        assert_eq!(chosen(Accept::nearest(2)), (vec![0, 2], 0.5));
        assert_eq!(chosen(Accept::quantile(0.5)), (vec![0, 2, 4], 0.5));
        assert_eq!(chosen(Accept::Within(PerTarget::Each(vec![0.2]))), (vec![2], 0.2));
        let message = |accept: Accept| accept.chosen(&distances, 0, 1).unwrap_err().to_string();
        assert!(
            message(Accept::within(0.01))
                .starts_with("target 0: none of 6 simulations is within 0.01 of it, the nearest is at 0.1")
        );
        assert!(message(Accept::nearest(5)).contains("found 4, expected at least 5; accept fewer"));
        assert!(message(Accept::nearest(0)).contains("expected at least 1"));
        assert!(message(Accept::quantile(1.5)).contains("quantile is 1.5, expected a number above 0"));
        assert!(message(Accept::within(f64::NAN)).contains("epsilon is NaN"));
        assert_eq!(
            message(Accept::Within(PerTarget::Each(vec![1.0, 2.0]))),
            "epsilon has the shape [2], expected [1], one for each target"
        );
    }
}
