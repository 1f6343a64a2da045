//! Two sources side by side: data, and summaries of them from elsewhere.

use std::ops::Range;

use imnn_io::text::tuple;
use imnn_sim::{Key, Real};

use super::spread::spread;
use crate::{DataError, DatasetSpec, Derivatives, Identity, Microbatch, Source};

/// Simulations with summaries of them behind, from a source of their own: row i of one belongs to row i of the other, and so do
/// their derivatives, or the simulations below and above.
///
/// A row is the data, row-major, and then the summaries, however many axes these had.
///
/// ```
/// use imnn_data::{Arrays, Joined, Source};
/// use ndarray::{ArrayD, IxDyn};
///
/// let fields = Arrays::exact(ArrayD::<f32>::zeros(IxDyn(&[100, 8, 8, 1])), ArrayD::zeros(IxDyn(&[50, 8, 8, 1, 2])))?;
/// let spectra = Arrays::exact(ArrayD::<f32>::ones(IxDyn(&[100, 4])), ArrayD::zeros(IxDyn(&[50, 4, 2])))?;
/// let both = Joined::new::<f32>(fields, spectra)?;
/// assert_eq!(Source::<f32>::input_shape(&both), [8 * 8 + 4]);
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Joined<Data, Given> {
    data: Data,
    given: Given,
    spec: DatasetSpec,
    identity: Identity,
}

impl<Data, Given> Joined<Data, Given> {
    /// Both side by side.
    ///
    /// # Errors
    /// If they have not the same numbers of simulations, of derivatives and of parameters, or derivatives of another kind; or
    /// if one makes new simulations for each key and the other does not.
    pub fn new<E: Real>(data: Data, given: Given) -> Result<Self, DataError>
    where
        Data: Source<E>,
        Given: Source<E>,
    {
        let (of_data, of_given) = (data.spec(), given.spec());
        let [name, data_name] = [of_given, of_data].map(|spec| &spec.labels.fiducial);
        let refuse = |what: &str, found: String, expected: String| {
            Err(DataError::Refused(format!(
                "{name}: {found} {what} of given summaries, but {expected} of the simulations ({data_name}): row i of one belongs \
                 to row i of the other"
            )))
        };
        for (what, found, expected) in [
            ("rows", of_given.n_s, of_data.n_s),
            ("rows with derivatives", of_given.n_d, of_data.n_d),
            ("parameters", of_given.n_params, of_data.n_params),
        ] {
            if found != expected {
                return refuse(what, found.to_string(), expected.to_string());
            }
        }
        if of_given.derivatives != of_data.derivatives {
            let kind = |of: &DatasetSpec| match &of.derivatives {
                Derivatives::Exact => "exact derivatives".to_owned(),
                Derivatives::Numerical { widths } => format!("derivatives below and above, delta_theta = {widths:?},"),
            };
            return refuse("", kind(of_given), kind(of_data));
        }
        if data.simulates_anew() != given.simulates_anew() {
            return Err(DataError::Refused(format!(
                "{name}: simulations that are made anew in each iteration have other summaries each time, and those of files are \
                 always the same; give a function of the data, or files of both"
            )));
        }
        if of_given.row_len() == 0 {
            let shape = tuple(&of_given.input_shape);
            return Err(DataError::Refused(format!("{name}: rows of shape {shape} are no summaries")));
        }
        let identity = match (data.identity(), given.identity()) {
            (Identity::Constant(_), Identity::Constant(_)) => Identity::constant(),
            (Identity::Unknown, _) | (_, Identity::Unknown) => Identity::Unknown,
            _ => Identity::keyed(),
        };
        let spec = of_data.with_given(of_given.row_len(), None);
        Ok(Joined { data, given, spec, identity })
    }
}

impl<E: Real, Data: Source<E>, Given: Source<E>> Source<E> for Joined<Data, Given> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn n_transforms(&self) -> u64 {
        self.data.n_transforms().max(self.given.n_transforms())
    }

    fn simulates_anew(&self) -> bool {
        self.data.simulates_anew()
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        let mut given = Microbatch::new();
        self.data.read(rows.clone(), key, batch)?;
        self.given.read(rows, key, &mut given)?;
        let (len, n_given) = (self.data.spec().row_len(), self.given.spec().row_len());
        for (to, from) in [(&mut batch.values, &given.values), (&mut batch.derivatives, &given.derivatives)] {
            spread(to, len, n_given);
            for (row, from) in to.chunks_exact_mut(len + n_given).zip(from.chunks_exact(n_given)) {
                row[len..].copy_from_slice(from);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrays, Augmentation, Augmented, OnTheFly};
    use imnn_sim::GaussianMeanVariance;
    use ndarray::{ArrayD, IxDyn};

    fn numbers(first: u32, shape: &[usize]) -> ArrayD<f64> {
        let n = shape.iter().product::<usize>() as u32;
        ArrayD::from_shape_vec(IxDyn(shape), (first..first + n).map(f64::from).collect()).unwrap()
    }

    fn exact(first: u32, n_s: usize, n_d: usize, shape: &[usize], n_params: usize) -> Arrays<f64> {
        let fiducial = numbers(first, &[&[n_s], shape].concat());
        Arrays::exact(fiducial, numbers(10 * first, &[&[n_d], shape, &[n_params]].concat())).unwrap()
    }

    #[test]
    fn rows_are_data_and_then_summaries() {
        let joined = Joined::new::<f64>(exact(1, 3, 2, &[2, 1], 2), exact(100, 3, 2, &[1], 2)).unwrap();
        let spec = Source::<f64>::spec(&joined);
        assert_eq!((&spec.input_shape[..], spec.data_shape()), (&[3][..], &[2, 1][..]));
        let mut batch = Microbatch::new();
        joined.read(0..2, Key::new(0), &mut batch).unwrap();
        assert_eq!(batch.values, [1.0, 2.0, 100.0, 3.0, 4.0, 101.0]);
        // (n, p, F): the derivatives of one parameter side by side.
        let expected = [10.0, 12.0, 1000.0, 11.0, 13.0, 1001.0, 14.0, 16.0, 1002.0, 15.0, 17.0, 1003.0];
        assert_eq!(batch.derivatives, expected);
        joined.read(2..3, Key::new(0), &mut batch).unwrap();
        assert_eq!((batch.values, batch.derivatives), (vec![5.0, 6.0, 102.0], vec![]));
    }

    #[test]
    fn symmetries_of_the_data_leave_the_summaries_alone() {
        let shift = Augmentation { shift: true, ..Default::default() };
        let fields = Augmented::new::<f64>(exact(1, 4, 1, &[3, 1], 1), shift).unwrap();
        let joined = Joined::new::<f64>(fields, exact(100, 4, 1, &[2], 1)).unwrap();
        let read = |key: u64| {
            let mut batch = Microbatch::<f64>::new();
            joined.read(1..4, Key::new(key), &mut batch).unwrap();
            batch.values
        };
        let all: Vec<_> = (0..8).map(read).collect();
        assert!(all.iter().any(|values| values != &all[0]));
        for row in all.iter().flat_map(|values| values.chunks(5)) {
            let first = row[0].min(row[1]).min(row[2]);
            assert_eq!(row[3..], [98.0 + 2.0 * (first - 1.0) / 3.0 + 2.0, 98.0 + 2.0 * (first - 1.0) / 3.0 + 3.0]);
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let data = || exact(1, 3, 2, &[2, 1], 2);
        let said = |given: Arrays<f64>| Joined::new::<f64>(data(), given).unwrap_err().to_string();
        assert!(said(exact(1, 4, 2, &[1], 2)).contains("4 rows of given summaries, but 3"));
        assert!(said(exact(1, 3, 1, &[1], 2)).contains("1 rows with derivatives"));
        assert!(said(exact(1, 3, 2, &[1], 1)).contains("1 parameters"));
        let numerical = Arrays::numerical(numbers(0, &[3, 1]), numbers(0, &[2, 2, 2, 1]), vec![0.1, 0.2]).unwrap();
        assert!(said(numerical).contains("delta_theta = [0.1, 0.2]"));
        let anew = OnTheFly::new(GaussianMeanVariance { n_data: 2 }, &[0.0, 1.0], 3, 2).unwrap();
        let error = Joined::new::<f64>(anew, exact(1, 3, 2, &[1], 2)).unwrap_err().to_string();
        assert!(error.contains("give a function of the data"), "{error}");
    }
}
