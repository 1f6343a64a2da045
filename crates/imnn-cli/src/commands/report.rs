//! `imnn report`: what a training run found, as one HTML page.

use std::fmt::Write;

use imnn::fit::{Description, Fingerprint, History};
use imnn::io::FileError;
use imnn::plot::{HistoryPlot, history_svg};
use imnn::stats::{Measured, table};
use serde_json::Value;

use super::saved::{REPORT, title};
use super::target;
use crate::{CliError, ReportArguments};

/// The page of a run, in its folder.
const PAGE: &str = "report.html";

/// How it looks; without a network, on a telephone too.
const STYLE: &str = include_str!("report.css");

pub(super) fn report(arguments: &ReportArguments) -> Result<String, CliError> {
    let run = &arguments.run;
    imnn::io::atomic::restore(run);
    let description = Description::load(run)?;
    let out = arguments.out.clone().unwrap_or_else(|| run.join(PAGE));
    let sources = [REPORT, "history.npz", "run.toml"].map(|name| run.join(name));
    let read: Vec<_> = sources.iter().map(std::path::PathBuf::as_path).collect();
    target::check(&out, arguments.force || arguments.out.is_none(), &read)?;
    let text = |name: &str| std::fs::read_to_string(run.join(name)).ok();
    let told = text(REPORT).and_then(|text| serde_json::from_str::<Value>(&text).ok()).ok_or_else(|| {
        let path = run.join(REPORT);
        CliError::Refused(format!(
            "{}: not there, or not JSON: runs of imnn before it was written have none; train again, or see `imnn plot`",
            path.display()
        ))
    })?;
    let history = History::load(run.join("history.npz"))?;
    let name = title(&std::path::absolute(run).map_err(FileError::of("find", run))?, &description.parameters);
    let page = Page { told: &told, description: &description, history: &history, name, run_file: text("run.toml") };
    imnn::io::atomic::write(&out, page.html())?;
    Ok(format!("{}\n", out.display()))
}

struct Page<'a> {
    /// What was printed of the run, for machines.
    told: &'a Value,
    description: &'a Description,
    history: &'a History,
    name: String,
    run_file: Option<String>,
}

impl Page<'_> {
    fn html(&self) -> String {
        let body = [self.result(), self.cautions(), self.training(), self.network(), self.versions()].concat();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n{body}</body>\n</html>\n",
            name = escaped(&self.name)
        )
    }

    /// Errors and Fisher matrix, without biases where these are known.
    fn result(&self) -> String {
        let (names, told) = (&self.description.parameters, self.told);
        let estimate = &told["estimate"];
        let on = told["measured_on"].as_str().unwrap_or("simulations");
        let mut html = format!("<h2>Fisher information, {}</h2>\n", escaped(on));
        let errors = (0..names.len()).map(|a| cell(&estimate["errors"][a]).or_else(|| number(&told["errors"][a])));
        let rows = names.iter().zip(errors).enumerate().map(|(a, (name, error))| {
            vec![
                name.clone(),
                table::number(self.description.theta_fid[a]),
                error.unwrap_or_else(|| "not known".into()),
            ]
        });
        html += &rows_of(&["parameter", "fiducial", "one-sigma error"], rows);
        let matrix = |p: usize, q: usize| {
            let (value, error) = (estimate["F"][p][q].as_f64(), estimate["F_errors"][p][q].as_f64());
            match value.zip(error) {
                Some((value, error)) => table::measured(Measured { value, error }),
                None => number(&told["F"][p][q]).unwrap_or_default(),
            }
        };
        let head: Vec<&str> = std::iter::once("F").chain(names.iter().map(String::as_str)).collect();
        let of_row =
            |p: usize| std::iter::once(names[p].clone()).chain((0..names.len()).map(|q| matrix(p, q))).collect();
        html += &rows_of(&head, (0..names.len()).map(of_row));
        let raw = told["lndetF"]
            .as_f64()
            .map(|value| format!("{} (det F {})", table::number(value), table::number(value.exp())));
        let expected = told["detF_expected"].as_f64().map(|value| table::number(value.ln()));
        let facts = [
            ("ln det F", cell(&estimate["lndetF"])),
            ("ln det F, raw", raw),
            ("ln det F, expected", expected),
            ("ln det F, held out", pair(&told["lndetF_held_out"])),
            ("ln det F, given summaries alone", pair_of(&told["shares"]["given"])),
            ("ln det F, the network alone", pair_of(&told["shares"]["network"])),
            ("ln det F, both", pair_of(&told["shares"]["both"])),
            ("ln det F, added by the network", pair_of(&told["shares"]["added"])),
            ("missing at least, ln det F", pair(&told["missing_at_least"])),
            ("not known", estimate["unknown"].as_str().map(str::to_owned)),
        ];
        html + &known(facts)
    }

    fn cautions(&self) -> String {
        let cautions: Vec<&str> =
            self.told["cautions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if cautions.is_empty() {
            return "<h2>Cautions</h2>\n<p>None: nothing was found that speaks against these numbers.</p>\n".to_owned();
        }
        let items: String = cautions.iter().map(|caution| format!("<li>{}</li>\n", escaped(caution))).collect();
        format!("<h2>Cautions</h2>\n<ul class=\"cautions\">\n{items}</ul>\n")
    }

    fn training(&self) -> String {
        let told = self.told;
        let settings = HistoryPlot { expected_det_f: told["detF_expected"].as_f64(), ..HistoryPlot::default() };
        // Without iterations there is nothing to draw.
        let plot = history_svg(self.history, &settings).map(|svg| format!("<figure>\n{svg}</figure>\n"));
        let mut html = format!("<h2>Training</h2>\n{}", plot.unwrap_or_default());
        let text = |key: &str| told[key].as_str().map(str::to_owned);
        html += &known([
            ("iterations", number(&told["iterations"])),
            ("stopped because of", text("stop").map(|stop| stop.replace('_', " "))),
            ("best iteration", number(&told["best_iteration"])),
            ("last layer began", text("last_layer")),
            ("read-out after training, gain in ln det F", pair(&told["read_out_gain"])),
            (
                "last layer at the end from",
                number(&told["refit"]).map(|n| format!("{n} simulations, those for validation too")),
            ),
        ]);
        let rounds: Vec<Vec<String>> = self
            .history
            .rounds
            .iter()
            .map(|round| {
                let shown = |value, error| table::measured(Measured { value, error });
                let (found, gain) = (round.log_det_f, round.gain);
                vec![round.iteration.to_string(), shown(found.value, found.error), shown(gain.value, gain.error)]
            })
            .collect();
        if !rounds.is_empty() {
            html += &rows_of(&["round ended after", "ln det F, held out", "gain"], rounds.into_iter());
        }
        html
    }

    fn network(&self) -> String {
        let Some(text) = &self.run_file else { return String::new() };
        format!(
            "<h2>Run file</h2>\n<p>Everything that was set or chosen, the network among it; `imnn fit run.toml` does it again.</p>\n\
             <details>\n<summary>run.toml</summary>\n<pre>{}</pre>\n</details>\n",
            escaped(text)
        )
    }

    fn versions(&self) -> String {
        let Description { imnn, format, precision, input_shape, key, training, validation, .. } = self.description;
        let shape: Vec<String> = input_shape.iter().map(usize::to_string).collect();
        let of = |set: &Option<Fingerprint>| {
            let Fingerprint { n_s, n_d, mean, rms, .. } = set.as_ref()?;
            let [mean, rms] = [mean, rms].map(|&value| table::number(value));
            Some(format!("{n_s}, {n_d} with derivatives; mean {mean}, root mean square {rms}"))
        };
        let facts = [
            ("imnn", Some(imnn.clone().unwrap_or_else(|| "not written down".to_owned()))),
            ("format of the run", Some(format.to_string())),
            ("precision", Some(precision.clone())),
            ("shape of a simulation", Some(shape.join(" x "))),
            ("key", Some(key.clone())),
            ("training simulations", of(training)),
            ("validation simulations", of(validation)),
        ];
        format!("<h2>Versions</h2>\n{}", known(facts))
    }
}

/// `{ "value": ..., "error": ... }`
fn cell(value: &Value) -> Option<String> {
    let (value, error) = value["value"].as_f64().zip(value["error"].as_f64())?;
    Some(table::measured(Measured { value, error }))
}

/// `[value, error]`
fn pair(value: &Value) -> Option<String> {
    let (value, error) = value[0].as_f64().zip(value[1].as_f64())?;
    Some(table::measured(Measured { value, error }))
}

/// `{ value, error }`
fn pair_of(of: &Value) -> Option<String> {
    let (value, error) = of["value"].as_f64().zip(of["error"].as_f64())?;
    Some(table::measured(Measured { value, error }))
}

fn number(value: &Value) -> Option<String> {
    match value.as_u64() {
        Some(whole) => Some(whole.to_string()),
        None => value.as_f64().map(table::number),
    }
}

/// What is known, by name.
fn known<const N: usize>(facts: [(&str, Option<String>); N]) -> String {
    let rows = facts.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?]));
    rows_of(&[], rows)
}

/// A table, whose first column has names.
fn rows_of(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<div class=\"table\"><table>\n");
    let cells = |tag: &str, cells: &[&str]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
    };
    if !head.is_empty() {
        let _ = writeln!(html, "<tr>{}</tr>", cells("th", head));
    }
    for row in rows {
        let texts: Vec<&str> = row.iter().map(String::as_str).collect();
        let _ = writeln!(html, "<tr>{}{}</tr>", cells("th", &texts[..1.min(texts.len())]), cells("td", &texts[1..]));
    }
    html + "</table></div>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let html = rows_of(&["a<b", "c"], [vec!["x & y".to_owned(), "\"1\"".to_owned()]].into_iter());
        assert!(
            html.contains("<th>a&lt;b</th><th>c</th>") && html.contains("<th>x &amp; y</th><td>&quot;1&quot;</td>")
        );
    }
}
