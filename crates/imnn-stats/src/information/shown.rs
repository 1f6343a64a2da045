//! F with its errors, and what follows from it, as tables.

use super::{FisherEstimate, Measured};
use crate::table::{Table, item, measured, number};

impl FisherEstimate {
    /// F without bias and the forecast errors of parameters of these names, with the errors of both, in lines of at most `width`
    /// characters where names allow it; `theta_fid` adds the fiducial values.
    ///
    /// ```
    /// use imnn_stats::FisherEstimate;
    /// use ndarray::{Array2, Array3};
    ///
    /// let x = Array2::from_shape_fn((1002, 1), |(i, _)| if i % 2 == 0 { 1.0 } else { -1.0 });
    /// let estimate = FisherEstimate::new(x.view(), Array3::from_elem((1002, 1, 1), 2.0).view())?;
    /// let shown = "F            mu\n\
    ///              mu  3.99 ± 0.18\n\n\
    ///              parameter  fiducial  one-sigma error\n\
    ///              mu                0    0.500 ± 0.011\n\n\
    ///              ln det F  1.384 ± 0.045\n";
    /// assert_eq!(estimate.shown(&["mu".into()], Some(&[0.0]), 80), shown);
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn shown(&self, names: &[String], theta_fid: Option<&[f64]>, width: usize) -> String {
        let (Some(f), Some(errors)) = (&self.f, &self.f_errors) else {
            let reason = self.errors.as_ref().err().map_or(String::new(), |unknown| format!(": {unknown}"));
            return item(&format!("F is not known{reason}"), width);
        };
        let name = |p: usize| named(names, p);
        let all = 0..self.n_params();
        let entry = |p: usize, q: usize| measured(Measured { value: f[[p, q]], error: errors[[p, q]] });
        let head = Table::default().row(std::iter::once("F".to_owned()).chain(all.clone().map(name)));
        let matrix = all
            .clone()
            .fold(head, |table, p| table.row(std::iter::once(name(p)).chain(all.clone().map(|q| entry(p, q)))));
        let mut text = matrix.in_blocks(1, width);
        match &self.errors {
            Ok(errors) => {
                let fiducial = |p: usize| theta_fid.and_then(|theta| theta.get(p)).map(|&value| number(value));
                let row = |first: String, middle: Option<String>, last: String| {
                    std::iter::once(first).chain(middle).chain(std::iter::once(last))
                };
                let middle = theta_fid.map(|_| "fiducial".to_owned());
                let head = Table::default().row(row("parameter".to_owned(), middle, "one-sigma error".to_owned()));
                let forecast = errors
                    .iter()
                    .enumerate()
                    .fold(head, |table, (p, &error)| table.row(row(name(p), fiducial(p), measured(error))));
                text.push_str(&format!("\n{forecast}"));
            }
            Err(unknown) => {
                let sentence = format!("ln det F and the errors of forecasts are not known: {unknown}");
                text.push_str(&format!("\n{}", item(&sentence, width)));
            }
        }
        if let Ok(log_det) = self.log_det_f {
            text.push_str(&format!("\nln det F  {}\n", measured(log_det)));
        }
        text
    }
}

/// The name of a parameter, or its number.
pub(super) fn named(names: &[String], parameter: usize) -> String {
    names.get(parameter).cloned().unwrap_or_else(|| format!("parameter {parameter}"))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};

    use super::*;

    fn estimate(n_s: usize, n_params: usize) -> FisherEstimate {
        let number = |i: usize, k: usize| (((i * i + 3) as f64 * (k + 2) as f64).sqrt() * 1e3).fract() - 0.5;
        let x = Array2::from_shape_fn((n_s, n_params), |(i, k)| number(i, k));
        let dx = Array3::from_shape_fn((n_s, n_params, n_params), |(_, k, p)| f64::from(u8::from(k == p)));
        FisherEstimate::new(x.view(), dx.view()).unwrap()
    }

    #[test]
    fn many_parameters_stand_in_blocks() {
        let names: Vec<String> = (0..12).map(|p| format!("Omega_{p}")).collect();
        let text = estimate(1000, 12).shown(&names, None, 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.starts_with("F ") && text.matches("\nF ").count() == 2, "{text}");
        assert!(text.contains("\nparameter  one-sigma error\n") && !text.contains("fiducial"), "{text}");
    }

    #[test]
    fn what_is_not_known_says_why() {
        let text = estimate(4, 3).shown(&[], None, 80);
        assert!(text.starts_with("- F is not known: the inverse of"), "{text}");
    }
}
