//! The features of a network: what it has before its last linear layer.

use crate::error::{ModelError, Result};
use crate::layout::Parameters;
use crate::model::Model;
use crate::primitive::{Affine, Linear, Op};
use imnn_sim::Real;

/// A network without its last linear layer, `x = h W + b`: what gives the features h, and the places of W and b.
///
/// ```
/// use imnn_models::{Model, dense, gelu, serial};
/// use imnn_sim::Key;
/// let model = Model::new(serial([dense(16), gelu(), dense(2)]), &[3])?;
/// let features = model.features().expect("it ends in a linear layer");
/// assert_eq!(features.model().n_summaries(), 16);
/// let mut weights = model.initialise::<f32>(Key::new(0));
/// features.set(&mut weights, &[0.5; 32], &[0.0, 1.0])?;
/// assert_eq!(features.weight(&weights), [0.5; 32]);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Features {
    model: Model,
    last: Affine,
}

impl Model {
    /// The features, if the last layer with weights is a linear map of the channels to the summaries: dense, or a convolution
    /// that sees one position at a time. After it may come average pools, which then act on the features, reshapes that
    /// keep the summaries apart, and the identity.
    ///
    /// The model of the features has the weights of the whole network, W and b included.
    pub fn features(&self) -> Option<Features> {
        let place = self.last_linear()?;
        let (before, rest) = self.primitives().split_at(place);
        let (linear, pools) = rest.split_first()?;
        let Op::Linear(Linear::Map(last)) = &linear.op else { return None };
        let mut primitives = before.to_vec();
        for pool in pools {
            let mut pool = pool.clone();
            pool.input.channels = linear.input.channels;
            pool.output.channels = linear.input.channels;
            primitives.push(pool);
        }
        Some(Features { model: self.with_primitives(primitives, vec![linear.input.channels]), last: last.clone() })
    }

    /// The place of the last linear layer among the primitives, if its channels are the summaries.
    pub(crate) fn last_linear(&self) -> Option<usize> {
        let k = self.n_summaries();
        for (place, primitive) in self.primitives().iter().enumerate().rev() {
            // Numbers are in order whatever the axes, so channels are still the same channels where there are `k`.
            match &primitive.op {
                Op::Linear(Linear::Map(_) | Linear::Windows { .. }) if primitive.output.channels == k => {
                    return Some(place);
                }
                op if op.commutes_with_maps() && primitive.input.channels == k => {}
                _ => return None,
            }
        }
        None
    }
}

impl Features {
    /// What gives the features: its summaries are they.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// W of these weights.
    ///
    /// # Shapes
    /// `(n_features, n_summaries)`, row-major.
    pub fn weight<E: Real>(&self, parameters: &Parameters<E>) -> Vec<f64> {
        parameters.values()[self.last.weight.clone()].iter().map(|w| w.f64()).collect()
    }

    /// Writes W and b.
    ///
    /// # Shapes
    /// `weight` `(n_features, n_summaries)`, row-major; `bias` `(n_summaries)`.
    ///
    /// # Errors
    /// If they have not these sizes, or are not finite in the precision of the weights; nothing is changed then.
    pub fn set<E: Real>(&self, parameters: &mut Parameters<E>, weight: &[f64], bias: &[f64]) -> Result<()> {
        let refuse = |message| Err(ModelError::Parameters { origin: "the last layer".into(), message });
        let Affine { weight: to_weight, bias: to_bias } = &self.last;
        if (weight.len(), bias.len()) != (to_weight.len(), to_bias.len()) {
            let (found, expected) = ((weight.len(), bias.len()), (to_weight.len(), to_bias.len()));
            return refuse(format!("it has {expected:?} weights and biases, not {found:?}"));
        }
        if !weight.iter().chain(bias).all(|&w| E::of(w).is_finite()) {
            return refuse("its new weights are not finite".into());
        }
        for (range, values) in [(to_weight, weight), (to_bias, bias)] {
            for (to, &value) in parameters.values_mut()[range.clone()].iter_mut().zip(values) {
                *to = E::of(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Batch, Layer, Padding, avg_pool, concat, conv, dense, flatten, forward, gelu, global_avg_pool, global_max_pool,
        reshape, serial, standardise, tanh,
    };
    use imnn_sim::Key;

    /// The number of features, whose linear map must be the summaries.
    fn n_features(input: &[usize], layers: Vec<Layer>) -> Option<usize> {
        let model = Model::new(serial(layers), input).unwrap();
        let parameters = model.initialise::<f64>(Key::new(3));
        let features = model.features()?;
        let mut values = vec![0.0; 4 * model.input_size()];
        Key::new(4).fill_normal(&mut values);
        let batch = Batch { n: 4, values: &values, tangents: &[] };
        let x = forward(&model, parameters.values(), &batch).unwrap().values;
        let h = forward(features.model(), parameters.values(), &batch).unwrap().values;
        let (k, n) = (model.n_summaries(), features.model().n_summaries());
        let (weight, bias) = (features.weight(&parameters), &parameters.values()[features.last.bias.clone()]);
        let mapped = h.chunks_exact(n).flat_map(|h| {
            (0..k).map(|j| bias[j] + (0..n).map(|i| h[i] * weight[i * k + j]).sum::<f64>()).collect::<Vec<_>>()
        });
        approx::assert_relative_eq!(&x[..], &mapped.collect::<Vec<_>>()[..], epsilon = 1e-12, max_relative = 1e-12);
        Some(n)
    }

    #[test]
    fn the_last_map_of_the_features_is_the_network() {
        let image = [6, 4, 1];
        let first = || conv(3, &[3, 3], &[1, 1], Padding::Circular);
        assert_eq!(n_features(&[5], vec![dense(7), tanh(), dense(2)]), Some(7));
        assert_eq!(n_features(&[5], vec![dense(2)]), Some(5));
        assert_eq!(n_features(&[5], vec![standardise(&[0.5], &[2.0]), dense(2)]), Some(5));
        assert_eq!(n_features(&image, vec![first(), gelu(), global_avg_pool(), dense(2)]), Some(3));
        assert_eq!(n_features(&image, vec![first(), gelu(), dense(2), global_avg_pool(), reshape(&[2, 1])]), Some(3));
        let pool = || avg_pool(&[2, 2], &[2, 2], Padding::Same);
        assert_eq!(n_features(&image, vec![first(), gelu(), dense(2), pool(), global_avg_pool()]), Some(3));
        assert_eq!(n_features(&image, vec![first(), flatten(), dense(2)]), Some(72));
    }

    #[test]
    fn other_networks_have_none() {
        assert_eq!(n_features(&[5], vec![dense(2), tanh()]), None);
        assert_eq!(n_features(&[2], vec![]), None);
        assert_eq!(n_features(&[5], vec![dense(2), standardise(&[0.5], &[2.0])]), None);
        assert_eq!(n_features(&[5], vec![concat([serial([dense(1)]), serial([dense(1)])])]), None);
        let image = [6, 4, 1];
        assert_eq!(n_features(&image, vec![dense(2), global_max_pool()]), None);
        assert_eq!(n_features(&image, vec![conv(2, &[6, 4], &[1, 1], Padding::Valid), flatten()]), None);
        assert_eq!(n_features(&image, vec![dense(1), flatten()]), None);
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let model = Model::new(serial([dense(2)]), &[3]).unwrap();
        let mut parameters = model.initialise::<f32>(Key::new(0));
        let before = parameters.clone();
        let features = model.features().unwrap();
        let error = features.set(&mut parameters, &[0.0; 3], &[0.0; 2]).unwrap_err().to_string();
        assert!(error.ends_with("it has (6, 2) weights and biases, not (3, 2)"), "{error}");
        let error = features.set(&mut parameters, &[1e300; 6], &[0.0; 2]).unwrap_err().to_string();
        assert!(error.ends_with("its new weights are not finite"), "{error}");
        assert_eq!(parameters, before);
    }
}
