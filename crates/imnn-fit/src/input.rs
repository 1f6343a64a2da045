//! Moments of data as they are, of which a network for them can be chosen.

use crate::error::Result;
use imnn_data::{Microbatch, Source};
use imnn_models::Element;
use imnn_sim::Key;

/// Simulations that are looked at to choose a network by, at most.
const SIMULATIONS: usize = 1000;

/// Simulations that are looked at to warn of what a network cannot bear.
const LOOKED_AT: usize = 64;

/// Sizes of channels that differ by so much are too far apart for one layer.
const APART: f64 = 1e5;

/// Data of this size, or one over it, are far from the size 1 that networks begin with.
const SMALL: f64 = 1e-5;

/// A channel whose offset is so many times its deviation has lost its digits in single precision.
const OFFSET: f64 = 1e4;

/// A fourth moment of a normal distribution is 3 in units of the variance squared; one so large is of a few numbers alone.
const FEW_ALONE: f64 = 300.0;

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
    /// Channels that do not vary.
    constant: Vec<usize>,
    /// The smallest number.
    pub(crate) smallest: f64,
}

impl InputMoments {
    /// The moments of `function` of the simulations of a key.
    ///
    /// # Errors
    /// As reading the simulations.
    pub(crate) fn of<E: Element>(source: &dyn Source<E>, key: Key, function: fn(f64) -> f64) -> Result<Self> {
        InputMoments::of_some(source, key, function, SIMULATIONS)
    }

    /// The same of at most so many simulations.
    fn of_some<E: Element>(source: &dyn Source<E>, key: Key, function: fn(f64) -> f64, most: usize) -> Result<Self> {
        let shape = source.input_shape();
        let channels = shape.last().copied().unwrap_or(1).max(1);
        let mut smallest = f64::INFINITY;
        let mut sums = vec![0.0; channels];
        let n = each(source, key, most, &mut |values| {
            for (k, &value) in values.iter().enumerate() {
                let value = function(value.f64());
                smallest = smallest.min(value);
                sums[k % channels] += value;
            }
        })?;
        let per_channel = (n / channels).max(1) as f64;
        let mean: Vec<f64> = sums.iter().map(|sum| sum / per_channel).collect();
        let mut central = vec![[0.0; 3]; channels];
        each(source, key, most, &mut |values| {
            for (k, &value) in values.iter().enumerate() {
                let channel = k % channels;
                let from_mean = function(value.f64()) - mean[channel];
                let square = from_mean * from_mean;
                let powers = [square, square * from_mean, square * square];
                central[channel].iter_mut().zip(powers).for_each(|(sum, power)| *sum += power);
            }
        })?;
        let (mut kurtosis, mut skewed, mut constant) = (f64::NEG_INFINITY, false, vec![]);
        let mut deviation = Vec::with_capacity(channels);
        for ([second, third, fourth], mean) in central.into_iter().zip(&mean) {
            let variance = second / per_channel;
            // What is left of a constant by the rounding of its mean is no variance.
            if !(variance.sqrt() > 1e-12 * mean.abs() && variance.is_normal()) {
                constant.push(deviation.len());
                deviation.push(1.0);
                continue;
            }
            deviation.push(variance.sqrt());
            let excess = fourth / per_channel / (variance * variance) - 3.0;
            if excess > kurtosis {
                (kurtosis, skewed) = (excess, third / per_channel > SKEWED * variance.powf(1.5));
            }
        }
        Ok(InputMoments { mean, deviation, kurtosis, skewed, constant, smallest })
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

/// What there is to say against giving the simulations of a source to a network as they are, with what to do.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn warning<E: Element>(source: &dyn Source<E>, key: Key) -> Result<Option<String>> {
    let moments = InputMoments::of_some(source, key, |value| value, LOOKED_AT)?;
    let InputMoments { mean, deviation, kurtosis, skewed, constant, smallest } = &moments;
    let varying = || (0..mean.len()).filter(|k| !constant.contains(k));
    let size = |k: &usize| mean[*k].hypot(deviation[*k]);
    let by = |number: &dyn Fn(&usize) -> f64| varying().max_by(|a, b| number(a).total_cmp(&number(b)));
    let (largest, least) = (by(&size), by(&|k| -size(k)));
    let offset = |k: &usize| mean[*k].abs() / deviation[*k];
    let what = source.input_shape().len();
    let what = if what > 1 { "channel" } else { "number" };
    let standardise = "begin the network with standardise, or leave [network] out and one is chosen";
    if constant.len() == mean.len() {
        return Ok(None);
    }
    if let (Some(largest), Some(least)) = (largest, least)
        && size(&largest) > APART * size(&least)
    {
        return Ok(Some(format!(
            "warning: {what} {largest} of the data is of size {:.0e} and {what} {least} of size {:.0e}: the large one dominates and \
             the small one is not seen; {standardise}",
            size(&largest),
            size(&least)
        )));
    }
    if let Some(k) = by(&offset).filter(|k| offset(k) > OFFSET) {
        return Ok(Some(format!(
            "warning: {what} {k} of the data is {:.6e} +- {:.0e}: single precision sees little of how it varies; subtract the mean \
             before the data are written, or {standardise} and take precision = \"f64\"",
            mean[k], deviation[k]
        )));
    }
    if let Some(largest) = largest.map(|k| size(&k)).filter(|size| !(SMALL..1.0 / SMALL).contains(size)) {
        return Ok(Some(format!(
            "warning: the data are of size {largest:.0e}, and weights begin as for data of size 1: what a network makes of them is lost \
             in {}; take other units, or {standardise}",
            if largest < 1.0 { "rounding" } else { "saturation" }
        )));
    }
    if *kurtosis > FEW_ALONE {
        let function = if *skewed && *smallest > -1.0 { "log1p" } else { "asinh" };
        return Ok(Some(format!(
            "warning: a few numbers of the data are far larger than all others (fourth moment {:.0} times the variance squared) and \
             dominate; begin the network with {function}, or leave [network] out and one is chosen",
            kurtosis + 3.0
        )));
    }
    Ok((!constant.is_empty()).then(|| {
        let some: Vec<String> = constant.iter().take(5).map(usize::to_string).collect();
        let more = if constant.len() > some.len() { ", ..." } else { "" };
        format!(
            "warning: {} of the {} {what}s of the data never change in the first {} simulations ({what} {}{more}): they tell nothing",
            constant.len(),
            mean.len(),
            LOOKED_AT.min(source.n_s()),
            some.join(", ")
        )
    }))
}

/// Gives the numbers of the first simulations, a few of them at a time; how many numbers there were.
pub(crate) fn each<E: Element>(
    source: &dyn Source<E>,
    key: Key,
    most: usize,
    take: &mut dyn FnMut(&[E]),
) -> Result<usize> {
    let size = source.input_shape().iter().product::<usize>().max(1);
    let n = source.n_s().min(most).min(NUMBERS.div_ceil(size));
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
    fn what_a_network_cannot_bear_is_said_with_what_to_do() {
        let said = |functions: [fn(f64) -> f64; 3]| {
            let mut values = vec![0.0; 64 * 3];
            Key::new(1).fill_normal(&mut values);
            values.iter_mut().enumerate().for_each(|(k, value)| *value = functions[k % 3](*value));
            let fiducial = Array2::from_shape_vec((64, 3), values).unwrap().into_dyn();
            warning::<f64>(&Arrays::data(fiducial, "simulations").unwrap(), Key::new(0)).unwrap().unwrap_or_default()
        };
        assert_eq!(said([|z| z, |z| 30.0 * z, |z| 5.0 + z]), "");
        let apart = said([|z| z, |z| 1e9 * z, |z| z]);
        assert!(
            apart.starts_with("warning: number 1 of the data is of size ") && apart.contains("standardise"),
            "{apart}"
        );
        let small = said([|z| 1e-20 * z, |z| 3e-20 * z, |z| 2e-20 * z]);
        assert!(small.starts_with("warning: the data are of size ") && small.contains("standardise"), "{small}");
        let offset = said([|z| 1e7 + z, |z| 1e7 + 2.0 * z, |z| 1e7 + 3.0 * z]);
        assert!(
            offset.starts_with("warning: number 0 of the data is 1.000000e7 +- ") && offset.contains("f64"),
            "{offset}"
        );
        let constant = said([|z| z, |_| 2.0, |_| 3.0]);
        assert!(
            constant.starts_with("warning: 2 of the 3 numbers of the data never change")
                && constant.contains("number 1, 2"),
            "{constant}"
        );
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
