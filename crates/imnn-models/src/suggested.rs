//! Networks for data of whatever shape, where the user names none.

use crate::layers::Parallel;
use crate::layers::functions::{conv, dense, gelu, global_avg_pool};
use crate::network::{Network, serial};
use crate::primitive::Join;
use crate::windows::Padding;

/// Numbers of a vector that are taken as features beside those of the network, at most: the read-out solves equations of as
/// many unknowns as there are features.
const LARGEST_FEATURES: usize = 256;

/// The largest side of a pattern in the plane and in space, and on a line.
const LARGEST: usize = 5;
const LARGEST_ON_A_LINE: usize = 9;

impl Network {
    /// A network for simulations of this shape (channels last) that ends in so many summaries.
    ///
    /// - For vectors a wide layer beside a deeper network, `dense(128), gelu` and `dense(64), gelu, dense(64), gelu`, whose
    ///   features are put together: on what is nearly quadratic in the data the wide layer is better than a deep network, and
    ///   cheaper; what is not needs the deep one. Vectors of up to 256 numbers are features too: where they inform by their
    ///   means, a linear map of them is the answer.
    /// - For fields, which are taken to be periodic, one convolution of stride 1 with 64 filters and gelu, averaged over the
    ///   field: the powers of 64 patterns, of side 9 on a line and 5 in the plane and in space. A larger stride would throw power
    ///   away; larger patterns tell more scales apart, and take more simulations to be learned.
    pub fn suggested(input_shape: &[usize], n_summaries: usize) -> Self {
        match input_shape {
            [] | [_] => {
                let wide = serial([dense(128), gelu()]);
                let deep = serial([dense(64), gelu(), dense(64), gelu()]);
                let few = input_shape.iter().product::<usize>() <= LARGEST_FEATURES;
                let branches = [wide, deep].into_iter().chain(few.then(|| serial([]))).collect();
                serial([Parallel { branches, join: Join::Concat }.into(), dense(n_summaries)])
            }
            [space @ .., _] => {
                let largest = if space.len() == 1 { LARGEST_ON_A_LINE } else { LARGEST };
                let kernel: Vec<usize> = space.iter().map(|&side| side.min(largest)).collect();
                let strides = vec![1; kernel.len()];
                serial([conv(64, &kernel, &strides, Padding::Circular), gelu(), global_avg_pool(), dense(n_summaries)])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;

    #[test]
    fn networks_fit_data_of_any_shape() {
        for shape in [&[1][..], &[10], &[1000, 2], &[3, 3, 1], &[32, 32, 4], &[8, 8, 8, 1]] {
            let model = Model::new(Network::suggested(shape, 3), shape).unwrap();
            assert_eq!(model.n_summaries(), 3, "{shape:?}");
            assert!(model.features().is_some() && model.kink().is_none(), "{shape:?}");
        }
    }
}
