//! The power spectrum of fields on a periodic grid.

use std::fmt;
use std::sync::Arc;

use imnn_io::text::tuple;
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

use super::summarised::GivenSummaries;
use crate::DataError;

/// The power spectrum of each channel of a field on a periodic grid of one to three dimensions with N cells:
///
/// ```text
/// P_b = mean over the modes k of bin b of |d_k|^2 / N,    d_k = sum_x d(x) exp(-2 pi i k x)
/// ```
///
/// White noise of variance 1 has P = 1. Cells are cubes; |k| is counted in waves along the longest side, a bin holds
/// `b - 1/2 <= |k| < b + 1/2` for b = 1, 2, ... up to the corner of the grid, and the mean of the field, k = 0, is in none. A bin
/// that no mode is in is left out.
#[derive(Clone)]
pub struct PowerSpectrum {
    shape: Vec<usize>,
    /// The bin of each mode, in the order of the cells.
    bins: Vec<Option<usize>>,
    /// How many modes a bin has.
    counts: Vec<f64>,
    /// Along each axis.
    transforms: Vec<Arc<dyn Fft<f64>>>,
}

impl PowerSpectrum {
    /// Its name in run files and saved runs.
    pub const NAME: &'static str = "power_spectrum";

    /// That of fields of this shape, channels last.
    ///
    /// # Errors
    /// If the shape has not one to three axes before that of the channels, or one cell alone.
    pub fn of(data_shape: &[usize]) -> Result<Self, DataError> {
        let space = match data_shape {
            [space @ .., channels] if (1..=3).contains(&space.len()) && *channels > 0 => space,
            _ => &[],
        };
        if space.iter().product::<usize>() < 2 {
            return Err(DataError::Refused(format!(
                "a power spectrum is of fields with one to three axes and then channels, such as (64, 64, 1), not of data of shape \
                 {}; input_shape = [64, 64, 1] adds an axis of one channel to maps of 64 x 64",
                tuple(data_shape)
            )));
        }
        let (bins, counts) = bins(space);
        let mut planner = FftPlanner::new();
        let transforms = space.iter().map(|&side| planner.plan_fft_forward(side)).collect();
        Ok(PowerSpectrum { shape: data_shape.to_vec(), bins, counts, transforms })
    }

    /// The Fourier transform of one channel of a field.
    fn modes(&self, data: &[f64], channel: usize) -> Vec<Complex64> {
        let [space @ .., channels] = &self.shape[..] else { return vec![] };
        let of_channel = data.iter().skip(channel).step_by(*channels);
        let mut modes: Vec<Complex64> = of_channel.map(|&d| Complex64::new(d, 0.0)).collect();
        // Along one axis after the other; `inner` is how far apart neighbours on it are.
        let mut inner = 1;
        for (&side, transform) in space.iter().zip(&self.transforms).rev() {
            let mut line = vec![Complex64::default(); side];
            for start in (0..modes.len()).filter(|cell| cell / inner % side == 0) {
                line.iter_mut().zip(modes[start..].iter().step_by(inner)).for_each(|(to, from)| *to = *from);
                transform.process(&mut line);
                modes[start..].iter_mut().step_by(inner).zip(&line).for_each(|(to, from)| *to = *from);
            }
            inner *= side;
        }
        modes
    }

    /// The mean over the modes of each bin of a number for each mode, over N, channel by channel.
    fn binned(&self, summaries: &mut [f64], of_modes: impl Fn(usize) -> Vec<f64>) {
        let n = self.bins.len() as f64;
        summaries.fill(0.0);
        for (channel, spectrum) in summaries.chunks_exact_mut(self.counts.len()).enumerate() {
            for (bin, number) in self.bins.iter().zip(of_modes(channel)) {
                bin.iter().for_each(|&bin| spectrum[bin] += number);
            }
            spectrum.iter_mut().zip(&self.counts).for_each(|(sum, count)| *sum /= count * n);
        }
    }
}

/// The bin of each mode of a grid, and how many modes each bin has.
fn bins(space: &[usize]) -> (Vec<Option<usize>>, Vec<f64>) {
    let longest = space.iter().copied().max().unwrap_or(1) as f64;
    let shell = |mut cell: usize| {
        let mut square = 0.0;
        for &side in space.iter().rev() {
            let waves = cell % side;
            cell /= side;
            let k = waves.min(side - waves) as f64 * longest / side as f64;
            square += k * k;
        }
        (square > 0.0).then(|| (square.sqrt() - 0.5).floor() as usize)
    };
    let shells: Vec<_> = (0..space.iter().product()).map(shell).collect();
    let mut counts = vec![0.0; shells.iter().flatten().max().map_or(0, |&last| last + 1)];
    shells.iter().flatten().for_each(|&shell| counts[shell] += 1.0);
    // Shells without modes, as there are where sides differ, are no bins.
    let place: Vec<usize> = (0..counts.len()).map(|k| counts[..k].iter().filter(|&&n| n > 0.0).count()).collect();
    counts.retain(|&modes| modes > 0.0);
    (shells.into_iter().map(|shell| shell.map(|shell| place[shell])).collect(), counts)
}

impl GivenSummaries for PowerSpectrum {
    fn name(&self) -> Option<&'static str> {
        Some(Self::NAME)
    }

    fn n_given(&self, data_shape: &[usize]) -> Result<usize, DataError> {
        if data_shape != self.shape {
            let [found, expected] = [data_shape, &self.shape].map(tuple);
            return Err(DataError::Refused(format!(
                "the power spectrum is of fields of shape {expected}, not {found}"
            )));
        }
        Ok(self.counts.len() * self.shape.last().copied().unwrap_or(1))
    }

    fn summarise(&self, data: &[f64], _: &[usize], summaries: &mut [f64]) {
        self.binned(summaries, |channel| self.modes(data, channel).iter().map(Complex64::norm_sqr).collect());
    }

    /// `dP_b = mean of 2 Re(conj(d_k) dd_k) / N`.
    fn change(&self, data: &[f64], change: &[f64], _: &[usize], summaries: &mut [f64]) {
        self.binned(summaries, |channel| {
            let [modes, changes] = [data, change].map(|field| self.modes(field, channel));
            modes.iter().zip(&changes).map(|(mode, change)| 2.0 * (mode.conj() * change).re).collect()
        });
    }
}

impl fmt::Debug for PowerSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PowerSpectrum").field("shape", &self.shape).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_sim::Key;
    use std::f64::consts::TAU;

    fn field(key: u64, shape: &[usize]) -> Vec<f64> {
        let mut values = vec![0.0; shape.iter().product()];
        Key::new(key).fill_normal(&mut values);
        values
    }

    fn spectrum(data: &[f64], shape: &[usize]) -> Vec<f64> {
        let power = PowerSpectrum::of(shape).unwrap();
        let mut summaries = vec![0.0; power.n_given(shape).unwrap()];
        power.summarise(data, shape, &mut summaries);
        summaries
    }

    /// The sums of the definition, term by term.
    #[test]
    fn it_is_the_sum_of_the_definition() {
        for shape in [&[8, 1][..], &[7, 2], &[4, 4, 1], &[6, 3, 2], &[3, 4, 2, 1]] {
            let (space, channels) = (&shape[..shape.len() - 1], shape[shape.len() - 1]);
            let (data, n) = (field(1, shape), space.iter().product::<usize>());
            let at = |cell: usize, axis: usize| cell / space[axis + 1..].iter().product::<usize>() % space[axis];
            let longest = space.iter().copied().max().unwrap() as f64;
            let mut expected = vec![];
            for channel in 0..channels {
                let mut bins: std::collections::BTreeMap<usize, (f64, f64)> = Default::default();
                for mode in 1..n {
                    let (mut sum, mut square) = (Complex64::default(), 0.0);
                    for cell in 0..n {
                        let phase = |axis: usize| at(mode, axis) as f64 * at(cell, axis) as f64 / space[axis] as f64;
                        let phase: f64 = (0..space.len()).map(phase).sum();
                        sum += data[cell * channels + channel] * Complex64::cis(-TAU * phase);
                    }
                    for axis in 0..space.len() {
                        let waves = at(mode, axis).min(space[axis] - at(mode, axis)) as f64;
                        square += (waves * longest / space[axis] as f64).powi(2);
                    }
                    let bin = bins.entry((square.sqrt() + 0.5).floor() as usize).or_default();
                    *bin = (bin.0 + sum.norm_sqr() / n as f64, bin.1 + 1.0);
                }
                expected.extend(bins.values().map(|(sum, count)| sum / count));
            }
            approx::assert_relative_eq!(&spectrum(&data, shape)[..], &expected[..], max_relative = 1e-12);
        }
    }

    #[test]
    fn shifts_mirrors_and_the_mean_change_nothing_and_parseval_holds() {
        let shape = [6, 5, 1];
        let data = field(2, &shape);
        let shifted: Vec<f64> = (0..30).map(|cell| 3.0 + data[(cell / 5 + 2) % 6 * 5 + (4 - cell % 5)]).collect();
        let (one, other) = (spectrum(&data, &shape), spectrum(&shifted, &shape));
        approx::assert_relative_eq!(&one[..], &other[..], max_relative = 1e-12);
        let power = PowerSpectrum::of(&shape).unwrap();
        let sum: f64 = one.iter().zip(&power.counts).map(|(p, count)| p * count).sum();
        let mean = data.iter().sum::<f64>() / 30.0;
        approx::assert_relative_eq!(sum, data.iter().map(|d| (d - mean).powi(2)).sum::<f64>(), max_relative = 1e-12);
    }

    /// Finite differences of a quadratic function are exact.
    #[test]
    fn changes_are_those_of_differences() {
        for shape in [&[9, 1][..], &[4, 6, 2]] {
            let (data, change) = (field(3, shape), field(4, shape));
            let power = PowerSpectrum::of(shape).unwrap();
            let mut exact = vec![0.0; power.n_given(shape).unwrap()];
            power.change(&data, &change, shape, &mut exact);
            let moved = |sign: f64| -> Vec<f64> { data.iter().zip(&change).map(|(d, c)| d + sign * c).collect() };
            let differences: Vec<f64> = spectrum(&moved(1.0), shape)
                .iter()
                .zip(spectrum(&moved(-1.0), shape))
                .map(|(above, below)| (above - below) / 2.0)
                .collect();
            approx::assert_relative_eq!(&exact[..], &differences[..], max_relative = 1e-10, epsilon = 1e-12);
        }
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for shape in [&[64][..], &[], &[1, 1], &[1, 1, 3], &[2, 2, 2, 2, 1], &[0, 4, 1], &[4, 0]] {
            let said = PowerSpectrum::of(shape).unwrap_err().to_string();
            assert!(said.contains("fields with one to three axes and then channels"), "{said}");
        }
        let power = PowerSpectrum::of(&[4, 4, 1]).unwrap();
        assert!(power.n_given(&[8, 8, 1]).unwrap_err().to_string().contains("shape (4, 4, 1), not (8, 8, 1)"));
    }
}
