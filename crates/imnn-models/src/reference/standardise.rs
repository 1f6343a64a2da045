//! The definition of standardised channels.

use crate::element::Element;
use crate::error::Result;
use crate::primitive::Standardisation;
use crate::tape::{Dual, Matrix, to_vec, unary};
use dfdx::shapes::HasShape;

/// `y = (x - mean) / deviation` channel by channel; a tangent is over the deviation alone.
pub(super) fn standardise<E: Element>(constants: &Standardisation, input: Dual<E>) -> Result<Dual<E>> {
    let numbers = |constants: &[f64]| -> Vec<E> { constants.iter().map(|&constant| E::of(constant)).collect() };
    let (mean, deviation) = (numbers(&constants.mean), numbers(&constants.deviation));
    let (values, tangents) = input.into_parts();
    Dual::new(shifted(values, &mean)?, tangents)?.linear(|x| scaled(x, &deviation))
}

/// `y = x - mean`.
fn shifted<E: Element>(x: Matrix<E>, mean: &[E]) -> Result<Matrix<E>> {
    let (size, mut output) = (*x.shape(), to_vec(&x));
    for position in output.chunks_exact_mut(mean.len()) {
        position.iter_mut().zip(mean).for_each(|(x, &mean)| *x -= mean);
    }
    unary(x, size, output, |g, gx| gx.iter_mut().zip(g).for_each(|(gx, &g)| *gx += g))
}

/// `y = x / deviation`.
fn scaled<E: Element>(x: Matrix<E>, deviation: &[E]) -> Result<Matrix<E>> {
    let (size, mut output, deviation) = (*x.shape(), to_vec(&x), deviation.to_vec());
    for position in output.chunks_exact_mut(deviation.len()) {
        position.iter_mut().zip(&deviation).for_each(|(x, &deviation)| *x /= deviation);
    }
    unary(x, size, output, move |g, gx| {
        for (gx, g) in gx.chunks_exact_mut(deviation.len()).zip(g.chunks_exact(deviation.len())) {
            gx.iter_mut().zip(g).zip(&deviation).for_each(|((gx, &g), &deviation)| *gx += g / deviation);
        }
    })
}
