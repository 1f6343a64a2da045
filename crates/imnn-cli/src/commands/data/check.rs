//! `imnn data check`: whether simulations can be trained with.

use imnn::data::DerivativeFiles;
use imnn::data::check::{CheckOptions, Pairing, ParameterReport, Report, SetReport, Severity, check as check_sets};
use imnn::io::text::{plural, tuple};
use imnn::sim::Key;
use serde_json::{Value, json};

use super::arguments::CheckArguments;
use super::set;
use crate::CliError;
use crate::commands::left_out;
use crate::output::{self, Table, json_line, number};

pub(super) fn check(arguments: &CheckArguments) -> Result<String, CliError> {
    let mut sets = set::sets(&arguments.set)?;
    if let (Some(fiducial), Some(derivative)) = (&arguments.validation_fiducial, &arguments.validation_derivative) {
        let derivative = DerivativeFiles::Array(derivative.clone());
        sets.validation = Some(set::files(fiducial, derivative, &arguments.set)?);
    }
    let (rows, key, single) = (arguments.rows.max(2), Key::new(arguments.seed), sets.single);
    let mut options = CheckOptions { rows, key, single, ..CheckOptions::default() };
    if arguments.all {
        options.bytes = u64::MAX;
    }
    let report = check_sets(&sets.training, sets.validation.as_ref(), &options);
    let text = if arguments.json { json_line(&as_json(&report)) } else { as_text(&report) };
    match report.count(Severity::Error) {
        0 => Ok(text),
        errors => {
            output::print(&text)?;
            let errors = plural(errors, "error");
            Err(CliError::Refused(format!("these simulations cannot be used for training: {errors}, listed above")))
        }
    }
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn as_text(report: &Report) -> String {
    let mut text: String = report.sets.iter().map(|set| format!("{}\n", set_text(set))).collect();
    for finding in &report.findings {
        text.push_str(&format!("{}: {}\n", name(finding.severity), finding.message));
    }
    let count = |severity, name: &str| match report.count(severity) {
        0 => format!("no {name}s"),
        n => plural(n, name),
    };
    text.push_str(&format!("{}, {}\n", count(Severity::Error, "error"), count(Severity::Warning, "warning")));
    text
}

fn set_text(set: &SetReport) -> String {
    let kind = if set.spec.derivatives.sides() == 2 { "simulations below and above" } else { "exact derivatives" };
    let mut text = format!(
        "{}: {} simulations of shape {}, {} with {kind}; seeds compared in {} rows\n",
        set.name,
        set.spec.n_s,
        tuple(&set.spec.input_shape),
        set.spec.n_d,
        set.compared
    );
    let mut table = Table::default().row(["  array", "rows read", "min", "max", "mean", "std"]);
    for of in [&set.fiducial, &set.derivative] {
        let s = &of.statistics;
        let values = [s.min, s.max, s.mean, s.std()].map(number);
        table = table.row([format!("  {}", of.label), of.looked_at.to_string()].into_iter().chain(values));
    }
    text.push_str(&table.to_string());
    let mut table = Table::default().row([
        "  parameter",
        "below/above",
        "shuffled",
        "with fiducial",
        "place",
        "mean/error",
        "square/error",
    ]);
    for (a, of) in set.parameters.iter().enumerate() {
        let of_pairs =
            |pairing: &Option<Pairing>| pairing.as_ref().map_or("-".to_owned(), |of| format!("{:.4}", of.correlation));
        let shuffled =
            of.below_above.as_ref().map_or("-".to_owned(), |of| format!("{:.3} +- {:.3}", of.shuffled, of.scatter));
        let signal = |k: usize| of.signal.map_or("-".to_owned(), |z| format!("{:.1}", z[k]));
        table = table.row([
            format!("  {a}"),
            of_pairs(&of.below_above),
            shuffled,
            of_pairs(&of.with_fiducial),
            of.place.map_or("-".to_owned(), |place| format!("{place:.2}")),
            signal(0),
            signal(1),
        ]);
    }
    text.push_str(&table.to_string());
    text
}

fn as_json(report: &Report) -> Value {
    let pairing = |of: &Option<Pairing>| {
        of.as_ref().map(|of| json!({ "correlation": of.correlation, "shuffled": of.shuffled, "scatter": of.scatter }))
    };
    let parameter = |of: &ParameterReport| {
        json!({
            "below_above": pairing(&of.below_above), "with_fiducial": pairing(&of.with_fiducial),
            "place": of.place,
            "mean_over_error": of.signal.map(|z| z[0]), "square_over_error": of.signal.map(|z| z[1]),
        })
    };
    let sets: Vec<Value> = report
        .sets
        .iter()
        .map(|set| {
            let arrays = [&set.fiducial, &set.derivative].map(|of| {
                json!({
                    "path": of.label, "rows": of.n_rows, "rows_read": of.looked_at, "constant": of.constant,
                    "nan": of.statistics.nan, "infinite": of.statistics.infinite,
                    "min": of.statistics.min, "max": of.statistics.max, "mean": of.statistics.mean,
                    "std": of.statistics.std(),
                })
            });
            json!({
                "name": set.name, "n_s": set.spec.n_s, "n_d": set.spec.n_d, "input_shape": set.spec.input_shape,
                "kind": if set.spec.derivatives.sides() == 2 { "numerical" } else { "exact" }, "arrays": arrays,
                "left_out": set.left_out.as_ref().map(left_out::json), "rows_compared": set.compared, "parameters": set.parameters.iter().map(parameter).collect::<Vec<_>>(),
            })
        })
        .collect();
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| json!({ "severity": name(finding.severity), "message": finding.message }))
        .collect();
    json!({
        "sets": sets, "findings": findings, "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
    })
}
