//! Whether simulations look the same everywhere, as fields on a periodic grid do.

use imnn_data::{ArrayPath, DataError, RowOptions, open_rows};
use imnn_sim::Key;
use rand::RngExt;

/// Simulations that are looked at, at most, and numbers of them.
const SIMULATIONS: usize = 500;
const NUMBERS: usize = 1 << 21;
/// Axes shorter than this are too short to tell, and to convolve over.
const SHORTEST: usize = 16;
/// Fewer simulations than this are too few to tell.
const FEWEST: usize = 50;
/// How often the simulations are shifted at random, to see by how much places differ by chance.
const SHIFTED: u64 = 40;
/// Places that differ so many times more than after any of the shifts are not alike.
const MORE: f64 = 1.2;
/// Neighbours along two axes are alike within so many errors.
const ERRORS: f64 = 4.0;

/// What symmetries simulations have, as far as their means and neighbours tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// They are the same at all places of a periodic grid: shifts and mirror images are as likely.
    pub stationary: bool,
    /// The axes can be exchanged.
    pub isotropic: bool,
}

/// How the simulations in an array `(n, *axes)` of one to three axes look: whether the mean, the square and the product of neighbours
/// are the same at all places, across the border too.
///
/// Simulations of a field on a periodic grid are as likely after a shift, so that places differ no more than where each simulation was
/// shifted at random: a randomisation test, which is exact whatever the distribution. It tells nothing of grids shorter than 16, or of
/// fewer than 50 simulations.
///
/// # Errors
/// If the array cannot be read.
pub fn looks(path: &ArrayPath) -> Result<Looks, DataError> {
    let nothing = Looks { stationary: false, isotropic: false };
    let array = open_rows::<f64>(path, &RowOptions::default())?;
    let Some((&n, axes)) = array.shape().split_first() else { return Ok(nothing) };
    let size: usize = axes.iter().product();
    let n = n.min(SIMULATIONS).min(NUMBERS / size.max(1));
    if n < FEWEST || !(1..=3).contains(&axes.len()) || axes.iter().any(|&axis| axis < SHORTEST) {
        return Ok(nothing);
    }
    let mut values = vec![0.0; n * size];
    array.read(0..n, &mut values)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|value| *value -= mean);
    let neighbours: Vec<Next> = (0..axes.len()).map(|axis| Next::along(axes, axis)).collect();
    let found = spreads(&values, size, &neighbours);
    let mut by_chance = vec![0.0_f64; found.len()];
    let mut shifted = vec![0.0; values.len()];
    for time in 0..SHIFTED {
        let mut rng = Key::new(SHIFTS).fold_in(time).rng();
        for (row, of) in shifted.chunks_exact_mut(size).zip(values.chunks_exact(size)) {
            let steps: Vec<usize> = axes.iter().map(|&axis| rng.random_range(0..axis)).collect();
            row.iter_mut().enumerate().for_each(|(place, value)| *value = of[moved(place, axes, &steps)]);
        }
        let spreads = spreads(&shifted, size, &neighbours);
        by_chance.iter_mut().zip(spreads).for_each(|(most, spread)| *most = most.max(spread));
    }
    if found.iter().zip(&by_chance).any(|(found, most)| *found > MORE * most) {
        return Ok(nothing);
    }
    let along = |next: &Next| -> Vec<f64> {
        let product = |x: &[f64]| (0..size).map(|place| x[place] * x[next.of(place)]).sum::<f64>();
        values.chunks_exact(size).map(product).collect()
    };
    let first = along(&neighbours[0]);
    let alike = |next: &Next| {
        let apart: Vec<f64> = first.iter().zip(along(next)).map(|(a, b)| a - b).collect();
        errors_from_zero(&apart).abs() < ERRORS
    };
    let square = axes.len() > 1 && axes.iter().all(|axis| *axis == axes[0]);
    Ok(Looks { stationary: true, isotropic: square && neighbours[1..].iter().all(alike) })
}

/// The key of the random shifts.
const SHIFTS: u64 = 0x0073_6869_6674;

/// The neighbour of each place along an axis of a periodic grid.
struct Next {
    length: usize,
    stride: usize,
}

impl Next {
    fn along(axes: &[usize], axis: usize) -> Self {
        Next { length: axes[axis], stride: axes[axis + 1..].iter().product() }
    }

    fn crosses(&self, place: usize) -> bool {
        place / self.stride % self.length == self.length - 1
    }

    fn of(&self, place: usize) -> usize {
        if self.crosses(place) { place - (self.length - 1) * self.stride } else { place + self.stride }
    }
}

/// The place so many steps further along each axis of a periodic grid.
fn moved(place: usize, axes: &[usize], steps: &[usize]) -> usize {
    let (mut rest, mut to, mut stride) = (place, 0, 1);
    for (&axis, step) in axes.iter().zip(steps).rev() {
        to += (rest % axis + step) % axis * stride;
        rest /= axis;
        stride *= axis;
    }
    to
}

/// By how much places differ in their mean, in their square and in the products with their neighbours.
fn spreads(values: &[f64], size: usize, neighbours: &[Next]) -> Vec<f64> {
    let of_value = spread(values, size, |x, place| x[place]);
    let of_square = spread(values, size, |x, place| x[place] * x[place]);
    let of_neighbours = neighbours.iter().map(|next| spread(values, size, |x, place| x[place] * x[next.of(place)]));
    [of_value, of_square].into_iter().chain(of_neighbours).collect()
}

/// By how many of its own errors, squared, the mean of a function of each place lies from its mean over all places.
fn spread(values: &[f64], size: usize, function: impl Fn(&[f64], usize) -> f64) -> f64 {
    let n = (values.len() / size) as f64;
    let (mut sums, mut squares) = (vec![0.0; size], vec![0.0; size]);
    for x in values.chunks_exact(size) {
        for place in 0..size {
            let value = function(x, place);
            sums[place] += value;
            squares[place] += value * value;
        }
    }
    let mean = sums.iter().sum::<f64>() / (n * size as f64);
    let of = |(sum, square): (&f64, &f64)| {
        let own = sum / n;
        let variance = ((square / n - own * own) / (n - 1.0)).max(f64::MIN_POSITIVE);
        (own - mean) * (own - mean) / variance
    };
    sums.iter().zip(&squares).map(of).sum::<f64>() / size as f64
}

/// How many of its errors the mean is from zero.
fn errors_from_zero(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    mean / (variance / n).sqrt().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::arrays;
    use ndarray::ArrayD;

    /// Smoothed noise on a grid, each value changed by a function of its place and value.
    fn look(axes: &[usize], change: impl Fn(usize, f64) -> f64, periodic: bool) -> Looks {
        let (n, size) = (200, axes.iter().product::<usize>());
        let mut values = vec![0.0; n * size];
        Key::new(3).fill_normal(&mut values);
        for row in values.chunks_exact_mut(size) {
            for axis in 0..axes.len() {
                let next = Next::along(axes, axis);
                let before = row.to_vec();
                for place in 0..size {
                    let neighbour = if next.crosses(place) && !periodic { 0.0 } else { before[next.of(place)] };
                    row[place] = before[place] + neighbour;
                }
            }
            row.iter_mut().enumerate().for_each(|(place, value)| *value = change(place, *value));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let shape: Vec<usize> = std::iter::once(n).chain(axes.iter().copied()).collect();
        arrays::write_npy(&path, ArrayD::from_shape_vec(shape, values).unwrap().view()).unwrap();
        looks(&ArrayPath::from(path)).unwrap()
    }

    #[test]
    fn fields_are_stationary_and_spectra_are_not() {
        for axes in [&[64][..], &[16, 16], &[16, 32]] {
            let found = look(axes, |_, value| value, true);
            assert!(found.stationary, "{axes:?}");
            assert_eq!(found.isotropic, axes == [16, 16]);
            // Lognormal fields too.
            assert!(look(axes, |_, value| (0.3 * value).exp(), true).stationary);
        }
        // Means, variances or neighbours that depend on the place, and borders that do not join.
        assert!(!look(&[64], |place, value| value + 0.05 * place as f64, true).stationary);
        assert!(!look(&[64], |place, value| value * (1.0 + 0.02 * place as f64), true).stationary);
        assert!(!look(&[64], |_, value| value, false).stationary);
        assert!(!look(&[16, 16], |_, value| value, false).stationary);
        // Too short to tell.
        assert!(!look(&[10], |_, value| value, true).stationary);
    }
}
