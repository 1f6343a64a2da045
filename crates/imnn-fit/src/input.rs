//! Moments of data as they are, of which a network for them can be chosen.

use crate::error::Result;
use imnn_data::{Microbatch, Source};
use imnn_models::Element;
use imnn_sim::Key;

/// Simulations that are looked at, at most.
const SIMULATIONS: usize = 1000;

/// Numbers that are looked at, at most: a second's work.
const NUMBERS: usize = 1 << 25;

/// Rows that are read at once.
const ROWS: usize = 32;

/// A distribution whose fourth moment is so much larger than that of a normal one, in units of the variance squared, has long
/// tails.
const LONG_TAILED: f64 = 2.0;

/// A third moment so much larger than 0, in units of the variance to the power 3/2, is no chance of long tails on both sides.
const SKEWED: f64 = 0.5;

/// Moments of each channel (of a vector, of each number) after a function.
#[derive(Clone, Debug)]
pub(crate) struct InputMoments {
    pub(crate) mean: Vec<f64>,
    /// Standard deviations, 1 for channels that do not vary.
    pub(crate) deviation: Vec<f64>,
    /// The largest excess kurtosis of a channel, and whether that channel is skewed to large values.
    kurtosis: f64,
    skewed: bool,
    /// The smallest number.
    pub(crate) smallest: f64,
}

impl InputMoments {
    /// The moments of `function` of the simulations of a key.
    ///
    /// # Errors
    /// As reading the simulations.
    pub(crate) fn of<E: Element>(source: &dyn Source<E>, key: Key, function: fn(f64) -> f64) -> Result<Self> {
        let shape = source.input_shape();
        let channels = shape.last().copied().unwrap_or(1).max(1);
        let mut smallest = f64::INFINITY;
        let mut sums = vec![0.0; channels];
        let n = each(source, key, &mut |values| {
            for (k, &value) in values.iter().enumerate() {
                let value = function(value.f64());
                smallest = smallest.min(value);
                sums[k % channels] += value;
            }
        })?;
        let per_channel = (n / channels).max(1) as f64;
        let mean: Vec<f64> = sums.iter().map(|sum| sum / per_channel).collect();
        let mut central = vec![[0.0; 3]; channels];
        each(source, key, &mut |values| {
            for (k, &value) in values.iter().enumerate() {
                let channel = k % channels;
                let from_mean = function(value.f64()) - mean[channel];
                let square = from_mean * from_mean;
                let powers = [square, square * from_mean, square * square];
                central[channel].iter_mut().zip(powers).for_each(|(sum, power)| *sum += power);
            }
        })?;
        let (mut kurtosis, mut skewed) = (f64::NEG_INFINITY, false);
        let mut deviation = Vec::with_capacity(channels);
        for ([second, third, fourth], mean) in central.into_iter().zip(&mean) {
            let variance = second / per_channel;
            // What is left of a constant by the rounding of its mean is no variance.
            if !(variance.sqrt() > 1e-12 * mean.abs() && variance.is_normal()) {
                deviation.push(1.0);
                continue;
            }
            deviation.push(variance.sqrt());
            let excess = fourth / per_channel / (variance * variance) - 3.0;
            if excess > kurtosis {
                (kurtosis, skewed) = (excess, third / per_channel > SKEWED * variance.powf(1.5));
            }
        }
        Ok(InputMoments { mean, deviation, kurtosis, skewed, smallest })
    }

    /// Whether a channel has long tails.
    pub(crate) fn long_tailed(&self) -> bool {
        self.kurtosis > LONG_TAILED
    }

    /// Whether the channel with the longest tails has them towards large values.
    pub(crate) fn skewed(&self) -> bool {
        self.skewed
    }
}

/// Gives the numbers of the first simulations, a few of them at a time; how many numbers there were.
fn each<E: Element>(source: &dyn Source<E>, key: Key, take: &mut dyn FnMut(&[E])) -> Result<usize> {
    let size = source.input_shape().iter().product::<usize>().max(1);
    let n = source.n_s().min(SIMULATIONS).min(NUMBERS.div_ceil(size));
    let (n_d, mut start, mut batch) = (source.n_d(), 0, Microbatch::new());
    while start < n {
        // All rows of a read have derivatives, or none.
        let end = if start < n_d { n_d.min(n) } else { n }.min(start + ROWS);
        source.read(start..end, key, &mut batch)?;
        take(&batch.values);
        start = end;
    }
    Ok(n * size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::Arrays;
    use ndarray::Array2;

    /// The moments of 1000 simulations without derivatives, a number of which is made of a normal draw by each of the functions.
    fn moments<const N: usize>(functions: [fn(f64) -> f64; N]) -> InputMoments {
        let mut values = vec![0.0; 1000 * N];
        Key::new(1).fill_normal(&mut values);
        values.iter_mut().enumerate().for_each(|(k, value)| *value = functions[k % N](*value));
        let fiducial = Array2::from_shape_vec((1000, N), values).unwrap().into_dyn();
        let source = Arrays::data(fiducial, "simulations").unwrap();
        InputMoments::of::<f64>(&source, Key::new(0), |value| value).unwrap()
    }

    #[test]
    fn numbers_of_any_scale_have_their_own_and_constants_have_one() {
        let moments = moments([|z| 1e6 + 1e-3 * z, |z| 1e6 + 1e3 * z, |_| 1e6, |_| 0.1, |_| 0.0, |z| 1e-9 * z]);
        for (k, (mean, deviation)) in
            [(1e6, 1e-3), (1e6, 1e3), (1e6, 1.0), (0.1, 1.0), (0.0, 1.0), (0.0, 1e-9)].into_iter().enumerate()
        {
            // Means scatter by 0.03 deviations, deviations by 2 per cent.
            assert!((moments.mean[k] - mean).abs() <= 0.2 * deviation, "mean {k}: {}", moments.mean[k]);
            assert!((moments.deviation[k] / deviation - 1.0).abs() < 0.1, "deviation {k}: {}", moments.deviation[k]);
        }
        assert_eq!(moments.deviation[2..5], [1.0; 3]);
        assert!(!moments.long_tailed());
    }

    #[test]
    fn the_channel_with_the_longest_tails_says_whether_they_are_skewed() {
        let tails = |moments: InputMoments| (moments.long_tailed(), moments.skewed());
        assert!(!moments([|z| z, |z| 5.0 - z]).long_tailed());
        assert_eq!(tails(moments([|z| z, f64::exp])), (true, true));
        assert_eq!(tails(moments([|z| z, |z| -z.exp()])), (true, false));
        assert_eq!(tails(moments([|z: f64| -(0.9 * z).exp(), |z| (1.2 * z).exp()])), (true, true));
        assert_eq!(moments([|z| z * z, |z| 3.0 + z * z]).smallest, moments([|z| z * z, |_| 9.0]).smallest);
    }
}
