//! Some of the numbers of each simulation.

use super::listed::{Form, Listed, ReadNetwork};
use crate::builder::{BuildError, Builder};
use crate::error::Result;
use crate::layer::Layer;
use crate::settings::{Setting, required, table, table_of};
use crate::windows::{OUTSIDE, Windows};
use imnn_io::{ConfigError, Item};
use std::sync::Arc;

/// Consecutive numbers of each simulation (row-major, channels last), in a shape of their own: `y = x[start .. start + size]`.
///
/// Branches of [`Parallel`](super::Parallel) that begin with slices see data of several kinds in one row, such as a field
/// and numbers beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The first number.
    pub start: usize,
    /// Their shape.
    pub shape: Vec<usize>,
}

/// Consecutive numbers of each simulation from `start` on, in this shape.
///
/// ```
/// use imnn_models::{Batch, Model, forward, serial, slice};
/// let model = Model::new(serial([slice(1, &[2])]), &[4])?;
/// let output = forward(&model, &[], &Batch { n: 1, values: &[5.0, 4.0, 3.0, 2.0], tangents: &[] })?;
/// assert_eq!(output.values, [4.0, 3.0]);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
pub fn slice(start: usize, shape: &[usize]) -> Layer {
    Slice { start, shape: shape.to_vec() }.into()
}

impl Listed for Slice {
    const NAME: &'static str = "slice";
    const ABOUT: &'static str = "consecutive numbers of each simulation from `start` on, in a shape of their own";
    const FORM: Form<Self> = Form::Settings {
        example: "{ start = 0, shape = [2, 2, 1] }",
        read,
        write: |slice, _| Ok(table([("start", slice.start.write()), ("shape", slice.shape.write())])),
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        let n = at.size();
        let len = self.shape.iter().try_fold(1_usize, |len, &side| len.checked_mul(side));
        let within = |end: &usize| (self.start + 1..=n).contains(end) && n < OUTSIDE as usize;
        let end = len.and_then(|len| self.start.checked_add(len)).filter(within);
        let Some(end) = end else {
            let Slice { start, shape } = self;
            return Err(format!("{shape:?} from number {start} on is not within the {n} numbers of a simulation").into());
        };
        at.reshape(vec![n, 1])?;
        // Windows of one position, whose mean is what is there.
        let taps = (self.start..end).map(|position| position as u32).collect();
        at.mean(Arc::new(Windows { output: vec![end - self.start], n_inputs: n, n_taps: 1, taps }));
        at.reshape(self.shape.clone())?;
        Ok(())
    }
}

fn read(item: &Item<'_>, _: ReadNetwork<'_>) -> Result<Slice, ConfigError> {
    let table = table_of(item, &["start", "shape"])?;
    // May be 0, which settings of layers are not.
    let start = required(&table, "start", "0")?.read()?;
    let shape = Setting::read(&required(&table, "shape", "[2, 2, 1]")?)?;
    Ok(Slice { start, shape })
}

#[cfg(test)]
mod tests {
    use crate::{Batch, Join, Layer, Model, Output, Parallel, backward, dense, forward, serial, slice};

    fn refused(layer: Layer, shape: &[usize]) -> String {
        Model::new(serial([layer]), shape).unwrap_err().to_string()
    }

    #[test]
    fn values_tangents_and_gradients_are_those_of_the_numbers() {
        let model = Model::new(serial([slice(2, &[2, 1])]), &[3, 2]).unwrap();
        assert_eq!(model.output_shape(), [2, 1]);
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        let tangents: Vec<f64> = (0..12).map(|k| 0.5 * f64::from(k)).collect();
        let output = forward(&model, &[], &Batch { n: 2, values: &values, tangents: &tangents }).unwrap();
        assert_eq!((output.values, output.tangents), (vec![2.0, 3.0, 8.0, 9.0], vec![1.0, 1.5, 4.0, 4.5]));
        // Behind weights: only the numbers that are read tell of them.
        let model = Model::new(serial([dense(3), slice(1, &[1])]), &[1]).unwrap();
        let mut gradient = [0.0; 6];
        let batch = Batch { n: 1, values: &[3.0], tangents: &[] };
        let cotangents = Output { values: vec![2.0], tangents: vec![] };
        backward(&model, &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0], &batch, &cotangents, &mut gradient).unwrap();
        assert_eq!(gradient, [0.0, 6.0, 0.0, 0.0, 2.0, 0.0]);
    }

    #[test]
    fn slices_side_by_side_are_the_whole() {
        let branches = vec![serial([slice(3, &[2])]), serial([slice(0, &[3])])];
        let model = Model::new(serial([Parallel { branches, join: Join::Concat }.into()]), &[5]).unwrap();
        let output = forward(&model, &[], &Batch { n: 1, values: &[0.0, 1.0, 2.0, 3.0, 4.0], tangents: &[] }).unwrap();
        assert_eq!(output.values, [3.0, 4.0, 0.0, 1.0, 2.0]);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (start, shape) in [(3, &[2][..]), (4, &[1]), (0, &[5]), (0, &[]), (usize::MAX, &[1]), (1, &[0, 7])] {
            let said = refused(slice(start, shape), &[2, 2]);
            if shape.is_empty() {
                assert!(said.contains("needs at least one axis"), "{said}");
            } else {
                let part = format!("{shape:?} from number {start} on is not within the 4 numbers of a simulation");
                assert!(said.contains(&part), "{said}");
            }
        }
    }
}
