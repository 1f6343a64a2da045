//! Pairs as training reads them: standardised, in the precision of the weights.

use super::settings::TrainingSettings;
use crate::error::{FlowError, Result};
use crate::pairs::{Pairs, Split};
use crate::standardise::Standardisation;
use crate::transforms::Workspace;
use imnn_compute::Number;
use ndarray::Axis;

/// All pairs, and which of them are held out.
pub(super) struct Data<E> {
    pub y: Standardisation,
    pub c: Standardisation,
    pub split: Split,
    /// y and then c of each pair.
    rows: Vec<E>,
}

impl<E: Number> Data<E> {
    pub fn new(pairs: &Pairs, split: Split, settings: &TrainingSettings) -> Result<Self> {
        let training = |x: ndarray::ArrayView2<'_, f64>| x.select(Axis(0), split.training());
        let y = Standardisation::fit(training(pairs.y()).view(), pairs.y_names())?;
        // Constant columns are left out in any case.
        let y = match settings.standardise_y {
            true => y,
            false => {
                let sd = y.sd().iter().map(|sd| f64::from(u8::from(*sd > 0.0))).collect();
                let mean = y.mean().iter().zip(y.sd()).map(|(m, sd)| if *sd > 0.0 { 0.0 } else { *m }).collect();
                Standardisation::from_parts(mean, sd)?
            }
        };
        let c = Standardisation::fit(training(pairs.c()).view(), pairs.c_names())?;
        if y.kept().is_empty() {
            return Err(FlowError::Pairs(format!(
                "all columns of y are constant ({}): there is nothing whose density could be learnt",
                pairs.y_names().join(", ")
            )));
        }
        let mut rows = Vec::with_capacity(pairs.len() * (y.kept().len() + c.kept().len()));
        for (row_y, row_c) in pairs.y().rows().into_iter().zip(pairs.c().rows()) {
            rows.extend(y.apply::<E>(&row_y.to_vec()));
            rows.extend(c.apply::<E>(&row_c.to_vec()));
        }
        Ok(Data { y, c, split, rows })
    }

    /// These pairs into the workspace, which has room for them.
    pub fn load(&self, pairs: impl Iterator<Item = usize>, work: &mut Workspace<E>) {
        let dims = self.y.kept().len();
        let width = dims + self.c.kept().len();
        for (at, pair) in pairs.enumerate() {
            let (y, c) = self.rows[pair * width..][..width].split_at(dims);
            work.set(at, y, c);
        }
        work.fill_up();
    }
}
