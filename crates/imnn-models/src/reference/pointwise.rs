//! The definition of activations.

use crate::activations::Activation;
use crate::element::Element;
use crate::error::Result;
use crate::tape::{Dual, cpu, scaled, to_vec, unary};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Gradients, PutTape, SplitTape, Tape as _, TensorFromVec};

/// `y = f(v)` of each element and `t' = f'(v) t` of each tangent; backward
///
/// ```text
/// g_v = f'(v) g_y + f''(v) sum_a t_a g_t'_a,   g_t = f'(v) g_t'
/// ```
///
/// Values `(n, size)`, tangents `(n * n_params, size)`.
pub(super) fn pointwise<E: Element>(activation: Activation, input: Dual<E>) -> Result<Dual<E>> {
    let (values, tangents) = input.into_parts();
    let (n, size) = *values.shape();
    let v = to_vec(&values);
    let (values, mut tape) = values.split_tape();
    let Some(tangents) = tangents else {
        let y = v.iter().map(|&v| activation.value(v)).collect();
        let y = unary(values.put_tape(tape), (n, size), y, move |g, gv| {
            v.iter().zip(g).zip(gv).for_each(|((&v, &g), gv)| *gv += activation.slope(v) * g);
        })?;
        return Dual::new(y, None);
    };

    let (mut y, mut slopes, mut curvatures) = (v.clone(), v.clone(), v);
    for ((y, slope), curvature) in y.iter_mut().zip(&mut slopes).zip(&mut curvatures) {
        [*y, *slope, *curvature] = activation.with_derivatives(*y);
    }
    let rows = tangents.shape().0;
    let per_row = rows / n;
    let t = to_vec(&tangents);
    let (tangents, _) = tangents.split_tape();
    let device = cpu(&values);
    let y = device.try_tensor_from_vec(y, (n, size))?;
    let pushed = device.try_tensor_from_vec(scaled(&t, &slopes, size, per_row), (rows, size))?;
    let (y_id, pushed_id) = (y.clone(), pushed.clone());
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let g_y = std::mem::take(&mut **gradients.get_or_alloc_mut(&y_id)?);
        let g_pushed = std::mem::take(&mut **gradients.get_or_alloc_mut(&pushed_id)?);
        let g_v = gradients.get_or_alloc_mut(&values)?;
        g_v.iter_mut().zip(&g_y).zip(&slopes).for_each(|((gv, &g), &slope)| *gv += slope * g);
        if !activation.is_piecewise_linear() {
            for (row, (t, g)) in t.chunks_exact(size).zip(g_pushed.chunks_exact(size)).enumerate() {
                let at = row / per_row * size..(row / per_row + 1) * size;
                let (g_v, curvatures) = (&mut g_v[at.clone()], &curvatures[at]);
                g_v.iter_mut().zip(curvatures).zip(t).zip(g).for_each(|(((gv, &c), &t), &g)| *gv += c * t * g);
            }
        }
        let g_t = gradients.get_or_alloc_mut(&tangents)?;
        g_t.iter_mut().zip(scaled(&g_pushed, &slopes, size, per_row)).for_each(|(gt, g)| *gt += g);
        Ok(())
    });
    Dual::new(y.put_tape(tape.clone()), Some(pushed.put_tape(tape)))
}
