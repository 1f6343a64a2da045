//! Files of simulations, before hours are spent on them.

use std::path::Path;

use imnn::data::check::{CheckOptions, Finding, Severity, check};

use crate::CliError;
use crate::commands::left_out;
use crate::run_file::{Check, GivenBy, Precision, RunFile};

/// What there is to say against the files of a run; where they are not to be looked at, of simulations that failed alone. Those
/// to train with are open already.
///
/// What cannot be trained on is an error.
pub(super) fn checks(run: &RunFile, file: &Path) -> Result<Vec<String>, CliError> {
    Ok(of_given(run).into_iter().chain(of_files(run, file)?).collect())
}

/// Summaries in files were made of data without the noise that is drawn here.
fn of_given(run: &RunFile) -> Option<String> {
    let from_files = run.summaries.as_ref().is_some_and(|summaries| matches!(summaries.given, GivenBy::Files(_)));
    (from_files && run.simulations.noise.is_some()).then(|| {
        "noise is drawn anew in each iteration, of which given summaries in files do not know: unless these are of other data, F is \
         too large; a function of the data, as given = \"power_spectrum\", sees the noise"
            .to_owned()
    })
}

fn of_files(run: &RunFile, file: &Path) -> Result<Vec<String>, CliError> {
    let Some((training, validation)) = run.simulations.all_files().filter(|_| run.simulations.check == Check::On)
    else {
        let left_out = run.simulations.left_out();
        return Ok(left_out.iter().flat_map(|(set, of)| left_out::dependence(set, of, &run.parameters)).collect());
    };
    let options = CheckOptions { single: run.network.precision == Precision::F32, ..CheckOptions::quick() };
    let findings = check(&training, validation.as_ref(), &options).findings;
    let of = |severity: Severity| -> Vec<String> {
        let of_it = |finding: &&Finding| finding.severity == severity;
        findings.iter().filter(of_it).map(|finding| finding.message.clone()).collect()
    };
    let errors = of(Severity::Error);
    if errors.is_empty() {
        return Ok(of(Severity::Warning));
    }
    Err(CliError::Refused(format!(
        "these simulations cannot be used for training:\n  {}\n`imnn data check {file}` shows what was measured; \
         check = \"off\" in [simulations] trains on them as they are",
        errors.join("\n  "),
        file = file.display()
    )))
}
