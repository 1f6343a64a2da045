//! How many operations one training iteration takes when it is done plainly.

use imnn::models::{Model, Op, Primitive};

/// Floating-point operations of one row (a simulation or one of its tangents) on its way through a network.
///
/// A dense layer or a convolution is a product of a row's patches with the weights,
///
/// ```text
/// 2 positions taps channels_in channels_out
/// ```
///
/// operations forward, and as many again backward for each of the gradient of the weights and the gradient of the input.
/// Layers that see the data with no weights before them need no gradient of their input. Biases, activations, pools,
/// standardised channels, simulations and statistics are not counted; taps beyond the edge are, as a plain product takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flops {
    /// Forward.
    pub forward: u64,
    /// Backward.
    pub backward: u64,
}

/// How many rows go through the network in an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Forward and backward.
    pub training: u64,
    /// Forward only.
    pub validation: u64,
}

impl Flops {
    /// The operations of one row through `model`. Layers of a user's own count as nothing.
    pub fn of(model: &Model) -> Self {
        let mut flops = Flops::default();
        flops.chain(model.primitives(), true);
        flops
    }

    /// The operations of one iteration.
    pub fn per_iteration(&self, rows: Rows) -> u64 {
        rows.training * (self.forward + self.backward) + rows.validation * self.forward
    }

    /// Adds primitives one after the other; returns whether data still come out as they are, untouched by weights.
    fn chain(&mut self, primitives: &[Primitive], plain: bool) -> bool {
        primitives.iter().fold(plain, |plain, primitive| self.add(primitive, plain))
    }

    fn add(&mut self, primitive: &Primitive, plain: bool) -> bool {
        let taps = match &primitive.op {
            Op::Linear(linear) => linear.windows().map_or(1, |windows| windows.n_taps),
            Op::Parallel { branches, .. } => {
                // Every branch is walked, whatever the one before it says.
                let plain_branches = branches.iter().filter(|branch| self.chain(branch, plain)).count();
                return plain_branches == branches.len();
            }
            Op::Custom { .. } => return false,
            Op::MaxPool(_) | Op::MeanPool(_) | Op::Standardise(_) | Op::Pointwise(_) => return plain,
        };
        let product = 2 * (primitive.output.size() * taps * primitive.input.channels) as u64;
        self.forward += product;
        self.backward += if plain { product } else { 2 * product };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{dense_128, inception, pooled};
    use imnn::models::{Activation, Padding, conv, dense, flatten, max_pool, residual, serial, standardise};

    fn of(network: imnn::models::Network, shape: &[usize]) -> Flops {
        Flops::of(&Model::new(network, shape).unwrap())
    }

    /// By hand: 2 (10 128 + 128 128 + 128 128 + 128 2) = 68,608 forward, twice that but for the first layer's input
    /// product, 2560, backward; times three rows: 609,792 per simulation.
    #[test]
    fn dense_takes_610_thousand_operations_per_simulation() {
        let flops = of(dense_128(Activation::LeakyRelu), &[10]);
        assert_eq!(flops, Flops { forward: 68_608, backward: 2 * 68_608 - 2560 });
        assert_eq!(flops.per_iteration(Rows { training: 3, validation: 0 }), 609_792);
        assert_eq!(flops.per_iteration(Rows { training: 3, validation: 3 }), 609_792 + 3 * 68_608);
    }

    /// By hand, 5 x 5 pixels of 2 channels: pool, then 3 x 3 of stride 2 to 4 filters at 9 positions; then dense 36 to 2.
    #[test]
    fn convolutions_count_positions_and_taps() {
        let network = serial([
            max_pool(&[3, 3], &[1, 1], Padding::Same),
            conv(4, &[3, 3], &[2, 2], Padding::Same),
            flatten(),
            dense(2),
        ]);
        let (convolution, last) = (2 * 9 * 9 * 2 * 4, 2 * 36 * 2);
        let expected = Flops { forward: convolution + last, backward: convolution + 2 * last };
        assert_eq!(of(network, &[5, 5, 2]), expected);
    }

    /// By hand, in multiples of 2 f f = 512 with f = 16 filters. First block, 1 channel in: the 1 x 1 convolutions that
    /// see the data are of 64 + 1024 + 1024 + 64 positions, an f-th each; 3 x 3 and 5 x 5: 64 (9 + 25).
    /// Second block, 4 f in: 4 (4 + 4) + 4 (64 + 64) with 4 (9 + 25); third 2 * 4; the last 2 * 2 * 2 f.
    #[test]
    fn branches_add_up_and_only_what_sees_the_data_saves_a_product() {
        let unit = 512;
        let (data, wide) = ((64 + 1024 + 1024 + 64) * unit / 16, 64 * 34 * unit);
        let second = (4 * (4 + 4) + 4 * (64 + 64) + 4 * 34) * unit;
        let rest = wide + second + 2 * 4 * unit + 2 * 32 * 2;
        assert_eq!(of(inception(32, 16), &[32, 32, 1]), Flops { forward: data + rest, backward: data + 2 * rest });
    }

    /// By hand: 1024 positions, 25 taps, 32 filters, which see the data; then 32 means to 2 summaries.
    #[test]
    fn a_convolution_of_stride_1_counts_every_position() {
        let (convolution, last) = (2 * 1024 * 25 * 32, 2 * 32 * 2);
        assert_eq!(
            of(pooled(32), &[32, 32, 1]),
            Flops { forward: convolution + last, backward: convolution + 2 * last }
        );
    }

    /// Standardised data are data still: the layer after them saves a product.
    #[test]
    fn standardised_data_count_as_data() {
        let network = serial([standardise(&[0.5], &[2.0]), dense(3), dense(1)]);
        assert_eq!(of(network, &[3]), Flops { forward: 18 + 6, backward: 18 + 12 });
    }

    /// After `x + f(x)` nothing is plain data, although one branch passes it on.
    #[test]
    fn a_residual_connection_has_weights() {
        let network = serial([residual(serial([dense(3)])), dense(1)]);
        assert_eq!(of(network, &[3]), Flops { forward: 18 + 6, backward: 18 + 12 });
    }
}
