//! The one-dimensional maps on rows of numbers, one number per pair: loops that compilers turn into vector instructions.
//!
//! `u` goes in, `z` comes out, `log` gains `ln |dz/du|`. Parameters are rows of the same length, one below the other.

mod affine;
mod spline;

use crate::architecture::Bijection;
use imnn_compute::Number;

/// A bijection with its numbers in the precision of the flow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Map<E> {
    Affine,
    Spline(spline::Constants<E>),
}

/// Rows that the forward pass keeps for the backward pass, for each dimension.
pub(crate) const KEPT: usize = spline::KEPT;

impl<E: Number> Map<E> {
    pub fn new(bijection: Bijection) -> Self {
        match bijection {
            Bijection::Affine => Map::Affine,
            Bijection::Spline { bins, bound } => Map::Spline(spline::Constants::new(bins, bound)),
        }
    }

    /// `z` from `u`; `log += ln |dz/du|`. May change the parameters into what [`Map::backward`] needs.
    pub fn forward(self, u: &[E], parameters: &mut [E], kept: &mut [E], z: &mut [E], log: &mut [E]) {
        match self {
            Map::Affine => {
                let (shift, scale) = parameters.split_at(u.len());
                affine::forward(u, shift, scale, z, log);
            }
            Map::Spline(constants) => spline::forward(constants, u, parameters, kept, z, log),
        }
    }

    /// From `gz` and `glog`, the gradients with respect to `z` and `log`, those with respect to `u` and the parameters.
    pub fn backward(
        self,
        u: &[E],
        parameters: &[E],
        kept: &mut [E],
        [gz, glog]: [&[E]; 2],
        gu: &mut [E],
        gparameters: &mut [E],
    ) {
        match self {
            Map::Affine => {
                let (gshift, gscale) = gparameters.split_at_mut(u.len());
                affine::backward(u, &parameters[u.len()..], gz, glog, gu, gshift, gscale);
            }
            Map::Spline(constants) => {
                spline::backward(constants, u, parameters, kept, [gz, glog], [gu, gparameters]);
            }
        }
    }

    /// `u` from `z`; `log += ln |dz/du|`.
    pub fn inverse(self, z: &[E], parameters: &mut [E], kept: &mut [E], u: &mut [E], log: &mut [E]) {
        match self {
            Map::Affine => {
                let (shift, scale) = parameters.split_at(z.len());
                affine::inverse(z, shift, scale, u, log);
            }
            Map::Spline(constants) => spline::inverse(constants, z, parameters, kept, u, log),
        }
    }
}

#[cfg(test)]
mod tests;
