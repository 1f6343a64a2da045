//! Whether simulations look the same everywhere, as fields on a periodic grid do.

use imnn_data::{ArrayPath, DataError, RowOptions, open_rows};

/// Simulations that are looked at, at most, and numbers of them.
const SIMULATIONS: usize = 500;
const NUMBERS: usize = 1 << 24;
/// Axes shorter than this are too short to tell, and to convolve over.
const SHORTEST: usize = 16;
/// Fewer simulations than this are too few to tell.
const FEWEST: usize = 50;
/// A moment of a place lies from its mean over all places by its own error, squared, on average; by so many of them where places
/// differ.
const PLACES_DIFFER: f64 = 1.5;
/// Neighbours across the border differ from all others by so many errors.
const BORDER_DIFFERS: f64 = 4.0;

/// What symmetries simulations have, as far as their means and neighbours tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// They are the same at all places of a periodic grid: shifts and mirror images are as likely.
    pub stationary: bool,
    /// The axes can be exchanged.
    pub isotropic: bool,
}

/// How the simulations in an array `(n, *axes)` of one to three axes look: whether the mean and the product of neighbours are the same
/// at all places, and across the border as elsewhere.
///
/// It tells nothing of grids shorter than 16, or of fewer than 50 simulations.
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
    let simulations: Vec<&[f64]> = values.chunks_exact(size).collect();
    if spread(&simulations, |x, place| x[place]) > PLACES_DIFFER
        || spread(&simulations, |x, place| x[place] * x[place]) > PLACES_DIFFER
    {
        return Ok(nothing);
    }
    let mut along = vec![];
    for axis in 0..axes.len() {
        let next = Next::along(axes, axis);
        let product = |x: &[f64], place: usize| x[place] * x[next.of(place)];
        let of = |x: &[f64], crosses: bool| {
            let places = (0..size).filter(|&place| next.crosses(place) == crosses);
            let (sum, count) = places.fold((0.0, 0), |(sum, count), place| (sum + product(x, place), count + 1));
            sum / f64::from(count)
        };
        let apart: Vec<f64> = simulations.iter().map(|x| of(x, true) - of(x, false)).collect();
        if spread(&simulations, product) > PLACES_DIFFER || errors_from_zero(&apart).abs() > BORDER_DIFFERS {
            return Ok(nothing);
        }
        along.push(simulations.iter().map(|x| of(x, false)).collect::<Vec<f64>>());
    }
    let alike = |other: &Vec<f64>| {
        let apart: Vec<f64> = along[0].iter().zip(other).map(|(a, b)| a - b).collect();
        errors_from_zero(&apart).abs() < BORDER_DIFFERS
    };
    let square = axes.iter().all(|axis| *axis == axes[0]);
    Ok(Looks { stationary: true, isotropic: axes.len() > 1 && square && along[1..].iter().all(alike) })
}

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

/// By how many of its own errors, squared, the mean of a function of each place lies from its mean over all places: 1 on average
/// where the places are alike.
fn spread(simulations: &[&[f64]], function: impl Fn(&[f64], usize) -> f64) -> f64 {
    let (n, size) = (simulations.len() as f64, simulations[0].len());
    let moments: Vec<(f64, f64)> = (0..size)
        .map(|place| {
            let values = || simulations.iter().map(|x| function(x, place));
            let mean = values().sum::<f64>() / n;
            let variance = values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
            (mean, variance / n)
        })
        .collect();
    let mean = moments.iter().map(|(mean, _)| mean).sum::<f64>() / size as f64;
    let squares = moments.iter().map(|(of, square)| (of - mean) * (of - mean) / square.max(f64::MIN_POSITIVE));
    squares.sum::<f64>() / size as f64
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
    use imnn_sim::Key;
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
