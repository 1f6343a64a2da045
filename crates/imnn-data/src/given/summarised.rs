//! Simulations with a function of their data behind them.

use std::ops::Range;

use imnn_sim::{Key, Real};

use super::spread::spread;
use crate::{DataError, DatasetSpec, Derivatives, Identity, Microbatch, Source};

/// Summaries `t(d)` of data that are not learnt, such as a power spectrum.
///
/// ```
/// use imnn_data::{DataError, GivenSummaries};
///
/// /// Mean and mean square of the data.
/// struct Moments;
///
/// impl GivenSummaries for Moments {
///     fn n_given(&self, _: &[usize]) -> Result<usize, DataError> {
///         Ok(2)
///     }
///
///     fn summarise(&self, data: &[f64], _: &[usize], summaries: &mut [f64]) {
///         let n = data.len() as f64;
///         summaries[0] = data.iter().sum::<f64>() / n;
///         summaries[1] = data.iter().map(|d| d * d).sum::<f64>() / n;
///     }
/// }
///
/// // Their change by finite differences: 2 d . dd / n.
/// let mut change = [0.0; 2];
/// Moments.change(&[1.0, 2.0], &[0.5, 0.0], &[2], &mut change);
/// assert!((change[0] - 0.25).abs() < 1e-9 && (change[1] - 0.5).abs() < 1e-9);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make summaries of data",
    note = "implement `n_given` and `summarise`; `PowerSpectrum` is there"
)]
pub trait GivenSummaries: Send + Sync {
    /// The name by which a saved run finds the function again, if it has one.
    fn name(&self) -> Option<&'static str> {
        None
    }

    /// How many summaries data of this shape (channels last) have.
    ///
    /// # Errors
    /// If it is not for data of such a shape.
    fn n_given(&self, data_shape: &[usize]) -> Result<usize, DataError>;

    /// Writes `t(d)`.
    ///
    /// # Shapes
    /// `data`: as `data_shape`, row-major; `summaries`: [`n_given`](Self::n_given).
    fn summarise(&self, data: &[f64], data_shape: &[usize], summaries: &mut [f64]);

    /// Writes how they change with the data, `sum_i (dt / dd_i) change_i`, for exact derivatives of the data; by central
    /// differences along the change by default, with an error of some 1e-10 of the size of t where it is smooth.
    ///
    /// # Shapes
    /// `data` and `change`: as `data_shape`; `summaries`: [`n_given`](Self::n_given).
    fn change(&self, data: &[f64], change: &[f64], data_shape: &[usize], summaries: &mut [f64]) {
        let size = |numbers: &[f64]| numbers.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
        // The step at which the error of the difference formula and that of rounding are alike.
        let step = f64::EPSILON.cbrt() * size(data).max(f64::MIN_POSITIVE) / size(change);
        if !step.is_finite() {
            return summaries.fill(0.0);
        }
        let mut above = vec![0.0; summaries.len()];
        let moved = |sign: f64| -> Vec<f64> { data.iter().zip(change).map(|(d, c)| d + sign * step * c).collect() };
        self.summarise(&moved(1.0), data_shape, &mut above);
        self.summarise(&moved(-1.0), data_shape, summaries);
        summaries.iter_mut().zip(above).for_each(|(t, above)| *t = (above - *t) / (2.0 * step));
    }
}

/// Simulations with [`GivenSummaries`] of their data behind them, made when they are read: after noise, masks and symmetries
/// of the source below.
///
/// ```
/// use imnn_data::{OnTheFly, PowerSpectrum, Source, Summarised};
/// use imnn_sim::PowerLawField;
///
/// let fields = OnTheFly::new(PowerLawField::new(32)?, &[1.0, 0.5], 200, 40)?;
/// let power = PowerSpectrum::of(Source::<f32>::input_shape(&fields))?;
/// let both = Summarised::new::<f32>(fields, power)?;
/// assert_eq!(Source::<f32>::spec(&both).data_shape(), [32, 32, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Summarised<Data, Given> {
    data: Data,
    given: Given,
    spec: DatasetSpec,
    identity: Identity,
}

impl<Data, Given: GivenSummaries> Summarised<Data, Given> {
    /// The simulations of `data` with these summaries behind.
    ///
    /// # Errors
    /// If the function is not for data of their shape.
    pub fn new<E: Real>(data: Data, given: Given) -> Result<Self, DataError>
    where
        Data: Source<E>,
    {
        let of_data = data.spec();
        let n_given = given.n_given(&of_data.input_shape)?;
        if n_given == 0 {
            return Err(DataError::Refused("a function of the data makes no summaries: n_given is 0".into()));
        }
        let spec = of_data.with_given(n_given, given.name().map(str::to_owned));
        let identity = match data.identity() {
            Identity::Unknown => Identity::Unknown,
            Identity::Constant(_) => Identity::constant(),
            Identity::Keyed(_) => Identity::keyed(),
        };
        Ok(Summarised { data, given, spec, identity })
    }
}

impl<E: Real, Data: Source<E>, Given: GivenSummaries> Source<E> for Summarised<Data, Given> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn n_transforms(&self) -> u64 {
        self.data.n_transforms()
    }

    fn simulates_anew(&self) -> bool {
        self.data.simulates_anew()
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        let first_row = rows.start;
        self.data.read(rows, key, batch)?;
        let shape = self.spec.data_shape();
        let len: usize = shape.iter().product();
        let width = self.spec.row_len();
        let (n_given, exact) = (width - len, self.spec.derivatives == Derivatives::Exact);
        let per_row = batch.derivatives.len() / batch.n.max(1) / len;
        spread(&mut batch.values, len, n_given);
        spread(&mut batch.derivatives, len, n_given);
        let (mut t, mut data, mut change) = (vec![0.0; n_given], vec![0.0; len], vec![0.0; len]);
        let widened = |from: &[E], to: &mut [f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to = from.f64());
        let changes = batch.derivatives.chunks_exact_mut((per_row * width).max(1));
        let mut changes = changes.map(Some).chain(std::iter::repeat_with(|| None));
        for (i, values) in batch.values.chunks_exact_mut(width).enumerate() {
            widened(&values[..len], &mut data);
            self.given.summarise(&data, shape, &mut t);
            self.put(&t, &mut values[len..], first_row + i, "")?;
            for block in changes.next().flatten().into_iter().flat_map(|of_row| of_row.chunks_exact_mut(width)) {
                widened(&block[..len], &mut change);
                if exact {
                    self.given.change(&data, &change, shape, &mut t);
                } else {
                    self.given.summarise(&change, shape, &mut t);
                }
                self.put(&t, &mut block[len..], first_row + i, "a derivative of ")?;
            }
        }
        Ok(())
    }
}

impl<Data, Given: GivenSummaries> Summarised<Data, Given> {
    /// Writes summaries to their place; refuses what is not finite there.
    fn put<E: Real>(&self, from: &[f64], to: &mut [E], row: usize, of: &str) -> Result<(), DataError> {
        for (k, (to, &from)) in to.iter_mut().zip(from).enumerate() {
            *to = E::of(from);
            if !to.is_finite() {
                let name = self.given.name().unwrap_or(std::any::type_name::<Given>());
                return Err(DataError::Refused(format!(
                    "summaries by {name}: {of}simulation {row} gives {from} as summary {k} in {}; summaries have to be finite",
                    E::NAME
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrays, OnTheFly, PowerSpectrum};
    use imnn_sim::PowerLawField;
    use ndarray::{ArrayD, IxDyn};

    /// The sum of the squares, and the first number.
    struct Squares;

    impl GivenSummaries for Squares {
        fn n_given(&self, _: &[usize]) -> Result<usize, DataError> {
            Ok(2)
        }

        fn summarise(&self, data: &[f64], _: &[usize], summaries: &mut [f64]) {
            summaries.copy_from_slice(&[data.iter().map(|d| d * d).sum(), data[0]]);
        }
    }

    fn read<E: Real>(source: &dyn Source<E>, rows: Range<usize>) -> Microbatch<E> {
        let mut batch = Microbatch::new();
        source.read(rows, Key::new(5), &mut batch).unwrap();
        batch
    }

    #[test]
    fn they_stand_behind_values_partners_and_derivatives() {
        let numbers = |shape: &[usize]| {
            let n = shape.iter().product::<usize>() as u32;
            ArrayD::from_shape_vec(IxDyn(shape), (0..n).map(f64::from).collect()).unwrap()
        };
        let data = Arrays::numerical(numbers(&[3, 2, 1]), numbers(&[2, 2, 1, 2, 1]), vec![0.1]).unwrap();
        let source = Summarised::new::<f64>(data, Squares).unwrap();
        assert_eq!(Source::<f64>::input_shape(&source), [4]);
        let batch = read(&source, 0..2);
        assert_eq!(batch.values, [0.0, 1.0, 1.0, 0.0, 2.0, 3.0, 13.0, 2.0]);
        assert_eq!(batch.derivatives[..8], [0.0, 1.0, 1.0, 0.0, 2.0, 3.0, 13.0, 2.0]);
        assert_eq!(batch.derivatives[12..], [6.0, 7.0, 85.0, 6.0]);
        assert_eq!(read(&source, 2..3), Microbatch { n: 1, values: vec![4.0, 5.0, 41.0, 4.0], derivatives: vec![] });

        let data = Arrays::exact(numbers(&[2, 2]), numbers(&[2, 2, 1])).unwrap();
        let source = Summarised::new::<f64>(data, Squares).unwrap();
        // d(sum of squares) = 2 d . dd: 2 (0, 1) (0, 1) and 2 (2, 3) (2, 3), by differences.
        let batch = read(&source, 0..2);
        for (found, expected) in batch.derivatives.iter().zip([0.0, 1.0, 2.0, 0.0, 2.0, 3.0, 26.0, 2.0]) {
            assert!((found - expected).abs() < 1e-8, "{:?}", batch.derivatives);
        }
    }

    #[test]
    fn what_is_read_together_is_what_is_read_alone() {
        let fields = OnTheFly::new(PowerLawField::new(8).unwrap(), &[1.0, 0.5], 6, 4).unwrap();
        let power = PowerSpectrum::of(&[8, 8, 1]).unwrap();
        let source = Summarised::new::<f32>(fields, power).unwrap();
        assert_eq!(Source::<f32>::spec(&source).given.as_ref().unwrap().function.as_deref(), Some("power_spectrum"));
        let all = read::<f32>(&source, 0..4);
        let alone: Vec<_> = (0..4).map(|row| read::<f32>(&source, row..row + 1)).collect();
        assert_eq!(all.values, alone.iter().flat_map(|one| one.values.clone()).collect::<Vec<_>>());
        assert_eq!(all.derivatives, alone.iter().flat_map(|one| one.derivatives.clone()).collect::<Vec<_>>());
        assert!(read::<f32>(&source, 4..6).derivatives.is_empty());
    }

    #[test]
    fn what_is_not_finite_is_refused_with_the_simulation() {
        struct Logarithm;
        impl GivenSummaries for Logarithm {
            fn n_given(&self, _: &[usize]) -> Result<usize, DataError> {
                Ok(1)
            }
            fn summarise(&self, data: &[f64], _: &[usize], summaries: &mut [f64]) {
                summaries[0] = data[0].ln();
            }
        }
        let data = ArrayD::from_shape_vec(IxDyn(&[3, 1]), vec![1.0, 2.0, -1.0]).unwrap();
        let source = Summarised::new::<f64>(Arrays::data(data, "x").unwrap(), Logarithm).unwrap();
        let said = source.read(0..3, Key::new(0), &mut Microbatch::new()).unwrap_err().to_string();
        assert!(said.contains("Logarithm: simulation 2 gives NaN as summary 0"), "{said}");
    }
}
