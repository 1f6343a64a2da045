//! What a recipe needs on a card, worked out on the host.

use crate::shape::Shape;
use imnn_data::Simulated;
use imnn_models::Element;
use imnn_sim::Recipe;
use std::f64::consts::TAU;

/// No draw of the ziggurat is as far from 0: the tail begins at 3.66, and adds at most `53 ln 2 / 3.65`.
const FARTHEST: f64 = 14.0;
/// Fields of more pixels a side are made by FFT on the host: products cost a side times as much as a pixel's share of it.
const LARGEST_SIDE: usize = 1024;
/// How far from the smallest number the largest one of a field has to be, so that none that matters is lost.
const SPARE: f64 = 1e12;

/// The simulations at the fiducial are block 0, what lies beside each of them blocks 1, 2, ...
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Work {
    /// `d = a + b z`, with (a, b) of each block.
    Affine { maps: Vec<f64> },
    /// `d = a z + (b + c s) x`, with (a, b, c) of each block.
    Line { x: Vec<f64>, maps: Vec<f64>, scattered: bool },
    /// White noise, filtered.
    Fields { side: usize, fields: Vec<Field> },
}

/// Noise under a filter, times a factor for each block that it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// `(side, side)`, for the frequencies of both axes.
    pub(super) filter: Vec<f64>,
    pub(super) blocks: Vec<(usize, f64)>,
}

impl Work {
    /// The work for simulations of this shape; none where it is not known, does not belong to the shape, or could make
    /// numbers that are too large, which the host then looks for one by one.
    pub(super) fn new<E: Element>(simulated: &Simulated, shape: &Shape) -> Option<Self> {
        let (p, theta, points) = (shape.n_params, &simulated.theta_fid, &simulated.points);
        let n_points = if shape.exact { 0 } else { 2 * p };
        if theta.len() != p || points.len() != n_points || points.iter().any(|point| point.len() != p) {
            return None;
        }
        let all = || std::iter::once(theta).chain(points);
        let (work, len, n_params, largest) = match &simulated.recipe {
            Recipe::GaussianMeanVariance { n_data } if p == 2 => {
                let mut maps: Vec<f64> = all().flat_map(|theta| [theta[0], theta[1].sqrt()]).collect();
                if shape.exact {
                    maps.extend([1.0, 0.0, 0.0, 0.5 / theta[1].sqrt()]);
                }
                let largest = maximum(maps.chunks_exact(2).map(|map| map[0].abs() + FARTHEST * map[1].abs()));
                (Work::Affine { maps }, *n_data, 2, largest)
            }
            Recipe::NoisyLine { x, slope_variance } if p == 1 => {
                let scatter = slope_variance.map_or(0.0, f64::sqrt);
                let mut maps: Vec<f64> = all().flat_map(|theta| [1.0, theta[0], scatter]).collect();
                if shape.exact {
                    maps.extend([0.0, 1.0, 0.0]);
                }
                let farthest = maximum(x.iter().map(|x| x.abs()));
                let slopes = maximum(maps.chunks_exact(3).map(|map| map[1].abs() + FARTHEST * map[2].abs()));
                let work = Work::Line { x: x.clone(), maps, scattered: slope_variance.is_some() };
                (work, x.len(), 1, FARTHEST + slopes * farthest)
            }
            Recipe::PowerLawField { n, length } if p == 2 && (1..=LARGEST_SIDE).contains(n) => {
                let fields = fields(*n, *length, theta, points);
                // A filter makes no number larger than itself times the length of the vector of all noise.
                let largest = maximum(fields.iter().flat_map(|field| {
                    let filter = maximum(field.filter.iter().map(|s| s.abs()));
                    let factor = maximum(field.blocks.iter().map(|&(_, factor)| factor.abs()));
                    [filter, factor * filter].map(|size| FARTHEST * *n as f64 * size)
                }));
                let first = maximum(fields.first()?.filter.iter().map(|s| s.abs()));
                if first < SPARE * E::min_positive_value().f64() {
                    return None;
                }
                (Work::Fields { side: *n, fields }, n * n, 2, largest)
            }
            _ => return None,
        };
        // Written so that NaNs are refused.
        let fits = largest <= E::max_value().f64() / 4.0;
        (fits && len == shape.input && n_params == p).then_some(work)
    }

    /// Normal numbers of one simulation.
    pub(super) fn n_draws(&self, input: usize) -> usize {
        match self {
            Work::Line { scattered: true, .. } => input + 1,
            _ => input,
        }
    }

    /// Numbers that one simulation needs for a while: its noise, and for fields two more images.
    pub(super) fn scratch(&self, input: usize) -> usize {
        match self {
            Work::Fields { .. } => 3 * input,
            _ => self.n_draws(input),
        }
    }
}

/// The largest number; NaN if one is.
fn maximum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |most: f64, value| if value > most || value.is_nan() { value } else { most })
}

/// The symmetric, orthogonal matrix `H_ij = (cos + sin)(2 pi i j / n) / sqrt(n)` of the Hartley transform.
///
/// Convolution with what is even along an axis is diagonal in it, as it is in the Fourier transform, without complex
/// numbers: `ifft(S fft(w)) = H (S o (H w H)) H` for filters S that are even in both frequencies.
pub(super) fn hartley(n: usize) -> Vec<f64> {
    let scale = 1.0 / (n as f64).sqrt();
    let entry = |k: usize| {
        let (sin, cos) = (TAU * k as f64 / n as f64).sin_cos();
        scale * (cos + sin)
    };
    let entries: Vec<f64> = (0..n).map(entry).collect();
    (0..n * n).map(|ij| entries[(ij / n) * (ij % n) % n]).collect()
}

/// The fields behind all blocks: one for each slope B, since A is a factor, and for exact derivatives that by B.
fn fields(n: usize, length: f64, theta: &[f64], points: &[Vec<f64>]) -> Vec<Field> {
    let amplitude = theta[0];
    let filter = |slope: f64, by_slope: bool| {
        let mode = |ij: usize| {
            let fold = |i: usize| i.min(n - i) as f64;
            let log_k = (TAU / length * fold(ij / n).hypot(fold(ij % n))).ln();
            let root = amplitude.sqrt() * n as f64 / length * (-0.5 * slope * log_k).exp();
            match (ij, by_slope) {
                (0, _) => 0.0,
                (_, false) => root,
                (_, true) => -0.5 * log_k * root,
            }
        };
        (0..n * n).map(mode).collect()
    };
    let mut fields = vec![Field { filter: filter(theta[1], false), blocks: vec![(0, 1.0)] }];
    let mut slopes = vec![theta[1]];
    for (block, point) in points.iter().enumerate() {
        let k = slopes.iter().position(|&slope| slope == point[1]).unwrap_or_else(|| {
            slopes.push(point[1]);
            fields.push(Field { filter: filter(point[1], false), blocks: vec![] });
            slopes.len() - 1
        });
        fields[k].blocks.push((block + 1, (point[0] / amplitude).sqrt()));
    }
    if points.is_empty() {
        fields[0].blocks.push((1, 0.5 / amplitude));
        fields.push(Field { filter: filter(theta[1], true), blocks: vec![(2, 1.0)] });
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hartley_matrix_is_symmetric_and_its_own_inverse() {
        for n in [1, 2, 3, 8, 15] {
            let h = hartley(n);
            for i in 0..n {
                for j in 0..n {
                    assert!((h[i * n + j] - h[j * n + i]).abs() < 1e-15);
                    let sum: f64 = (0..n).map(|k| h[i * n + k] * h[k * n + j]).sum();
                    assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-13, "{n} {i} {j} {sum}");
                }
            }
        }
    }
}
