//! What simulations look like, kept with a run, so that data of another kind are known.

use crate::error::{Result, refuse};
use crate::input::each;
use imnn_data::arrays::{read, write_npz};
use imnn_data::{ArrayPath, Source};
use imnn_models::Element;
use imnn_sim::Key;
use ndarray::{Array2, Ix2, arr2};
use std::path::Path;

/// Simulations that are looked at, at most.
const SIMULATIONS: usize = 1000;
/// A moment that lies further beyond those of the simulations than they are apart is of another distribution. Of 1000 draws of
/// a normal one that is some ten standard deviations from the mean.
const RANGES: f64 = 1.0;
/// Numbers that are the same but for rounding in single precision.
const ROUNDING: f64 = 1e-5;

/// The moments of one simulation.
const NAMES: [&str; 4] = ["mean", "standard deviation", "smallest value", "largest value"];

/// Moments that every array has, each with its least and largest value among the simulations of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Typical {
    /// `(moments, 2)`
    range: Array2<f64>,
}

impl Typical {
    /// That of the simulations of a source at the fiducial.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn of<E: Element>(source: &dyn Source<E>, key: Key) -> Result<Self> {
        let spec = source.spec();
        let (per_row, len) = (spec.row_len().max(1), spec.data_shape().iter().product());
        let mut range = arr2(&[[f64::INFINITY, f64::NEG_INFINITY]; NAMES.len()]);
        each(source, key, SIMULATIONS, &mut |values| {
            for row in values.chunks_exact(per_row) {
                for (mut range, moment) in range.rows_mut().into_iter().zip(moments(&row[..len])) {
                    range[0] = moment.min(range[0]);
                    range[1] = moment.max(range[1]);
                }
            }
        })?;
        Ok(Typical { range })
    }

    /// How a data set is unlike the simulations, if it is: the moment that is furthest away, in words.
    pub fn unlike<E: Element>(&self, data: impl IntoIterator<Item = E>) -> Option<String> {
        let data: Vec<E> = data.into_iter().collect();
        let found = moments(&data);
        let beyond = |(k, &moment): (usize, &f64)| {
            let (least, most) = (self.range[[k, 0]], self.range[[k, 1]]);
            let width = (most - least).max(ROUNDING * least.abs().max(most.abs())).max(f64::MIN_POSITIVE);
            let away = (least - moment).max(moment - most) / width;
            (away > RANGES).then_some((k, moment, away))
        };
        let furthest = found.iter().enumerate().filter_map(beyond).max_by(|a, b| a.2.total_cmp(&b.2));
        furthest.map(|(k, moment, away)| {
            let (name, number) = (NAMES[k], imnn_stats::table::number);
            let (least, most) = (number(self.range[[k, 0]]), number(self.range[[k, 1]]));
            format!(
                "its {name} is {}, that of the simulations between {least} and {most}: {away:.0} times their range away",
                number(moment)
            )
        })
    }

    /// Writes it to a file.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        Ok(write_npz(path, &[("range", self.range.view().into_dyn().into())])?)
    }

    /// Reads it from a file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let range = read::<f64>(&ArrayPath::with_key(path, "range"))?;
        let range = match range.into_dimensionality::<Ix2>() {
            Ok(range) if range.dim() == (NAMES.len(), 2) => range,
            _ => return Err(refuse(path, format!("range has another shape than ({}, 2)", NAMES.len()))),
        };
        match range.rows().into_iter().all(|row| row[0] <= row[1] && row.iter().all(|value| value.is_finite())) {
            true => Ok(Typical { range }),
            false => Err(refuse(path, "range is not a least and a largest number for each moment")),
        }
    }
}

/// [`NAMES`] of some numbers.
fn moments<E: Element>(data: &[E]) -> [f64; NAMES.len()] {
    let n = data.len().max(1) as f64;
    let values = || data.iter().map(|value| value.f64());
    let mean = values().sum::<f64>() / n;
    let variance = values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
    [mean, variance.sqrt(), values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::OnTheFly;
    use imnn_sim::{GaussianMeanVariance, Simulator};

    const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };

    fn typical() -> Typical {
        let source = OnTheFly::new(DRAWS, &[0.0, 1.0], 1000, 10).unwrap();
        Typical::of::<f32>(&source, Key::new(1)).unwrap()
    }

    #[test]
    fn draws_of_the_same_kind_are_typical() {
        let typical = typical();
        for seed in 0..2000 {
            let data = DRAWS.draw(Key::new(100 + seed), &[0.0, 1.0]).unwrap();
            assert_eq!(typical.unlike(data.clone()), None, "{data:?}");
            // A few standard deviations of the parameters away.
            let data = DRAWS.draw(Key::new(100 + seed), &[1.0, 1.5]).unwrap();
            assert_eq!(typical.unlike(data.clone()), None, "{data:?}");
        }
    }

    #[test]
    fn other_units_offsets_and_masks_are_not() {
        let typical = typical();
        let draw = DRAWS.draw(Key::new(7), &[0.0, 1.0]).unwrap();
        let said = |change: fn(f64) -> f64| typical.unlike(draw.iter().map(|&x| change(x))).unwrap();
        assert!(
            said(|x| 10.0 * x + 50.0).starts_with("its smallest value is ")
                || said(|x| 10.0 * x + 50.0).contains("mean")
        );
        assert!(said(|x| 1e3 * x).contains(" times their range away"));
        assert!(typical.unlike([7.5; 10]).is_some());
    }

    #[test]
    fn what_never_varies_has_to_be_the_same() {
        let typical = Typical { range: arr2(&[[2.0, 2.0], [0.0, 0.0], [2.0, 2.0], [2.0, 2.0]]) };
        assert_eq!(typical.unlike([2.0_f32; 5]), None);
        assert!(typical.unlike([2.1_f32; 5]).is_some());
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("typical.npz");
        typical().save(&path).unwrap();
        assert_eq!(Typical::load(&path).unwrap(), typical());
        write_npz(&path, &[("range", arr2(&[[1.0, 2.0]]).view().into_dyn().into())]).unwrap();
        assert!(Typical::load(&path).unwrap_err().to_string().contains("another shape than (4, 2)"));
        for wrong in [[2.0, 1.0], [f64::NAN, 1.0], [0.0, f64::INFINITY]] {
            write_npz(&path, &[("range", arr2(&[wrong; 4]).view().into_dyn().into())]).unwrap();
            assert!(Typical::load(&path).unwrap_err().to_string().contains("a least and a largest number"));
        }
    }
}
