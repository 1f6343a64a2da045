//! What two networks tell of what both lack.

use crate::error::{FitError, Result};
use crate::held_out::{Estimate, HeldOut, PARTS};
use crate::imnn::{Imnn, Weights};
use crate::keys::RunKeys;
use imnn_device::{Summaries, Task};
use imnn_models::Element;
use ndarray::{Array2, Array3, Axis, Slice};

impl<E: Element> Imnn<E> {
    /// How much information is missing at least, from the gap between two networks that were trained on the same problem from other
    /// weights (another key):
    ///
    /// ```text
    /// missing >= 2 [ln det F(both) - (ln det F(first) + ln det F(second)) / 2]
    /// ```
    ///
    /// F(both) is that of the summaries of both networks together, on the same held-out simulations (the validation set, or new
    /// ones of the simulator). If each network's summaries are the exact score with an error of its own, as much as the other's and
    /// independent of it, the two together halve the errors, and the two sides are equal. What both networks lack alike is not seen:
    /// a small gap does not prove that nothing is missing.
    ///
    /// # Errors
    /// If the networks do not agree in simulations and parameters, a network has not been trained, there are no held-out
    /// simulations, or the summaries of both together are singular: then they are the same.
    pub fn missing_at_least(&self, other: &Self) -> Result<Estimate> {
        let names = |imnn: &Self| (imnn.parts.training.input_shape().to_vec(), imnn.theta_fid().to_vec());
        if names(self) != names(other) {
            return Err(FitError::Disagree {
                what: "data shape and fiducial of the second network".into(),
                found: format!("{:?}", names(other)),
                expected: format!("{:?}", names(self)),
            });
        }
        let RunKeys { validation, statistics, .. } = self.state().keys;
        let simulations = self
            .parts
            .held_out(validation, statistics)
            .ok_or(FitError::Missing { what: "a validation set", method: "validation" })?;
        let n_parts = PARTS.min(simulations.source.n_d());
        let both = [self, other];
        let mut sessions = Vec::with_capacity(2);
        for imnn in both {
            let which = if imnn.state().best.is_some() { Weights::Best } else { Weights::Final };
            sessions.push((imnn.parts.device.load(&imnn.parts.model)?, imnn.weights(which)?.values()));
        }
        let [n_first, n_second] = both.map(|imnn| imnn.parts.model.n_summaries());
        let mut single = |k: usize, n| -> Result<HeldOut> {
            let (session, weights) = &mut sessions[k];
            Ok(HeldOut::new(simulations.moments(session.as_mut(), weights, n, n_parts)?))
        };
        let (first, second) = (single(0, n_first)?, single(1, n_second)?);
        let joint = simulations.moments_of(n_first + n_second, n_parts, &mut |source, key, moments| {
            let mut found = Vec::with_capacity(2);
            for (session, weights) in &mut sessions {
                found.push(session.forward(&Task { weights, source, key }, false)?);
            }
            let Summaries { x, dx } = side_by_side(&found);
            Ok(moments.add(x.view(), dx.view())?)
        })?;
        HeldOut::new(joint).excess_over([&first, &second])
    }
}

/// The summaries of two networks of the same simulations as those of one.
fn side_by_side(networks: &[&Summaries]) -> Summaries {
    let rows = |of: &&Summaries| (of.x.nrows(), of.dx.len_of(Axis(0)), of.dx.len_of(Axis(2)));
    let (n_s, n_d, n_params) = networks.first().map_or((0, 0, 0), rows);
    let n_summaries = networks.iter().map(|of| of.x.ncols()).sum();
    let (mut x, mut dx) = (Array2::zeros((n_s, n_summaries)), Array3::zeros((n_d, n_summaries, n_params)));
    let mut start = 0;
    for of in networks {
        let end = start + of.x.ncols();
        x.slice_axis_mut(Axis(1), Slice::from(start..end)).assign(&of.x);
        dx.slice_axis_mut(Axis(1), Slice::from(start..end)).assign(&of.dx);
        start = end;
    }
    Summaries { x, dx }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, concatenate};

    #[test]
    fn summaries_of_two_networks_stand_side_by_side() {
        let of = |x: Array2<f64>, first: f64| {
            let dx = Array3::from_shape_fn((1, x.ncols(), 2), |(_, s, a)| first + 10.0 * s as f64 + a as f64);
            Summaries { x, dx }
        };
        let (one, two) = (of(array![[1.0], [2.0]], 100.0), of(array![[3.0, 4.0], [5.0, 6.0]], 200.0));
        let both = side_by_side(&[&one, &two]);
        assert_eq!(both.x, array![[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]]);
        assert_eq!(both.dx, concatenate![Axis(1), one.dx, two.dx]);
    }
}
