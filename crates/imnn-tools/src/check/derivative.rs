//! Whether a derivative can be told from zero.

use imnn_sim::Key;
use ndarray::{Array1, Array2, Axis, Zip};
use rand::Rng;

use super::pairs::centred;

/// The derivative of the mean in standard errors.
pub(super) struct Signal {
    /// Of the mean of all values of a simulation, and of the mean of their squares.
    pub(super) z: [f64; 2],
    /// Whether the mean derivative of single values is larger than with the signs of rows drawn at random.
    pub(super) in_values: bool,
    /// As `z`, of the signs of the changes of all values and of their squares: outliers count as much as others.
    signs: [f64; 2],
}

impl Signal {
    pub(super) fn is_noise(&self) -> bool {
        !self.in_values && self.z.iter().chain(&self.signs).all(|z| z.abs() < 3.0)
    }
}

/// As many draws of signs; by chance the true ones are the largest once in a hundred.
const DRAWS: usize = 99;

/// Of simulations, each less the mean of all, and their changes, row by row; nothing for too few rows.
pub(super) fn signal(middle: &Array2<f64>, change: &Array2<f64>, key: Key) -> Option<Signal> {
    let n = change.nrows();
    if n < super::pairs::FEW {
        return None;
    }
    let means = change.mean_axis(Axis(1))?;
    // d(x^2)/dtheta = 2 x dx/dtheta
    let mut of_squares = Array1::zeros(n);
    let middle = centred(middle.view());
    Zip::from(&mut of_squares).and(middle.rows()).and(change.rows()).for_each(|to, x, dx| *to = 2.0 * x.dot(&dx));
    let z = |values: &Array1<f64>| {
        let error = values.std(1.0) / (n as f64).sqrt();
        match values.mean().unwrap_or(0.0) {
            0.0 => 0.0,
            mean => mean / error.max(mean.abs() * 1e-6),
        }
    };
    let mut of_signs = [Array1::zeros(n), Array1::zeros(n)];
    for (i, (x, dx)) in middle.rows().into_iter().zip(change.rows()).enumerate() {
        let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
        of_signs[0][i] = dx.iter().map(|dx| sign(*dx)).sum();
        of_signs[1][i] = x.iter().zip(dx).map(|(x, dx)| sign(x * dx)).sum();
    }
    let scale = change
        .mapv(|value| value * value)
        .sum_axis(Axis(0))
        .mapv(|square| if square > 0.0 { square.recip() } else { 0.0 });
    let size = |signs: &Array1<f64>| {
        let sums = signs.dot(change);
        (&sums * &sums * &scale).sum()
    };
    let found = size(&Array1::ones(n));
    let mut rng = key.rng();
    let drawn = (0..DRAWS).map(|_| {
        let signs = Array1::from_iter((0..n).map(|_| if rng.next_u64() >> 63 == 0 { 1.0 } else { -1.0 }));
        size(&signs)
    });
    let in_values = drawn.fold(0.0, f64::max) < found;
    let signs = [z(&of_signs[0]), z(&of_signs[1])];
    Some(Signal { z: [z(&means), z(&of_squares)], in_values, signs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64) -> Array2<f64> {
        let mut values = vec![0.0; 64 * 20];
        Key::new(seed).fill_normal(&mut values);
        Array2::from_shape_vec((64, 20), values).unwrap()
    }

    #[test]
    fn noise_is_told_from_a_mean_a_variance_and_a_pattern() {
        let key = Key::new(0);
        let noisy = (0..20).filter(|&seed| signal(&noise(seed), &noise(100 + seed), key).unwrap().is_noise()).count();
        assert!(noisy >= 18, "{noisy}");
        assert!(signal(&noise(1), &(noise(2) + 1.0), key).unwrap().z[0] > 10.0);
        let x = noise(1);
        let of_variance = signal(&x, &(&x * 0.5), key).unwrap();
        assert!(of_variance.z[0].abs() < 4.0 && of_variance.z[1] > 10.0 && !of_variance.is_noise());
        let mut pattern = noise(3);
        pattern.column_mut(0).mapv_inplace(|value| value + 2.0);
        pattern.column_mut(1).mapv_inplace(|value| value - 2.0);
        let found = signal(&noise(1), &pattern, key).unwrap();
        assert!(found.in_values && !found.is_noise());
    }
}
