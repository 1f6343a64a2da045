//! Summaries that one has already, such as a power spectrum, behind the data of each simulation: a network that sees both can
//! add to them (Makinen, Heavens, Porqueres, Charnock, Lapel & Wandelt 2024, arXiv:2407.18909).

mod joined;
mod power_spectrum;
mod summarised;

pub use joined::Joined;
pub use power_spectrum::PowerSpectrum;
pub use summarised::{GivenSummaries, Summarised};

use imnn_io::text::tuple;
use imnn_sim::Real;
use ndarray::ArrayD;
use serde::{Deserialize, Serialize};

use crate::{DataError, DatasetSpec};

/// What stands behind the data in each row of a source: summaries that were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The shape of the data alone; as many numbers of a row, from the first.
    pub data_shape: Vec<usize>,
    /// How many summaries are behind them.
    pub n_given: usize,
    /// The function that makes them of the data, if it is one that has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

impl Given {
    /// How many there are, in words.
    pub fn count(&self) -> String {
        format!("{} given {}", self.n_given, if self.n_given == 1 { "summary" } else { "summaries" })
    }

    /// The numbers of the data in a row.
    pub fn data_len(&self) -> usize {
        self.data_shape.iter().product()
    }

    /// Whether an array of this shape is data alone, one or several; an axis of one channel at the end may be missing.
    pub fn are_data(&self, shape: &[usize]) -> bool {
        self.n_data(shape).is_some()
    }

    /// How many data sets an array of this shape holds, where it is data.
    fn n_data(&self, shape: &[usize]) -> Option<usize> {
        let without_channel = match &self.data_shape[..] {
            [space @ .., 1] if !space.is_empty() => space,
            all => all,
        };
        [&self.data_shape[..], without_channel].into_iter().find_map(|of_one| match shape {
            one if one == of_one => Some(1),
            [n, one @ ..] if one == of_one => Some(*n),
            _ => None,
        })
    }

    /// Rows of data with summaries behind them, `(n, data + n_given)`, from data `(*data)` or `(n, *data)` and summaries `(n_given)`
    /// or `(n, n_given)`; without these they are made by the function, if that has a name.
    ///
    /// # Errors
    /// If a shape does not fit, or there are no summaries.
    pub fn rows<E: Real>(&self, data: ArrayD<E>, given: Option<ArrayD<E>>) -> Result<ArrayD<E>, DataError> {
        let (len, n_given) = (self.data_len(), self.n_given);
        let Some(n) = self.n_data(data.shape()) else {
            let expected = format!("{} or the same with an axis over data sets before it", tuple(&self.data_shape));
            return Err(DataError::shape(
                "the data",
                data.shape(),
                &expected,
                "give the data alone, and the summaries beside",
            ));
        };
        let data: Vec<E> = data.iter().copied().collect();
        let given: Vec<E> = match (given, self.function.as_deref()) {
            (Some(given), _) => {
                let shape = given.shape().to_vec();
                if shape != [n, n_given] && !(n == 1 && shape == [n_given]) {
                    let expected = tuple(&[n, n_given]);
                    return Err(DataError::shape("the given summaries", &shape, &expected, "a row for each data set"));
                }
                given.iter().copied().collect()
            }
            (None, Some(PowerSpectrum::NAME)) => {
                let power = PowerSpectrum::of(&self.data_shape)?;
                let (mut summaries, mut all) = (vec![0.0; n_given], Vec::with_capacity(n * n_given));
                for one in data.chunks_exact(len) {
                    let one: Vec<f64> = one.iter().map(|number| number.f64()).collect();
                    power.summarise(&one, &self.data_shape, &mut summaries);
                    all.extend(summaries.iter().map(|&number| E::of(number)));
                }
                all
            }
            (None, _) => {
                return Err(DataError::Refused(format!(
                    "the network sees {} beside the data of shape {}: give those of these data too",
                    self.count(),
                    tuple(&self.data_shape)
                )));
            }
        };
        let rows = data.chunks_exact(len).zip(given.chunks_exact(n_given));
        let rows: Vec<E> = rows.flat_map(|(data, given)| data.iter().chain(given)).copied().collect();
        ArrayD::from_shape_vec(vec![n, len + n_given], rows).map_err(|error| DataError::Refused(error.to_string()))
    }
}

impl DatasetSpec {
    /// The same simulations with so many summaries behind the data of each.
    fn with_given(&self, n_given: usize, function: Option<String>) -> Self {
        let given = Given { data_shape: self.input_shape.clone(), n_given, function };
        Self { input_shape: vec![self.row_len() + n_given], given: Some(given), ..self.clone() }
    }

    /// The shape of the data of a simulation, without summaries that were given.
    pub fn data_shape(&self) -> &[usize] {
        self.given.as_ref().map_or(&self.input_shape, |given| &given.data_shape)
    }
}

/// Makes place for `n_given` numbers behind each `len` of what a source wrote.
fn spread<E: Real>(numbers: &mut Vec<E>, len: usize, n_given: usize) {
    let rows = numbers.len() / len;
    numbers.resize(rows * (len + n_given), E::zero());
    for row in (1..rows).rev() {
        numbers.copy_within(row * len..(row + 1) * len, row * (len + n_given));
    }
}
