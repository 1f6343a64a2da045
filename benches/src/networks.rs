//! The networks that are timed: the same as in `peers/*.py`, and one in three dimensions.

use imnn::models::{
    Activation, Network, Padding, concat, conv, dense, flatten, gelu, global_avg_pool, leaky_relu, max_pool, reshape,
    serial,
};

/// Filters of each branch of an inception block, where nothing else is said.
pub const FILTERS: usize = 16;

/// Three hidden layers of 128, two summaries.
pub fn dense_128(activation: Activation) -> Network {
    let mut layers: Vec<_> = (0..3).flat_map(|_| [dense(128), activation.into()]).collect();
    layers.push(dense(2));
    serial(layers)
}

/// A circular 5 x 5 convolution of stride 1, gelu, the mean over all positions, two summaries.
pub fn pooled(filters: usize) -> Network {
    serial([conv(filters, &[5, 5], &[1, 1], Padding::Circular), gelu(), global_avg_pool(), dense(2)])
}

/// Inception blocks of `filters` a branch, down to one position of `side x side` pixels, then a 1 x 1 convolution to two summaries.
///
/// Strides are 4 while there are 8 positions or more, else 2. A block joins a 1 x 1 convolution; 1 x 1, then 3 x 3;
/// 1 x 1, then 5 x 5; and a 3 x 3 max-pool, then 1 x 1. At two positions only the first and the last of these are left.
pub fn inception(side: usize, filters: usize) -> Network {
    let mut layers = Vec::new();
    let mut n = side;
    while n > 2 {
        let stride = if n >= 8 { 4 } else { 2 };
        let (point, strides) = ([1, 1], [stride, stride]);
        let wide = |kernel: usize| {
            serial([
                conv(filters, &point, &[1, 1], Padding::Same),
                conv(filters, &[kernel, kernel], &strides, Padding::Same),
            ])
        };
        layers.push(concat([one_by_one(stride, filters), wide(3), wide(5), one_by_one_of_maxima(stride, filters)]));
        layers.push(leaky_relu());
        n = n.div_ceil(stride);
    }
    if n == 2 {
        layers.push(concat([one_by_one(2, filters), one_by_one_of_maxima(2, filters)]));
        layers.push(leaky_relu());
    }
    layers.extend([conv(2, &[1, 1], &[1, 1], Padding::Same), flatten()]);
    serial(layers)
}

/// Four 3 x 3 x 3 convolutions of stride 2, from 16^3 to one position, then a dense layer to two summaries.
pub fn volume() -> Network {
    let down = |filters| [conv(filters, &[3, 3, 3], &[2, 2, 2], Padding::Same), leaky_relu()];
    let mut layers = vec![reshape(&[16, 16, 16, 1])];
    layers.extend([16, 32, 32, 32].into_iter().flat_map(down));
    layers.extend([flatten(), dense(2)]);
    serial(layers)
}

fn one_by_one(stride: usize, filters: usize) -> Network {
    serial([conv(filters, &[1, 1], &[stride, stride], Padding::Same)])
}

fn one_by_one_of_maxima(stride: usize, filters: usize) -> Network {
    serial([max_pool(&[3, 3], &[1, 1], Padding::Same), conv(filters, &[1, 1], &[stride, stride], Padding::Same)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn::models::Model;

    #[test]
    fn networks_end_in_two_summaries() {
        for (network, shape) in [
            (dense_128(Activation::Gelu), vec![10]),
            (pooled(32), vec![32, 32, 1]),
            (inception(32, FILTERS), vec![32, 32, 1]),
            (inception(128, 64), vec![128, 128, 1]),
            (volume(), vec![16 * 16 * 16]),
        ] {
            assert_eq!(Model::new(network, &shape).unwrap().output_shape(), [2]);
        }
    }

    /// By hand, f = 16: first block 1 channel in: 32 + (32 + 2320) + (32 + 6416) + 32; second block 64 in:
    /// 1040 + (1040 + 2320) + (1040 + 6416) + 1040; last block 2 * 1040; 1 x 1 convolution from 32 to 2: 66.
    #[test]
    fn inception_has_the_weights_of_the_peers_network() {
        let model = Model::new(inception(32, FILTERS), &[32, 32, 1]).unwrap();
        let blocks = [32 + 32 + 2320 + 32 + 6416 + 32, 1040 + 1040 + 2320 + 1040 + 6416 + 1040, 2 * 1040, 66];
        assert_eq!(model.layout().len(), blocks.iter().sum::<usize>());
    }
}
