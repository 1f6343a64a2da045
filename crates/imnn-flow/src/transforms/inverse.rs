//! From z back to y, dimension by dimension.
//!
//! The parameters of dimension i need u_1, ..., u_{i-1}, which the dimensions before it have just given; and the units of
//! degree i - 1 are all that they need beyond what those have computed. So the inverse costs what a forward pass does, not D
//! of them.

use super::Transforms;
use super::passes::{Pass, Workspace};
use crate::bijection::KEPT;
use imnn_compute::Number;

impl<E: Number> Transforms<E> {
    /// From z and c in the workspace to y and ln |dz/dy|.
    pub(crate) fn inverse(&self, work: &mut Workspace<E>) {
        let (n, dims, context, map) = (work.n, self.dims(), self.context(), self.map());
        let per_dim = self.layout.per_dim;
        let Workspace { values, context: conditions, log, transforms, .. } = work;
        log.fill(E::zero());
        // All transforms share the memory of the first.
        let Some(Pass { u, activations, kept }) = transforms.first_mut() else { return };
        activations.inputs[0][n..(1 + context) * n].copy_from_slice(conditions);
        let weights = self.weights.chunks_exact(self.layout.len);
        for (permutation, weights) in self.permutations.iter().zip(weights).rev() {
            for i in 0..dims {
                activations.forward_one(&self.layout, weights, i, n);
                let parameters = &mut activations.output[i * per_dim * n..][..per_dim * n];
                let u = &mut u[i * n..][..n];
                map.inverse(&values[i * n..][..n], parameters, &mut kept[..KEPT * n], u, log);
                if i + 1 < dims {
                    activations.input_mut(context + i, n).copy_from_slice(u);
                }
            }
            for (u, &to) in u.chunks_exact(n).zip(permutation) {
                values[to * n..][..n].copy_from_slice(u);
            }
        }
    }
}
