//! The first simulation of a set is made a second time, to see whether it is the same.

use std::path::Path;

use imnn_data::each_row;

use super::{Job, Run};
use crate::check::{check, open};
use crate::design::FIDUCIAL;
use crate::failure::Fault;
use crate::process::{self, Ended};
use crate::session::remove_folder;
use crate::{Again, JobsError};

/// Simulations that differ by less, in units of their scatter, differ by rounding: sums of several threads, for instance.
const ROUNDING: f64 = 1e-2;

impl Run<'_> {
    /// Whether a simulation is the one that is made twice: the first at the fiducial.
    pub(super) fn is_made_twice(&self, job: &Job<'_>) -> bool {
        self.options.again && job.place == 0 && job.vector.name == FIDUCIAL
    }

    /// Makes a simulation again and compares it; a fault where it is another.
    pub(super) fn again(&self, job: &Job<'_>, first: &Path) -> Result<Result<Again, Fault>, JobsError> {
        let folder = self.session.folder(&format!("{}-{}-again", job.vector.name, job.seed))?;
        let (out, log) = (folder.join("out.npy"), folder.join("log"));
        let arguments = self.set.command(job.vector, job.seed, &out);
        let (dir, timeout) = (&self.options.dir, self.options.timeout);
        let ended = process::run(&arguments, dir, &log, timeout, &|| self.stops());
        let made = matches!(ended, Ok(Ended::With(status)) if status.success()) && check(&out).is_ok();
        let found = if made { apart(first, &out) } else { None };
        remove_folder(&folder);
        Ok(match found {
            None => Ok(Again::Failed),
            Some(0.0) => Ok(Again::Same),
            Some(apart) if apart < ROUNDING => Ok(Again::Rounded(apart)),
            Some(apart) => Err(Fault::NotRepeated(apart)),
        })
    }
}

/// How far two simulations are apart, in units of the scatter of the values of one; infinitely if they are of another shape,
/// and nothing where they cannot be read.
///
/// ```text
/// sqrt(sum (x - y)^2 / sum (x - mean x)^2),  of a simulation of one value |x - y| / |x|
/// ```
fn apart(one: &Path, other: &Path) -> Option<f64> {
    let read = |path: &Path| {
        let (layout, array) = open::<f64>(path).ok()?;
        let mut all = vec![];
        each_row(&*array, &mut |_, values| {
            all.extend_from_slice(values);
            Ok(())
        })
        .ok()?;
        Some((layout, all))
    };
    let ((layout, x), (of_other, y)) = (read(one)?, read(other)?);
    if layout != of_other {
        return Some(f64::INFINITY);
    }
    let difference: f64 = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum();
    if difference == 0.0 {
        return Some(0.0);
    }
    let mean = if x.len() == 1 { 0.0 } else { x.iter().sum::<f64>() / x.len() as f64 };
    let scatter: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    Some((difference / scatter).sqrt())
}

#[cfg(test)]
mod tests {
    use imnn_data::arrays::write_npy;
    use ndarray::Array1;

    use super::*;

    #[test]
    fn simulations_are_compared_by_their_scatter() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, values: Vec<f64>| {
            write_npy(folder.path().join(name), Array1::from(values).into_dyn().view()).unwrap();
            folder.path().join(name)
        };
        let one = write("one.npy", vec![99.0, 101.0]);
        let found = |values: Vec<f64>| apart(&one, &write("other.npy", values)).unwrap();
        assert_eq!(found(vec![99.0, 101.0]), 0.0);
        assert!((found(vec![101.0, 99.0]) - 2.0).abs() < 1e-12);
        assert!(found(vec![99.0, 101.0 + 1e-9]) < ROUNDING);
        assert_eq!(found(vec![99.0]), f64::INFINITY);
        let (single, other) = (write("single.npy", vec![2.0]), write("other.npy", vec![3.0]));
        assert_eq!(apart(&single, &other), Some(0.5));
        assert_eq!(apart(&single, &folder.path().join("none.npy")), None);
    }
}
