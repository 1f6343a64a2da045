//! Axes: which values they cover and where these lie.

use crate::ticks::{self, Tick};

/// Values at least this large, or with this small an inverse on a logarithmic axis, are left out: limits with their margins are finite.
const LARGEST: f64 = 1e250;

/// A linear or logarithmic axis with its ticks.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    logarithmic: bool,
    low: f64,
    high: f64,
    pub(crate) ticks: Vec<Tick>,
    /// Tick labels are to be multiplied by ten to this power.
    pub(crate) power: i32,
}

impl Axis {
    /// A linear axis over all plottable values, from zero if they come near it; `None` without any.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, count: usize) -> Option<Self> {
        let (least, greatest) = range(values, false)?;
        let magnitude = least.abs().max(greatest.abs());
        // A constant, or noise in its last digits, is drawn in the middle of a span that short labels can tell.
        let span = (greatest - least).max(if magnitude > 0.0 { 4e-2 * magnitude } else { 1.0 });
        let middle = least + 0.5 * (greatest - least);
        let (mut low, mut high) = (middle - 0.56 * span, middle + 0.56 * span);
        if least >= 0.0 && least < 0.3 * greatest {
            low = 0.0;
            high = 1.06 * greatest;
        }
        let (ticks, power) = ticks::linear(low, high, count);
        Some(Self { logarithmic: false, low, high, ticks, power })
    }

    /// A logarithmic axis over all plottable positive values; `None` without any.
    pub(crate) fn logarithmic(values: impl Iterator<Item = f64>, count: usize) -> Option<Self> {
        let (least, greatest) = range(values, true)?;
        let (bottom, top) = (least.log10(), greatest.log10());
        let middle = 0.5 * (bottom + top);
        let half = 0.5 * (1.1 * (top - bottom)).max(0.35);
        let (low, high) = (10f64.powf(middle - half), 10f64.powf(middle + half));
        Some(Self { logarithmic: true, low, high, ticks: ticks::logarithmic(low, high, count), power: 0 })
    }

    /// Logarithmic if the positive values span more than three decades, leaving out the lowest tenth of them; else linear.
    ///
    /// Training rises through many decades in its first few iterations, and a curve that is drawn for its end should not
    /// be pressed flat by its beginning.
    pub(crate) fn suited(values: impl Iterator<Item = f64> + Clone, count: usize) -> Option<Self> {
        let mut positive: Vec<f64> = values.clone().filter(|&value| plottable(value, true)).collect();
        positive.sort_by(f64::total_cmp);
        match (positive.get(positive.len() / 10), positive.last()) {
            (Some(low), Some(greatest)) if greatest / low > 1e3 => Self::logarithmic(values, count),
            _ => Self::linear(values, count),
        }
    }

    /// The axis of `n` iterations.
    pub(crate) fn iterations(n: usize, count: usize) -> Self {
        let last = n.saturating_sub(1) as f64;
        let margin = (0.01 * last).max(if n > 1 { 0.0 } else { 0.5 });
        let (low, high) = (-margin, last + margin);
        Self { logarithmic: false, low, high, ticks: ticks::whole(low, high, count), power: 0 }
    }

    /// A linear axis between two values, the first of them less.
    pub(crate) fn between(low: f64, high: f64, count: usize) -> Self {
        let (ticks, power) = ticks::linear(low, high, count);
        Self { logarithmic: false, low, high, ticks, power }
    }

    /// The axis of `n` rounds, from 1 on.
    pub(crate) fn rounds(n: usize, count: usize) -> Self {
        let (low, high) = (0.5, n as f64 + 0.5);
        Self { logarithmic: false, low, high, ticks: ticks::whole(low, high, count), power: 0 }
    }

    /// Whether a value has a place on this axis.
    pub(crate) fn holds(&self, value: f64) -> bool {
        plottable(value, self.logarithmic)
    }

    /// The place of a value, 0 at the low end and 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

fn plottable(value: f64, logarithmic: bool) -> bool {
    value.abs() < LARGEST && (!logarithmic || value > 1.0 / LARGEST)
}

fn range(values: impl Iterator<Item = f64>, logarithmic: bool) -> Option<(f64, f64)> {
    values.filter(|&value| plottable(value, logarithmic)).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((least, greatest)) => Some((f64::min(least, value), f64::max(greatest, value))),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_axis_follows_the_span() {
        let is_log = |values: &[f64]| Axis::suited(values.iter().copied(), 5).unwrap().logarithmic;
        assert!(!is_log(&[1.0, 50.0]));
        assert!(is_log(&[1e-4, 50.0]));
        let settles: Vec<f64> = [1e-4, 0.3, 12.0].into_iter().chain([48.0; 40]).collect();
        assert!(!is_log(&settles), "a quick rise does not press the rest flat");
        let climbs: Vec<f64> = (0..60).map(|i| 10f64.powf(f64::from(i) / 10.0)).collect();
        assert!(is_log(&climbs));
        assert!(!is_log(&[-3.0, -1.0]), "there is no logarithm of negative values");
        assert!(Axis::suited([f64::NAN, f64::INFINITY].into_iter(), 5).is_none());
        assert!(Axis::logarithmic([0.0, -1.0].into_iter(), 5).is_none());
    }

    #[test]
    fn near_zero_means_from_zero() {
        assert_eq!(Axis::linear([1.0, 50.0].into_iter(), 5).unwrap().place(0.0), 0.0);
        assert!(Axis::linear([40.0, 50.0].into_iter(), 5).unwrap().place(0.0) < 0.0);
    }

    proptest! {
        #[test]
        fn every_value_is_inside_and_every_axis_has_labels(
            values in prop::collection::vec(prop_oneof![
                any::<f64>(), -100.0f64..100.0, Just(7.0), Just(0.0), Just(f64::NAN), 1e-12f64..1e-9,
            ], 1..20),
            log in any::<bool>(),
        ) {
            let values_of = || values.iter().copied();
            let axis = if log { Axis::logarithmic(values_of(), 5) } else { Axis::linear(values_of(), 5) };
            prop_assert_eq!(axis.is_some(), values.iter().any(|&v| plottable(v, log)));
            if let Some(axis) = axis {
                for value in values_of().filter(|&v| axis.holds(v)) {
                    let place = axis.place(value);
                    prop_assert!((0.0..=1.0).contains(&place), "{value} at {place}");
                }
                let labels = axis.ticks.iter().filter(|t| t.label.is_some()).count();
                prop_assert!((2..=9).contains(&labels), "{labels} labels: {axis:?}");
                prop_assert!(axis.ticks.iter().all(|t| (0.0..=1.0).contains(&axis.place(t.value))));
            }
        }
    }
}
