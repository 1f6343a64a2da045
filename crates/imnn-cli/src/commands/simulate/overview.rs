//! `--status`: what is done, fails and runs now, where and how fast.

use imnn::jobs::{DataSet, Overview, SessionOverview, VectorOverview};
use serde_json::{Value, json};

use super::progress::time;
use crate::CliError;
use crate::output::{Table, json_line};

pub(super) fn overview(set: &DataSet, as_json: bool) -> Result<String, CliError> {
    let overview = set.overview()?;
    Ok(if as_json { json_text(&overview) } else { text(&overview) })
}

/// Done, failed, running and missing.
fn counts(vector: &VectorOverview) -> [usize; 4] {
    [vector.done, vector.failed, vector.running, vector.missing]
}

/// The same of all vectors.
fn sums(overview: &Overview) -> [usize; 4] {
    overview.vectors.iter().map(counts).fold([0; 4], |sum, next| std::array::from_fn(|k| sum[k] + next[k]))
}

fn text(overview: &Overview) -> String {
    let row = |name: &str, counts: [usize; 4]| std::iter::once(name.to_owned()).chain(counts.map(|n| n.to_string()));
    let mut table = Table::default().row(["", "done", "failed", "running", "missing"]);
    for vector in &overview.vectors {
        table = table.row(row(&vector.vector.name, counts(vector)));
    }
    let table = table.row(row("all", sums(overview)));
    format!("{table}\n{}{}", sessions(&overview.sessions), pace(overview))
}

fn sessions(sessions: &[SessionOverview]) -> String {
    if sessions.is_empty() {
        return String::new();
    }
    let mut table = Table::default().row(["host", "process", "running", "done", "failed", "an hour", ""]);
    for session in sessions {
        let state = if session.alive {
            String::new()
        } else {
            format!("gone; last sign of life {} ago", time(session.silent.as_secs_f64()))
        };
        let numbers = [session.running, session.done, session.failed].map(|n| n.to_string());
        let rate = format!("{:.0}", 3600.0 * session.rate());
        let start = [session.host.clone(), session.process.to_string()];
        table = table.row(start.into_iter().chain(numbers).chain([rate, state]));
    }
    format!("{table}\n")
}

fn pace(overview: &Overview) -> String {
    match (overview.left(), overview.seconds_left()) {
        (0, _) => "nothing is left to be done\n".to_owned(),
        (left, Some(seconds)) => {
            let rate = 3600.0 * overview.rate();
            format!("{rate:.0} an hour by all processes; the {left} that are left take about {}\n", time(seconds))
        }
        (left, None) if overview.sessions.iter().any(|session| session.alive) => {
            format!("{left} are left; none has ended yet by which to judge how long they take\n")
        }
        (left, None) => format!("{left} are left, and nobody makes them\n"),
    }
}

fn json_text(overview: &Overview) -> String {
    let vectors: Vec<Value> = overview
        .vectors
        .iter()
        .map(|vector| {
            let [done, failed, running, missing] = counts(vector);
            let (name, theta) = (&vector.vector.name, &vector.vector.theta);
            json!({ "name": name, "theta": theta, "done": done, "failed": failed, "running": running, "missing": missing })
        })
        .collect();
    let sessions: Vec<Value> = overview
        .sessions
        .iter()
        .map(|session| {
            json!({
                "host": session.host,
                "process": session.process,
                "alive": session.alive,
                "seconds_silent": session.silent.as_secs_f64(),
                "running": session.running,
                "done": session.done,
                "failed": session.failed,
                "seconds": session.seconds,
                "per_second": session.rate(),
            })
        })
        .collect();
    let [done, failed, running, missing] = sums(overview);
    json_line(&json!({
        "vectors": vectors,
        "done": done,
        "failed": failed,
        "running": running,
        "missing": missing,
        "sessions": sessions,
        "per_second": overview.rate(),
        "seconds_left": overview.seconds_left(),
    }))
}
