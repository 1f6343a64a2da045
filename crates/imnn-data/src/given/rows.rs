//! Rows of data with summaries behind, for networks that were trained on such.

use imnn_io::text::tuple;
use imnn_sim::Real;
use ndarray::ArrayD;

use super::power_spectrum::PowerSpectrum;
use super::summarised::GivenSummaries;
use crate::{DataError, Given};

impl Given {
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
