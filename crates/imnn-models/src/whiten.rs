//! A linear map of the summaries, put into the last linear layer.

use crate::error::{ModelError, Result};
use crate::layout::Parameters;
use crate::model::Model;
use crate::primitive::{Affine, Linear, Op};
use imnn_sim::Real;

impl Model {
    /// Changes the last linear layer so that the summaries x become `(x - mu) A`, and returns whether the network allows
    /// it. Information does not change under such a map; with A the Cholesky factor of the inverse covariance, training
    /// starts with unit covariance.
    ///
    /// ```text
    /// W <- W A,   b <- (b - mu) A
    /// ```
    ///
    /// The last layer with weights must be dense or a convolution whose outputs are the summaries, one for one. After it
    /// may come average pools, which commute with a map of channels, reshapes that keep the summaries apart, and the
    /// identity. For any other network nothing is changed and the answer is `false`.
    ///
    /// ```
    /// use imnn_models::{dense, serial, tanh, Model};
    /// use imnn_sim::Key;
    /// let model = Model::new(serial([dense(2)]), &[3])?;
    /// let mut weights = model.initialise::<f64>(Key::new(0));
    /// let bias = weights.entry(1).to_vec();
    /// assert!(model.whiten_last_linear(&mut weights, &[1.0, 0.0], &[2.0, 0.0, 0.0, 3.0])?);
    /// assert_eq!(weights.entry(1), [2.0 * (bias[0] - 1.0), 3.0 * bias[1]]);
    ///
    /// let bounded = Model::new(serial([dense(1), tanh()]), &[3])?;
    /// let mut weights = bounded.initialise::<f64>(Key::new(0));
    /// assert!(!bounded.whiten_last_linear(&mut weights, &[0.0], &[2.0])?);
    /// # Ok::<(), imnn_models::ModelError>(())
    /// ```
    ///
    /// # Shapes
    /// With k summaries: `mu` (k), `a` (k, k) row-major.
    ///
    /// # Errors
    /// If `mu`, `a` or the parameters have not these sizes, or the new weights are not finite; nothing is changed then.
    pub fn whiten_last_linear<E: Real>(&self, parameters: &mut Parameters<E>, mu: &[f64], a: &[f64]) -> Result<bool> {
        let k = self.n_summaries();
        let refuse =
            |message: String| Err(ModelError::Parameters { origin: "the map of the summaries".into(), message });
        if mu.len() != k || a.len() != k * k {
            return refuse(format!(
                "{k} summaries need {k} means and {} factors, not {} and {}",
                k * k,
                mu.len(),
                a.len()
            ));
        }
        if parameters.values().len() != self.layout().len() {
            let (found, expected) = (parameters.values().len(), self.layout().len());
            return refuse(format!("the parameters have {found} values, the network has {expected}"));
        }
        let last = self.last_linear().map(|place| &self.primitives()[place].op);
        let Some(Op::Linear(Linear::Map(affine) | Linear::Windows { weights: affine, .. })) = last else {
            return Ok(false);
        };
        let Affine { weight, bias } = affine.clone();
        let map = |rows: &[E], centre: &[f64]| -> Vec<E> {
            let mut mapped = Vec::with_capacity(rows.len());
            for row in rows.chunks_exact(k) {
                for j in 0..k {
                    mapped.push(E::of((0..k).map(|i| (row[i].f64() - centre[i]) * a[i * k + j]).sum()));
                }
            }
            mapped
        };
        let new_weight = map(&parameters.values()[weight.clone()], &vec![0.0; k]);
        let new_bias = map(&parameters.values()[bias.clone()], mu);
        if !new_weight.iter().chain(&new_bias).all(|w| w.is_finite()) {
            return refuse("it makes weights that are not finite".into());
        }
        parameters.values_mut()[weight].copy_from_slice(&new_weight);
        parameters.values_mut()[bias].copy_from_slice(&new_bias);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Batch, Layer, Padding, avg_pool, concat, conv, dense, flatten, forward, global_avg_pool, global_max_pool,
        identity, leaky_relu, reshape, serial, standardise, tanh,
    };
    use imnn_sim::Key;

    const MU: [f64; 2] = [0.5, -2.0];
    const A: [f64; 4] = [1.5, -0.25, 0.75, 2.0];

    /// Whether the map was made; if so the summaries must have followed it, if not they must be as before.
    fn check(input: &[usize], layers: Vec<Layer>) -> bool {
        let model = Model::new(serial(layers), input).unwrap();
        let mut parameters = model.initialise::<f64>(Key::new(3));
        let mut values = vec![0.0; 4 * model.input_size()];
        Key::new(4).fill_normal(&mut values);
        let batch = Batch { n: 4, values: &values, tangents: &[] };
        let before = forward(&model, parameters.values(), &batch).unwrap().values;
        let mapped = model.whiten_last_linear(&mut parameters, &MU, &A).unwrap();
        let after = forward(&model, parameters.values(), &batch).unwrap().values;
        for (x, y) in before.chunks_exact(2).zip(after.chunks_exact(2)) {
            let z = [x[0] - MU[0], x[1] - MU[1]];
            let expected = if mapped { [z[0] * A[0] + z[1] * A[2], z[0] * A[1] + z[1] * A[3]] } else { [x[0], x[1]] };
            approx::assert_relative_eq!(y, &expected[..], epsilon = 1e-12, max_relative = 1e-12);
        }
        mapped
    }

    #[test]
    fn summaries_follow_the_map() {
        let image = [6, 4, 1];
        let last = || conv(2, &[3, 3], &[1, 1], Padding::Circular);
        assert!(check(&[5], vec![dense(7), tanh(), dense(2)]));
        assert!(check(&[5], vec![standardise(&[0.5], &[2.0]), dense(2)]));
        assert!(check(&[5], vec![dense(2), identity(), reshape(&[2, 1]), reshape(&[1, 2])]));
        assert!(check(&image, vec![conv(2, &[6, 4], &[1, 1], Padding::Valid), flatten()]));
        assert!(check(&image, vec![conv(3, &[3, 3], &[2, 2], Padding::Same), leaky_relu(), last(), global_avg_pool()]));
        assert!(check(&image, vec![last(), avg_pool(&[2, 2], &[2, 2], Padding::Same), global_avg_pool()]));
        assert!(check(&image, vec![last(), reshape(&[24, 2]), global_avg_pool(), reshape(&[2, 1])]));
        assert!(check(&image, vec![dense(2), global_avg_pool()]));
    }

    #[test]
    fn other_networks_are_left_alone() {
        let image = [6, 4, 1];
        let last = || conv(2, &[3, 3], &[1, 1], Padding::Circular);
        assert!(!check(&[5], vec![dense(2), tanh()]));
        assert!(!check(&[2], vec![]));
        assert!(!check(&[5], vec![dense(2), standardise(&[0.5, 1.0], &[2.0])]));
        assert!(!check(&[5], vec![concat([serial([dense(1)]), serial([dense(1)])])]));
        assert!(!check(&image, vec![last(), global_max_pool()]));
        // Two positions of one channel are two summaries from one output.
        assert!(!check(&image, vec![conv(1, &[3, 4], &[3, 1], Padding::Valid), flatten()]));
        // The pool averages over what were channels.
        assert!(!check(
            &image,
            vec![last(), reshape(&[2, 24, 1]), avg_pool(&[1, 24], &[1, 24], Padding::Same), flatten()]
        ));
        assert!(!check(&[5], vec![dense(2), reshape(&[2, 1]), avg_pool(&[2], &[1], Padding::Same), flatten()]));
    }

    #[test]
    fn maps_that_do_not_fit_are_refused() {
        let model = Model::new(serial([dense(2)]), &[3]).unwrap();
        let mut parameters = model.initialise::<f32>(Key::new(0));
        let before = parameters.clone();
        let error = model.whiten_last_linear(&mut parameters, &[0.0], &A).unwrap_err().to_string();
        assert_eq!(
            error,
            "the map of the summaries does not fit the network: 2 summaries need 2 means and 4 factors, not 1 and 4"
        );
        let error = model.whiten_last_linear(&mut parameters, &MU, &[1e300; 4]).unwrap_err().to_string();
        assert!(error.ends_with("it makes weights that are not finite"), "{error}");
        assert_eq!(parameters, before);
    }
}
