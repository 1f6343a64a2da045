//! Networks for data of whatever shape, where the user names none.

use crate::layers::functions::{conv, dense, gelu, global_avg_pool};
use crate::network::{Network, serial};
use crate::windows::Padding;

impl Network {
    /// A network for simulations of this shape (channels last) that ends in so many summaries.
    ///
    /// - For vectors one wide layer, `dense(256), gelu`: on what is nearly quadratic in the data it is better than a deep and
    ///   narrow network, and cheaper.
    /// - For fields, which are taken to be periodic, one convolution of stride 1 with 64 filters of side 5 and gelu, averaged over the
    ///   field: the powers of 64 patterns. A larger stride would throw power away.
    pub fn suggested(input_shape: &[usize], n_summaries: usize) -> Self {
        match input_shape {
            [] | [_] => serial([dense(256), gelu(), dense(n_summaries)]),
            [space @ .., _] => {
                let kernel: Vec<usize> = space.iter().map(|&side| side.min(5)).collect();
                let strides = vec![1; kernel.len()];
                serial([conv(64, &kernel, &strides, Padding::Circular), gelu(), global_avg_pool(), dense(n_summaries)])
            }
        }
    }
}
