//! Left factors of the weight gradient, one for each summary; see [`super::plan::CotangentRows`].
//!
//! ```text
//! left[i, s] = g[i, s] h[i] + sum_a G[a, s] t[i, a]
//! ```

use crate::program::{LeafCotangents, Rows};
use imnn_models::Element;
use pulp::Arch;

/// Combines values `(n, F)` and tangents `(n, p, F)` of `x` into `left` `(n, n_summaries, F)`.
pub(super) fn combine<E: Element>(rows: Rows, cotangents: LeafCotangents<'_, E>, x: &[E], left: &mut [E]) {
    let Rows { n, tangents: p } = rows;
    let q = cotangents.values.len() / n;
    let size = x.len() / rows.total();
    let (values, tangents) = x.split_at(n * size);
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows = values.chunks_exact(size).zip(tangents.chunks_exact(p * size));
            let combined = left.chunks_exact_mut(q * size).zip(cotangents.values.chunks_exact(q));
            for ((h, t), (left, g)) in rows.zip(combined) {
                for (s, left) in left.chunks_exact_mut(size).enumerate() {
                    let first = cotangents.tangents[s];
                    for ((left, &h), &t) in left.iter_mut().zip(h).zip(&t[..size]) {
                        *left = g[s] * h + first * t;
                    }
                    for (a, t) in t.chunks_exact(size).enumerate().skip(1) {
                        let weight = cotangents.tangents[a * q + s];
                        left.iter_mut().zip(t).for_each(|(left, &t)| *left += weight * t);
                    }
                }
            }
        },
    );
}
