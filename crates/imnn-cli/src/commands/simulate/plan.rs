//! `--dry-run`: what would be done.

use imnn::jobs::{DataSet, Mark, RunOptions, Status, Vector, command_line};
use serde_json::json;

use crate::CliError;
use crate::output::{Table, json_line};

pub(super) fn plan(set: &DataSet, options: &RunOptions, as_json: bool) -> Result<String, CliError> {
    let status = set.status()?;
    Ok(if as_json { json_text(set, options, &status) } else { text(set, options, &status) })
}

/// The places of the seeds that would be done.
fn todo<'a>(options: &'a RunOptions, marks: &'a [Mark]) -> impl Iterator<Item = usize> + 'a {
    let wanted = |mark: Mark| mark == Mark::Missing || (mark == Mark::Failed && options.retry_failed);
    (0..marks.len()).filter(move |&place| options.has(place) && wanted(marks[place]))
}

fn text(set: &DataSet, options: &RunOptions, status: &Status) -> String {
    let head = ["", "to do", "done", "failed"].map(str::to_owned);
    let mut table = Table::default().row(head.into_iter().chain(set.design().parameters.iter().cloned()));
    let (mut all, mut commands) = (0, String::new());
    for of_vector in &status.vectors {
        let vector = &of_vector.vector;
        let places: Vec<usize> = todo(options, &of_vector.marks).collect();
        all += places.len();
        let counts = [places.len(), of_vector.count(Mark::Done), of_vector.count(Mark::Failed)];
        let theta = vector.theta.iter().map(|value| format!("{value:?}"));
        table = table.row(std::iter::once(vector.name.clone()).chain(counts.map(|n| n.to_string())).chain(theta));
        if let Some(&place) = places.first() {
            commands.push_str(&format!("  {}\n", command_line(&command(set, vector, set.seed(place)))));
        }
    }
    let shown = if commands.is_empty() { String::new() } else { format!("\nthe first of each:\n{commands}") };
    format!("{table}\n{all} to be run, {} at a time, in {}\n{shown}", options.jobs, options.dir.display())
}

fn json_text(set: &DataSet, options: &RunOptions, status: &Status) -> String {
    let jobs: Vec<_> = status
        .vectors
        .iter()
        .flat_map(|of_vector| todo(options, &of_vector.marks).map(move |place| (&of_vector.vector, set.seed(place))))
        .map(|(vector, seed)| {
            let command = command(set, vector, seed);
            let command: Vec<_> = command.iter().map(|argument| argument.to_string_lossy()).collect();
            json!({ "vector": vector.name, "seed": seed, "theta": vector.theta, "command": command })
        })
        .collect();
    json_line(&json!({ "dir": options.dir, "jobs": options.jobs, "todo": jobs }))
}

/// The command with a name for the file that is only made when it runs.
fn command(set: &DataSet, vector: &Vector, seed: u64) -> Vec<std::ffi::OsString> {
    set.command(vector, seed, &set.root().join("out.npy"))
}
