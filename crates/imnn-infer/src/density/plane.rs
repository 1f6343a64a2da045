//! Density of two parameters, and the levels that enclose a share of it.

use imnn_prior::Cholesky;
use ndarray::{Array1, Array2, ArrayView1, array};

use super::{Span, WIDER, bandwidth, share};
use crate::error::{InferError, Result};

/// Nodes of a grid along each axis: as many as the kernel needs, within these.
const NODES: [usize; 2] = [64, 192];

/// A density of two parameters on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Density2 {
    /// Rising points of the first parameter.
    pub x: Array1<f64>,
    /// Rising points of the second.
    pub y: Array1<f64>,
    /// The density, `(points of the first, points of the second)`, with an integral of 1.
    pub density: Array2<f64>,
}

impl Density2 {
    /// A density that is known on an equidistant grid; it is divided by its integral.
    ///
    /// # Errors
    /// Fewer than two points along an axis, other shapes, values that are negative or not finite, or 0 everywhere.
    pub fn new(x: Array1<f64>, y: Array1<f64>, density: Array2<f64>) -> Result<Self> {
        let (n, m) = (x.len(), y.len());
        crate::check::shape("density", density.shape(), &[n, m])?;
        crate::check::finite("x", &x)?;
        crate::check::finite("y", &y)?;
        crate::check::finite("density", &density)?;
        if n < 2 || m < 2 || x[n - 1] <= x[0] || y[m - 1] <= y[0] {
            return Err(InferError::setting("x and y", (n, m), "at least two points that rise along each axis"));
        }
        let cell = (x[n - 1] - x[0]) / (n - 1) as f64 * (y[m - 1] - y[0]) / (m - 1) as f64;
        let sum = density.indexed_iter().map(|((k, l), d)| d * share(k, n) * share(l, m)).sum::<f64>() * cell;
        if density.iter().any(|d| *d < 0.0) || sum.is_nan() || sum <= 0.0 {
            return Err(InferError::NoMass {
                method: "density",
                reason: "it is negative somewhere, or 0 everywhere".into(),
            });
        }
        Ok(Density2 { x, y, density: density / sum })
    }

    /// The kernel estimate from weighted samples: the kernel has the shape of the samples' covariance, with a width by
    /// Botev's method along each principal axis; corrected at hard bounds and to the next order as in one dimension.
    pub(crate) fn estimate(
        columns: [ArrayView1<'_, f64>; 2],
        weights: ArrayView1<'_, f64>,
        independent: f64,
        bounds: [[f64; 2]; 2],
    ) -> Result<Self> {
        let spans = [Span::of(columns[0], weights, bounds[0])?, Span::of(columns[1], weights, bounds[1])?];
        let kernel = kernel_covariance(columns, weights, independent, spans);
        // Widths of the kernel where the other coordinate is held decide how fine the grid has to be.
        let precision = Cholesky::new(kernel.view()).map(|factor| factor.inverse());
        let n: [usize; 2] = std::array::from_fn(|i| {
            let narrow = precision.as_ref().map_or(kernel[[i, i]].sqrt(), |p| 1.0 / p[[i, i]].sqrt());
            ((1.5 * spans[i].width() / narrow) as usize).clamp(NODES[0], NODES[1])
        });
        let step: [f64; 2] = std::array::from_fn(|i| spans[i].width() / (n[i] - 1) as f64);
        let mut mass = Array2::<f64>::zeros((n[0], n[1]));
        for ((x, y), &w) in columns[0].iter().zip(columns[1]).zip(weights) {
            let ((k, u), (l, v)) = (spans[0].place(*x, n[0]), spans[1].place(*y, n[1]));
            mass[[k, l]] += w * (1.0 - u) * (1.0 - v);
            mass[[k + 1, l]] += w * u * (1.0 - v);
            mass[[k, l + 1]] += w * (1.0 - u) * v;
            mass[[k + 1, l + 1]] += w * u * v;
        }
        // In steps of the grid, and not narrower than they can hold.
        let mut in_steps = Array2::from_shape_fn((2, 2), |(i, j)| kernel[[i, j]] / (step[i] * step[j]));
        in_steps.diag_mut().iter_mut().for_each(|v| *v += 0.3);
        let stamp = Stamp::new(&in_steps, n)?;
        let first = stamp.smoothed(&mass);
        let ratio = ndarray::Zip::from(&mass).and(&first).map_collect(|m, f| if *f > 0.0 { m / f } else { 0.0 });
        let second = stamp.smoothed(&ratio);
        Density2::new(spans[0].nodes(n[0]), spans[1].nodes(n[1]), first * second)
    }

    /// The densities above which a share of the mass lies: of sorted cells, linear between them.
    ///
    /// # Errors
    /// Shares that are not inside (0, 1).
    pub fn levels(&self, shares: &[f64]) -> Result<Vec<f64>> {
        let (n, m) = self.density.dim();
        let mut cells: Vec<(f64, f64)> =
            self.density.indexed_iter().map(|((k, l), d)| (*d, d * share(k, n) * share(l, m))).collect();
        cells.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total: f64 = cells.iter().map(|(_, mass)| mass).sum();
        shares
            .iter()
            .map(|&share| {
                if !(share > 0.0 && share < 1.0) {
                    return Err(InferError::setting("level", share, "a number between 0 and 1, such as 0.68"));
                }
                let (mut above, mut before) = (0.0, cells[0].0);
                for &(density, mass) in &cells {
                    if above + mass >= share * total {
                        let part = (share * total - above) / mass;
                        return Ok(before + part * (density - before));
                    }
                    (above, before) = (above + mass, density);
                }
                Ok(0.0)
            })
            .collect()
    }

    /// The density at a place, linear between the nodes; 0 outside the grid.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        let place = |axis: &Array1<f64>, value: f64| {
            let n = axis.len();
            let at = (value - axis[0]) / (axis[n - 1] - axis[0]) * (n - 1) as f64;
            (0.0..=(n - 1) as f64)
                .contains(&at)
                .then(|| ((at as usize).min(n - 2), at - (at as usize).min(n - 2) as f64))
        };
        let (Some((k, u)), Some((l, v))) = (place(&self.x, x), place(&self.y, y)) else { return 0.0 };
        let d = &self.density;
        (1.0 - u) * ((1.0 - v) * d[[k, l]] + v * d[[k, l + 1]])
            + u * ((1.0 - v) * d[[k + 1, l]] + v * d[[k + 1, l + 1]])
    }
}

/// The covariance of the kernel: Botev's widths along the principal axes of the standardised samples. In two dimensions
/// the best width falls as `n^(-1/6)`, not `n^(-1/5)`: for a normal law the factor between the two is exact, and it is
/// taken for any.
fn kernel_covariance(
    columns: [ArrayView1<'_, f64>; 2],
    weights: ArrayView1<'_, f64>,
    independent: f64,
    spans: [Span; 2],
) -> Array2<f64> {
    let sum = weights.sum();
    let mean = columns.map(|column| column.dot(&weights) / sum);
    let moment = |i: usize, j: usize| {
        let terms = columns[i].iter().zip(columns[j]).zip(weights);
        terms.map(|((a, b), w)| w * (a - mean[i]) * (b - mean[j])).sum::<f64>() / sum
    };
    let sd = [moment(0, 0).sqrt(), moment(1, 1).sqrt()];
    let correlation = moment(0, 1) / (sd[0] * sd[1]);
    let n = independent.max(2.0);
    let wider = WIDER * n.powf(0.2 - 1.0 / 6.0) / (4.0_f64 / 3.0).powf(0.2);
    if correlation.abs() < 0.1 {
        // The axes themselves are the principal ones, and hard bounds are ends of them.
        let h: [f64; 2] = std::array::from_fn(|i| {
            wider * bandwidth(columns[i], weights, n, [spans[i].low, spans[i].high]).min(sd[i])
        });
        return array![[h[0] * h[0], 0.0], [0.0, h[1] * h[1]]];
    }
    // The principal axes of a correlation matrix are the diagonals, with variances 1 ± correlation.
    let h: [f64; 2] = std::array::from_fn(|side| {
        let sign = if side == 0 { 1.0 } else { -1.0 };
        let along: Array1<f64> = columns[0]
            .iter()
            .zip(columns[1])
            .map(|(a, b)| ((a - mean[0]) / sd[0] + sign * (b - mean[1]) / sd[1]) / 2.0_f64.sqrt())
            .collect();
        let (least, most) = along.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (v.min(l), v.max(h)));
        let margin = 0.1 * (most - least);
        let spread = (1.0 + sign * correlation).max(1e-12).sqrt();
        wider * bandwidth(along.view(), weights, n, [least - margin, most + margin]).min(spread)
    });
    let (plus, minus) = (h[0] * h[0], h[1] * h[1]);
    let (same, cross) = (0.5 * (plus + minus), 0.5 * (plus - minus));
    array![[same * sd[0] * sd[0], cross * sd[0] * sd[1]], [cross * sd[0] * sd[1], same * sd[1] * sd[1]]]
}

/// A kernel on the steps of a grid.
struct Stamp {
    /// Steps along both axes, and the weight there.
    cells: Vec<(i64, i64, f64)>,
}

impl Stamp {
    fn new(covariance: &Array2<f64>, n: [usize; 2]) -> Result<Self> {
        let factor = Cholesky::new(covariance.view()).ok_or_else(|| InferError::Singular {
            what: "the kernel of a density".into(),
            advice: "the samples lie on a line".into(),
        })?;
        let reach: [i64; 2] =
            std::array::from_fn(|i| ((4.0 * covariance[[i, i]].sqrt()).ceil() as i64).min(n[i] as i64 - 1));
        let mut cells = Vec::new();
        for a in -reach[0]..=reach[0] {
            for b in -reach[1]..=reach[1] {
                let square = factor.squared_length(array![a as f64, b as f64].view());
                if square <= 16.0 {
                    cells.push((a, b, (-0.5 * square).exp()));
                }
            }
        }
        Ok(Stamp { cells })
    }

    /// The mean of masses under the kernel about each node, by the part of the kernel that is inside.
    fn smoothed(&self, mass: &Array2<f64>) -> Array2<f64> {
        let (n, m) = mass.dim();
        Array2::from_shape_fn((n, m), |(k, l)| {
            let (mut sum, mut inside) = (0.0, 0.0);
            for &(a, b, w) in &self.cells {
                let (i, j) = (k as i64 + a, l as i64 + b);
                if i >= 0 && j >= 0 && i < n as i64 && j < m as i64 {
                    let (i, j) = (i as usize, j as usize);
                    sum += w * mass[[i, j]];
                    inside += w * share(i, n) * share(j, m);
                }
            }
            sum / inside
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_sim::Key;

    const NONE: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

    fn correlated(n: usize, rho: f64) -> [Array1<f64>; 2] {
        let mut z = vec![0.0; 2 * n];
        Key::new(3).fill_normal(&mut z);
        let x: Array1<f64> = (0..n).map(|k| z[2 * k]).collect();
        let y = (0..n).map(|k| 10.0 * (rho * z[2 * k] + (1.0 - rho * rho).sqrt() * z[2 * k + 1])).collect();
        [x, y]
    }

    #[test]
    fn levels_enclose_their_share_of_normal_laws() {
        for rho in [0.0, 0.6, -0.95] {
            let n = 10_000;
            let [x, y] = correlated(n, rho);
            let weights = Array1::from_elem(n, 1e-4);
            let density = Density2::estimate([x.view(), y.view()], weights.view(), 1e4, [NONE, NONE]).unwrap();
            let levels = density.levels(&[0.68, 0.95]).unwrap();
            // The mass of the exact law inside the drawn contours, by other draws.
            let [x, y] = {
                let mut z = vec![0.0; 2 * 200_000];
                Key::new(4).fill_normal(&mut z);
                let a: Vec<f64> = (0..200_000).map(|k| z[2 * k]).collect();
                let b = (0..200_000)
                    .map(|k| 10.0 * (rho * z[2 * k] + (1.0f64 - rho * rho).sqrt() * z[2 * k + 1]))
                    .collect();
                [a, b]
            };
            for ((level, share), allowed) in levels.iter().zip([0.68, 0.95]).zip([0.015, 0.01]) {
                let inside =
                    x.iter().zip(&y).filter(|(x, y)| density.at(**x, **y) >= *level).count() as f64 / 200_000.0;
                assert!((inside - share).abs() < allowed, "{rho}: {inside} for {share}");
            }
        }
    }

    #[test]
    fn a_uniform_square_is_flat_to_its_corners() {
        let n = 20_000;
        let mut rng = Key::new(5).rng();
        let mut draw = || -> Array1<f64> { (0..n).map(|_| rand::RngExt::random::<f64>(&mut rng)).collect() };
        let (x, y) = (draw(), draw());
        let weights = Array1::from_elem(n, 1.0 / n as f64);
        let density = Density2::estimate([x.view(), y.view()], weights.view(), n as f64, [[0.0, 1.0]; 2]).unwrap();
        let (a, b) = density.density.dim();
        let check = |k: usize, l: usize, allowed: f64| {
            let d = density.density[[k, l]];
            assert!((d - 1.0).abs() < allowed, "{k}, {l}: {d}");
        };
        // In a corner a quarter of the kernel is inside, with some 80 samples.
        [(0, 0), (0, b - 1), (a - 1, 0), (a - 1, b - 1)].into_iter().for_each(|(k, l)| check(k, l, 0.35));
        [(0, b / 2), (a / 2, b - 1), (a / 2, b / 2)].into_iter().for_each(|(k, l)| check(k, l, 0.2));
        let edge: f64 = (0..b).map(|l| density.density[[0, l]]).sum::<f64>() / b as f64;
        assert!((edge - 1.0).abs() < 0.05, "{edge}");
    }

    #[test]
    fn levels_are_refused_outside_their_range() {
        let flat = Density2::new(array![0.0, 1.0], array![0.0, 1.0], Array2::ones((2, 2))).unwrap();
        assert!(flat.levels(&[1.0]).is_err() && flat.levels(&[f64::NAN]).is_err());
        assert_eq!(flat.at(0.5, 0.5), 1.0);
        assert_eq!(flat.at(1.5, 0.5), 0.0);
        assert!(Density2::new(array![0.0, 1.0], array![0.0, 1.0], Array2::zeros((2, 2))).is_err());
    }
}
