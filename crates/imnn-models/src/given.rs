//! Networks that add to summaries which are there already.

use crate::error::{ModelError, Result};
use crate::layers::functions::{flatten, slice, standardise};
use crate::layers::{Dense, Parallel};
use crate::network::{Network, serial};
use crate::primitive::Join;

impl Network {
    /// This network of data of `data_shape`, for rows in which summaries t that were given stand behind the data d: its last layer,
    /// a dense one, sees both what it had before and these, each less its mean and over its deviation.
    ///
    /// ```text
    /// x = [h(d), (t - mean) / deviation] W + b
    /// ```
    ///
    /// A linear map of t with the largest det F is score compression of t, so with features that tell nothing x has all information
    /// of t (at fixed covariance), and training adds to it: `F = F_t + V S^-1 V^T` with the covariance S of what t does not tell of
    /// h, and V its derivatives.
    ///
    /// # References
    /// Makinen, Heavens, Porqueres, Charnock, Lapel & Wandelt 2024, arXiv:2407.18909, eqs. 8 to 12.
    ///
    /// # Errors
    /// If the last layer is not dense, or there are no summaries.
    pub fn with_given(mut self, data_shape: &[usize], mean: &[f64], deviation: &[f64]) -> Result<Self> {
        let place = self.layers.len().saturating_sub(1);
        let last = self.layers.pop().filter(|layer| layer.settings::<Dense>().is_some());
        let Some(last) = last else {
            return Err(ModelError::Shape {
                layer: format!("layers[{place}]"),
                input: data_shape.to_vec(),
                reason: "it is not dense: beside given summaries a network ends in a dense layer, which sees both"
                    .into(),
            });
        };
        let n_data = data_shape.iter().product();
        let of_data = [slice(0, data_shape)].into_iter().chain(self.layers).chain([flatten()]);
        let of_given = [slice(n_data, &[mean.len()]), standardise(mean, deviation)];
        let branches = vec![serial(of_data), serial(of_given)];
        Ok(serial([Parallel { branches, join: Join::Concat }.into(), last]))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Batch, Model, conv, dense, forward, gelu, global_avg_pool, serial, standardise, tanh};
    use crate::{Network, Padding};
    use imnn_sim::Key;

    #[test]
    fn the_last_layer_sees_features_and_summaries() {
        let features = || vec![conv(3, &[2, 2], &[1, 1], Padding::Circular), gelu(), global_avg_pool()];
        let network = serial(features().into_iter().chain([dense(2)]));
        let network = network.with_given(&[4, 4, 1], &[1.0, -1.0], &[2.0, 4.0]).unwrap();
        let model = Model::new(network, &[18]).unwrap();
        let weights = model.initialise::<f64>(Key::new(1));
        let mut values = vec![0.0; 2 * 18];
        Key::new(2).fill_normal(&mut values);
        let x = forward(&model, weights.values(), &Batch { n: 2, values: &values, tangents: &[] }).unwrap().values;
        // The same by hand: the features alone, the summaries standardised, and the dense layer.
        let alone = Model::new(serial(features()), &[4, 4, 1]).unwrap();
        let n = alone.layout().len();
        let (of_conv, last) = weights.values().split_at(n);
        for (row, x) in values.chunks(18).zip(x.chunks(2)) {
            let h = forward(&alone, of_conv, &Batch { n: 1, values: &row[..16], tangents: &[] }).unwrap().values;
            let seen = [&h[..], &[(row[16] - 1.0) / 2.0, (row[17] + 1.0) / 4.0]].concat();
            for (k, x) in x.iter().enumerate() {
                let sum: f64 = seen.iter().enumerate().map(|(i, seen)| seen * last[2 * i + k]).sum();
                approx::assert_relative_eq!(*x, sum + last[10 + k], epsilon = 1e-12);
            }
        }
        assert_eq!(model.features().unwrap().model().n_summaries(), 3 + 2);
    }

    #[test]
    fn a_network_that_does_not_end_in_a_dense_layer_is_refused() {
        for layers in [vec![], vec![dense(2), tanh()], vec![standardise(&[0.0], &[1.0])]] {
            let said = Network::from(layers).with_given(&[3], &[0.0], &[1.0]).unwrap_err().to_string();
            assert!(said.contains("ends in a dense layer, which sees both"), "{said}");
        }
    }
}
