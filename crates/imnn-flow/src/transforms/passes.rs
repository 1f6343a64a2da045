//! Forward and backward through all transforms, for a batch of pairs on one thread.

use super::Transforms;
use super::layout::Layout;
use super::network::{Activations, Cotangents};
use crate::bijection::KEPT;
use imnn_compute::{AlignedVec, NUMBERS_PER_LINE, Number};
use std::sync::Arc;

/// Memory for passes of one thread, which grows to the largest batch and is then used again.
///
/// Arrays are `(dimensions, n)`, with n the number of pairs rounded up to whole cache lines; the pairs added are zeros,
/// whose results nobody reads.
#[derive(Debug, Default)]
pub struct Workspace<E> {
    layout: Option<Arc<Layout>>,
    /// Pairs, and the same rounded up.
    pub(super) pairs: usize,
    pub(super) n: usize,
    /// y, then z; in the inverse the other way round.
    pub(crate) values: AlignedVec<E>,
    pub(crate) context: AlignedVec<E>,
    /// `ln |dz/dy|` of each pair.
    pub(crate) log: AlignedVec<E>,
    pub(super) transforms: Vec<Pass<E>>,
    cotangents: Cotangents<E>,
    /// Gradients with respect to z and then y, to the context, and to `log`.
    pub(crate) gradient: AlignedVec<E>,
    pub(crate) context_gradient: AlignedVec<E>,
    pub(crate) log_gradient: AlignedVec<E>,
    /// The gradient with respect to the input of a transform, before it is put in order.
    below: AlignedVec<E>,
}

/// What one transform keeps of its forward pass.
#[derive(Debug, Default)]
pub(super) struct Pass<E> {
    /// Its input, in its own order.
    pub u: AlignedVec<E>,
    pub activations: Activations<E>,
    pub kept: AlignedVec<E>,
}

impl<E: Number> Workspace<E> {
    /// Makes room for `pairs` pairs.
    pub(crate) fn resize(&mut self, transforms: &Transforms<E>, pairs: usize) {
        let (dims, context) = (transforms.dims(), transforms.context());
        let n = pairs.next_multiple_of(NUMBERS_PER_LINE);
        self.pairs = pairs;
        let (layout, n_transforms) = (&transforms.layout, transforms.permutations.len());
        if self.n == n && self.layout.as_ref() == Some(layout) && self.transforms.len() == n_transforms {
            return;
        }
        self.layout = Some(layout.clone());
        self.n = n;
        self.values.resize(dims * n);
        self.context.resize(context * n);
        self.log.resize(n);
        self.gradient.resize(dims * n);
        self.context_gradient.resize(context * n);
        self.log_gradient.resize(n);
        self.below.resize(dims * n);
        self.transforms.resize_with(n_transforms, Pass::default);
        for pass in &mut self.transforms {
            pass.u.resize(dims * n);
            pass.kept.resize(dims * KEPT * n);
            pass.activations.resize(&transforms.layout, n);
        }
        self.cotangents.output.resize(dims * transforms.layout.per_dim * n);
    }

    /// Sets column `at` of values and context.
    pub(crate) fn set(&mut self, at: usize, values: &[E], context: &[E]) {
        let n = self.n;
        values.iter().enumerate().for_each(|(k, &value)| self.values[k * n + at] = value);
        context.iter().enumerate().for_each(|(k, &value)| self.context[k * n + at] = value);
    }

    /// Sets the pairs that were added to fill a cache line.
    pub(crate) fn fill_up(&mut self) {
        let (pairs, n) = (self.pairs, self.n);
        for rows in [&mut self.values, &mut self.context] {
            rows.chunks_exact_mut(n).for_each(|row| row[pairs..].fill(E::zero()));
        }
    }

    /// The same weight for all pairs, 0 for those that were added.
    pub(crate) fn weigh(&mut self, weight: f64) {
        let (real, added) = self.log_gradient.split_at_mut(self.pairs);
        real.fill(E::of(weight));
        added.fill(E::zero());
    }

    /// `ln q` of pair `at`, after a forward pass, in the flow's own coordinates.
    pub(crate) fn log_density(&self, at: usize) -> f64 {
        self.log_density_of_base(at, self.column(&self.values, at).map(|z| z * z).sum())
    }

    /// The same from the sum of squares of z, after an inverse pass.
    pub(crate) fn log_density_of_base(&self, at: usize, squares: f64) -> f64 {
        let dims = self.values.len() / self.n;
        self.log[at].f64() - 0.5 * squares - 0.5 * dims as f64 * LN_2_PI
    }

    /// Column `at` of an array of this workspace.
    pub(crate) fn column<'a>(&self, rows: &'a [E], at: usize) -> impl Iterator<Item = f64> + 'a {
        rows.chunks_exact(self.n).map(move |row| row[at].f64())
    }
}

/// `ln 2 pi`.
const LN_2_PI: f64 = 1.837_877_066_409_345_3;

impl<E: Number> Transforms<E> {
    /// From y and c in the workspace to z and ln |dz/dy|.
    pub(crate) fn forward(&self, work: &mut Workspace<E>) {
        let (n, dims, context, map) = (work.n, self.dims(), self.context(), self.map());
        let per_dim = self.layout.per_dim;
        let Workspace { values, context: conditions, log, transforms, .. } = work;
        log.fill(E::zero());
        let weights = self.weights.chunks_exact(self.layout.len);
        for ((pass, permutation), weights) in transforms.iter_mut().zip(&self.permutations).zip(weights) {
            let Pass { u, activations, kept } = pass;
            for (u, &from) in u.chunks_exact_mut(n).zip(permutation) {
                u.copy_from_slice(&values[from * n..][..n]);
            }
            let input = &mut activations.inputs[0][n..];
            input[..context * n].copy_from_slice(conditions);
            input[context * n..].copy_from_slice(&u[..(dims - 1) * n]);
            activations.forward(&self.layout, weights, n);
            for (i, u) in u.chunks_exact(n).enumerate() {
                let parameters = &mut activations.output[i * per_dim * n..][..per_dim * n];
                let kept = &mut kept[i * KEPT * n..][..KEPT * n];
                map.forward(u, parameters, kept, &mut values[i * n..][..n], log);
            }
        }
    }

    /// After [`Transforms::forward`], the gradient of `sum_k s_k ln q(y_k | c_k)` with respect to the weights, if a place
    /// for it is given, and, if `inputs`, to y and c, into the workspace. The numbers s are in `log_gradient`.
    pub(crate) fn backward(&self, work: &mut Workspace<E>, mut gradient: Option<&mut [E]>, inputs: bool) {
        let (n, dims, context, map) = (work.n, self.dims(), self.context(), self.map());
        let (per_dim, len) = (self.layout.per_dim, self.layout.len);
        let Workspace { values, transforms, cotangents, gradient: g, context_gradient, log_gradient, below, .. } = work;
        // ln N(z; 0, I) falls by z.
        for (g, z) in g.chunks_exact_mut(n).zip(values.chunks_exact(n)) {
            (0..n).for_each(|l| g[l] = -z[l] * log_gradient[l]);
        }
        if inputs {
            context_gradient.fill(E::zero());
        }
        for (t, (pass, permutation)) in transforms.iter_mut().zip(&self.permutations).enumerate().rev() {
            let Pass { u, activations, kept } = pass;
            for (i, u) in u.chunks_exact(n).enumerate() {
                let at = i * per_dim * n..(i + 1) * per_dim * n;
                let kept = &mut kept[i * KEPT * n..][..KEPT * n];
                let (parameters, gparameters) = (&activations.output[at.clone()], &mut cotangents.output[at]);
                map.backward(
                    u,
                    parameters,
                    kept,
                    [&g[i * n..][..n], log_gradient],
                    &mut below[i * n..][..n],
                    gparameters,
                );
            }
            // In training nobody needs the gradient of what goes into the first transform, or of the context.
            let first = if inputs { Some(0) } else { (t > 0).then_some(context) };
            let weights = &self.weights[t * len..][..len];
            let gradient = gradient.as_deref_mut().map(|gradient| &mut gradient[t * len..][..len]);
            activations.backward(&self.layout, weights, cotangents, gradient, first, n);
            if first.is_none() {
                continue;
            }
            if inputs {
                add(context_gradient, &cotangents.input[..context * n]);
            }
            add(&mut below[..(dims - 1) * n], &cotangents.input[context * n..]);
            for (below, &to) in below.chunks_exact(n).zip(permutation) {
                g[to * n..][..n].copy_from_slice(below);
            }
        }
    }
}

fn add<E: Number>(to: &mut [E], from: &[E]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
}
