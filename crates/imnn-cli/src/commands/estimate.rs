//! `imnn estimate`: parameters of data, with a trained network.

use std::path::Path;

use imnn::data::{ArrayPath, arrays};
use imnn::fit::{Compressor, FitError};
use imnn::models::Element;
use imnn::stats::{Statistics, StatsError};
use ndarray::{Array1, Array2, ArrayView1};
use serde_json::json;

use super::saved::{Cautions, DataSets};
use super::{saved, target};
use crate::output::{self, Table, number};
use crate::run_file::Precision;
use crate::{CliError, EstimateArguments};

pub(crate) fn estimate(arguments: &EstimateArguments) -> Result<String, CliError> {
    let check = |path: &Path| {
        let also = [&arguments.truth, &arguments.given].into_iter().flatten().map(ArrayPath::file);
        let read: Vec<&Path> = also.chain([arguments.data.file()]).collect();
        target::check(path, arguments.force, &read)
    };
    // Before the work, and again after it.
    arguments.out.as_deref().map_or(Ok(()), check)?;
    let estimates = match saved::precision(&arguments.run, &arguments.data)? {
        Precision::F32 => estimate_in::<f32>(arguments)?,
        Precision::F64 => estimate_in::<f64>(arguments)?,
    };
    if let Some(path) = &arguments.out {
        check(path)?;
        estimates.write(path)?;
    }
    Ok(if arguments.json { estimates.json() } else { estimates.text(output::terminal_width()) })
}

/// Estimates of the parameters of several data sets, all with the same errors.
struct Estimates {
    names: Vec<String>,
    theta_fid: Array1<f64>,
    /// `(n, n_summaries)`
    summaries: Array2<f64>,
    /// `(n, n_params)`
    estimates: Array2<f64>,
    errors: Array1<f64>,
    /// `F^-1`
    covariance: Array2<f64>,
    compared: Option<Compared>,
    cautions: Cautions,
    /// What there is to say against the run, and so against the errors.
    of_run: Vec<String>,
}

/// Estimates so many standard errors from the fiducial are beyond where these hold.
const FAR: f64 = 5.0;

/// The truth beside the estimates.
struct Compared {
    /// `(n, n_params)`
    truth: Array2<f64>,
    /// `(estimate - truth) / error`
    pulls: Array2<f64>,
}

fn estimate_in<E: Element>(arguments: &EstimateArguments) -> Result<Estimates, CliError> {
    let compressor: Compressor<E> = saved::compressor(&arguments.run)?;
    let (summaries, estimates, mut cautions) = saved::of_file::<E, _>(&arguments.data, |data| {
        let data = saved::with_given(data, arguments.given.as_ref(), &compressor)?;
        let sets = DataSets::new(data, &compressor);
        let mut summaries = compressor.summaries(&sets.array)?;
        let mut estimates = compressor.estimate_from_summaries(&summaries)?;
        let mut cautions = sets.cautions(&compressor);
        cautions.extend(misfits(compressor.statistics(), &summaries).map_err(FitError::from)?);
        [&mut summaries, &mut estimates].into_iter().for_each(|rows| sets.forget(rows));
        Ok((summaries, estimates, cautions))
    })?;
    let errors = compressor.errors();
    cautions.extend(far(&compressor, &estimates));
    cautions.sort_by_key(|(set, _)| *set);
    let truth = arguments.truth.as_ref().map(|path| read_truth(path, &arguments.data, estimates.dim())).transpose()?;
    let compared = truth.map(|truth| Compared { pulls: (&estimates - &truth) / &errors, truth });
    Ok(Estimates {
        names: compressor.names().to_vec(),
        theta_fid: compressor.theta_fid().into(),
        summaries,
        estimates,
        errors,
        covariance: compressor.statistics().inv_f.clone(),
        compared,
        cautions,
        of_run: saved::cautions_of(&arguments.run),
    })
}

/// Summaries that no parameters explain.
fn misfits(statistics: &Statistics, summaries: &Array2<f64>) -> Result<Cautions, StatsError> {
    let mut cautions = vec![];
    for (set, x) in summaries.rows().into_iter().enumerate() {
        let (chi_squared, degrees) = statistics.misfit(x)?;
        // The cube root of chi^2 over its degrees is normal (Wilson & Hilferty 1931).
        let square = 2.0 / (9.0 * degrees as f64);
        let sigma = ((chi_squared / degrees as f64).cbrt() - (1.0 - square)) / square.sqrt();
        if degrees > 0 && sigma > FAR {
            let what = format!(
                "its summaries are unlike those of the simulations, whatever the parameters: chi^2 is {} with {degrees} degrees of \
                 freedom, {sigma:.0} standard deviations too large",
                number(chi_squared)
            );
            cautions.push((set, what));
        }
    }
    Ok(cautions)
}

/// Estimates that are far from where the network was trained.
fn far<E: Element>(compressor: &Compressor<E>, estimates: &Array2<f64>) -> Cautions {
    let (theta_fid, errors) = (compressor.theta_fid(), compressor.errors());
    let of_set = |(set, row): (usize, ArrayView1<'_, f64>)| {
        let away = |a: usize| ((row[a] - theta_fid[a]) / errors[a]).abs();
        let a = (0..row.len()).filter(|&a| away(a) > FAR).max_by(|&a, &b| away(a).total_cmp(&away(b)))?;
        let there: Vec<_> = row.iter().map(|&value| number(value)).collect();
        let what = format!(
            "{} is {:.0} standard errors from the fiducial, beyond where estimate and error hold; simulate and train there \
             (theta_fid = [{}]), and estimate again",
            compressor.names()[a],
            away(a),
            there.join(", ")
        );
        Some((set, what))
    };
    estimates.rows().into_iter().enumerate().filter_map(of_set).collect()
}

/// The true parameters, one row for each data set; a single row, or the values of a single parameter, may be a vector.
fn read_truth(path: &ArrayPath, data: &ArrayPath, (n, n_params): (usize, usize)) -> Result<Array2<f64>, CliError> {
    let truth = arrays::read::<f64>(path)?;
    let found = truth.shape().to_vec();
    let vector = found.len() == 1 && (n == 1 || n_params == 1) && found[0] == n * n_params;
    if found != [n, n_params] && !vector {
        return Err(CliError::Refused(format!(
            "{path} has shape {found:?}, expected [{n}, {n_params}]: a row of {n_params} parameters for each of the {n} \
             data sets of {data}"
        )));
    }
    if let Some((index, value)) = truth.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        let row = index / n_params;
        return Err(CliError::Refused(format!("{path}: row {row} has {value}; true parameters are finite")));
    }
    // The number of values was checked just now.
    Ok(Array2::from_shape_vec((n, n_params), truth.iter().copied().collect()).unwrap_or_default())
}

impl Estimates {
    fn write(&self, path: &Path) -> Result<(), CliError> {
        let mut arrays = vec![
            ("estimates", self.estimates.view().into_dyn().into()),
            ("errors", self.errors.view().into_dyn().into()),
            ("covariance", self.covariance.view().into_dyn().into()),
            ("summaries", self.summaries.view().into_dyn().into()),
            ("theta_fid", self.theta_fid.view().into_dyn().into()),
        ];
        if let Some(Compared { truth, pulls }) = &self.compared {
            arrays.push(("truth", truth.view().into_dyn().into()));
            arrays.push(("pulls", pulls.view().into_dyn().into()));
        }
        Ok(arrays::write_npz(path, &arrays)?)
    }

    fn json(&self) -> String {
        let mut value = json!({
            "parameters": self.names,
            "theta_fid": output::array(&self.theta_fid),
            "estimates": output::array(&self.estimates),
            "errors": output::array(&self.errors),
            "covariance": output::array(&self.covariance),
            "cautions": saved::caution_values(&self.cautions),
            "cautions_of_run": self.of_run,
        });
        if let Some(compared) = &self.compared {
            value["truth"] = output::array(&compared.truth);
            value["pulls"] = output::array(&compared.pulls);
            value["pull_mean"] = output::array(&compared.mean());
            value["pull_rms"] = output::array(&compared.rms());
        }
        output::json_line(&value)
    }

    fn text(&self, width: usize) -> String {
        let mut head = vec!["data set".to_owned()];
        for name in &self.names {
            head.extend([name.clone(), "+-".to_owned()]);
            if self.compared.is_some() {
                head.extend(["truth".to_owned(), "pull".to_owned()]);
            }
        }
        let mut table = Table::default().row(head);
        for (i, estimates) in self.estimates.rows().into_iter().enumerate() {
            let mut row = vec![i.to_string()];
            for (a, &estimate) in estimates.iter().enumerate() {
                row.extend([number(estimate), number(self.errors[a])]);
                if let Some(Compared { truth, pulls }) = &self.compared {
                    row.extend([number(truth[[i, a]]), format!("{:+.2}", pulls[[i, a]])]);
                }
            }
            table = table.row(row);
        }
        let of_run = self.of_run.iter().map(|caution| format!("caution of the run: {caution}\n"));
        let cautions: String = std::iter::once(saved::caution_lines(&self.cautions)).chain(of_run).collect();
        let Some(compared) = &self.compared else { return table.in_blocks(2, width) + &cautions };
        let signed = |value: &f64| format!("{value:+.2}");
        let unsigned = |value: &f64| format!("{value:.2}");
        for (name, cells) in [("mean", compared.mean().map(signed)), ("rms", compared.rms().map(unsigned))] {
            let cells = cells.iter().flat_map(|cell| ["", "", "", cell]);
            table = table.row(std::iter::once(name).chain(cells));
        }
        let table = table.in_blocks(4, width);
        format!("{table}\npull: (estimate - truth) / error\n{cautions}")
    }
}

impl Compared {
    fn mean(&self) -> Array1<f64> {
        self.over_estimates(|pull| pull)
    }

    fn rms(&self) -> Array1<f64> {
        self.over_estimates(|pull| pull * pull).mapv(f64::sqrt)
    }

    /// The mean of a function of the pulls, over the data sets with an estimate.
    fn over_estimates(&self, of: fn(f64) -> f64) -> Array1<f64> {
        let rows = || self.pulls.rows().into_iter().filter(|row| row.iter().all(|pull| pull.is_finite()));
        let sum = rows().fold(Array1::zeros(self.pulls.ncols()), |sum: Array1<f64>, row| sum + row.mapv(of));
        sum / rows().count() as f64
    }
}
