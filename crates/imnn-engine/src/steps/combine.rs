//! Left factors of the weight gradient, one for each summary; see [`crate::plan::CotangentRows`].
//!
//! ```text
//! left[i, s] = g[i, s] h[i] + sum_a G[a, s] t[i, a]
//! ```

use crate::program::{MicrobatchCotangents, Rows};
use imnn_compute::vectorised;

vectorised! {
    /// Combines values `(n, F)` and tangents `(n, p, F)` of `x` into `left` `(n, n_summaries, F)`.
    pub(super) fn combine<'a, E>(rows: Rows, cotangents: MicrobatchCotangents<'a, E>, x: &'a [E], left: &'a mut [E]) {
        let Rows { n, tangents: p } = rows;
        let q = cotangents.values.len() / n;
        let size = x.len() / rows.total();
        let (values, tangents) = x.split_at(n * size);
        let rows = values.chunks_exact(size).zip(tangents.chunks_exact(p * size));
        let combined = left.chunks_exact_mut(q * size).zip(cotangents.values.chunks_exact(q));
        for ((h, t), (left, g)) in rows.zip(combined) {
            for (s, left) in left.chunks_exact_mut(size).enumerate() {
                let weight = |a: usize| cotangents.tangents[a * q + s];
                // Two tangents at a time: the sum is read and written less often.
                for (pair, t) in t.chunks(2 * size).enumerate() {
                    let (t, u) = t.split_at(size);
                    let (a, set) = (2 * pair, pair == 0);
                    match (u.is_empty(), set) {
                        (false, true) => {
                            let (g, v, w) = (g[s], weight(a), weight(a + 1));
                            let terms = h.iter().zip(t).zip(u);
                            left.iter_mut().zip(terms).for_each(|(l, ((&h, &t), &u))| *l = g * h + (v * t + w * u));
                        }
                        (false, false) => {
                            let (v, w) = (weight(a), weight(a + 1));
                            left.iter_mut().zip(t.iter().zip(u)).for_each(|(l, (&t, &u))| *l += v * t + w * u);
                        }
                        (true, true) => {
                            let (g, v) = (g[s], weight(a));
                            left.iter_mut().zip(h.iter().zip(t)).for_each(|(l, (&h, &t))| *l = g * h + v * t);
                        }
                        (true, false) => {
                            let v = weight(a);
                            left.iter_mut().zip(t).for_each(|(l, &t)| *l += v * t);
                        }
                    }
                }
            }
        }
    }
}
